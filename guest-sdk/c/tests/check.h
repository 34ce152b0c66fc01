/* What all tests of the SDK share. */
#ifndef PULSING_TEST_CHECK_H
#define PULSING_TEST_CHECK_H

#include <stdio.h>

static int failures;

#define CHECK(condition)                                                      \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
      failures++;                                                             \
    }                                                                         \
  } while (0)

static int result_of(const char *what) {
  if (!failures) printf("all tests of %s pass\n", what);
  return failures != 0;
}

#endif
