/* For tests without `call.c`: where the SDK ends a life, its last words are kept, and `life` goes on. */
#ifndef PULSING_TEST_LAST_WORDS_H
#define PULSING_TEST_LAST_WORDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "../src/plain.h"

static jmp_buf life;
static char last_words[300];

void pulsing_in_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(last_words, sizeof last_words, format, args);
  va_end(args);
  longjmp(life, 1);
}

void pulsing_in_out_of_memory(void) { pulsing_in_die("out of memory"); }

#endif
