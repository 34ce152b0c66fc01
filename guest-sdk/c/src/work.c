/* Reads what the host packs. Numbers are little-endian, as those of WebAssembly are. */
#include "work.h"

#include <string.h>

#include "plain.h"

/* The highest encoding; 0 is JSON. */
#define ENCODING_BYTES 1

static _Noreturn void malformed(const char *why) { pulsing_in_die("a packed list %s", why); }

static const char *take(pulsing_text *from, size_t len, const char *otherwise) {
  if (len > from->len) malformed(otherwise);
  const char *taken = from->ptr;
  // Nothing may have no pointer, to which nothing can be added.
  if (len) *from = (pulsing_text){taken + len, from->len - len};
  return taken;
}

/* ---- Numbers, texts, and what may be missing ---- */

static uint8_t take_u8(work_list *list) { return (uint8_t)*take(&list->entries, 1, "ends within an entry"); }

static uint32_t take_u32(work_list *list) {
  uint32_t number;
  memcpy(&number, take(&list->entries, sizeof number, "ends within an entry"), sizeof number);
  return number;
}

static uint64_t take_u64(work_list *list) {
  uint64_t number;
  memcpy(&number, take(&list->entries, sizeof number, "ends within an entry"), sizeof number);
  return number;
}

static bool take_flag(work_list *list) {
  uint8_t flag = take_u8(list);
  if (flag > 1) malformed("has a flag that is neither 0 nor 1");
  return flag;
}

static pulsing_text take_text(work_list *list) {
  size_t len = take_u32(list);
  pulsing_text text = {take(&list->entries, len, "has a text that is longer than it"), len};
  if (!pulsing_in_is_utf8((const uint8_t *)text.ptr, len)) malformed("has a text that is not UTF-8");
  return text;
}

static pulsing_text take_optional_text(work_list *list) {
  return take_flag(list) ? take_text(list) : (pulsing_text){NULL, 0};
}

static void take_args(work_list *list, work_entry *taken) {
  taken->encoding = take_u8(list);
  if (taken->encoding > ENCODING_BYTES) malformed("has an encoding that is not known here");
  size_t len = take_u32(list);
  taken->args = (pulsing_text){take(&list->bodies, len, "has a body that is longer than it"), len};
}

static void take_message(work_list *list, work_entry *taken) {
  taken->call = take_u64(list);
  take_args(list, taken);
  taken->method = take_text(list);
  taken->key = take_optional_text(list);
  taken->resume_after = take_flag(list) ? take_u64(list) : 0;
  taken->remaining_ms = take_flag(list) ? (int64_t)take_u64(list) : -1;
}

/* ---- Lists ---- */

static void check_end(const work_list *list) {
  if (!list->count && (list->bodies.len || list->entries.len)) malformed("has bytes of no entry");
}

work_list pulsing_in_unpack(const uint8_t *list, size_t len) {
  if (!len) return (work_list){0};
  if (len < WORK_TRAILER_BYTES) malformed("is shorter than its trailer");
  size_t rest = len - WORK_TRAILER_BYTES;
  const uint8_t *trailer = list + rest;
  if (trailer[7] != WORK_VERSION) malformed("is of a version that is not known here");
  uint32_t bytes;
  uint16_t count;
  memcpy(&bytes, trailer, sizeof bytes);
  memcpy(&count, trailer + sizeof bytes, sizeof count);
  if (bytes > rest) malformed("is shorter than its entries");
  const char *from = (const char *)list;
  if (trailer[6] > count) malformed("has a row of more entries than it has");
  work_list unpacked = {{from, rest - bytes}, {from + (rest - bytes), bytes}, count, trailer[6]};
  check_end(&unpacked);
  return unpacked;
}

bool pulsing_in_next_work(work_list *list, work_entry *taken) {
  if (!list->count) return false;
  list->count--;
  *taken = (work_entry){.kind = (work_kind)take_u8(list)};
  switch (taken->kind) {
    case WORK_ASK:
    case WORK_TELL: take_message(list, taken); break;
    case WORK_DRAW:
    case WORK_CLOSE:
      taken->call = take_u64(list);
      taken->stream = take_u64(list);
      if (taken->kind == WORK_DRAW) taken->max_items = take_u32(list);
      break;
    case WORK_STOP:
    case WORK_LEAVE: break;
    // Also what there is for actors whose handlers overlap.
    default: malformed("has a kind of work that is not known here");
  }
  check_end(list);
  return true;
}
