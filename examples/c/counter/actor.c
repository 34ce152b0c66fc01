/* A counter that remembers every value it has had. */

#include <stdio.h>
#include <stdlib.h>

#include "pulsing.h"

/* The actor's state. It starts anew after each restart. */
static int64_t value, *history;
static size_t count, room;

/* region: sync */
static pulsing_outcome increment(pulsing_call *call) {
  int64_t sum;
  if (__builtin_add_overflow(value, pulsing_int(call, "n", 1), &sum)) return pulsing_fatal(call, "out of numbers");
  value = sum;
  if (count == room) {
    room = room ? room * 2 : 64;
    history = realloc(history, room * sizeof *history);
    if (!history) abort();
  }
  history[count++] = value;
  return pulsing_reply_int(call, value);
}
/* endregion */

static pulsing_outcome get(pulsing_call *call) { return pulsing_reply_int(call, value); }

static pulsing_outcome reset(pulsing_call *call) {
  value = 0;
  count = 0;
  return pulsing_reply_null(call);
}

static pulsing_outcome get_average(pulsing_call *call) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)history[i];
  return pulsing_reply_number(call, count ? sum / (double)count : 0);
}

static pulsing_outcome get_history(pulsing_call *call) {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
  yyjson_mut_doc_set_root(doc, yyjson_mut_arr_with_sint64(doc, history, count));
  pulsing_outcome outcome = pulsing_reply_doc(call, doc);
  yyjson_mut_doc_free(doc);
  return outcome;
}

static pulsing_outcome crash(pulsing_call *call) {
  (void)call;
  fputs("told to crash\n", stderr);
  abort();
}

#define INTEGER "{\"type\":\"integer\"}"

static const pulsing_method METHODS[] = {
    {"increment", PULSING_ASK, increment, "Adds `n` (1 if it is left out) and answers the new value.",
     {{"n", PULSING_INT, true}}, .answer_schema = INTEGER},
    {"get", PULSING_ASK, get, "Answers the value.", .answer_schema = INTEGER},
    {"reset", PULSING_ASK, reset, "Goes back to zero and forgets the history."},
    {"get_average", PULSING_ASK, get_average,
     "Answers the average of all values since the last reset; 0 before the first.",
     .answer_schema = "{\"type\":\"number\"}"},
    {"history", PULSING_ASK, get_history, "Answers all values since the last reset, the oldest first.",
     .answer_schema = "{\"type\":\"array\",\"items\":" INTEGER "}"},
    {"crash", PULSING_ASK, crash, "Aborts: the host ends this life and starts the next one with a fresh counter."},
};

PULSING_ACTOR(METHODS);
