/* Errors: those that a handler makes, and those that it meets and passes on. */
#include "internal.h"

pulsing_outcome pulsing_in_fail(pulsing_call *call, actor_error error) {
  pulsing_in_clear_error(call);
  pulsing_in_clear_reply(call);
  call->error = error;
  call->has_error = true;
  return PULSING_FAILED;
}

pulsing_outcome pulsing_in_system(pulsing_call *call, resident_string_t message, bool recoverable, bool restart) {
  actor_error error = {.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_SYSTEM};
  error.val.system = (pulsing_actor_types_system_error_t){message, recoverable, restart};
  return pulsing_in_fail(call, error);
}

pulsing_outcome pulsing_business(pulsing_call *call, uint32_t code, const char *format, ...) {
  FORMATTED(message, format);
  actor_error error = {.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_BUSINESS};
  error.val.business =
      (pulsing_actor_types_business_error_t){code, pulsing_in_owned(message), {false, {NULL, 0}}};
  return pulsing_in_fail(call, error);
}

pulsing_outcome pulsing_details(pulsing_call *call, const char *json) {
  bool is_business = call->has_error && call->error.tag == PULSING_ACTOR_TYPES_ACTOR_ERROR_BUSINESS;
  if (!is_business) return PULSING_FAILED;
  pulsing_text text = pulsing_text_of(json);
  const char *why = "";
  if (!pulsing_in_parse(call, (const uint8_t *)text.ptr, text.len, &why)) {
    return pulsing_fatal(call, "the details of an error are not JSON: %s", why);
  }
  resident_option_string_free(&call->error.val.business.details);
  call->error.val.business.details = (resident_option_string_t){true, pulsing_in_string_of(text)};
  return PULSING_FAILED;
}

pulsing_outcome pulsing_system(pulsing_call *call, const char *format, ...) {
  FORMATTED(message, format);
  return pulsing_in_system(call, pulsing_in_owned(message), true, false);
}

pulsing_outcome pulsing_fatal(pulsing_call *call, const char *format, ...) {
  FORMATTED(message, format);
  return pulsing_in_system(call, pulsing_in_owned(message), false, false);
}

pulsing_outcome pulsing_restart(pulsing_call *call, const char *format, ...) {
  FORMATTED(message, format);
  return pulsing_in_system(call, pulsing_in_owned(message), true, true);
}

pulsing_outcome pulsing_timeout(pulsing_call *call, const char *operation, uint64_t duration_ms) {
  actor_error error = {.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_TIMEOUT};
  error.val.timeout.operation = pulsing_in_string_of(pulsing_text_of(operation));
  error.val.timeout.duration_ms = duration_ms;
  return pulsing_in_fail(call, error);
}

pulsing_outcome pulsing_in_unsupported(pulsing_call *call, pulsing_text operation, const char *nearest) {
  actor_error error = {.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_UNSUPPORTED};
  error.val.unsupported.operation = pulsing_in_string_of(operation);
  error.val.unsupported.nearest.is_some = nearest != NULL;
  if (nearest) error.val.unsupported.nearest.val = pulsing_in_string_of(pulsing_text_of(nearest));
  return pulsing_in_fail(call, error);
}

pulsing_outcome pulsing_unsupported(pulsing_call *call, const char *operation) {
  return pulsing_in_unsupported(call, pulsing_text_of(operation), NULL);
}

pulsing_outcome pulsing_cancelled(pulsing_call *call) {
  return pulsing_in_fail(call, (actor_error){.tag = PULSING_ACTOR_TYPES_ACTOR_ERROR_CANCELLED});
}

actor_error pulsing_in_take_error(pulsing_call *call) {
  if (!call->has_error) pulsing_fatal(call, "the handler failed, and did not say why");
  call->has_error = false;
  return call->error;
}

/* ---- Those of others ---- */

pulsing_outcome pulsing_in_runtime_failed(pulsing_call *call, pulsing_actor_types_runtime_error_t *error) {
  pulsing_runtime runtime = pulsing_in_runtime_of((pulsing_text){(const char *)error->kind.ptr, error->kind.len});
  pulsing_in_system(call, error->message, pulsing_in_may_help(runtime, error->retry_after_ms.is_some), false);
  call->runtime = runtime;
  call->kind = error->kind;
  return PULSING_FAILED;
}

pulsing_outcome pulsing_in_call_failed(pulsing_call *call, pulsing_actor_types_call_error_t *error) {
  if (error->tag == PULSING_ACTOR_TYPES_CALL_ERROR_RUNTIME) {
    return pulsing_in_runtime_failed(call, &error->val.runtime);
  }
  // That one's state is not this one's.
  if (error->val.actor.tag == PULSING_ACTOR_TYPES_ACTOR_ERROR_SYSTEM) error->val.actor.val.system.restart = false;
  return pulsing_in_fail(call, error->val.actor);
}

/* A copy, since the error may go before the call does. */
static pulsing_text kept(pulsing_call *call, resident_string_t text) {
  return pulsing_format(call, "%.*s", (int)text.len, (const char *)text.ptr);
}

pulsing_failure pulsing_failure_of(pulsing_call *call) {
  pulsing_text none = pulsing_text_of("");
  pulsing_failure failure = {.message = none, .details = none, .kind = none};
  if (!call->has_error) return failure;
  const actor_error *error = &call->error;
  failure.runtime = call->runtime;
  if (call->kind.len) failure.kind = kept(call, call->kind);
  switch (error->tag) {
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_BUSINESS:
      failure.error_class = PULSING_BUSINESS;
      failure.code = error->val.business.code;
      failure.message = kept(call, error->val.business.message);
      if (error->val.business.details.is_some) failure.details = kept(call, error->val.business.details.val);
      break;
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_SYSTEM:
      failure.error_class = PULSING_SYSTEM;
      failure.message = kept(call, error->val.system.message);
      failure.recoverable = error->val.system.recoverable;
      break;
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_TIMEOUT:
      failure.error_class = PULSING_TIMEOUT;
      failure.message = kept(call, error->val.timeout.operation);
      failure.recoverable = true;
      break;
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_UNSUPPORTED:
      failure.error_class = PULSING_UNSUPPORTED;
      failure.message = kept(call, error->val.unsupported.operation);
      break;
    default:
      failure.error_class = PULSING_CANCELLED;
  }
  return failure;
}

void pulsing_forgive(pulsing_call *call) { pulsing_in_clear_error(call); }
