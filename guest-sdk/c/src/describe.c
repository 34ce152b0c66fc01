/* What the export `describe` returns: `wit/describe.md` says which members it has. */
#include "plain.h"

#include <stdlib.h>
#include <string.h>

/* The host refuses a description that is larger, or has more methods. */
#define MAX_BYTES ((size_t)1 << 20)
#define MAX_METHODS 1024
/* What every guest language carries unharmed: 2^53-1. */
#define MAX_NUMBER (((int64_t)1 << 53) - 1)

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* By pulsing_type. */
static const char *const TYPES[] = {"any", "integer", "number", "string", "boolean", "array", "object", "bytes"};
/* By pulsing_kind. */
static const char *const KINDS[] = {"ask", "stream", "tell"};
/* By pulsing_restart_policy; the first leaves it to the host. */
static const char *const POLICIES[] = {NULL, "never", "on_failure", "always"};

const char *pulsing_in_type_name(pulsing_type type) { return TYPES[type]; }

size_t pulsing_in_param_count(const pulsing_method *method) {
  size_t count = 0;
  while (count < PULSING_PARAMS_MAX && method->params[count].name) count++;
  return count;
}

bool pulsing_in_takes_bytes(const pulsing_method *method) {
  size_t count = pulsing_in_param_count(method);
  for (size_t i = 0; i < count; i++) {
    if (method->params[i].type != PULSING_BYTES) continue;
    if (count == 1) return true;
    pulsing_in_die("`%s` takes `%s` as bytes: then it takes nothing else", method->name, method->params[i].name);
  }
  return false;
}

/* ---- Methods ---- */

static yyjson_mut_val *args_of(yyjson_mut_doc *doc, const pulsing_method *method) {
  yyjson_mut_val *root = yyjson_mut_obj(doc), *properties = yyjson_mut_obj(doc), *required = yyjson_mut_arr(doc);
  for (size_t i = 0; i < pulsing_in_param_count(method); i++) {
    const pulsing_param *param = &method->params[i];
    yyjson_mut_val *schema = yyjson_mut_obj(doc);
    if (param->type != PULSING_ANY) yyjson_mut_obj_add_str(doc, schema, "type", TYPES[param->type]);
    yyjson_mut_obj_add_val(doc, properties, param->name, schema);
    if (!param->optional) yyjson_mut_arr_add_str(doc, required, param->name);
  }
  yyjson_mut_obj_add_str(doc, root, "type", "object");
  yyjson_mut_obj_add_val(doc, root, "properties", properties);
  yyjson_mut_obj_add_val(doc, root, "required", required);
  yyjson_mut_obj_add_bool(doc, root, "additionalProperties", false);
  return root;
}

/* Adds a schema that the table has as JSON, if it has one. */
static void add_schema(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *member, const pulsing_method *method,
                       const char *field, const char *json, pulsing_kind kind) {
  if (!json) return;
  if (method->kind != kind) pulsing_in_die("`%s` of `%s`: its kind is `%s`", field, method->name, KINDS[method->kind]);
  const char *why = "";
  yyjson_doc *read = pulsing_in_read((const uint8_t *)json, strlen(json), &why);
  if (!read) pulsing_in_die("the `%s` of `%s` is not JSON: %s", field, method->name, why);
  yyjson_val *schema = yyjson_doc_get_root(read);
  if (!yyjson_is_obj(schema) && !yyjson_is_bool(schema)) {
    pulsing_in_die("the `%s` of `%s` is no JSON Schema, which is an object or a boolean", field, method->name);
  }
  yyjson_mut_obj_add_val(doc, to, member, yyjson_val_mut_copy(doc, schema));
  yyjson_doc_free(read);
}

static yyjson_mut_val *method_of(yyjson_mut_doc *doc, const pulsing_method *method) {
  if ((size_t)method->kind >= COUNT(KINDS)) pulsing_in_die("the kind of `%s` is %d", method->name, (int)method->kind);
  yyjson_mut_val *said = yyjson_mut_obj(doc);
  yyjson_mut_obj_add_str(doc, said, "name", method->name);
  yyjson_mut_obj_add_str(doc, said, "kind", KINDS[method->kind]);
  if (method->doc) yyjson_mut_obj_add_str(doc, said, "doc", method->doc);
  if (!pulsing_in_takes_bytes(method)) yyjson_mut_obj_add_val(doc, said, "args", args_of(doc, method));
  add_schema(doc, said, "answer", method, "answer_schema", method->answer_schema, PULSING_ASK);
  add_schema(doc, said, "item", method, "item_schema", method->item_schema, PULSING_STREAM);
  return said;
}

/* ---- Restarts ---- */

/* Adds a number that the actor says; 0 leaves it to the host. */
static void add_number(yyjson_mut_doc *doc, yyjson_mut_val *to, const char *field, int64_t value, int64_t max) {
  if (value < 0 || value > max) {
    pulsing_in_die("`%s` must be from 0 to %lld, not %lld", field, (long long)max, (long long)value);
  }
  if (value) yyjson_mut_obj_add_sint(doc, to, field, value);
}

static void add_restart(yyjson_mut_doc *doc, yyjson_mut_val *to, const pulsing_actor *actor) {
  if ((size_t)actor->restart >= COUNT(POLICIES)) {
    pulsing_in_die("`restart` must be a pulsing_restart_policy, not %d", (int)actor->restart);
  }
  yyjson_mut_val *said = yyjson_mut_obj(doc);
  if (POLICIES[actor->restart]) yyjson_mut_obj_add_str(doc, said, "policy", POLICIES[actor->restart]);
  add_number(doc, said, "max_restarts", actor->max_restarts, UINT32_MAX);
  add_number(doc, said, "min_backoff_ms", actor->min_backoff_ms, MAX_NUMBER);
  add_number(doc, said, "max_backoff_ms", actor->max_backoff_ms, MAX_NUMBER);
  if (actor->max_backoff_ms && actor->min_backoff_ms > actor->max_backoff_ms) {
    pulsing_in_die("`min_backoff_ms` (%lld) is more than `max_backoff_ms` (%lld)", (long long)actor->min_backoff_ms,
                   (long long)actor->max_backoff_ms);
  }
  if (yyjson_mut_obj_size(said)) yyjson_mut_obj_add_val(doc, to, "restart", said);
}

/* ---- All of it ---- */

char *pulsing_in_describe(const pulsing_actor *actor, size_t *len) {
  if (actor->method_count > MAX_METHODS) {
    pulsing_in_die("the actor has %zu methods, which is more than %d", actor->method_count, MAX_METHODS);
  }
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(doc), *methods = yyjson_mut_arr(doc);
  for (size_t i = 0; i < actor->method_count; i++) {
    yyjson_mut_arr_append(methods, method_of(doc, &actor->methods[i]));
  }
  yyjson_mut_obj_add_val(doc, root, "methods", methods);
  add_restart(doc, root, actor);
  yyjson_mut_doc_set_root(doc, root);
  yyjson_write_err error = {0};
  // What is not UTF-8 is replaced where it leaves the actor.
  char *json = yyjson_mut_write_opts(doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE, NULL, len, &error);
  if (!json) pulsing_in_die("the description of the actor cannot be written: %s", error.msg);
  if (*len > MAX_BYTES) {
    pulsing_in_die("the description of the actor has %zu bytes, which is more than %zu", *len, MAX_BYTES);
  }
  yyjson_mut_doc_free(doc);
  return json;
}
