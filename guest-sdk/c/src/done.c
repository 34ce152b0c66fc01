/* Packs what came of the work. */
#include "work.h"

#include <stdlib.h>
#include <string.h>

#include "plain.h"

/* One large answer shall not keep its memory for good. */
#define KEPT_MAX_BYTES ((size_t)64 << 10)
/* As much as most lists need. */
#define ROOM_MIN_BYTES 256

/* As in the lists. */
enum {
  VALUE = 1,
  STREAM,
  TOLD,
  ITEMS,
  CLOSED,
  BUSINESS = 16,
  SYSTEM,
  TIMEOUT,
  UNSUPPORTED,
  CANCELLED,
};

/* ---- Bytes ---- */

static size_t sum(size_t a, size_t b) {
  size_t both;
  if (__builtin_add_overflow(a, b, &both)) pulsing_in_out_of_memory();
  return both;
}

static void make_room(byte_buffer *to, size_t room) {
  if (room <= to->room) return;
  to->ptr = realloc(to->ptr, room);
  if (!to->ptr) pulsing_in_out_of_memory();
  to->room = room;
}

static void put(byte_buffer *to, const void *from, size_t len) {
  if (!len) return;
  size_t all = sum(to->len, len);
  if (all > to->room) {
    size_t more = sum(to->room, to->room);
    if (more < ROOM_MIN_BYTES) more = ROOM_MIN_BYTES;
    make_room(to, all > more ? all : more);
  }
  memcpy(to->ptr + to->len, from, len);
  to->len = all;
}

static void put_u8(byte_buffer *to, uint8_t number) { put(to, &number, sizeof number); }
static void put_u32(byte_buffer *to, uint32_t number) { put(to, &number, sizeof number); }
static void put_u64(byte_buffer *to, uint64_t number) { put(to, &number, sizeof number); }

/* What has 4 GiB fits no memory of a component. */
static void put_length(byte_buffer *to, size_t len) { put_u32(to, (uint32_t)len); }

static void put_text(byte_buffer *to, pulsing_text text) {
  put_length(to, text.len);
  put(to, text.ptr, text.len);
}

static void put_optional_text(byte_buffer *to, pulsing_text text) {
  put_u8(to, text.ptr != NULL);
  if (text.ptr) put_text(to, text);
}

/* ---- Outcomes ---- */

static byte_buffer *begin(done_list *list, uint8_t kind, uint64_t call) {
  list->count++;
  put_u8(&list->entries, kind);
  put_u64(&list->entries, call);
  return &list->entries;
}

/* Where it is the first and there is no room for it yet, the body itself becomes the list. */
void pulsing_in_done_item(done_list *list, uint8_t encoding, uint8_t *body, size_t len) {
  put_u8(&list->entries, encoding);
  put_length(&list->entries, len);
  byte_buffer *bodies = &list->bodies;
  if (!bodies->len && len > bodies->room) {
    free(bodies->ptr);
    *bodies = (byte_buffer){body, len, len};
  } else {
    put(bodies, body, len);
    free(body);
  }
}

void pulsing_in_done_value(done_list *list, uint64_t call, uint8_t encoding, uint8_t *body, size_t len) {
  begin(list, VALUE, call);
  pulsing_in_done_item(list, encoding, body, len);
}

void pulsing_in_done_stream(done_list *list, uint64_t call, uint64_t stream) {
  put_u64(begin(list, STREAM, call), stream);
}

void pulsing_in_done_told(done_list *list, uint64_t call) { begin(list, TOLD, call); }

void pulsing_in_done_items(done_list *list, uint64_t call, bool is_over, size_t count) {
  byte_buffer *entries = begin(list, ITEMS, call);
  put_u8(entries, is_over);
  put_length(entries, count);
}

void pulsing_in_done_closed(done_list *list, uint64_t call) { begin(list, CLOSED, call); }

void pulsing_in_done_business(done_list *list, uint64_t call, uint32_t code, pulsing_text message,
                              pulsing_text details) {
  byte_buffer *entries = begin(list, BUSINESS, call);
  put_u32(entries, code);
  put_text(entries, message);
  put_optional_text(entries, details);
}

void pulsing_in_done_system(done_list *list, uint64_t call, pulsing_text message, bool recoverable, bool restart) {
  byte_buffer *entries = begin(list, SYSTEM, call);
  put_u8(entries, recoverable);
  put_u8(entries, restart);
  put_text(entries, message);
}

void pulsing_in_done_timeout(done_list *list, uint64_t call, pulsing_text operation, uint64_t duration_ms) {
  byte_buffer *entries = begin(list, TIMEOUT, call);
  put_u64(entries, duration_ms);
  put_text(entries, operation);
}

void pulsing_in_done_unsupported(done_list *list, uint64_t call, pulsing_text operation, pulsing_text nearest) {
  byte_buffer *entries = begin(list, UNSUPPORTED, call);
  put_text(entries, operation);
  put_optional_text(entries, nearest);
}

void pulsing_in_done_cancelled(done_list *list, uint64_t call) { begin(list, CANCELLED, call); }

/* ---- The list ---- */

pulsing_text pulsing_in_finish_done(done_list *list) {
  if (!list->count) return (pulsing_text){NULL, 0};
  byte_buffer *all = &list->bodies;
  size_t bytes = list->entries.len;
  // No more than is needed: a large answer has its own memory.
  if (all->len > KEPT_MAX_BYTES) make_room(all, sum(all->len, sum(bytes, WORK_TRAILER_BYTES)));
  put(all, list->entries.ptr, bytes);
  put_length(all, bytes);
  put(all, &list->count, sizeof list->count);
  put_u8(all, 0);
  put_u8(all, WORK_VERSION);
  return (pulsing_text){(const char *)all->ptr, all->len};
}

static void clear(byte_buffer *buffer) {
  buffer->len = 0;
  if (buffer->room <= KEPT_MAX_BYTES) return;
  free(buffer->ptr);
  *buffer = (byte_buffer){0};
}

void pulsing_in_clear_done(done_list *list) {
  clear(&list->bodies);
  clear(&list->entries);
  list->count = 0;
}
