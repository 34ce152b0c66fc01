/* The memory that goes with a call. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pulsing_in_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  abort();
}

void pulsing_in_out_of_memory(void) { pulsing_in_die("out of memory"); }

void *pulsing_malloc(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) pulsing_in_out_of_memory();
  return memory;
}

size_t pulsing_in_times(size_t count, size_t bytes) {
  size_t product;
  if (__builtin_mul_overflow(count, bytes, &product)) pulsing_in_out_of_memory();
  return product;
}

void *pulsing_in_copy(const void *from, size_t len) {
  if (!len) return NULL;
  uint8_t *to = pulsing_malloc(len + 1);
  memcpy(to, from, len);
  to[len] = 0;
  return to;
}

/* ---- Blocks ---- */

void pulsing_in_keep(pulsing_call *call, void *what, void (*release)(void *)) {
  block *kept = pulsing_malloc(sizeof *kept);
  *kept = (block){call->blocks, release, what};
  call->blocks = kept;
}

void *pulsing_alloc(pulsing_call *call, size_t bytes) {
  void *memory = pulsing_malloc(bytes);
  pulsing_in_keep(call, memory, free);
  return memory;
}

void pulsing_in_release(pulsing_call *call) {
  while (call->blocks) {
    block *kept = call->blocks;
    call->blocks = kept->next;
    kept->release(kept->what);
    free(kept);
  }
}

void pulsing_in_clear_reply(pulsing_call *call) {
  if (call->has_reply) pulsing_actor_types_payload_free(&call->reply);
  call->has_reply = false;
}

void pulsing_in_clear_error(pulsing_call *call) {
  if (call->has_error) pulsing_actor_types_actor_error_free(&call->error);
  call->has_error = false;
  call->runtime = PULSING_NO_RUNTIME;
  resident_string_free(&call->kind);
}

void pulsing_in_end_call(pulsing_call *call) {
  pulsing_in_clear_reply(call);
  pulsing_in_clear_error(call);
  pulsing_in_clear_known(call);
  pulsing_in_release(call);
}
