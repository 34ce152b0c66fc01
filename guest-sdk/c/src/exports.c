/* The exports of the world `serial` over a table of methods. */
#include "internal.h"

#include <stdlib.h>

/* ---- This life ---- */

static serial_string_t life_name;
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

bool exports_pulsing_actor_actor_start(exports_pulsing_actor_actor_start_options_t *options, actor_error *err) {
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

void exports_pulsing_actor_actor_stop(void) {
  pulsing_in_end_streams();
  if (pulsing_the_actor.stop) pulsing_the_actor.stop();
}

void exports_pulsing_actor_actor_describe(serial_string_t *ret) {
  size_t len = 0;
  char *json = pulsing_in_describe(&pulsing_the_actor, &len);
  *ret = pulsing_in_string_of((pulsing_text){json, len});
  free(json);
}

/* ---- Messages ---- */

/* Runs the method that a message names. */
static pulsing_outcome run(pulsing_call *call, const exports_pulsing_actor_actor_message_t *message) {
  pulsing_text name = {(const char *)message->method.ptr, message->method.len};
  call->id = message->call;
  call->remaining_ms = message->remaining_ms.is_some ? (int64_t)message->remaining_ms.val : -1;
  call->resume_after = message->resume_after.is_some ? message->resume_after.val : 0;
  if (message->idempotency_key.is_some) {
    call->key = (pulsing_text){(const char *)message->idempotency_key.val.ptr, message->idempotency_key.val.len};
  }
  for (size_t i = 0; i < pulsing_the_actor.method_count && !call->method; i++) {
    if (pulsing_in_is_named(name, pulsing_the_actor.methods[i].name)) call->method = &pulsing_the_actor.methods[i];
  }
  if (!call->method) return pulsing_in_unsupported(call, name, pulsing_in_nearest(name));
  if (pulsing_in_take_arguments(call, &message->args) != PULSING_DONE) return PULSING_FAILED;
  pulsing_outcome outcome = call->method->run(call);
  return outcome == PULSING_END ? pulsing_fatal(call, "the handler answered the end of a stream") : outcome;
}

bool exports_pulsing_actor_actor_handle(exports_pulsing_actor_actor_message_t *message,
                                        exports_pulsing_actor_actor_reply_t *ret, actor_error *err) {
  pulsing_call call = {0};
  pulsing_outcome outcome = run(&call, message);
  if (outcome == PULSING_DONE && call.stream) {
    ret->tag = PULSING_ACTOR_TYPES_REPLY_STREAM;
    ret->val.stream = call.stream;
  } else if (outcome == PULSING_DONE) {
    if (!call.has_reply) pulsing_reply_null(&call);
    ret->tag = PULSING_ACTOR_TYPES_REPLY_VALUE;
    ret->val.value = call.reply;
    call.has_reply = false;
  } else {
    if (call.stream) pulsing_in_end_stream(call.stream, true);
    *err = pulsing_in_take_error(&call);
  }
  pulsing_in_end_call(&call);
  exports_pulsing_actor_actor_message_free(message);
  return outcome == PULSING_DONE;
}

bool exports_pulsing_actor_actor_tell(exports_pulsing_actor_actor_message_t *message, actor_error *err) {
  pulsing_call call = {0};
  pulsing_outcome outcome = run(&call, message);
  if (call.stream) {
    // Nobody would read it.
    pulsing_in_end_stream(call.stream, true);
    if (outcome == PULSING_DONE) outcome = pulsing_unsupported(&call, "tell of a method that streams");
  }
  if (outcome != PULSING_DONE) *err = pulsing_in_take_error(&call);
  pulsing_in_end_call(&call);
  exports_pulsing_actor_actor_message_free(message);
  return outcome == PULSING_DONE;
}

bool exports_pulsing_actor_actor_stream_next(uint64_t id, uint32_t max_items, stream_batch *ret, actor_error *err) {
  pulsing_call call = {.remaining_ms = -1};
  bool is_good = pulsing_in_draw(&call, id, max_items, ret);
  if (!is_good) *err = pulsing_in_take_error(&call);
  pulsing_in_end_call(&call);
  return is_good;
}

void exports_pulsing_actor_actor_stream_close(uint64_t id) { pulsing_in_end_stream(id, true); }
