/* What is UTF-8 and what is not. */
#include "plain.h"

/* How many bytes the first character of a text has; 0 where it is not UTF-8. */
static size_t first_character(const uint8_t *text, size_t len) {
  uint8_t first = text[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (bytes > len) return 0;
  for (size_t i = 1; i < bytes; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  bool is_long_form = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
  bool is_surrogate = first == 0xed && text[1] > 0x9f;
  bool is_too_high = first == 0xf4 && text[1] > 0x8f;
  return is_long_form || is_surrogate || is_too_high ? 0 : bytes;
}

void pulsing_in_clean(uint8_t *text, size_t len) {
  for (size_t i = 0; i < len;) {
    size_t bytes = first_character(text + i, len - i);
    if (!bytes) text[i] = '?';
    i += bytes ? bytes : 1;
  }
}

bool pulsing_in_is_utf8(const uint8_t *text, size_t len) {
  size_t i = 0, bytes = 1;
  for (; i < len && bytes; i += bytes) bytes = first_character(text + i, len - i);
  return bytes != 0;
}
