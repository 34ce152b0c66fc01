/* Packs lists by hand, so that what packs and reads them in the SDK has something to be compared with. */
#ifndef PULSING_TEST_PACKED_H
#define PULSING_TEST_PACKED_H

#include <string.h>

#include "../src/work.h"

typedef struct {
  uint8_t bytes[256];
  size_t len, entries_at;
} packed;

static void put_bytes(packed *to, const void *from, size_t len) {
  if (len) memcpy(to->bytes + to->len, from, len);
  to->len += len;
}

static void put_number(packed *to, uint64_t number, size_t bytes) {
  for (size_t i = 0; i < bytes; i++, number >>= 8) to->bytes[to->len++] = (uint8_t)number;
}

static void put_word(packed *to, const char *word) {
  put_number(to, strlen(word), 4);
  put_bytes(to, word, strlen(word));
}

/* A list with these bodies. */
static packed packed_after(const char *bodies) {
  packed list = {.len = 0};
  put_bytes(&list, bodies, strlen(bodies));
  list.entries_at = list.len;
  return list;
}

static void put_end_with_row(packed *to, uint16_t count, uint8_t row) {
  size_t entries = to->len - to->entries_at;
  put_number(to, entries, 4);
  put_number(to, count, 2);
  put_number(to, row, 1);
  put_number(to, WORK_VERSION, 1);
}

static void put_end(packed *to, uint16_t count) { put_end_with_row(to, count, 0); }

/* Of an entry: its kind, and its call. */
static void put_head(packed *to, uint8_t kind, uint64_t call) {
  put_number(to, kind, 1);
  put_number(to, call, 8);
}

#endif
