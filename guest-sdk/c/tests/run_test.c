/*
 * Tests of an actor's whole life, on a host that goes by a script. By hand, in the folder of the SDK:
 *
 *   cc '-DPULSING_BINDINGS="../tests/bindings.h"' tests/run_test.c src/args.c src/call.c src/describe.c src/done.c \
 *     src/error.c src/json.c src/kind.c src/known.c src/reply.c src/run.c src/stream.c src/text.c src/utf8.c \
 *     src/work.c vendor/yyjson.c -o run_test && ./run_test
 */
#include "../src/internal.h"

#include <stdlib.h>

#include "check.h"
#include "packed.h"

#define LISTS_MAX 16

/* ---- The host ---- */

/* What it is to do, and what it was given. */
static packed lists[LISTS_MAX], handed_in[LISTS_MAX];
static pulsing_actor_work_verdict_t verdicts[LISTS_MAX];
/* Where the actor counts. */
static resident_list_u8_t counter;
static size_t lists_told, verdicts_told, lists_at, verdicts_at, handed_in_count, checked, held;

static void take(const resident_list_u8_t *done) {
  packed *taken = &handed_in[handed_in_count++];
  *taken = (packed){.len = 0};
  if (done->len <= sizeof taken->bytes) put_bytes(taken, done->ptr, done->len);
}

void pulsing_actor_work_next(resident_list_u8_t *done, resident_list_u8_t *ret) {
  take(done);
  if (lists_at == lists_told) pulsing_in_die("the host has no more work");
  const packed *list = &lists[lists_at++];
  held++;
  *ret = (resident_list_u8_t){memcpy(malloc(list->len), list->bytes, list->len), list->len};
}

pulsing_actor_work_verdict_t pulsing_actor_work_step(resident_list_u8_t *done) {
  take(done);
  if (verdicts_at == verdicts_told) pulsing_in_die("the host was asked for a step too many");
  return verdicts[verdicts_at++];
}

void pulsing_actor_work_count_in(resident_list_u8_t *offered) { counter = *offered; }

/* What the actor has counted. */
static uint32_t counted(void) {
  uint32_t number = 0;
  CHECK(counter.len == sizeof number);
  memcpy(&number, counter.ptr, sizeof number);
  return number;
}

bool pulsing_actor_system_is_cancelled(uint64_t call) {
  (void)call;
  return false;
}

bool pulsing_actor_system_caller(uint64_t call, resident_string_t *ret) {
  (void)call, (void)ret;
  return false;
}

void pulsing_actor_system_context(uint64_t call, pulsing_actor_system_list_context_entry_t *ret) {
  (void)call;
  ret->len = 0;
}

/* ---- The bindings ---- */

void resident_list_u8_free(resident_list_u8_t *ptr) {
  held--;
  free(ptr->ptr);
}

void resident_string_free(resident_string_t *ret) {
  if (ret->len) free(ret->ptr);
  *ret = (resident_string_t){NULL, 0};
}

void resident_option_string_free(resident_option_string_t *ptr) {
  if (ptr->is_some) resident_string_free(&ptr->val);
}

void pulsing_actor_types_payload_free(pulsing_actor_types_payload_t *ptr) {
  if (ptr->body.len) free(ptr->body.ptr);
}

void pulsing_actor_types_actor_error_free(pulsing_actor_types_actor_error_t *ptr) {
  switch (ptr->tag) {
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_BUSINESS:
      resident_string_free(&ptr->val.business.message);
      resident_option_string_free(&ptr->val.business.details);
      break;
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_SYSTEM: resident_string_free(&ptr->val.system.message); break;
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_TIMEOUT: resident_string_free(&ptr->val.timeout.operation); break;
    case PULSING_ACTOR_TYPES_ACTOR_ERROR_UNSUPPORTED:
      resident_string_free(&ptr->val.unsupported.operation);
      resident_option_string_free(&ptr->val.unsupported.nearest);
      break;
  }
}

void pulsing_actor_system_list_context_entry_free(pulsing_actor_system_list_context_entry_t *ptr) { (void)ptr; }

/* ---- The actor ---- */

static int64_t sum, closed, went_away, stopped;

static pulsing_outcome add(pulsing_call *call) {
  sum += pulsing_int(call, "n", 0);
  return pulsing_reply_int(call, sum);
}

static pulsing_outcome same(pulsing_call *call) {
  pulsing_text bytes = pulsing_bytes(call);
  return pulsing_reply_bytes(call, bytes.ptr, bytes.len);
}

static pulsing_outcome fail(pulsing_call *call) {
  pulsing_business(call, 402, "no money");
  return pulsing_details(call, "3");
}

static pulsing_outcome next_down(pulsing_call *call, void *state) {
  int64_t *left = state;
  return *left ? pulsing_reply_int(call, (*left)--) : PULSING_END;
}

static void close_down(void *state, bool is_gone) {
  closed++;
  went_away += is_gone;
  free(state);
}

static pulsing_outcome down(pulsing_call *call) {
  int64_t *left = pulsing_malloc(sizeof *left);
  *left = pulsing_int(call, "from", 0);
  return pulsing_reply_stream(call, next_down, close_down, left);
}

static void stop(void) { stopped++; }

static const pulsing_method METHODS[] = {
    {"add", PULSING_ASK, add, NULL, {{"n", PULSING_INT}}},
    {"same", PULSING_ASK, same, NULL, {{"x", PULSING_BYTES}}},
    {"fail", PULSING_ASK, fail},
    {"down", PULSING_STREAM, down, NULL, {{"from", PULSING_INT}}},
};

PULSING_ACTOR(METHODS, .stop = stop);

/* ---- Scripts ---- */

static void begin(void) {
  lists_told = verdicts_told = lists_at = verdicts_at = handed_in_count = checked = 0;
  sum = closed = went_away = stopped = 0;
}

/* The host has another list for the actor. Its bodies are given beforehand; what is in it follows. */
static packed *list_with(const char *bodies) {
  lists[lists_told] = packed_after(bodies);
  return &lists[lists_told++];
}

static void put_message(packed *list, work_kind kind, uint64_t call, uint8_t encoding, const char *method,
                        size_t args) {
  put_head(list, (uint8_t)kind, call);
  put_number(list, encoding, 1);
  put_number(list, args, 4);
  put_word(list, method);
  put_number(list, 0, 3);
}

static void one_message(work_kind kind, uint64_t call, const char *method, const char *args) {
  packed *list = list_with(args);
  put_message(list, kind, call, 0, method, strlen(args));
  put_end(list, 1);
}

static void draws(uint64_t call, uint64_t stream, uint32_t max_items) {
  packed *list = list_with("");
  put_head(list, WORK_DRAW, call);
  put_number(list, stream, 8);
  put_number(list, max_items, 4);
  put_end(list, 1);
}

/* A kind of work that has no content, or that of a close. */
static void other(work_kind kind, uint64_t call, uint64_t stream) {
  packed *list = list_with("");
  put_number(list, kind, 1);
  if (kind == WORK_CLOSE) put_number(list, call, 8);
  if (kind == WORK_CLOSE) put_number(list, stream, 8);
  put_end(list, 1);
}

static void says(pulsing_actor_work_verdict_t verdict) { verdicts[verdicts_told++] = verdict; }

/* Lets the actor work through the script; with it all lists have gone. */
static void runs(void) {
  exports_pulsing_actor_resident_actor_run();
  CHECK(lists_at == lists_told && verdicts_at == verdicts_told && held == 0);
  // Before the first work there was nothing to hand in.
  CHECK(handed_in_count && handed_in[0].len == 0);
  checked = 1;
}

/* The next that was handed in. */
static void came(packed wanted) {
  const packed *made = &handed_in[checked];
  CHECK(checked < handed_in_count && made->len == wanted.len && !memcmp(made->bytes, wanted.bytes, wanted.len));
  checked++;
}

static packed value(uint64_t call, uint8_t encoding, const char *body) {
  packed list = packed_after(body);
  put_head(&list, 1, call);
  put_number(&list, encoding, 1);
  put_number(&list, strlen(body), 4);
  put_end(&list, 1);
  return list;
}

static packed with_number(uint8_t kind, uint64_t call, uint64_t number, size_t bytes) {
  packed list = packed_after("");
  put_head(&list, kind, call);
  put_number(&list, number, bytes);
  put_end(&list, 1);
  return list;
}

static packed told(uint64_t call) { return with_number(3, call, 0, 0); }

/* Items of one byte each. */
static packed items(uint64_t call, bool is_over, const char *bodies) {
  packed list = packed_after(bodies);
  put_head(&list, 4, call);
  put_number(&list, is_over, 1);
  put_number(&list, strlen(bodies), 4);
  for (size_t i = 0; bodies[i]; i++) put_number(&list, 1 << 8, 5);
  put_end(&list, 1);
  return list;
}

static packed nothing(void) { return (packed){.len = 0}; }

/* ---- Tests ---- */

static void work_is_done_as_it_comes(void) {
  begin();
  one_message(WORK_ASK, 5, "add", "[2]");
  one_message(WORK_TELL, 6, "add", "{\"n\":3}");
  packed *bytes = list_with("\xff\x01");
  put_message(bytes, WORK_ASK, 7, 1, "same", 2);
  put_end(bytes, 1);
  other(WORK_STOP, 0, 0);
  runs();
  came(value(5, 0, "2"));
  came(told(6));
  came(value(7, 1, "\xff\x01"));
  CHECK(sum == 5 && stopped == 1);
}

static void the_messages_of_a_list_are_handled_in_turn_and_a_step_lies_between_them(void) {
  begin();
  packed *list = list_with("[1][20][300]");
  put_message(list, WORK_ASK, 5, 0, "add", 3);
  put_message(list, WORK_TELL, 6, 0, "add", 4);
  put_message(list, WORK_ASK, 7, 0, "add", 5);
  put_end(list, 3);
  says(PULSING_ACTOR_WORK_VERDICT_GO_ON);
  says(PULSING_ACTOR_WORK_VERDICT_GO_ON);
  other(WORK_STOP, 0, 0);
  runs();
  came(value(5, 0, "1"));
  came(told(6));
  came(value(7, 0, "321"));
}

static void an_actor_goes_on_within_a_row_of_tells_until_one_fails(void) {
  begin();
  packed *list = list_with("[1][2][4][8]");
  put_message(list, WORK_TELL, 5, 0, "add", 3);
  put_message(list, WORK_TELL, 6, 0, "add", 3);
  put_message(list, WORK_TELL, 7, 0, "fail", 3);
  put_message(list, WORK_TELL, 8, 0, "add", 3);
  put_end_with_row(list, 4, 4);
  says(PULSING_ACTOR_WORK_VERDICT_GO_ON);
  other(WORK_STOP, 0, 0);
  uint32_t before = counter.ptr ? counted() : 0;
  runs();
  CHECK(counted() == before + 2 && sum == 11);
  // A business error.
  CHECK(handed_in[1].len && handed_in[1].bytes[0] == 16);
  checked++;
  came(told(8));
}

static void a_message_may_be_skipped_and_the_rest_of_a_list_given_back(void) {
  begin();
  packed *list = list_with("[1][2][4][8][9]");
  for (uint64_t call = 5; call < 10; call++) put_message(list, WORK_ASK, call, 0, "add", 3);
  put_end(list, 5);
  says(PULSING_ACTOR_WORK_VERDICT_SKIP);
  says(PULSING_ACTOR_WORK_VERDICT_GO_ON);
  says(PULSING_ACTOR_WORK_VERDICT_GIVE_BACK);
  other(WORK_STOP, 0, 0);
  runs();
  came(value(5, 0, "1"));
  came(nothing());
  came(value(7, 0, "5"));
  came(nothing());
  CHECK(sum == 5);
}

static void a_stream_is_drawn_until_its_end(void) {
  begin();
  one_message(WORK_ASK, 5, "down", "[3]");
  draws(6, 1, 2);
  draws(7, 1, 9);
  draws(8, 1, 9);
  other(WORK_STOP, 0, 0);
  runs();
  came(with_number(2, 5, 1, 8));
  came(items(6, false, "32"));
  came(items(7, true, "1"));
  packed over = packed_after("");
  put_head(&over, 17, 8);
  put_number(&over, 0, 2);
  put_word(&over, "no stream 1 is open");
  put_end(&over, 1);
  came(over);
  CHECK(closed == 1 && went_away == 0);
}

static void streams_are_closed_by_their_reader_and_by_the_end(void) {
  begin();
  one_message(WORK_ASK, 5, "down", "[3]");
  one_message(WORK_ASK, 6, "down", "[3]");
  other(WORK_CLOSE, 7, 2);
  other(WORK_CLOSE, 8, 2);
  other(WORK_STOP, 0, 0);
  runs();
  came(with_number(2, 5, 2, 8));
  came(with_number(2, 6, 3, 8));
  came(with_number(5, 7, 0, 0));
  came(with_number(5, 8, 0, 0));
  CHECK(closed == 2 && went_away == 2 && stopped == 1);
}

static void errors_come_in_their_class(void) {
  begin();
  one_message(WORK_ASK, 5, "fail", "");
  one_message(WORK_TELL, 6, "ad", "");
  one_message(WORK_TELL, 7, "down", "[1]");
  other(WORK_STOP, 0, 0);
  runs();
  packed business = packed_after(""), unsupported = business, streams = business;
  put_head(&business, 16, 5);
  put_number(&business, 402, 4);
  put_word(&business, "no money");
  put_number(&business, 1, 1);
  put_word(&business, "3");
  put_end(&business, 1);
  came(business);
  put_head(&unsupported, 19, 6);
  put_word(&unsupported, "ad");
  put_number(&unsupported, 1, 1);
  put_word(&unsupported, "add");
  put_end(&unsupported, 1);
  came(unsupported);
  put_head(&streams, 19, 7);
  put_word(&streams, "tell of a method that streams");
  put_number(&streams, 0, 1);
  put_end(&streams, 1);
  came(streams);
  CHECK(closed == 1);
}

static void an_actor_leaves_and_goes_on_where_it_was(void) {
  begin();
  one_message(WORK_ASK, 5, "add", "[2]");
  other(WORK_LEAVE, 0, 0);
  runs();
  came(value(5, 0, "2"));
  CHECK(stopped == 0);
  handed_in_count = 0;
  one_message(WORK_ASK, 6, "add", "[3]");
  other(WORK_STOP, 0, 0);
  runs();
  came(value(6, 0, "5"));
  CHECK(stopped == 1);
}

int main(void) {
  work_is_done_as_it_comes();
  the_messages_of_a_list_are_handled_in_turn_and_a_step_lies_between_them();
  an_actor_goes_on_within_a_row_of_tells_until_one_fails();
  a_message_may_be_skipped_and_the_rest_of_a_list_given_back();
  a_stream_is_drawn_until_its_end();
  streams_are_closed_by_their_reader_and_by_the_end();
  errors_come_in_their_class();
  an_actor_leaves_and_goes_on_where_it_was();
  return result_of("an actor's life in C");
}
