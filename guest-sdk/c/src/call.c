/* A call, and the memory that goes with it. */
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
  serial_string_free(&call->kind);
}

void pulsing_in_end_call(pulsing_call *call) {
  pulsing_in_clear_reply(call);
  pulsing_in_clear_error(call);
  pulsing_in_release(call);
}

/* ---- What is known of it ---- */

/* What is empty may have no pointer, or one to nothing. */
static pulsing_text shown(pulsing_text text) { return text.len ? text : pulsing_text_of(""); }

pulsing_text pulsing_bytes(const pulsing_call *call) { return shown(call->bytes); }
uint64_t pulsing_call_id(const pulsing_call *call) { return call->id; }
int64_t pulsing_remaining_ms(const pulsing_call *call) { return call->remaining_ms; }
uint64_t pulsing_resume_after(const pulsing_call *call) { return call->resume_after; }
pulsing_text pulsing_idempotency_key(const pulsing_call *call) { return shown(call->key); }

/* A copy that lives as long as the call, followed by a 0. */
static pulsing_text lasting(pulsing_call *call, const serial_string_t *text) {
  if (!text->len) return pulsing_text_of("");
  void *copy = pulsing_in_copy(text->ptr, text->len);
  pulsing_in_keep(call, copy, free);
  return (pulsing_text){copy, text->len};
}

pulsing_text pulsing_caller(pulsing_call *call) {
  bool has_one = call->caller && call->caller->is_some;
  return has_one ? lasting(call, &call->caller->val) : (pulsing_text){NULL, 0};
}

size_t pulsing_context_count(const pulsing_call *call) { return call->context ? call->context->len : 0; }

pulsing_text pulsing_context_name(pulsing_call *call, size_t at) {
  if (at >= pulsing_context_count(call)) return (pulsing_text){NULL, 0};
  return lasting(call, &call->context->ptr[at].name);
}

pulsing_text pulsing_context(pulsing_call *call, const char *name) {
  for (size_t i = 0; i < pulsing_context_count(call); i++) {
    const pulsing_actor_types_context_entry_t *entry = &call->context->ptr[i];
    pulsing_text is = {(const char *)entry->name.ptr, entry->name.len};
    if (pulsing_in_is_named(is, name)) return lasting(call, &entry->value);
  }
  return (pulsing_text){NULL, 0};
}

/* `start` names no call, which the host takes for one that is over. */
bool pulsing_is_cancelled(const pulsing_call *call) {
  return call->id && pulsing_actor_system_is_cancelled(call->id);
}
