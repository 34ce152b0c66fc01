/* The exports of the world `resident`, but for `run`, which has a file of its own. */
#include "internal.h"

#include <stdlib.h>

/* ---- This life ---- */

static resident_string_t life_name;
static pulsing_text life_key;
static uint64_t life_generation;
static yyjson_doc *life_config;

pulsing_text pulsing_name(void) { return (pulsing_text){(const char *)life_name.ptr, life_name.len}; }
pulsing_text pulsing_key(void) { return life_key; }
uint64_t pulsing_generation(void) { return life_generation; }
yyjson_val *pulsing_config(void) { return yyjson_doc_get_root(life_config); }

static pulsing_outcome start(pulsing_call *call, const payload *config) {
  if (pulsing_the_actor.may_passivate) pulsing_actor_system_may_passivate();
  if (config->body.len) {
    const char *why = "";
    life_config = pulsing_in_read(config->body.ptr, config->body.len, &why);
    if (!life_config) return pulsing_business(call, 400, "the configuration is not JSON: %s", why);
  }
  return pulsing_the_actor.start ? pulsing_the_actor.start(call) : PULSING_DONE;
}

bool exports_pulsing_actor_resident_actor_start(pulsing_actor_types_start_options_t *options, actor_error *err) {
  life_name = options->name;
  if (options->key.is_some) life_key = (pulsing_text){(const char *)options->key.val.ptr, options->key.val.len};
  life_generation = options->generation;
  pulsing_call call = {.remaining_ms = -1};
  pulsing_outcome outcome = start(&call, &options->config);
  if (outcome != PULSING_DONE) *err = pulsing_in_take_error(&call);
  pulsing_actor_types_payload_free(&options->config);
  pulsing_in_end_call(&call);
  return outcome == PULSING_DONE;
}

void exports_pulsing_actor_resident_actor_describe(resident_string_t *ret) {
  size_t len = 0;
  char *json = pulsing_in_describe(&pulsing_the_actor, &len);
  *ret = pulsing_in_string_of((pulsing_text){json, len});
  free(json);
}
