/* The export `run`: the actor stays in it from its start to its end, pulls its work, and hands in what came of it. */
#include "internal.h"

#include <stdlib.h>

/* What came of the work, until it is handed in. */
static done_list done;

/* How many tells of rows have begun without a step. The host reads it where it stands, whenever it likes: so it is volatile. */
static volatile uint32_t counter;

static resident_list_u8_t finished(void) {
  pulsing_text list = pulsing_in_finish_done(&done);
  return (resident_list_u8_t){(uint8_t *)list.ptr, list.len};
}

static resident_list_u8_t next(void) {
  resident_list_u8_t handed_in = finished(), list;
  pulsing_actor_work_next(&handed_in, &list);
  pulsing_in_clear_done(&done);
  return list;
}

static pulsing_actor_work_verdict_t step(void) {
  resident_list_u8_t handed_in = finished();
  pulsing_actor_work_verdict_t verdict = pulsing_actor_work_step(&handed_in);
  pulsing_in_clear_done(&done);
  return verdict;
}

/* ---- Errors ---- */

/* What is empty has no memory, and is there. */
static pulsing_text text_of(resident_string_t text) {
  return text.len ? (pulsing_text){(const char *)text.ptr, text.len} : pulsing_text_of("");
}

static pulsing_text optional_text_of(resident_option_string_t text) {
  return text.is_some ? text_of(text.val) : (pulsing_text){NULL, 0};
}

static void put_error(uint64_t call, const actor_error *error) {
  switch (error->tag) {
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_BUSINESS: {
      const pulsing_actor_types_business_error_t *business = &error->val.business;
      pulsing_text details = optional_text_of(business->details);
      pulsing_in_done_business(&done, call, business->code, text_of(business->message), details);
      break;
    }
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_SYSTEM: {
      const pulsing_actor_types_system_error_t *system = &error->val.system;
      pulsing_in_done_system(&done, call, text_of(system->message), system->recoverable, system->restart);
      break;
    }
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_TIMEOUT: {
      const pulsing_actor_types_timeout_error_t *timeout = &error->val.timeout;
      pulsing_in_done_timeout(&done, call, text_of(timeout->operation), timeout->duration_ms);
      break;
    }
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_UNSUPPORTED: {
      const pulsing_actor_types_unsupported_error_t *unsupported = &error->val.unsupported;
      pulsing_text nearest = optional_text_of(unsupported->nearest);
      pulsing_in_done_unsupported(&done, call, text_of(unsupported->operation), nearest);
      break;
    }
    default: pulsing_in_done_cancelled(&done, call);
  }
}

/* Work came to the error of `call`, which may be that of another: a draw has one of its own. */
static void failed(uint64_t id, pulsing_call *call) {
  actor_error error = pulsing_in_take_error(call);
  put_error(id, &error);
  pulsing_actor_types_actor_error_free(&error);
}

/* ---- Messages ---- */

/* Runs the method that a message names. */
static pulsing_outcome handle(pulsing_call *call, const work_entry *message) {
  call->id = message->call;
  call->remaining_ms = message->remaining_ms;
  call->resume_after = message->resume_after;
  call->key = message->key;
  pulsing_text name = message->method;
  for (size_t i = 0; i < pulsing_the_actor.method_count && !call->method; i++) {
    if (pulsing_in_is_named(name, pulsing_the_actor.methods[i].name)) call->method = &pulsing_the_actor.methods[i];
  }
  if (!call->method) return pulsing_in_unsupported(call, name, pulsing_in_nearest(name));
  payload args = {message->encoding, {(uint8_t *)message->args.ptr, message->args.len}};
  if (pulsing_in_take_arguments(call, &args) != PULSING_DONE) return PULSING_FAILED;
  pulsing_outcome outcome = call->method->run(call);
  return outcome == PULSING_END ? pulsing_fatal(call, "the handler answered the end of a stream") : outcome;
}

static void ask(const work_entry *message) {
  pulsing_call call = {0};
  pulsing_outcome outcome = handle(&call, message);
  if (outcome != PULSING_DONE) {
    if (call.stream) pulsing_in_end_stream(call.stream, true);
    failed(message->call, &call);
  } else if (call.stream) {
    pulsing_in_done_stream(&done, message->call, call.stream);
  } else {
    if (!call.has_reply) pulsing_reply_null(&call);
    pulsing_in_done_value(&done, message->call, call.reply.encoding, call.reply.body.ptr, call.reply.body.len);
    call.has_reply = false;
  }
  pulsing_in_end_call(&call);
}

/* Returns whether the actor goes on to the next tell without a step: it `may`, and this one has ended well, without a wait. */
static bool tell(const work_entry *message, bool may) {
  pulsing_call call = {0};
  pulsing_outcome outcome = handle(&call, message);
  if (call.stream) {
    // Nobody would read it.
    pulsing_in_end_stream(call.stream, true);
    if (outcome == PULSING_DONE) outcome = pulsing_unsupported(&call, "tell of a method that streams");
  }
  bool goes_on = may && !pulsing_in_has_waited && outcome == PULSING_DONE;
  if (!goes_on && outcome == PULSING_DONE) pulsing_in_done_told(&done, message->call);
  if (outcome != PULSING_DONE) failed(message->call, &call);
  pulsing_in_end_call(&call);
  return goes_on;
}

/* ---- Streams, and the end ---- */

static void draw(const work_entry *drawing) {
  pulsing_call call = {.remaining_ms = -1};
  stream_batch batch;
  if (pulsing_in_draw(&call, drawing->stream, drawing->max_items, &batch)) {
    pulsing_in_done_items(&done, drawing->call, batch.done, batch.items.len);
    for (size_t i = 0; i < batch.items.len; i++) {
      payload *item = &batch.items.ptr[i];
      pulsing_in_done_item(&done, item->encoding, item->body.ptr, item->body.len);
    }
    free(batch.items.ptr);
  } else {
    failed(drawing->call, &call);
  }
  pulsing_in_end_call(&call);
}

static void stop(void) {
  pulsing_in_end_streams();
  if (pulsing_the_actor.stop) pulsing_the_actor.stop();
}

/* ---- Lists ---- */

/* False where `run` is to return. */
static bool do_work(const work_entry *work) {
  switch (work->kind) {
    case WORK_ASK: ask(work); return true;
    case WORK_TELL: tell(work, false); return true;
    case WORK_DRAW: draw(work); return true;
    case WORK_CLOSE:
      pulsing_in_end_stream(work->stream, true);
      pulsing_in_done_closed(&done, work->call);
      return true;
    case WORK_STOP: stop(); return false;
    case WORK_LEAVE: return false;
  }
  return false;
}

/* The same. A list has messages, of which the first has begun, and those of its row; or one entry of another kind. */
static bool do_list(work_list list) {
  bool goes_on = true, has_begun = true;
  size_t row = list.row;
  work_entry work;
  for (bool is_first = true; goes_on && pulsing_in_next_work(&list, &work); is_first = false) {
    bool is_message = work.kind == WORK_ASK || work.kind == WORK_TELL;
    if (!is_message && !(is_first && !list.count)) pulsing_in_die("a packed list has other work beside the first");
    if (has_begun && !is_first) counter++;
    pulsing_actor_work_verdict_t verdict = has_begun ? PULSING_ACTOR_WORK_VERDICT_GO_ON : step();
    if (verdict == PULSING_ACTOR_WORK_VERDICT_GIVE_BACK) break;
    has_begun = false;
    if (row) row--;
    if (verdict != PULSING_ACTOR_WORK_VERDICT_GO_ON) continue;
    pulsing_in_has_waited = false;
    if (row && work.kind == WORK_TELL) has_begun = tell(&work, true);
    else goes_on = do_work(&work);
    if (!has_begun) row = 0;
  }
  return goes_on;
}

void exports_pulsing_actor_resident_actor_run(void) {
  resident_list_u8_t counts_in = {(uint8_t *)(uintptr_t)&counter, sizeof counter};
  pulsing_actor_work_count_in(&counts_in);
  bool goes_on = true;
  while (goes_on) {
    resident_list_u8_t list = next();
    goes_on = do_list(pulsing_in_unpack(list.ptr, list.len));
    resident_list_u8_free(&list);
  }
}
