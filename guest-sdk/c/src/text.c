/* Texts, which are UTF-8 wherever they leave the actor, and the names of methods. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer words are nobody's slip. */
#define NAME_MAX_BYTES 64

resident_string_t pulsing_in_string_of(pulsing_text text) {
  uint8_t *copy = pulsing_in_copy(text.ptr, text.len);
  pulsing_in_clean(copy, text.len);
  return (resident_string_t){copy, text.len};
}

pulsing_text pulsing_in_formatted(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int len = vsnprintf(NULL, 0, format, again);
  va_end(again);
  size_t bytes = len < 0 ? 0 : (size_t)len;
  char *text = pulsing_malloc(bytes + 1);
  text[0] = 0;
  if (bytes) vsnprintf(text, bytes + 1, format, args);
  pulsing_in_clean((uint8_t *)text, bytes);
  return (pulsing_text){text, bytes};
}

resident_string_t pulsing_in_owned(pulsing_text text) {
  if (text.len) return (resident_string_t){(uint8_t *)text.ptr, text.len};
  free((void *)text.ptr);
  return (resident_string_t){NULL, 0};
}

bool pulsing_in_lend(pulsing_call *call, const char *what, pulsing_text text, resident_string_t *lent) {
  *lent = (resident_string_t){(uint8_t *)text.ptr, text.len};
  if (pulsing_in_is_utf8(lent->ptr, lent->len)) return true;
  pulsing_fatal(call, "%s is not UTF-8: %.*s", what, text.len < 100 ? (int)text.len : 100, text.ptr);
  return false;
}

pulsing_text pulsing_text_of(const char *text) { return (pulsing_text){text ? text : "", text ? strlen(text) : 0}; }

pulsing_text pulsing_format(pulsing_call *call, const char *format, ...) {
  FORMATTED(text, format);
  pulsing_in_keep(call, (void *)text.ptr, free);
  return text;
}

bool pulsing_in_is_named(pulsing_text text, const char *name) {
  return text.len == strlen(name) && memcmp(text.ptr, name, text.len) == 0;
}

/* ---- Slips ---- */

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

/* One letter in three is a slip, at most three. */
const char *pulsing_in_nearest(pulsing_text wanted) {
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
