/* HTTP to other machines: whole bodies out, and bodies in as they come. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define PIECE_BYTES 65536
#define HEADERS_MAX 64
/* As many as the host follows. */
#define REDIRECTS_MAX 10

typedef pulsing_actor_http_types_error_t http_error;

struct pulsing_http {
  uint64_t exchange;
  uint16_t status;
  bool is_whole;
  char *held;
  size_t len, room;
};

/* In the classes of the Rust SDK; `timeout_ms` is the one that the request had, 0 where that is not known. */
static void failed(pulsing_call *call, http_error *error, uint64_t timeout_ms) {
  switch (error->code) {
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_CANCELLED: pulsing_cancelled(call); break;
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_CONNECTION_TIMEOUT:
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_HTTP_RESPONSE_TIMEOUT: pulsing_timeout(call, "http", timeout_ms); break;
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_DNS_ERROR:
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_CONNECTION_REFUSED:
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_CONNECTION_TERMINATED:
    case PULSING_ACTOR_HTTP_TYPES_ERROR_CODE_TOO_MANY_REQUESTS:
      pulsing_system(call, "%.*s", (int)error->message.len, (const char *)error->message.ptr);
      break;
    default: pulsing_fatal(call, "%.*s", (int)error->message.len, (const char *)error->message.ptr);
  }
  pulsing_actor_http_types_error_free(error);
}

/* Lends the headers to the host; how many there are, or SIZE_MAX with the error in the call. */
static size_t lend_headers(pulsing_call *call, const pulsing_header *from, pulsing_actor_http_types_header_t *to) {
  size_t count = 0;
  for (; from && from[count].name; count++) {
    if (count == HEADERS_MAX) {
      pulsing_fatal(call, "more than %d headers", HEADERS_MAX);
      return SIZE_MAX;
    }
    pulsing_text name = pulsing_text_of(from[count].name), value = pulsing_text_of(from[count].value);
    if (!pulsing_in_lend(call, "the name of a header", name, &to[count].name)) return SIZE_MAX;
    to[count].value = (resident_list_u8_t){(uint8_t *)value.ptr, value.len};
  }
  return count;
}

pulsing_http *pulsing_http_send(pulsing_call *call, const pulsing_http_request *request) {
  pulsing_actor_http_types_header_t headers[HEADERS_MAX];
  size_t count = lend_headers(call, request->headers, headers);
  if (count == SIZE_MAX) return NULL;
  pulsing_actor_http_types_request_t made = {.headers = {headers, count}, .redirects_max = REDIRECTS_MAX};
  if (!pulsing_in_lend(call, "the method", pulsing_text_of(request->method), &made.method)) return NULL;
  if (!pulsing_in_lend(call, "the URL", pulsing_text_of(request->url), &made.url)) return NULL;
  made.body.tag = request->body.len ? PULSING_ACTOR_HTTP_TYPES_BODY_WHOLE : PULSING_ACTOR_HTTP_TYPES_BODY_EMPTY;
  if (request->body.len) made.body.val.whole = (resident_list_u8_t){(uint8_t *)request->body.ptr, request->body.len};
  if (request->timeout_ms) made.first_byte_timeout_ms = (resident_option_u64_t){true, request->timeout_ms};
  http_error error;
  pulsing_actor_http_types_response_head_t head;
  uint64_t exchange;
  pulsing_in_has_waited = true;
  if (!pulsing_actor_http_begin(call->id, &made, &exchange, &error)) {
    failed(call, &error, request->timeout_ms);
    return NULL;
  }
  if (!pulsing_actor_http_response(exchange, &head, &error)) {
    pulsing_actor_http_close(exchange);
    failed(call, &error, request->timeout_ms);
    return NULL;
  }
  pulsing_http *http = pulsing_malloc(sizeof *http);
  *http = (pulsing_http){.exchange = exchange, .status = head.status};
  pulsing_actor_http_types_response_head_free(&head);
  return http;
}

uint16_t pulsing_http_status(const pulsing_http *http) { return http->status; }

/* Adds the next piece of the body to what is held. */
static bool read_piece(pulsing_call *call, pulsing_http *http) {
  resident_option_list_u8_t piece;
  http_error error;
  pulsing_in_has_waited = true;
  if (!pulsing_actor_http_read(http->exchange, PIECE_BYTES, &piece, &error)) {
    // What ran out between two pieces is the host's own time, not the request's.
    failed(call, &error, 0);
    return false;
  }
  http->is_whole = !piece.is_some;
  if (!piece.is_some) return true;
  if (http->room - http->len < piece.val.len) {
    http->room = http->len + piece.val.len;
    http->held = realloc(http->held, http->room);
    if (!http->held) pulsing_in_out_of_memory();
  }
  if (piece.val.len) memcpy(http->held + http->len, piece.val.ptr, piece.val.len);
  http->len += piece.val.len;
  resident_option_list_u8_free(&piece);
  return true;
}

/* Takes `used` bytes of what is held, and shows the first `shown` of them. */
static pulsing_text take(pulsing_call *call, pulsing_http *http, size_t shown, size_t used) {
  char *text = pulsing_alloc(call, shown + 1);
  memcpy(text, http->held, shown);
  text[shown] = 0;
  memmove(http->held, http->held + used, http->len - used);
  http->len -= used;
  return (pulsing_text){text, shown};
}

pulsing_outcome pulsing_http_line(pulsing_call *call, pulsing_http *http, pulsing_text *line) {
  for (;;) {
    char *end = http->len ? memchr(http->held, '\n', http->len) : NULL;
    if (end || (http->is_whole && http->len)) {
      size_t len = end ? (size_t)(end - http->held) : http->len, used = end ? len + 1 : len;
      size_t shown = len && http->held[len - 1] == '\r' ? len - 1 : len;
      *line = take(call, http, shown, used);
      return PULSING_DONE;
    }
    if (http->is_whole) return PULSING_END;
    if (http->len > LINE_MAX_BYTES) return pulsing_fatal(call, "a line has more than %zu bytes", LINE_MAX_BYTES);
    if (!read_piece(call, http)) return PULSING_FAILED;
  }
}

void pulsing_http_close(pulsing_http *http) {
  if (!http) return;
  pulsing_actor_http_close(http->exchange);
  free(http->held);
  free(http);
}
