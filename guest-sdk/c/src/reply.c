/* Answers of one value. */
#include "internal.h"

#include <stdio.h>

/* Takes over what `malloc` gave. Who answers has got over the errors that it met. */
static pulsing_outcome reply_with(pulsing_call *call, uint8_t encoding, void *ptr, size_t len) {
  pulsing_in_clear_reply(call);
  pulsing_in_clear_error(call);
  call->reply = (payload){encoding, {ptr, len}};
  call->has_reply = true;
  return PULSING_DONE;
}

pulsing_outcome pulsing_reply_json(pulsing_call *call, const char *ptr, size_t len) {
  return reply_with(call, PULSING_ACTOR_TYPES_ENCODING_JSON, pulsing_in_copy(ptr, len), len);
}

pulsing_outcome pulsing_reply_bytes(pulsing_call *call, const void *ptr, size_t len) {
  return reply_with(call, PULSING_ACTOR_TYPES_ENCODING_BYTES, pulsing_in_copy(ptr, len), len);
}

pulsing_outcome pulsing_reply_null(pulsing_call *call) { return pulsing_reply_json(call, "null", 4); }

pulsing_outcome pulsing_reply_bool(pulsing_call *call, bool value) {
  return pulsing_reply_json(call, value ? "true" : "false", value ? 4 : 5);
}

pulsing_outcome pulsing_reply_int(pulsing_call *call, int64_t value) {
  char text[24];
  int len = snprintf(text, sizeof text, "%lld", (long long)value);
  return pulsing_reply_json(call, text, (size_t)len);
}

/* ---- By yyjson ---- */

static pulsing_outcome written(pulsing_call *call, char *json, size_t len, const yyjson_write_err *error) {
  if (json) return reply_with(call, PULSING_ACTOR_TYPES_ENCODING_JSON, json, len);
  if (error->code == YYJSON_WRITE_ERROR_MEMORY_ALLOCATION) pulsing_in_out_of_memory();
  return pulsing_fatal(call, "the answer has no JSON form: %s", error->msg);
}

pulsing_outcome pulsing_reply_value(pulsing_call *call, const yyjson_val *value) {
  size_t len = 0;
  yyjson_write_err error = {0};
  char *json = yyjson_val_write_opts(value, 0, NULL, &len, &error);
  return written(call, json, len, &error);
}

pulsing_outcome pulsing_reply_doc(pulsing_call *call, const yyjson_mut_doc *doc) {
  size_t len = 0;
  yyjson_write_err error = {0};
  char *json = yyjson_mut_write_opts(doc, 0, NULL, &len, &error);
  return written(call, json, len, &error);
}

/* The document goes. */
static pulsing_outcome reply_mut(pulsing_call *call, yyjson_mut_doc *doc, yyjson_mut_val *value) {
  if (!doc || !value) pulsing_in_out_of_memory();
  yyjson_mut_doc_set_root(doc, value);
  pulsing_outcome outcome = pulsing_reply_doc(call, doc);
  yyjson_mut_doc_free(doc);
  return outcome;
}

pulsing_outcome pulsing_reply_number(pulsing_call *call, double value) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  return reply_mut(call, doc, yyjson_mut_real(doc, value));
}

pulsing_outcome pulsing_reply_string(pulsing_call *call, const char *ptr, size_t len) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  // yyjson takes a NULL for a lack of memory.
  return reply_mut(call, doc, yyjson_mut_strn(doc, ptr ? ptr : "", len));
}
