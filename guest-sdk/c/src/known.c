/* What is known of a call. */
#include "internal.h"

#include <stdlib.h>

/* What is empty may have no pointer, or one to nothing. */
static pulsing_text shown(pulsing_text text) { return text.len ? text : pulsing_text_of(""); }

pulsing_text pulsing_bytes(const pulsing_call *call) { return shown(call->bytes); }
uint64_t pulsing_call_id(const pulsing_call *call) { return call->id; }
int64_t pulsing_remaining_ms(const pulsing_call *call) { return call->remaining_ms; }
uint64_t pulsing_resume_after(const pulsing_call *call) { return call->resume_after; }
pulsing_text pulsing_idempotency_key(const pulsing_call *call) { return shown(call->key); }

/* `start` names no call, which the host takes for one that is over. */
bool pulsing_is_cancelled(const pulsing_call *call) {
  return call->id && pulsing_actor_system_is_cancelled(call->id);
}

/* ---- What the host is asked for, once in each call that wants to know ---- */

/* Has a text of the host followed by a 0. */
static void terminate(resident_string_t *text) {
  if (!text->len) return;
  uint8_t *longer = realloc(text->ptr, text->len + 1);
  if (!longer) pulsing_in_out_of_memory();
  longer[text->len] = 0;
  text->ptr = longer;
}

static pulsing_text text_of(const resident_string_t *text) {
  return shown((pulsing_text){(const char *)text->ptr, text->len});
}

pulsing_text pulsing_caller(pulsing_call *call) {
  if (call->method && !call->has_asked_caller) {
    call->has_asked_caller = true;
    call->caller.is_some = pulsing_actor_system_caller(call->id, &call->caller.val);
    if (call->caller.is_some) terminate(&call->caller.val);
  }
  return call->caller.is_some ? text_of(&call->caller.val) : (pulsing_text){NULL, 0};
}

static const context_entries *context_of(pulsing_call *call) {
  if (call->method && !call->has_asked_context) {
    call->has_asked_context = true;
    pulsing_actor_system_context(call->id, &call->context);
    for (size_t i = 0; i < call->context.len; i++) {
      terminate(&call->context.ptr[i].name);
      terminate(&call->context.ptr[i].value);
    }
  }
  return &call->context;
}

/* No call is a constant: that it is asked for here changes nothing that its handler sees. */
size_t pulsing_context_count(const pulsing_call *call) { return context_of((pulsing_call *)call)->len; }

pulsing_text pulsing_context_name(pulsing_call *call, size_t at) {
  const context_entries *context = context_of(call);
  return at < context->len ? text_of(&context->ptr[at].name) : (pulsing_text){NULL, 0};
}

pulsing_text pulsing_context(pulsing_call *call, const char *name) {
  const context_entries *context = context_of(call);
  for (size_t i = 0; i < context->len; i++) {
    if (pulsing_in_is_named(text_of(&context->ptr[i].name), name)) return text_of(&context->ptr[i].value);
  }
  return (pulsing_text){NULL, 0};
}

void pulsing_in_clear_known(pulsing_call *call) {
  // Where `caller` returned none, its text is anything.
  if (call->caller.is_some) resident_string_free(&call->caller.val);
  pulsing_actor_system_list_context_entry_free(&call->context);
  call->caller.is_some = call->has_asked_caller = call->has_asked_context = false;
  call->context = (context_entries){NULL, 0};
}
