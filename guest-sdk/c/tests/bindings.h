/*
 * As much of the bindings as `src/internal.h` and `src/known.c` need, with the names and the layout that wit-bindgen
 * gives it. `sdk_test.c` is the host.
 */
#ifndef PULSING_TEST_BINDINGS_H
#define PULSING_TEST_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *ptr;
  size_t len;
} serial_string_t;

typedef struct {
  bool is_some;
  serial_string_t val;
} serial_option_string_t;

typedef struct {
  serial_string_t name, value;
} pulsing_actor_system_context_entry_t;

typedef struct {
  pulsing_actor_system_context_entry_t *ptr;
  size_t len;
} pulsing_actor_system_list_context_entry_t;

/* What is not looked into. */
typedef struct {
  int unused;
} pulsing_actor_types_payload_t, pulsing_actor_types_actor_error_t, pulsing_actor_types_runtime_error_t,
    pulsing_actor_types_call_error_t, exports_pulsing_actor_actor_stream_batch_t;

bool pulsing_actor_system_is_cancelled(uint64_t call);
/* What is written where it returns false is anything, and no text has a 0 at its end. */
bool pulsing_actor_system_caller(uint64_t call, serial_string_t *ret);
void pulsing_actor_system_context(uint64_t call, pulsing_actor_system_list_context_entry_t *ret);

void serial_string_free(serial_string_t *ret);
void pulsing_actor_system_list_context_entry_free(pulsing_actor_system_list_context_entry_t *ptr);

#endif
