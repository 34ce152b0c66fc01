/*
 * The exports of the world `serial` over a table of methods.
 *
 * Ownership, as of wit-bindgen: what comes in belongs to the callee, and what goes out is freed by the bindings, so both
 * are from `malloc`. Everything else that a call needs is in its list of blocks, and goes with it.
 */
#include "pulsing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serial.h"

/* As many bytes of items as one draw hands over. */
#define DRAW_MAX_BYTES ((size_t)1 << 20)
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define HTTP_PIECE_BYTES 65536
#define PEER_DRAW_ITEMS 64
#define HEADERS_MAX 64
/* Longer words are nobody's slip. */
#define NAME_MAX_BYTES 64
/* As deep as the host's own JSON goes. */
#define DEPTH_MAX 128

typedef pulsing_actor_types_actor_error_t actor_error;
typedef pulsing_actor_types_payload_t payload;

/* ---- Memory ---- */

typedef struct block {
  struct block *next;
  void (*release)(void *);
  void *what;
} block;

void *pulsing_malloc(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) {
    fputs("out of memory\n", stderr);
    abort();
  }
  return memory;
}

/* A product that is no less than it should be, or the end of this life. */
static size_t times(size_t count, size_t bytes) {
  size_t product;
  if (__builtin_mul_overflow(count, bytes, &product)) abort();
  return product;
}

static void *copy(const void *from, size_t len) {
  uint8_t *to = pulsing_malloc(len + 1);
  if (len) memcpy(to, from, len);
  to[len] = 0;
  return to;
}

/* The bindings do not free what has no length. */
static serial_string_t string_of(const char *ptr, size_t len) {
  return (serial_string_t){len ? copy(ptr, len) : NULL, len};
}

/* ---- The call ---- */

struct pulsing_call {
  uint64_t id;
  int64_t remaining_ms;
  uint64_t resume_after;
  pulsing_text key;
  const pulsing_method *method;
  yyjson_val *args[PULSING_PARAMS_MAX];
  pulsing_text bytes;
  block *blocks;
  /* What `pulsing_reply_…` made. */
  bool has_reply;
  payload reply;
  bool has_error;
  actor_error error;
};

static void keep(pulsing_call *call, void *what, void (*release)(void *)) {
  block *kept = pulsing_malloc(sizeof *kept);
  *kept = (block){call->blocks, release, what};
  call->blocks = kept;
}

void *pulsing_alloc(pulsing_call *call, size_t bytes) {
  void *memory = pulsing_malloc(bytes);
  keep(call, memory, free);
  return memory;
}

static void release_doc(void *doc) { yyjson_doc_free(doc); }

static void clear_reply(pulsing_call *call) {
  if (call->has_reply) pulsing_actor_types_payload_free(&call->reply);
  call->has_reply = false;
}

static void clear_error(pulsing_call *call) {
  if (call->has_error) pulsing_actor_types_actor_error_free(&call->error);
  call->has_error = false;
}

static void end_call(pulsing_call *call) {
  clear_reply(call);
  clear_error(call);
  while (call->blocks) {
    block *kept = call->blocks;
    call->blocks = kept->next;
    kept->release(kept->what);
    free(kept);
  }
}

/* ---- Errors ---- */

static pulsing_outcome fail(pulsing_call *call, actor_error error) {
  clear_error(call);
  clear_reply(call);
  call->error = error;
  call->has_error = true;
  return PULSING_FAILED;
}

/* A text as `printf` makes it, whose bytes are UTF-8: what is not would trap. */
static serial_string_t formatted(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (len < 0) return string_of("", 0);
  char *text = pulsing_malloc((size_t)len + 1);
  vsnprintf(text, (size_t)len + 1, format, args);
  for (size_t i = 0; text[i];) {
    unsigned char first = (unsigned char)text[i];
    size_t more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2
                  : first >= 0xf0 && first < 0xf5                  ? 3
                                                                   : 9;
    bool good = more < 9;
    for (size_t j = 1; good && j <= more; j++) good = ((unsigned char)text[i + j] & 0xc0) == 0x80;
    if (good && more > 1) {
      unsigned char second = (unsigned char)text[i + 1];
      good = !((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
               (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f));
    }
    if (good) {
      i += more + 1;
    } else {
      text[i++] = '?';
    }
  }
  return (serial_string_t){(uint8_t *)text, (size_t)len};
}

#define FORMATTED(into, format)     \
  serial_string_t into;             \
  do {                              \
    va_list args;                   \
    va_start(args, format);         \
    into = formatted(format, args); \
    va_end(args);                   \
  } while (0)

static pulsing_outcome system_error(pulsing_call *call, serial_string_t message, bool recoverable, bool restart) {
  actor_error error = {.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_SYSTEM};
  error.val.system = (pulsing_actor_types_system_error_t){message, recoverable, restart};
  return fail(call, error);
}

pulsing_outcome pulsing_business(pulsing_call *call, uint32_t code, const char *format, ...) {
  FORMATTED(message, format);
  actor_error error = {.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_BUSINESS};
  error.val.business = (pulsing_actor_types_business_error_t){code, message, {false, {NULL, 0}}};
  return fail(call, error);
}

pulsing_outcome pulsing_details(pulsing_call *call, const char *json) {
  bool is_business = call->has_error && call->error.tag == PULSING_ACTOR_TYPES_ACTOR_ERROR_BUSINESS;
  if (!is_business) return PULSING_FAILED;
  serial_option_string_free(&call->error.val.business.details);
  call->error.val.business.details = (serial_option_string_t){true, string_of(json, strlen(json))};
  return PULSING_FAILED;
}

pulsing_outcome pulsing_system(pulsing_call *call, const char *format, ...) {
  FORMATTED(message, format);
  return system_error(call, message, true, false);
}

pulsing_outcome pulsing_fatal(pulsing_call *call, const char *format, ...) {
  FORMATTED(message, format);
  return system_error(call, message, false, false);
}

pulsing_outcome pulsing_restart(pulsing_call *call, const char *format, ...) {
  FORMATTED(message, format);
  return system_error(call, message, true, true);
}

pulsing_outcome pulsing_timeout(pulsing_call *call, const char *operation, uint64_t duration_ms) {
  actor_error error = {.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_TIMEOUT};
  error.val.timeout = (pulsing_actor_types_timeout_error_t){string_of(operation, strlen(operation)), duration_ms};
  return fail(call, error);
}

static pulsing_outcome unsupported(pulsing_call *call, pulsing_text operation, const char *nearest) {
  actor_error error = {.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_UNSUPPORTED};
  error.val.unsupported.operation = string_of(operation.ptr, operation.len);
  error.val.unsupported.nearest.is_some = nearest != NULL;
  if (nearest) error.val.unsupported.nearest.val = string_of(nearest, strlen(nearest));
  return fail(call, error);
}

pulsing_outcome pulsing_unsupported(pulsing_call *call, const char *operation) {
  return unsupported(call, pulsing_text_of(operation), NULL);
}

pulsing_outcome pulsing_cancelled(pulsing_call *call) {
  return fail(call, (actor_error){.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_CANCELLED});
}

/* ---- Texts ---- */

pulsing_text pulsing_text_of(const char *text) { return (pulsing_text){text ? text : "", text ? strlen(text) : 0}; }

pulsing_text pulsing_format(pulsing_call *call, const char *format, ...) {
  FORMATTED(text, format);
  keep(call, text.ptr, free);
  return (pulsing_text){(const char *)text.ptr, text.len};
}

static bool is_named(pulsing_text text, const char *name) {
  return text.len == strlen(name) && memcmp(text.ptr, name, text.len) == 0;
}

/* How many letters are added, left out, changed or swapped with their neighbour. */
static size_t distance(pulsing_text a, const char *b) {
  size_t len = strlen(b), rows[3][NAME_MAX_BYTES + 1];
  if (len > NAME_MAX_BYTES) return SIZE_MAX;
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= len; j++) last[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= len; j++) {
      size_t cost = last[j - 1] + (a.ptr[i - 1] != b[j - 1]);
      if (last[j] + 1 < cost) cost = last[j] + 1;
      if (row[j - 1] + 1 < cost) cost = row[j - 1] + 1;
      bool is_swap = i > 1 && j > 1 && a.ptr[i - 1] == b[j - 2] && a.ptr[i - 2] == b[j - 1];
      if (is_swap && before[j - 2] + 1 < cost) cost = before[j - 2] + 1;
      row[j] = cost;
    }
    size_t *oldest = before;
    before = last;
    last = row;
    row = oldest;
  }
  return last[len];
}

/* The method that was probably meant: one letter in three is a slip, at most three. */
static const char *nearest(pulsing_text wanted) {
  if (wanted.len > NAME_MAX_BYTES) return NULL;
  size_t limit = wanted.len / 3 < 1 ? 1 : wanted.len / 3 > 3 ? 3 : wanted.len / 3;
  const char *best = NULL;
  for (size_t i = 0; i < pulsing_the_actor.method_count && limit != SIZE_MAX; i++) {
    size_t far = distance(wanted, pulsing_the_actor.methods[i].name);
    if (far > limit) continue;
    best = pulsing_the_actor.methods[i].name;
    limit = far - 1;
  }
  return best;
}

/* ---- Arguments ---- */

static size_t param_count(const pulsing_method *method) {
  size_t count = 0;
  while (count < PULSING_PARAMS_MAX && method->params[count].name) count++;
  return count;
}

static size_t param_at(const pulsing_method *method, pulsing_text name) {
  size_t at = 0, count = param_count(method);
  while (at < count && !is_named(name, method->params[at].name)) at++;
  return at;
}

static const char *const TYPES[] = {"any", "integer", "number", "string", "boolean", "array", "object", "bytes"};

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

/* What the method takes, for people. */
static pulsing_text known(pulsing_call *call) {
  size_t count = param_count(call->method);
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
  if (!is_of_type(value, param->type)) {
    pulsing_text json = pulsing_json_of(call, value);
    return pulsing_business(call, 400, "argument `%s`: invalid type: %s %.100s, expected %s", param->name,
                            yyjson_get_type_desc(value), yyjson_is_ctn(value) ? "" : json.ptr, TYPES[param->type]);
  }
  call->args[at] = value;
  return PULSING_DONE;
}

static pulsing_outcome take_by_name(pulsing_call *call, yyjson_val *root) {
  size_t i, max;
  yyjson_val *key, *value;
  yyjson_obj_foreach(root, i, max, key, value) {
    pulsing_text name = {yyjson_get_str(key), yyjson_get_len(key)};
    size_t at = param_at(call->method, name);
    if (at == param_count(call->method)) {
      return pulsing_business(call, 400, "unknown argument `%s`; %s", name.ptr, known(call).ptr);
    }
    if (take(call, at, value) != PULSING_DONE) return PULSING_FAILED;
  }
  return PULSING_DONE;
}

static pulsing_outcome take_by_position(pulsing_call *call, yyjson_val *root) {
  size_t i, max, count = param_count(call->method);
  yyjson_val *value;
  yyjson_arr_foreach(root, i, max, value) {
    if (i < count && take(call, i, value) != PULSING_DONE) return PULSING_FAILED;
  }
  if (max <= count) return PULSING_DONE;
  return pulsing_business(call, 400, "%zu arguments given; %s", max, known(call).ptr);
}

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

/* Reads JSON that lives as long as the call; NULL where it is none, with the reason. */
static yyjson_val *parse(pulsing_call *call, const serial_list_u8_t *body, const char **why) {
  if (is_deep(body->ptr, body->len)) {
    *why = "nested too deeply";
    return NULL;
  }
  yyjson_read_err error;
  yyjson_doc *doc = yyjson_read_opts((char *)body->ptr, body->len, 0, NULL, &error);
  if (!doc) {
    if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) abort();
    *why = error.msg;
    return NULL;
  }
  keep(call, doc, release_doc);
  return yyjson_doc_get_root(doc);
}

static pulsing_outcome take_arguments(pulsing_call *call, const payload *args) {
  const pulsing_method *method = call->method;
  size_t count = param_count(method);
  if (count == 1 && method->params[0].type == PULSING_BYTES) {
    call->bytes = (pulsing_text){(const char *)args->body.ptr, args->body.len};
    return PULSING_DONE;
  }
  if (args->encoding != PULSING_ACTOR_TYPES_ENCODING_JSON) {
    return pulsing_business(call, 400, "this method takes JSON, not bytes");
  }
  if (args->body.len) {
    const char *why = "";
    yyjson_val *root = parse(call, &args->body, &why);
    if (!root) return pulsing_business(call, 400, "the arguments are not JSON: %s", why);
    pulsing_outcome taken = PULSING_DONE;
    if (yyjson_is_obj(root)) taken = take_by_name(call, root);
    else if (yyjson_is_arr(root)) taken = take_by_position(call, root);
    else if (!yyjson_is_null(root)) {
      taken = pulsing_business(call, 400,
                               "invalid type: %s, expected the arguments as a JSON object by name or a JSON array by "
                               "position",
                               yyjson_get_type_desc(root));
    }
    if (taken != PULSING_DONE) return taken;
  }
  for (size_t i = 0; i < count; i++) {
    bool is_missing = !call->args[i] && !method->params[i].optional;
    if (is_missing) return pulsing_business(call, 400, "argument `%s` is missing", method->params[i].name);
  }
  return PULSING_DONE;
}

yyjson_val *pulsing_value(const pulsing_call *call, const char *name) {
  size_t at = call->method ? param_at(call->method, pulsing_text_of(name)) : PULSING_PARAMS_MAX;
  return at < PULSING_PARAMS_MAX ? call->args[at] : NULL;
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
  if (!value) return pulsing_text_of("");
  return (pulsing_text){yyjson_get_str(value), yyjson_get_len(value)};
}

pulsing_text pulsing_bytes(const pulsing_call *call) { return call->bytes; }
uint64_t pulsing_call_id(const pulsing_call *call) { return call->id; }
bool pulsing_is_cancelled(const pulsing_call *call) { return pulsing_actor_system_is_cancelled(call->id); }
int64_t pulsing_remaining_ms(const pulsing_call *call) { return call->remaining_ms; }
uint64_t pulsing_resume_after(const pulsing_call *call) { return call->resume_after; }
pulsing_text pulsing_idempotency_key(const pulsing_call *call) { return call->key; }

/* ---- Answers ---- */

/* Takes over what `malloc` gave. */
static pulsing_outcome reply_with(pulsing_call *call, uint8_t encoding, void *ptr, size_t len) {
  clear_reply(call);
  call->reply = (payload){encoding, {ptr, len}};
  call->has_reply = true;
  return PULSING_DONE;
}

pulsing_outcome pulsing_reply_json(pulsing_call *call, const char *ptr, size_t len) {
  return reply_with(call, PULSING_ACTOR_TYPES_ENCODING_JSON, copy(ptr, len), len);
}

pulsing_outcome pulsing_reply_bytes(pulsing_call *call, const void *ptr, size_t len) {
  return reply_with(call, PULSING_ACTOR_TYPES_ENCODING_BYTES, len ? copy(ptr, len) : NULL, len);
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

static pulsing_outcome written(pulsing_call *call, char *json, size_t len, const yyjson_write_err *error) {
  if (json) return reply_with(call, PULSING_ACTOR_TYPES_ENCODING_JSON, json, len);
  if (error->code == YYJSON_WRITE_ERROR_MEMORY_ALLOCATION) abort();
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

static pulsing_outcome reply_mut(pulsing_call *call, yyjson_mut_doc *doc, yyjson_mut_val *value) {
  if (!doc || !value) abort();
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
  return reply_mut(call, doc, yyjson_mut_strn(doc, ptr, len));
}

pulsing_text pulsing_json_of(pulsing_call *call, const yyjson_val *value) {
  size_t len = 0;
  char *json = yyjson_val_write(value, 0, &len);
  if (!json) return pulsing_text_of("null");
  keep(call, json, free);
  return (pulsing_text){json, len};
}

/* ---- Streams ---- */

typedef struct open_stream {
  struct open_stream *next_open;
  uint64_t id, call, skip;
  pulsing_outcome (*next)(pulsing_call *call, void *state);
  void (*close)(void *state, bool went_away);
  void *state;
  /* Met after items that were still to be handed over. */
  bool has_error;
  actor_error error;
} open_stream;

static open_stream *streams;
static uint64_t last_stream;
/* Whether the handler that runs has waited: then what it has made is worth handing over. */
static bool has_waited;

pulsing_outcome pulsing_reply_stream(pulsing_call *call, pulsing_outcome (*next)(pulsing_call *call, void *state),
                                     void (*close)(void *state, bool went_away), void *state) {
  open_stream *stream = pulsing_malloc(sizeof *stream);
  // The host numbers items from 1: the number of the last one that the reader has is how many it has.
  uint64_t skip = call->method->resumes ? 0 : call->resume_after;
  *stream = (open_stream){streams, ++last_stream, call->id, skip, next, close, state, false, {0}};
  streams = stream;
  return PULSING_DONE;
}

static void end_stream(uint64_t id, bool went_away) {
  for (open_stream **at = &streams; *at; at = &(*at)->next_open) {
    open_stream *stream = *at;
    if (stream->id != id) continue;
    *at = stream->next_open;
    if (stream->has_error) pulsing_actor_types_actor_error_free(&stream->error);
    if (stream->close) stream->close(stream->state, went_away);
    free(stream);
    return;
  }
}

static bool draw(pulsing_call *call, open_stream *stream, uint32_t max_items,
                 exports_pulsing_actor_actor_stream_batch_t *batch) {
  if (stream->has_error) {
    stream->has_error = false;
    fail(call, stream->error);
    return false;
  }
  has_waited = false;
  size_t room = max_items < 64 ? max_items : 64, bytes = 0, len = 0;
  payload *items = pulsing_malloc(times(room, sizeof *items));
  pulsing_outcome outcome = PULSING_DONE;
  while (len < max_items && bytes < DRAW_MAX_BYTES) {
    outcome = stream->next(call, stream->state);
    if (outcome == PULSING_DONE && !call->has_reply) outcome = pulsing_fatal(call, "the stream made no item");
    if (outcome != PULSING_DONE) break;
    if (stream->skip) {
      stream->skip--;
      clear_reply(call);
      continue;
    }
    if (len == room) {
      room = times(room, 2);
      items = realloc(items, times(room, sizeof *items));
      if (!items) abort();
    }
    bytes += call->reply.body.len;
    items[len++] = call->reply;
    call->has_reply = false;
    if (has_waited) break;
  }
  if (outcome == PULSING_FAILED && len == 0) {
    free(items);
    return false;
  }
  if (outcome == PULSING_FAILED) {
    // The items go out first, and the error with the next draw.
    stream->error = call->error;
    stream->has_error = call->has_error;
    call->has_error = false;
  }
  *batch = (exports_pulsing_actor_actor_stream_batch_t){{items, len}, outcome == PULSING_END};
  return true;
}

/* ---- The exports ---- */

static serial_string_t life_name;
static uint64_t life_generation;
static yyjson_doc *life_config;

pulsing_text pulsing_name(void) { return (pulsing_text){(const char *)life_name.ptr, life_name.len}; }
uint64_t pulsing_generation(void) { return life_generation; }
yyjson_val *pulsing_config(void) { return yyjson_doc_get_root(life_config); }

static void take_out_error(pulsing_call *call, actor_error *error) {
  if (!call->has_error) pulsing_fatal(call, "the handler failed, and did not say why");
  *error = call->error;
  call->has_error = false;
}

/* JSON Schema of the arguments. */
static serial_string_t schema_of(const pulsing_method *method) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(doc), *properties = yyjson_mut_obj(doc), *required = yyjson_mut_arr(doc);
  for (size_t i = 0; i < param_count(method); i++) {
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
  yyjson_mut_doc_set_root(doc, root);
  size_t len = 0;
  char *json = yyjson_mut_write(doc, 0, &len);
  if (!json) abort();
  yyjson_mut_doc_free(doc);
  return (serial_string_t){(uint8_t *)json, len};
}

void exports_pulsing_actor_actor_describe(exports_pulsing_actor_actor_description_t *ret) {
  size_t count = pulsing_the_actor.method_count;
  pulsing_actor_types_method_t *methods = pulsing_malloc(times(count, sizeof *methods));
  for (size_t i = 0; i < count; i++) {
    const pulsing_method *method = &pulsing_the_actor.methods[i];
    static const uint8_t kinds[] = {PULSING_ACTOR_TYPES_METHOD_KIND_ASK, PULSING_ACTOR_TYPES_METHOD_KIND_STREAM,
                                    PULSING_ACTOR_TYPES_METHOD_KIND_TELL};
    pulsing_text doc = pulsing_text_of(method->doc);
    bool is_json = !(method->params[0].name && method->params[0].type == PULSING_BYTES);
    methods[i].name = string_of(method->name, strlen(method->name));
    methods[i].kind = kinds[method->kind];
    methods[i].doc = string_of(doc.ptr, doc.len);
    methods[i].args_schema.is_some = is_json;
    if (is_json) methods[i].args_schema.val = schema_of(method);
  }
  *ret = (exports_pulsing_actor_actor_description_t){{methods, count}};
}

bool exports_pulsing_actor_actor_start(exports_pulsing_actor_actor_start_options_t *options, actor_error *err) {
  life_name = options->name;
  life_generation = options->generation;
  pulsing_call call = {.remaining_ms = -1};
  pulsing_outcome outcome = PULSING_DONE;
  if (pulsing_the_actor.may_passivate) pulsing_actor_system_may_passivate();
  if (options->config.body.len) {
    life_config = yyjson_read((const char *)options->config.body.ptr, options->config.body.len, 0);
    if (!life_config) outcome = pulsing_business(&call, 400, "the configuration is not JSON");
  }
  pulsing_actor_types_payload_free(&options->config);
  if (outcome == PULSING_DONE && pulsing_the_actor.start) outcome = pulsing_the_actor.start(&call);
  if (outcome != PULSING_DONE) take_out_error(&call, err);
  end_call(&call);
  return outcome == PULSING_DONE;
}

/* Runs the method that a message names. */
static pulsing_outcome run(pulsing_call *call, const exports_pulsing_actor_actor_message_t *message) {
  pulsing_text name = {(const char *)message->method.ptr, message->method.len};
  call->id = message->call;
  call->remaining_ms = message->remaining_ms.is_some ? (int64_t)message->remaining_ms.val : -1;
  call->resume_after = message->resume_after.is_some ? message->resume_after.val : 0;
  call->key = pulsing_text_of("");
  if (message->idempotency_key.is_some) {
    call->key = (pulsing_text){(const char *)message->idempotency_key.val.ptr, message->idempotency_key.val.len};
  }
  for (size_t i = 0; i < pulsing_the_actor.method_count && !call->method; i++) {
    if (is_named(name, pulsing_the_actor.methods[i].name)) call->method = &pulsing_the_actor.methods[i];
  }
  if (!call->method) return unsupported(call, name, nearest(name));
  if (take_arguments(call, &message->args) != PULSING_DONE) return PULSING_FAILED;
  return call->method->run(call);
}

bool exports_pulsing_actor_actor_handle(exports_pulsing_actor_actor_message_t *message,
                                        exports_pulsing_actor_actor_reply_t *ret, actor_error *err) {
  pulsing_call call = {0};
  uint64_t before = last_stream;
  pulsing_outcome outcome = run(&call, message);
  if (outcome == PULSING_END) outcome = pulsing_fatal(&call, "the handler answered the end of a stream");
  if (outcome == PULSING_DONE && last_stream != before) {
    ret->tag = PULSING_ACTOR_TYPES_REPLY_STREAM;
    ret->val.stream = last_stream;
  } else if (outcome == PULSING_DONE) {
    if (!call.has_reply) pulsing_reply_null(&call);
    ret->tag = PULSING_ACTOR_TYPES_REPLY_VALUE;
    ret->val.value = call.reply;
    call.has_reply = false;
  } else {
    if (last_stream != before) end_stream(last_stream, true);
    take_out_error(&call, err);
  }
  end_call(&call);
  exports_pulsing_actor_actor_message_free(message);
  return outcome == PULSING_DONE;
}

bool exports_pulsing_actor_actor_tell(exports_pulsing_actor_actor_message_t *message, actor_error *err) {
  pulsing_call call = {0};
  pulsing_outcome outcome = run(&call, message);
  if (outcome != PULSING_DONE) take_out_error(&call, err);
  end_call(&call);
  exports_pulsing_actor_actor_message_free(message);
  return outcome == PULSING_DONE;
}

bool exports_pulsing_actor_actor_stream_next(uint64_t id, uint32_t max_items,
                                             exports_pulsing_actor_actor_stream_batch_t *ret, actor_error *err) {
  open_stream *stream = streams;
  while (stream && stream->id != id) stream = stream->next_open;
  pulsing_call call = {.id = stream ? stream->call : 0, .remaining_ms = -1};
  bool is_good = stream != NULL;
  if (stream) is_good = draw(&call, stream, max_items, ret);
  else pulsing_fatal(&call, "no stream %llu is open", (unsigned long long)id);
  if (!is_good) take_out_error(&call, err);
  end_call(&call);
  if (stream && (!is_good || ret->done)) end_stream(id, false);
  return is_good;
}

void exports_pulsing_actor_actor_stream_close(uint64_t id) { end_stream(id, true); }

void exports_pulsing_actor_actor_stop(void) {
  while (streams) end_stream(streams->id, true);
  if (pulsing_the_actor.stop) pulsing_the_actor.stop();
}

/* ---- Other actors ---- */

/* The bindings take texts that they may not change by pointers to what is not const. */
static serial_string_t lent(pulsing_text text) { return (serial_string_t){(uint8_t *)text.ptr, text.len}; }

static payload lent_args(pulsing_text args) {
  return (payload){PULSING_ACTOR_TYPES_ENCODING_JSON, {(uint8_t *)args.ptr, args.len}};
}

static pulsing_actor_types_call_options_t options_of(const pulsing_options *options) {
  pulsing_actor_types_call_options_t made = {0};
  if (options && options->timeout_ms) made.timeout_ms = (serial_option_u64_t){true, options->timeout_ms};
  if (options && options->idempotency_key) {
    made.idempotency_key = (serial_option_string_t){true, lent(pulsing_text_of(options->idempotency_key))};
  }
  return made;
}

static pulsing_outcome runtime_failed(pulsing_call *call, pulsing_actor_types_runtime_error_t *error) {
  bool recoverable = error->kind == PULSING_ACTOR_TYPES_RUNTIME_ERROR_KIND_ACTOR_RESTARTING ||
                     error->kind == PULSING_ACTOR_TYPES_RUNTIME_ERROR_KIND_MAILBOX_FULL ||
                     error->kind == PULSING_ACTOR_TYPES_RUNTIME_ERROR_KIND_NO_CONNECTION;
  return system_error(call, error->message, recoverable, false);
}

static pulsing_outcome call_failed(pulsing_call *call, pulsing_actor_types_call_error_t *error) {
  if (error->tag == PULSING_ACTOR_TYPES_CALL_ERROR_RUNTIME) return runtime_failed(call, &error->val.runtime);
  // That one's state is not this one's.
  if (error->val.actor.tag == PULSING_ACTOR_TYPES_ACTOR_ERROR_SYSTEM) error->val.actor.val.system.restart = false;
  return fail(call, error->val.actor);
}

/* Hands a payload's JSON over to the call. */
static yyjson_val *received(pulsing_call *call, payload *answer) {
  const char *why = "";
  yyjson_val *value = NULL;
  if (answer->encoding == PULSING_ACTOR_TYPES_ENCODING_JSON) value = parse(call, &answer->body, &why);
  pulsing_actor_types_payload_free(answer);
  if (!value) pulsing_fatal(call, "the answer of the other actor is not JSON: %s", why);
  return value;
}

bool pulsing_ask(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                 const pulsing_options *options, yyjson_val **answer) {
  serial_string_t to = lent(target), name = lent(method);
  payload body = lent_args(args), answered;
  pulsing_actor_types_call_options_t wanted = options_of(options);
  pulsing_actor_types_call_error_t error;
  has_waited = true;
  if (!pulsing_actor_system_ask(call->id, &to, &name, &body, &wanted, &answered, &error)) {
    call_failed(call, &error);
    return false;
  }
  yyjson_val *value = received(call, &answered);
  if (answer) *answer = value;
  return value != NULL;
}

bool pulsing_tell(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                  const pulsing_options *options) {
  serial_string_t to = lent(target), name = lent(method), key;
  payload body = lent_args(args);
  bool has_key = options && options->idempotency_key;
  if (has_key) key = lent(pulsing_text_of(options->idempotency_key));
  pulsing_actor_types_runtime_error_t error;
  has_waited = true;
  if (pulsing_actor_system_tell(&to, &name, &body, has_key ? &key : NULL, &error)) return true;
  runtime_failed(call, &error);
  return false;
}

struct pulsing_peer_stream {
  pulsing_call *call;
  uint64_t id;
  bool is_over;
  pulsing_actor_types_list_payload_t items;
  size_t at;
};

static void release_peer_stream(void *what) {
  pulsing_peer_stream *stream = what;
  pulsing_stream_close(stream);
  free(stream);
}

pulsing_peer_stream *pulsing_stream(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                                    const pulsing_options *options) {
  serial_string_t to = lent(target), name = lent(method);
  payload body = lent_args(args);
  pulsing_actor_types_call_options_t wanted = options_of(options);
  pulsing_actor_types_call_error_t error;
  uint64_t id;
  has_waited = true;
  if (!pulsing_actor_system_stream_open(call->id, &to, &name, &body, NULL, &wanted, &id, &error)) {
    call_failed(call, &error);
    return NULL;
  }
  pulsing_peer_stream *stream = pulsing_malloc(sizeof *stream);
  *stream = (pulsing_peer_stream){call, id, false, {NULL, 0}, 0};
  keep(call, stream, release_peer_stream);
  return stream;
}

/* Frees what was drawn and not read. */
static void drop_items(pulsing_peer_stream *stream) {
  for (size_t i = stream->at; i < stream->items.len; i++) pulsing_actor_types_payload_free(&stream->items.ptr[i]);
  if (stream->items.len) free(stream->items.ptr);
  stream->items = (pulsing_actor_types_list_payload_t){NULL, 0};
  stream->at = 0;
}

pulsing_outcome pulsing_stream_next(pulsing_peer_stream *stream, yyjson_val **item) {
  while (stream->at == stream->items.len) {
    drop_items(stream);
    if (stream->is_over) return PULSING_END;
    pulsing_actor_types_stream_batch_t batch;
    pulsing_actor_types_call_error_t error;
    has_waited = true;
    if (!pulsing_actor_system_stream_next(stream->id, PEER_DRAW_ITEMS, &batch, &error)) {
      stream->is_over = true;
      return call_failed(stream->call, &error);
    }
    stream->is_over = batch.done;
    stream->items = batch.items;
  }
  *item = received(stream->call, &stream->items.ptr[stream->at++]);
  return *item ? PULSING_DONE : PULSING_FAILED;
}

void pulsing_stream_close(pulsing_peer_stream *stream) {
  drop_items(stream);
  if (!stream->is_over) pulsing_actor_system_stream_close(stream->id);
  stream->is_over = true;
}

bool pulsing_sleep_ms(pulsing_call *call, uint64_t ms) {
  has_waited = true;
  pulsing_actor_system_sleep(ms);
  if (!call->id || !pulsing_actor_system_is_cancelled(call->id)) return true;
  pulsing_cancelled(call);
  return false;
}

/* ---- HTTP ---- */

struct pulsing_http {
  uint64_t exchange;
  uint16_t status;
  bool is_whole;
  char *held;
  size_t len, room;
};

static void http_failed(pulsing_call *call, pulsing_actor_http_types_error_t *error) {
  switch (error->code) {
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_CANCELLED:
      pulsing_cancelled(call);
      break;
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED:
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_URI_INVALID:
      pulsing_fatal(call, "%.*s", (int)error->message.len, (const char *)error->message.ptr);
      break;
    default:
      pulsing_system(call, "%.*s", (int)error->message.len, (const char *)error->message.ptr);
  }
  pulsing_actor_http_types_error_free(error);
}

pulsing_http *pulsing_http_send(pulsing_call *call, const pulsing_http_request *request) {
  pulsing_actor_http_types_header_t headers[HEADERS_MAX];
  size_t count = 0;
  for (; request->headers && request->headers[count].name; count++) {
    if (count == HEADERS_MAX) {
      pulsing_fatal(call, "more than %d headers", HEADERS_MAX);
      return NULL;
    }
    pulsing_text value = pulsing_text_of(request->headers[count].value);
    headers[count].name = lent(pulsing_text_of(request->headers[count].name));
    headers[count].value = (serial_list_u8_t){(uint8_t *)value.ptr, value.len};
  }
  pulsing_actor_http_types_request_t made = {
      .method = lent(pulsing_text_of(request->method)),
      .url = lent(pulsing_text_of(request->url)),
      .headers = {headers, count},
      .redirects_max = 10,
  };
  made.body.tag = request->body.len ? PULSING_ACTOR_HTTP_TYPES_BODY_WHOLE : PULSING_ACTOR_HTTP_TYPES_BODY_EMPTY;
  if (request->body.len) made.body.val.whole = (serial_list_u8_t){(uint8_t *)request->body.ptr, request->body.len};
  if (request->timeout_ms) made.first_byte_timeout_ms = (serial_option_u64_t){true, request->timeout_ms};
  pulsing_actor_http_types_error_t error;
  pulsing_actor_http_types_response_head_t head;
  uint64_t exchange;
  has_waited = true;
  if (!pulsing_actor_http_begin(call->id, &made, &exchange, &error)) {
    http_failed(call, &error);
    return NULL;
  }
  if (!pulsing_actor_http_response(exchange, &head, &error)) {
    pulsing_actor_http_close(exchange);
    http_failed(call, &error);
    return NULL;
  }
  pulsing_http *http = pulsing_malloc(sizeof *http);
  *http = (pulsing_http){.exchange = exchange, .status = head.status};
  pulsing_actor_http_types_response_head_free(&head);
  return http;
}

uint16_t pulsing_http_status(const pulsing_http *http) { return http->status; }

/* Adds the next piece of the body to what is held. */
static bool http_read(pulsing_call *call, pulsing_http *http) {
  serial_option_list_u8_t piece;
  pulsing_actor_http_types_error_t error;
  has_waited = true;
  if (!pulsing_actor_http_read(http->exchange, HTTP_PIECE_BYTES, &piece, &error)) {
    http_failed(call, &error);
    return false;
  }
  http->is_whole = !piece.is_some;
  if (!piece.is_some) return true;
  if (http->room - http->len < piece.val.len) {
    http->room = http->len + piece.val.len;
    http->held = realloc(http->held, http->room);
    if (!http->held) abort();
  }
  memcpy(http->held + http->len, piece.val.ptr, piece.val.len);
  http->len += piece.val.len;
  serial_option_list_u8_free(&piece);
  return true;
}

pulsing_outcome pulsing_http_line(pulsing_call *call, pulsing_http *http, pulsing_text *line) {
  for (;;) {
    char *end = http->len ? memchr(http->held, '\n', http->len) : NULL;
    if (end || (http->is_whole && http->len)) {
      size_t len = end ? (size_t)(end - http->held) : http->len, used = end ? len + 1 : len;
      size_t shown = len && http->held[len - 1] == '\r' ? len - 1 : len;
      char *text = pulsing_alloc(call, shown + 1);
      memcpy(text, http->held, shown);
      text[shown] = 0;
      *line = (pulsing_text){text, shown};
      memmove(http->held, http->held + used, http->len - used);
      http->len -= used;
      return PULSING_DONE;
    }
    if (http->is_whole) return PULSING_END;
    if (http->len > LINE_MAX_BYTES) return pulsing_fatal(call, "a line has more than %zu bytes", LINE_MAX_BYTES);
    if (!http_read(call, http)) return PULSING_FAILED;
  }
}

void pulsing_http_close(pulsing_http *http) {
  pulsing_actor_http_close(http->exchange);
  free(http->held);
  free(http);
}
