/* The actor of the scenarios: see `tests/scenarios/README.md`. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pulsing.h"

static int64_t value, guarded, closed;
static uint64_t naps, cut_short;
static yyjson_mut_doc *entries;

static pulsing_outcome echo(pulsing_call *call) { return pulsing_reply_value(call, pulsing_value(call, "value")); }

static pulsing_outcome length(pulsing_call *call) {
  pulsing_text text = pulsing_string(call, "text");
  int64_t points = 0;
  // All bytes but those that go on with a code point.
  for (size_t i = 0; i < text.len; i++) points += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
  return pulsing_reply_int(call, points);
}

static pulsing_outcome increment(pulsing_call *call) {
  int64_t sum;
  if (__builtin_add_overflow(value, pulsing_int(call, "n", 1), &sum)) return pulsing_fatal(call, "too many");
  value = sum;
  return pulsing_reply_int(call, value);
}

static pulsing_outcome get_value(pulsing_call *call) { return pulsing_reply_int(call, value); }

static pulsing_outcome log_entry(pulsing_call *call) {
  yyjson_mut_val *entry = yyjson_val_mut_copy(entries, pulsing_value(call, "entry"));
  if (!yyjson_mut_arr_append(yyjson_mut_doc_get_root(entries), entry)) abort();
  return PULSING_DONE;
}

static pulsing_outcome get_entries(pulsing_call *call) { return pulsing_reply_doc(call, entries); }

static pulsing_outcome validate(pulsing_call *call) {
  int64_t age = pulsing_int(call, "age", 0);
  if (age < 0) return pulsing_business(call, 400, "age must not be negative");
  return pulsing_reply_int(call, age);
}

static bool is(pulsing_text text, const char *word) { return pulsing_text_of(word).len == text.len && !memcmp(text.ptr, word, text.len); }

static pulsing_outcome fail(pulsing_call *call) {
  pulsing_text kind = pulsing_string(call, "kind");
  if (is(kind, "business")) {
    pulsing_business(call, 402, "not enough money");
    return pulsing_details(call, "{\"balance\":3}");
  }
  if (is(kind, "system")) return pulsing_system(call, "the disk is slow");
  if (is(kind, "fatal")) return pulsing_fatal(call, "the disk is gone");
  if (is(kind, "timeout")) return pulsing_timeout(call, "load", 1500);
  if (is(kind, "unsupported")) return pulsing_unsupported(call, "fly");
  if (is(kind, "cancelled")) return pulsing_cancelled(call);
  fputs("a surprise\n", stderr);
  abort();
}

static pulsing_outcome restart(pulsing_call *call) { return pulsing_restart(call, "torn"); }

static pulsing_outcome spin(pulsing_call *call) {
  for (volatile uint64_t steps = 0;; steps = steps + 1) {
  }
  return pulsing_reply_null(call);
}

static pulsing_outcome generation(pulsing_call *call) {
  return pulsing_reply_int(call, (int64_t)pulsing_generation());
}

static pulsing_outcome config(pulsing_call *call) {
  return pulsing_config() ? pulsing_reply_value(call, pulsing_config()) : pulsing_reply_null(call);
}

static pulsing_outcome name(pulsing_call *call) {
  return pulsing_reply_string(call, pulsing_name().ptr, pulsing_name().len);
}

static pulsing_outcome reply_text(pulsing_call *call, pulsing_text text) {
  return text.ptr ? pulsing_reply_string(call, text.ptr, text.len) : pulsing_reply_null(call);
}

static pulsing_outcome key(pulsing_call *call) { return reply_text(call, pulsing_key()); }

static pulsing_outcome caller(pulsing_call *call) { return reply_text(call, pulsing_caller(call)); }

static pulsing_outcome context(pulsing_call *call) {
  yyjson_mut_doc *entries = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(entries);
  yyjson_mut_doc_set_root(entries, root);
  for (size_t i = 0; i < pulsing_context_count(call); i++) {
    pulsing_text name = pulsing_context_name(call, i), value = pulsing_context(call, name.ptr);
    yyjson_mut_obj_add_strn(entries, root, name.ptr, value.ptr, value.len);
  }
  pulsing_outcome outcome = pulsing_reply_doc(call, entries);
  yyjson_mut_doc_free(entries);
  return outcome;
}

static pulsing_outcome nap(pulsing_call *call) {
  int64_t ms = pulsing_int(call, "ms", 0);
  naps = 1;
  if (!pulsing_sleep_ms(call, (uint64_t)ms)) {
    cut_short++;
    return PULSING_FAILED;
  }
  return pulsing_reply_int(call, ms);
}

static pulsing_outcome get_naps(pulsing_call *call) {
  pulsing_text json = pulsing_format(call, "{\"most\":%llu,\"cut_short\":%llu}", (unsigned long long)naps,
                                     (unsigned long long)cut_short);
  return pulsing_reply_json(call, json.ptr, json.len);
}

static pulsing_outcome guard(pulsing_call *call) {
  int64_t before = guarded;
  if (!pulsing_sleep_ms(call, (uint64_t)pulsing_int(call, "ms", 0))) return PULSING_FAILED;
  guarded = before + 1;
  return pulsing_reply_int(call, guarded);
}

/* A stream of numbers. */
typedef struct {
  int64_t at, end, ms;
  bool breaks, counts;
} numbers_state;

static pulsing_outcome next_number(pulsing_call *call, void *state) {
  numbers_state *numbers = state;
  if (numbers->at == numbers->end) return numbers->breaks ? pulsing_business(call, 409, "broken") : PULSING_END;
  if (numbers->ms && !pulsing_sleep_ms(call, (uint64_t)numbers->ms)) return PULSING_FAILED;
  return pulsing_reply_int(call, numbers->at++);
}

static void close_numbers(void *state, bool went_away) {
  numbers_state *numbers = state;
  closed += numbers->counts && went_away;
  free(numbers);
}

static pulsing_outcome open_numbers(pulsing_call *call, numbers_state wanted) {
  numbers_state *numbers = pulsing_malloc(sizeof *numbers);
  *numbers = wanted;
  return pulsing_reply_stream(call, next_number, close_numbers, numbers);
}

static pulsing_outcome numbers(pulsing_call *call) {
  return open_numbers(call, (numbers_state){.end = pulsing_int(call, "count", 0)});
}

static pulsing_outcome slowly(pulsing_call *call) {
  return open_numbers(call, (numbers_state){.end = pulsing_int(call, "count", 0), .ms = pulsing_int(call, "ms", 0)});
}

static pulsing_outcome forever(pulsing_call *call) {
  return open_numbers(call, (numbers_state){.end = -1, .counts = true});
}

static pulsing_outcome get_closed(pulsing_call *call) { return pulsing_reply_int(call, closed); }

static pulsing_outcome breaks(pulsing_call *call) {
  return open_numbers(call, (numbers_state){.end = pulsing_int(call, "after", 0), .breaks = true});
}

static pulsing_outcome ask_peer(pulsing_call *call) {
  yyjson_val *answer;
  pulsing_text args = pulsing_json_of(call, pulsing_value(call, "args"));
  bool asked = pulsing_ask(call, pulsing_string(call, "peer"), pulsing_string(call, "method"), args, NULL, &answer);
  return asked ? pulsing_reply_value(call, answer) : PULSING_FAILED;
}

static pulsing_outcome tell_peer(pulsing_call *call) {
  pulsing_text args = pulsing_json_of(call, pulsing_value(call, "args"));
  bool told = pulsing_tell(call, pulsing_string(call, "peer"), pulsing_string(call, "method"), args, NULL);
  return told ? pulsing_reply_null(call) : PULSING_FAILED;
}

static pulsing_outcome stream_peer(pulsing_call *call) {
  pulsing_text args = pulsing_json_of(call, pulsing_value(call, "args"));
  pulsing_peer_stream *stream =
      pulsing_stream(call, pulsing_string(call, "peer"), pulsing_string(call, "method"), args, NULL);
  if (!stream) return PULSING_FAILED;
  yyjson_mut_doc *items = yyjson_mut_doc_new(NULL);
  yyjson_mut_doc_set_root(items, yyjson_mut_arr(items));
  pulsing_outcome outcome = PULSING_DONE;
  for (int64_t left = pulsing_int(call, "limit", 0); left > 0; left--) {
    yyjson_val *item;
    outcome = pulsing_stream_next(call, stream, &item);
    if (outcome != PULSING_DONE) break;
    yyjson_mut_arr_append(yyjson_mut_doc_get_root(items), yyjson_val_mut_copy(items, item));
  }
  pulsing_stream_close(stream);
  if (outcome != PULSING_FAILED) outcome = pulsing_reply_doc(call, items);
  yyjson_mut_doc_free(items);
  return outcome;
}

static pulsing_outcome start(pulsing_call *call) {
  (void)call;
  entries = yyjson_mut_doc_new(NULL);
  yyjson_mut_doc_set_root(entries, yyjson_mut_arr(entries));
  return PULSING_DONE;
}

#define INTEGER "{\"type\":\"integer\"}"
#define PEER {"peer", PULSING_STRING}, {"method", PULSING_STRING}, {"args"}

static const pulsing_method METHODS[] = {
    {"echo", PULSING_ASK, echo, "Answers what it is given.", {{"value"}}},
    {"length", PULSING_ASK, length, NULL, {{"text", PULSING_STRING}}, .answer_schema = INTEGER},
    {"increment", PULSING_ASK, increment, "Adds `n` (1 if it is left out) and answers the new value.",
     {{"n", PULSING_INT, true}}, .answer_schema = INTEGER},
    {"value", PULSING_ASK, get_value},
    {"log", PULSING_TELL, log_entry, NULL, {{"entry"}}},
    {"entries", PULSING_ASK, get_entries},
    {"validate", PULSING_ASK, validate, NULL, {{"age", PULSING_INT}}},
    {"fail", PULSING_ASK, fail, NULL, {{"kind", PULSING_STRING}}},
    {"restart", PULSING_ASK, restart},
    {"spin", PULSING_ASK, spin},
    {"generation", PULSING_ASK, generation},
    {"config", PULSING_ASK, config},
    {"name", PULSING_ASK, name},
    {"key", PULSING_ASK, key},
    {"caller", PULSING_ASK, caller},
    {"context", PULSING_ASK, context},
    {"nap", PULSING_ASK, nap, NULL, {{"ms", PULSING_INT}}},
    {"naps", PULSING_ASK, get_naps},
    {"guarded", PULSING_ASK, guard, NULL, {{"ms", PULSING_INT}}},
    {"numbers", PULSING_STREAM, numbers, NULL, {{"count", PULSING_INT}}, .item_schema = INTEGER},
    {"slowly", PULSING_STREAM, slowly, NULL, {{"count", PULSING_INT}, {"ms", PULSING_INT}}},
    {"forever", PULSING_STREAM, forever},
    {"closed", PULSING_ASK, get_closed},
    {"breaks", PULSING_STREAM, breaks, NULL, {{"after", PULSING_INT}}},
    {"ask_peer", PULSING_ASK, ask_peer, NULL, {PEER}},
    {"tell_peer", PULSING_ASK, tell_peer, NULL, {PEER}},
    {"stream_peer", PULSING_ASK, stream_peer, NULL, {PEER, {"limit", PULSING_INT}}},
};

PULSING_ACTOR(METHODS, .start = start);
