/*
 * What the files of the SDK share, and no actor sees. What the linker sees of it begins with `pulsing_in_`, so that it
 * cannot clash with the names of an actor.
 *
 * Ownership, as of wit-bindgen: what comes in belongs to the callee, and what goes out is freed by the bindings, so both
 * are from `malloc`. The bindings do not free what has no length: such a text has no memory here. Everything else that a
 * call needs is in its list of blocks, and goes with it.
 */
#ifndef PULSING_INTERNAL_H
#define PULSING_INTERNAL_H

#include <stdarg.h>

#include "plain.h"
#include "work.h"

/* Tests have bindings of their own. */
#ifndef PULSING_BINDINGS
#define PULSING_BINDINGS "resident.h"
#endif
#include PULSING_BINDINGS

typedef pulsing_actor_types_actor_error_t actor_error;
typedef pulsing_actor_types_payload_t payload;
typedef pulsing_actor_types_stream_batch_t stream_batch;
typedef pulsing_actor_system_list_context_entry_t context_entries;

typedef struct block {
  struct block *next;
  void (*release)(void *);
  void *what;
} block;

struct pulsing_call {
  uint64_t id;
  int64_t remaining_ms;
  uint64_t resume_after;
  pulsing_text key;
  /* What the host has said, where it has been asked. */
  bool has_asked_caller, has_asked_context;
  resident_option_string_t caller;
  context_entries context;
  /* NULL where no handler runs: in `start`, and in `next` of a stream. */
  const pulsing_method *method;
  yyjson_val *args[PULSING_PARAMS_MAX];
  pulsing_text bytes;
  block *blocks;
  /* The one that `pulsing_reply_stream` opened; 0 for none. */
  uint64_t stream;
  /* What `pulsing_reply_…` made. */
  bool has_reply;
  payload reply;
  bool has_error;
  actor_error error;
  /* Of the error, where the host made it: what it is here, and the host's own word, which is the call's. */
  pulsing_runtime runtime;
  resident_string_t kind;
};

/* ---- call.c: memory ---- */

/* A product that is no less than it should be, or the end of this life. */
size_t pulsing_in_times(size_t count, size_t bytes);
/* NULL where there is nothing to copy; else followed by a 0. */
void *pulsing_in_copy(const void *from, size_t len);
/* Releases what the call keeps. */
void pulsing_in_release(pulsing_call *call);
void pulsing_in_clear_reply(pulsing_call *call);
void pulsing_in_clear_error(pulsing_call *call);
void pulsing_in_end_call(pulsing_call *call);

/* ---- known.c ---- */

void pulsing_in_clear_known(pulsing_call *call);

/* ---- text.c: what is not UTF-8 would trap where it leaves the actor ---- */

/* A copy, with `?` for what is not UTF-8. */
resident_string_t pulsing_in_string_of(pulsing_text text);
/* A text as `printf` makes it, with `?` for what is not UTF-8: `free` it. */
pulsing_text pulsing_in_formatted(const char *format, va_list args);
/* Takes over what `pulsing_in_formatted` made. */
resident_string_t pulsing_in_owned(pulsing_text text);
/* Lends a text to the host, which does not change it. False where it is not UTF-8, with the error in the call. */
bool pulsing_in_lend(pulsing_call *call, const char *what, pulsing_text text, resident_string_t *lent);
bool pulsing_in_is_named(pulsing_text text, const char *name);
/* The method that was probably meant, or NULL. */
const char *pulsing_in_nearest(pulsing_text wanted);

#define FORMATTED(into, format)                \
  pulsing_text into;                           \
  do {                                         \
    va_list args;                              \
    va_start(args, format);                    \
    into = pulsing_in_formatted(format, args); \
    va_end(args);                              \
  } while (0)

/* ---- error.c ---- */

/* These take over what they are given. */
pulsing_outcome pulsing_in_fail(pulsing_call *call, actor_error error);
pulsing_outcome pulsing_in_system(pulsing_call *call, resident_string_t message, bool recoverable, bool restart);
pulsing_outcome pulsing_in_runtime_failed(pulsing_call *call, pulsing_actor_types_runtime_error_t *error);
pulsing_outcome pulsing_in_call_failed(pulsing_call *call, pulsing_actor_types_call_error_t *error);
pulsing_outcome pulsing_in_unsupported(pulsing_call *call, pulsing_text operation, const char *nearest);
/* Hands the call's error over. */
actor_error pulsing_in_take_error(pulsing_call *call);

/* ---- args.c ---- */

/* Reads the arguments of the call's method. */
pulsing_outcome pulsing_in_take_arguments(pulsing_call *call, const payload *args);

/* ---- stream.c ---- */

/* Whether the handler that runs has waited: then what a stream has made is worth handing over. */
extern bool pulsing_in_has_waited;
/* Draws on an open stream; false, and the error is the call's, where it is over or there is none. */
bool pulsing_in_draw(pulsing_call *call, uint64_t id, uint32_t max_items, stream_batch *batch);
void pulsing_in_end_stream(uint64_t id, bool went_away);
void pulsing_in_end_streams(void);

#endif
