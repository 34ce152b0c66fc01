/* JSON from outside, and JSON of values. */
#include "plain.h"

#include <stdlib.h>

/* As deep as the host's own JSON goes. */
#define DEPTH_MAX 128

static void release_doc(void *doc) { yyjson_doc_free(doc); }

/* Whether brackets are nested deeper than the host's own JSON may be. */
static bool is_deep(const uint8_t *text, size_t len) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < len; i++) {
    if (in_string) {
      if (text[i] == '\\') i++;
      else if (text[i] == '"') in_string = false;
    } else if (text[i] == '"') {
      in_string = true;
    } else if (text[i] == '[' || text[i] == '{') {
      if (++depth > DEPTH_MAX) return true;
    } else if ((text[i] == ']' || text[i] == '}') && depth) {
      depth--;
    }
  }
  return false;
}

yyjson_doc *pulsing_in_read(const uint8_t *ptr, size_t len, const char **why) {
  if (is_deep(ptr, len)) {
    *why = "nested too deeply";
    return NULL;
  }
  yyjson_read_err error;
  yyjson_doc *doc = yyjson_read_opts((char *)ptr, len, 0, NULL, &error);
  if (doc) return doc;
  if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) pulsing_in_out_of_memory();
  *why = error.msg;
  return NULL;
}

yyjson_val *pulsing_in_parse(pulsing_call *call, const uint8_t *ptr, size_t len, const char **why) {
  yyjson_doc *doc = pulsing_in_read(ptr, len, why);
  if (doc) pulsing_in_keep(call, doc, release_doc);
  return yyjson_doc_get_root(doc);
}

pulsing_text pulsing_json_of(pulsing_call *call, const yyjson_val *value) {
  size_t len = 0;
  yyjson_write_err error = {0};
  char *json = yyjson_val_write_opts(value, 0, NULL, &len, &error);
  if (!json && error.code == YYJSON_WRITE_ERROR_MEMORY_ALLOCATION) pulsing_in_out_of_memory();
  if (!json) return (pulsing_text){"null", 4};
  pulsing_in_keep(call, json, free);
  return (pulsing_text){json, len};
}
