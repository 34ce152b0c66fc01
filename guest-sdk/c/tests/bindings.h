/*
 * As much of the bindings as the tested parts need, with the names and the layout that wit-bindgen gives it. The tests
 * are the host.
 */
#ifndef PULSING_TEST_BINDINGS_H
#define PULSING_TEST_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *ptr;
  size_t len;
} resident_string_t;

typedef struct {
  bool is_some;
  resident_string_t val;
} resident_option_string_t;

typedef struct {
  resident_string_t name, value;
} pulsing_actor_system_context_entry_t;

typedef struct {
  pulsing_actor_system_context_entry_t *ptr;
  size_t len;
} pulsing_actor_system_list_context_entry_t;

typedef struct {
  uint8_t *ptr;
  size_t len;
} resident_list_u8_t;

typedef struct {
  uint8_t encoding;
  resident_list_u8_t body;
} pulsing_actor_types_payload_t;

#define PULSING_ACTOR_TYPES_ENCODING_JSON 0
#define PULSING_ACTOR_TYPES_ENCODING_BYTES 1

typedef struct {
  pulsing_actor_types_payload_t *ptr;
  size_t len;
} pulsing_actor_types_list_payload_t;

typedef struct {
  pulsing_actor_types_list_payload_t items;
  bool done;
} pulsing_actor_types_stream_batch_t;

typedef struct {
  uint32_t code;
  resident_string_t message;
  resident_option_string_t details;
} pulsing_actor_types_business_error_t;

typedef struct {
  resident_string_t message;
  bool recoverable, restart;
} pulsing_actor_types_system_error_t;

typedef struct {
  resident_string_t operation;
  uint64_t duration_ms;
} pulsing_actor_types_timeout_error_t;

typedef struct {
  resident_string_t operation;
  resident_option_string_t nearest;
} pulsing_actor_types_unsupported_error_t;

typedef struct {
  uint8_t tag;
  union {
    pulsing_actor_types_business_error_t business;
    pulsing_actor_types_system_error_t system;
    pulsing_actor_types_timeout_error_t timeout;
    pulsing_actor_types_unsupported_error_t unsupported;
  } val;
} pulsing_actor_types_actor_error_t;

#define PULSING_ACTOR_TYPES_ACTOR_ERROR_BUSINESS 0
#define PULSING_ACTOR_TYPES_ACTOR_ERROR_SYSTEM 1
#define PULSING_ACTOR_TYPES_ACTOR_ERROR_TIMEOUT 2
#define PULSING_ACTOR_TYPES_ACTOR_ERROR_UNSUPPORTED 3
#define PULSING_ACTOR_TYPES_ACTOR_ERROR_CANCELLED 4

typedef struct {
  bool is_some;
  uint64_t val;
} resident_option_u64_t;

typedef struct {
  resident_string_t kind, message;
  resident_option_u64_t retry_after_ms;
} pulsing_actor_types_runtime_error_t;

typedef struct {
  uint8_t tag;
  union {
    pulsing_actor_types_actor_error_t actor;
    pulsing_actor_types_runtime_error_t runtime;
  } val;
} pulsing_actor_types_call_error_t;

#define PULSING_ACTOR_TYPES_CALL_ERROR_ACTOR 0
#define PULSING_ACTOR_TYPES_CALL_ERROR_RUNTIME 1

typedef uint8_t pulsing_actor_work_verdict_t;

#define PULSING_ACTOR_WORK_VERDICT_GO_ON 0
#define PULSING_ACTOR_WORK_VERDICT_SKIP 1
#define PULSING_ACTOR_WORK_VERDICT_GIVE_BACK 2

void pulsing_actor_work_next(resident_list_u8_t *done, resident_list_u8_t *ret);
pulsing_actor_work_verdict_t pulsing_actor_work_step(resident_list_u8_t *done);
void pulsing_actor_work_count_in(resident_list_u8_t *counter);

bool pulsing_actor_system_is_cancelled(uint64_t call);
/* What is written where it returns false is anything, and no text has a 0 at its end. */
bool pulsing_actor_system_caller(uint64_t call, resident_string_t *ret);
void pulsing_actor_system_context(uint64_t call, pulsing_actor_system_list_context_entry_t *ret);

void exports_pulsing_actor_resident_actor_run(void);

void resident_string_free(resident_string_t *ret);
void resident_option_string_free(resident_option_string_t *ptr);
void resident_list_u8_free(resident_list_u8_t *ptr);
void pulsing_actor_types_payload_free(pulsing_actor_types_payload_t *ptr);
void pulsing_actor_types_actor_error_free(pulsing_actor_types_actor_error_t *ptr);
void pulsing_actor_system_list_context_entry_free(pulsing_actor_system_list_context_entry_t *ptr);

#endif
