/*
 * Tests of what of the SDK needs no bindings, or few: those are in `bindings.h`. They run on the machine that they are
 * built on. `cargo xtask test` does so; by hand, in the folder of the SDK:
 *
 *   cc '-DPULSING_BINDINGS="../tests/bindings.h"' tests/sdk_test.c src/describe.c src/json.c src/kind.c \
 *     vendor/yyjson.c -o sdk_test && ./sdk_test
 */
#include <stdlib.h>
#include <string.h>

#include "../src/known.c"
#include "check.h"
#include "last_words.h"

/* ---- What the SDK needs of the parts that have bindings ---- */

void pulsing_in_keep(pulsing_call *call, void *what, void (*release)(void *)) {
  (void)call;
  release(what);
}

pulsing_text pulsing_text_of(const char *text) { return (pulsing_text){text, strlen(text)}; }

bool pulsing_in_is_named(pulsing_text text, const char *name) {
  return text.len == strlen(name) && memcmp(text.ptr, name, text.len) == 0;
}

/* ---- The host ---- */

static int asked_for_callers, asked_for_contexts, held;

/* A text as the host hands it over: without a 0, and without memory where it is empty. */
static resident_string_t handed_over(const char *text) {
  size_t len = strlen(text);
  if (!len) return (resident_string_t){(uint8_t *)1, 0};
  held++;
  return (resident_string_t){memcpy(malloc(len), text, len), len};
}

bool pulsing_actor_system_is_cancelled(uint64_t call) { return call == 9; }

bool pulsing_actor_system_caller(uint64_t call, resident_string_t *ret) {
  asked_for_callers++;
  *ret = (resident_string_t){(uint8_t *)1, 77};
  if (call == 5) *ret = handed_over("shop:eu");
  if (call == 6) *ret = handed_over("till");
  return call == 5 || call == 6;
}

void pulsing_actor_system_context(uint64_t call, pulsing_actor_system_list_context_entry_t *ret) {
  asked_for_contexts++;
  *ret = (pulsing_actor_system_list_context_entry_t){(pulsing_actor_system_context_entry_t *)4, 0};
  if (call != 5) return;
  *ret = (pulsing_actor_system_list_context_entry_t){malloc(2 * sizeof *ret->ptr), 2};
  held++;
  ret->ptr[0] = (pulsing_actor_system_context_entry_t){handed_over("traceparent"), handed_over("00-af-01")};
  ret->ptr[1] = (pulsing_actor_system_context_entry_t){handed_over("tracestate"), handed_over("")};
}

void resident_string_free(resident_string_t *ret) {
  if (ret->len) {
    held--;
    free(ret->ptr);
  }
  *ret = (resident_string_t){NULL, 0};
}

void pulsing_actor_system_list_context_entry_free(pulsing_actor_system_list_context_entry_t *ptr) {
  if (!ptr->len) return;
  for (size_t i = 0; i < ptr->len; i++) {
    resident_string_free(&ptr->ptr[i].name);
    resident_string_free(&ptr->ptr[i].value);
  }
  held--;
  free(ptr->ptr);
}

/* ---- Descriptions ---- */

static pulsing_outcome run(pulsing_call *call) {
  (void)call;
  return PULSING_DONE;
}

static void describes(pulsing_actor actor, const char *wanted) {
  size_t len = 0;
  if (setjmp(life)) {
    fprintf(stderr, "it dies with: %s; wanted is %s\n", last_words, wanted);
    failures++;
    return;
  }
  char *json = pulsing_in_describe(&actor, &len);
  if (len != strlen(wanted) || memcmp(json, wanted, len)) {
    fprintf(stderr, "it is described as %s; wanted is %s\n", json, wanted);
    failures++;
  }
  free(json);
}

static void refuses(pulsing_actor actor, const char *wanted) {
  size_t len = 0;
  if (!setjmp(life)) {
    fprintf(stderr, "it is described as %s; it should die with: %s\n", pulsing_in_describe(&actor, &len), wanted);
    failures++;
  } else if (strcmp(last_words, wanted)) {
    fprintf(stderr, "it dies with: %s; it should with: %s\n", last_words, wanted);
    failures++;
  }
}

#define ACTOR(...) ((pulsing_actor){__VA_ARGS__})
#define WITH(...) ACTOR(.methods = &(pulsing_method){__VA_ARGS__}, .method_count = 1)
#define NO_ARGS "{\"type\":\"object\",\"properties\":{},\"required\":[],\"additionalProperties\":false}"
#define METHOD(rest) "{\"methods\":[{\"name\":\"m\"," rest "}]}"

static void methods_are_described_with_their_schemas(void) {
  describes(ACTOR(.methods = NULL), "{\"methods\":[]}");
  describes(WITH("m", PULSING_TELL, run), METHOD("\"kind\":\"tell\",\"args\":" NO_ARGS));
  describes(WITH("m", PULSING_ASK, run, "Doc.", .answer_schema = " {\"type\" : \"integer\"} "),
            METHOD("\"kind\":\"ask\",\"doc\":\"Doc.\",\"args\":" NO_ARGS ",\"answer\":{\"type\":\"integer\"}"));
  describes(WITH("m", PULSING_STREAM, run, NULL, {{"x", PULSING_BYTES}}, .item_schema = "true"),
            METHOD("\"kind\":\"stream\",\"item\":true"));
  describes(WITH("m", PULSING_ASK, run, NULL, {{"n", PULSING_INT}, {"o", PULSING_ANY, true}}),
            METHOD("\"kind\":\"ask\",\"args\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"},"
                   "\"o\":{}},\"required\":[\"n\"],\"additionalProperties\":false}"));
}

static void a_wrong_schema_is_refused_by_its_name(void) {
  refuses(WITH("m", PULSING_ASK, run, .answer_schema = "{\"type\":}"),
          "the `answer_schema` of `m` is not JSON: unexpected character, expected a valid JSON value");
  refuses(WITH("m", PULSING_STREAM, run, .item_schema = ""), "the `item_schema` of `m` is not JSON: input length is 0");
  refuses(WITH("m", PULSING_ASK, run, .answer_schema = "\"integer\""),
          "the `answer_schema` of `m` is no JSON Schema, which is an object or a boolean");
  refuses(WITH("m", PULSING_ASK, run, .item_schema = "{}"), "`item_schema` of `m`: its kind is `ask`");
  refuses(WITH("m", PULSING_TELL, run, .answer_schema = "{}"), "`answer_schema` of `m`: its kind is `tell`");
  refuses(WITH("m", (pulsing_kind)3, run), "the kind of `m` is 3");
}

static void what_the_host_would_refuse_is_refused(void) {
  static pulsing_method many[1025];
  for (size_t i = 0; i < 1025; i++) many[i] = (pulsing_method){"m", PULSING_ASK, run};
  refuses(ACTOR(.methods = many, .method_count = 1025), "the actor has 1025 methods, which is more than 1024");
  static char doc[(1 << 20) + 1];
  memset(doc, 'x', sizeof doc - 1);
  char wanted[100];
  size_t size = sizeof METHOD("\"kind\":\"ask\",\"doc\":\"\",\"args\":" NO_ARGS) - 1 + (1 << 20);
  snprintf(wanted, sizeof wanted, "the description of the actor has %zu bytes, which is more than 1048576", size);
  refuses(WITH("m", PULSING_ASK, run, doc), wanted);
}

static void an_actor_says_how_it_wants_to_be_restarted(void) {
  describes(ACTOR(.restart = PULSING_RESTART_NEVER), "{\"methods\":[],\"restart\":{\"policy\":\"never\"}}");
  describes(ACTOR(.restart = PULSING_RESTART_ON_FAILURE, .max_restarts = 5, .min_backoff_ms = 7, .max_backoff_ms = 7),
            "{\"methods\":[],\"restart\":{\"policy\":\"on_failure\",\"max_restarts\":5,\"min_backoff_ms\":7,"
            "\"max_backoff_ms\":7}}");
  describes(ACTOR(.max_restarts = UINT32_MAX), "{\"methods\":[],\"restart\":{\"max_restarts\":4294967295}}");
  describes(ACTOR(.min_backoff_ms = 7), "{\"methods\":[],\"restart\":{\"min_backoff_ms\":7}}");
}

static void a_wrong_wish_for_restarts_is_refused_by_its_name(void) {
  refuses(ACTOR(.restart = (pulsing_restart_policy)4), "`restart` must be a pulsing_restart_policy, not 4");
  refuses(ACTOR(.max_restarts = -1), "`max_restarts` must be from 0 to 4294967295, not -1");
  refuses(ACTOR(.max_restarts = 4294967296), "`max_restarts` must be from 0 to 4294967295, not 4294967296");
  refuses(ACTOR(.min_backoff_ms = -1), "`min_backoff_ms` must be from 0 to 9007199254740991, not -1");
  refuses(ACTOR(.max_backoff_ms = (int64_t)1 << 53),
          "`max_backoff_ms` must be from 0 to 9007199254740991, not 9007199254740992");
  refuses(ACTOR(.min_backoff_ms = 2, .max_backoff_ms = 1), "`min_backoff_ms` (2) is more than `max_backoff_ms` (1)");
}

/* ---- Kinds ---- */

static pulsing_runtime runtime_of(const char *word) {
  return pulsing_in_runtime_of((pulsing_text){word, strlen(word)});
}

static void a_kind_that_is_not_known_is_worth_another_try_only_where_the_host_says_when(void) {
  static const char *const words[] = {
      "actor-not-found",   "actor-stopped",     "actor-restarting", "mailbox-full", "deadlock",
      "permission-denied", "message-too-large", "no-connection",    "internal",
  };
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    CHECK(runtime_of(words[i]) == (pulsing_runtime)(PULSING_ACTOR_NOT_FOUND + i));
  }
  static const char *const others[] = {"solar-flare", "", "mailbox", "mailbox-full!", "MAILBOX-FULL"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) CHECK(runtime_of(others[i]) == PULSING_OTHER);
  CHECK(pulsing_in_may_help(PULSING_MAILBOX_FULL, false) && pulsing_in_may_help(PULSING_NO_CONNECTION, false));
  CHECK(pulsing_in_may_help(PULSING_ACTOR_RESTARTING, false));
  CHECK(!pulsing_in_may_help(PULSING_INTERNAL, false) && !pulsing_in_may_help(PULSING_INTERNAL, true));
  CHECK(!pulsing_in_may_help(PULSING_OTHER, false) && pulsing_in_may_help(PULSING_OTHER, true));
}

/* ---- What is known of a call ---- */

static const pulsing_method METHOD_OF_A_HANDLER = {"m", PULSING_ASK, run};

static pulsing_call call_of(uint64_t id) {
  asked_for_callers = asked_for_contexts = 0;
  return (pulsing_call){.id = id, .method = &METHOD_OF_A_HANDLER};
}

/* With the 0 at its end. */
static bool is(pulsing_text text, const char *wanted) {
  return text.ptr && text.len == strlen(wanted) && !memcmp(text.ptr, wanted, text.len + 1);
}

static void a_call_has_its_caller_and_its_context(void) {
  pulsing_call call = call_of(5), other = call_of(6);
  CHECK(is(pulsing_caller(&call), "shop:eu") && is(pulsing_caller(&other), "till"));
  CHECK(pulsing_context_count(&call) == 2 && pulsing_context_count(&other) == 0);
  CHECK(is(pulsing_context_name(&call, 0), "traceparent") && is(pulsing_context_name(&call, 1), "tracestate"));
  CHECK(is(pulsing_context(&call, "traceparent"), "00-af-01") && is(pulsing_context(&call, "tracestate"), ""));
  CHECK(!pulsing_context_name(&call, 2).ptr && !pulsing_context(&call, "trace").ptr);
  CHECK(!pulsing_context_name(&other, 0).ptr && !pulsing_context(&other, "traceparent").ptr);
  pulsing_in_clear_known(&call);
  pulsing_in_clear_known(&other);
  CHECK(held == 0);
}

static void the_host_is_asked_once_and_only_by_who_wants_to_know(void) {
  pulsing_call call = call_of(5);
  pulsing_in_clear_known(&call);
  CHECK(asked_for_callers == 0 && asked_for_contexts == 0);
  pulsing_text caller = pulsing_caller(&call), value = pulsing_context(&call, "traceparent");
  // What was handed out stays where it is as long as the call.
  CHECK(pulsing_caller(&call).ptr == caller.ptr && pulsing_context(&call, "traceparent").ptr == value.ptr);
  CHECK(pulsing_context_count(&call) == 2 && is(pulsing_context_name(&call, 0), "traceparent"));
  CHECK(is(caller, "shop:eu") && is(value, "00-af-01"));
  CHECK(asked_for_callers == 1 && asked_for_contexts == 1);
  pulsing_in_clear_known(&call);
  CHECK(held == 0);
}

static void that_there_is_none_is_asked_once_too(void) {
  pulsing_call call = call_of(7);
  for (int i = 0; i < 2; i++) CHECK(!pulsing_caller(&call).ptr && pulsing_context_count(&call) == 0);
  CHECK(asked_for_callers == 1 && asked_for_contexts == 1);
  pulsing_in_clear_known(&call);
}

static void where_no_handler_runs_there_is_neither(void) {
  pulsing_call start = call_of(0), next = call_of(5);
  start.method = next.method = NULL;
  CHECK(!pulsing_caller(&start).ptr && pulsing_context_count(&start) == 0);
  CHECK(!pulsing_caller(&next).ptr && !pulsing_context(&next, "traceparent").ptr);
  CHECK(asked_for_callers == 0 && asked_for_contexts == 0);
}

int main(void) {
  methods_are_described_with_their_schemas();
  a_wrong_schema_is_refused_by_its_name();
  what_the_host_would_refuse_is_refused();
  an_actor_says_how_it_wants_to_be_restarted();
  a_wrong_wish_for_restarts_is_refused_by_its_name();
  a_kind_that_is_not_known_is_worth_another_try_only_where_the_host_says_when();
  a_call_has_its_caller_and_its_context();
  the_host_is_asked_once_and_only_by_who_wants_to_know();
  that_there_is_none_is_asked_once_too();
  where_no_handler_runs_there_is_neither();
  return result_of("the SDK for C");
}
