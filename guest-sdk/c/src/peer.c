/* Other actors, and waiting. */
#include "internal.h"

#include <stdlib.h>

/* As many as one draw on another's stream asks for. */
#define DRAW_ITEMS 64

/* What goes out, lent by the actor. */
typedef struct {
  resident_string_t target, method, key;
  payload args;
  pulsing_actor_types_call_options_t options;
} sending;

static bool address(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                    const pulsing_options *options, sending *made) {
  *made = (sending){.args = {PULSING_ACTOR_TYPES_ENCODING_JSON, {(uint8_t *)args.ptr, args.len}}};
  if (!pulsing_in_lend(call, "the name of the other actor", target, &made->target)) return false;
  if (!pulsing_in_lend(call, "the name of the method", method, &made->method)) return false;
  pulsing_in_has_waited = true;
  if (!options) return true;
  if (options->timeout_ms) made->options.timeout_ms = (resident_option_u64_t){true, options->timeout_ms};
  if (!options->idempotency_key) return true;
  if (!pulsing_in_lend(call, "the key", pulsing_text_of(options->idempotency_key), &made->key)) return false;
  made->options.idempotency_key = (resident_option_string_t){true, made->key};
  return true;
}

/* Hands a payload's JSON over to the call. */
static yyjson_val *received(pulsing_call *call, payload *answer) {
  const char *why = "it is bytes";
  yyjson_val *value = NULL;
  if (answer->encoding == PULSING_ACTOR_TYPES_ENCODING_JSON) {
    value = pulsing_in_parse(call, answer->body.ptr, answer->body.len, &why);
  }
  pulsing_actor_types_payload_free(answer);
  if (!value) pulsing_fatal(call, "the answer of the other actor is not JSON: %s", why);
  return value;
}

bool pulsing_ask(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                 const pulsing_options *options, yyjson_val **answer) {
  if (answer) *answer = NULL;
  sending made;
  if (!address(call, target, method, args, options, &made)) return false;
  payload answered;
  pulsing_actor_types_call_error_t error;
  if (!pulsing_actor_system_ask(call->id, &made.target, &made.method, &made.args, &made.options, &answered, &error)) {
    pulsing_in_call_failed(call, &error);
    return false;
  }
  yyjson_val *value = received(call, &answered);
  if (answer) *answer = value;
  return value != NULL;
}

bool pulsing_tell(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                  const pulsing_options *options) {
  sending made;
  if (!address(call, target, method, args, options, &made)) return false;
  resident_string_t *key = made.options.idempotency_key.is_some ? &made.key : NULL;
  pulsing_actor_types_runtime_error_t error;
  if (pulsing_actor_system_tell(&made.target, &made.method, &made.args, key, &error)) return true;
  pulsing_in_runtime_failed(call, &error);
  return false;
}

/* ---- Their streams ---- */

struct pulsing_peer_stream {
  uint64_t id;
  bool is_over;
  /* Drawn; those before `at` are read. */
  pulsing_actor_types_list_payload_t items;
  size_t at;
};

pulsing_peer_stream *pulsing_stream(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                                    const pulsing_options *options) {
  sending made;
  if (!address(call, target, method, args, options, &made)) return NULL;
  pulsing_actor_types_call_error_t error;
  uint64_t id;
  if (!pulsing_actor_system_stream_open(call->id, &made.target, &made.method, &made.args, NULL, &made.options, &id,
                                        &error)) {
    pulsing_in_call_failed(call, &error);
    return NULL;
  }
  pulsing_peer_stream *stream = pulsing_malloc(sizeof *stream);
  *stream = (pulsing_peer_stream){.id = id};
  return stream;
}

/* Frees what was drawn and not read. */
static void drop_items(pulsing_peer_stream *stream) {
  for (size_t i = stream->at; i < stream->items.len; i++) pulsing_actor_types_payload_free(&stream->items.ptr[i]);
  if (stream->items.len) free(stream->items.ptr);
  stream->items = (pulsing_actor_types_list_payload_t){NULL, 0};
  stream->at = 0;
}

pulsing_outcome pulsing_stream_next(pulsing_call *call, pulsing_peer_stream *stream, yyjson_val **item) {
  while (stream->at == stream->items.len) {
    drop_items(stream);
    if (stream->is_over) return PULSING_END;
    pulsing_actor_types_stream_batch_t batch;
    pulsing_actor_types_call_error_t error;
    pulsing_in_has_waited = true;
    if (!pulsing_actor_system_stream_next(stream->id, DRAW_ITEMS, &batch, &error)) {
      stream->is_over = true;
      return pulsing_in_call_failed(call, &error);
    }
    stream->is_over = batch.done;
    stream->items = batch.items;
  }
  *item = received(call, &stream->items.ptr[stream->at++]);
  return *item ? PULSING_DONE : PULSING_FAILED;
}

void pulsing_stream_close(pulsing_peer_stream *stream) {
  if (!stream) return;
  drop_items(stream);
  if (!stream->is_over) pulsing_actor_system_stream_close(stream->id);
  free(stream);
}

bool pulsing_sleep_ms(pulsing_call *call, uint64_t ms) {
  pulsing_in_has_waited = true;
  pulsing_actor_system_sleep(ms);
  if (!pulsing_is_cancelled(call)) return true;
  pulsing_cancelled(call);
  return false;
}
