/* Arguments: a JSON object by name, a JSON array by position, or bytes for a single PULSING_BYTES. */
#include "internal.h"

#include <string.h>

static size_t param_at(const pulsing_method *method, pulsing_text name) {
  size_t at = 0, count = pulsing_in_param_count(method);
  while (at < count && !pulsing_in_is_named(name, method->params[at].name)) at++;
  return at;
}

/* ---- Values ---- */

static bool is_of_type(yyjson_val *value, pulsing_type type) {
  switch (type) {
    case PULSING_INT:
      return yyjson_is_sint(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX);
    case PULSING_NUMBER: return yyjson_is_num(value);
    case PULSING_STRING: return yyjson_is_str(value);
    case PULSING_BOOL: return yyjson_is_bool(value);
    case PULSING_ARRAY: return yyjson_is_arr(value);
    case PULSING_OBJECT: return yyjson_is_obj(value);
    default: return true;
  }
}

static pulsing_outcome refuse(pulsing_call *call, const pulsing_param *param, yyjson_val *value) {
  pulsing_text json = pulsing_json_of(call, value);
  // JSON has numbers without an end: yyjson makes a real one of what is no integer of 64 bits.
  double size = yyjson_get_num(value) < 0 ? -yyjson_get_num(value) : yyjson_get_num(value);
  if (param->type == PULSING_INT && yyjson_is_num(value) && size >= 0x1p63) {
    return pulsing_business(call, 400, "argument `%s`: out of range: %s", param->name, json.ptr);
  }
  const char *type = yyjson_is_str(value) ? "string " : yyjson_is_bool(value) ? "boolean "
                     : yyjson_is_int(value)                                   ? "integer "
                     : yyjson_is_num(value)                                   ? "number "
                                                                              : "";
  const char *shown = yyjson_is_arr(value) ? "an array" : yyjson_is_obj(value) ? "an object" : json.ptr;
  return pulsing_business(call, 400, "argument `%s`: invalid type: %s%.100s, expected %s", param->name, type, shown,
                          pulsing_in_type_name(param->type));
}

/* What the method takes, for people. */
static pulsing_text known(pulsing_call *call) {
  size_t count = pulsing_in_param_count(call->method);
  pulsing_text text = pulsing_text_of(count ? "this method takes " : "this method takes none");
  for (size_t i = 0; i < count; i++) {
    text = pulsing_format(call, "%s%s`%s`", text.ptr, i ? ", " : "", call->method->params[i].name);
  }
  return text;
}

static pulsing_outcome take(pulsing_call *call, size_t at, yyjson_val *value) {
  const pulsing_param *param = &call->method->params[at];
  if (call->args[at]) return pulsing_business(call, 400, "argument `%s`: given twice", param->name);
  if (yyjson_is_null(value) && param->optional && param->type != PULSING_ANY) return PULSING_DONE;
  if (!is_of_type(value, param->type)) return refuse(call, param, value);
  call->args[at] = value;
  return PULSING_DONE;
}

static pulsing_outcome take_by_name(pulsing_call *call, yyjson_val *root) {
  size_t i, max;
  yyjson_val *key, *value;
  yyjson_obj_foreach(root, i, max, key, value) {
    pulsing_text name = {yyjson_get_str(key), yyjson_get_len(key)};
    size_t at = param_at(call->method, name);
    if (at == pulsing_in_param_count(call->method)) {
      return pulsing_business(call, 400, "unknown argument `%s`; %s", name.ptr, known(call).ptr);
    }
    if (take(call, at, value) != PULSING_DONE) return PULSING_FAILED;
  }
  return PULSING_DONE;
}

static pulsing_outcome take_by_position(pulsing_call *call, yyjson_val *root) {
  size_t i, max, count = pulsing_in_param_count(call->method);
  yyjson_val *value;
  yyjson_arr_foreach(root, i, max, value) {
    if (i < count && take(call, i, value) != PULSING_DONE) return PULSING_FAILED;
  }
  if (max <= count) return PULSING_DONE;
  return pulsing_business(call, 400, "%zu arguments given; %s", max, known(call).ptr);
}

static pulsing_outcome take_json(pulsing_call *call, const resident_list_u8_t *body) {
  const char *why = "";
  yyjson_val *root = pulsing_in_parse(call, body->ptr, body->len, &why);
  if (!root) return pulsing_business(call, 400, "the arguments are not JSON: %s", why);
  if (yyjson_is_obj(root)) return take_by_name(call, root);
  if (yyjson_is_arr(root)) return take_by_position(call, root);
  if (yyjson_is_null(root)) return PULSING_DONE;
  return pulsing_business(call, 400,
                          "invalid type: %.100s, expected the arguments as a JSON object by name or a JSON array by "
                          "position",
                          pulsing_json_of(call, root).ptr);
}

pulsing_outcome pulsing_in_take_arguments(pulsing_call *call, const payload *args) {
  const pulsing_method *method = call->method;
  if (pulsing_in_takes_bytes(method)) {
    call->bytes = (pulsing_text){(const char *)args->body.ptr, args->body.len};
    return PULSING_DONE;
  }
  if (args->encoding != PULSING_ACTOR_TYPES_ENCODING_JSON) {
    return pulsing_business(call, 400, "this method takes JSON, not bytes");
  }
  if (args->body.len && take_json(call, &args->body) != PULSING_DONE) return PULSING_FAILED;
  for (size_t i = 0; i < pulsing_in_param_count(method); i++) {
    bool is_missing = !call->args[i] && !method->params[i].optional;
    if (is_missing) return pulsing_business(call, 400, "argument `%s` is missing", method->params[i].name);
  }
  return PULSING_DONE;
}

/* ---- Reading them ---- */

yyjson_val *pulsing_value(const pulsing_call *call, const char *name) {
  if (!call->method) pulsing_in_die("argument `%s`: only the handler has arguments", name);
  size_t at = param_at(call->method, pulsing_text_of(name));
  if (at == pulsing_in_param_count(call->method)) {
    pulsing_in_die("argument `%s`: `%s` does not declare it", name, call->method->name);
  }
  return call->args[at];
}

bool pulsing_has(const pulsing_call *call, const char *name) { return pulsing_value(call, name) != NULL; }

int64_t pulsing_int(const pulsing_call *call, const char *name, int64_t otherwise) {
  yyjson_val *value = pulsing_value(call, name);
  return value ? yyjson_get_sint(value) : otherwise;
}

double pulsing_number(const pulsing_call *call, const char *name, double otherwise) {
  yyjson_val *value = pulsing_value(call, name);
  return value ? yyjson_get_num(value) : otherwise;
}

bool pulsing_bool(const pulsing_call *call, const char *name, bool otherwise) {
  yyjson_val *value = pulsing_value(call, name);
  return value ? yyjson_get_bool(value) : otherwise;
}

pulsing_text pulsing_string(const pulsing_call *call, const char *name) {
  yyjson_val *value = pulsing_value(call, name);
  if (!yyjson_is_str(value)) return pulsing_text_of("");
  return (pulsing_text){yyjson_get_str(value), yyjson_get_len(value)};
}
