/*
 * Write an actor for pulsing-host in C: a table of methods, and a function for each.
 *
 * One handler runs at a time, from its start to its end. What is read with `pulsing_…` functions, and memory of
 * `pulsing_alloc` and its like, lives until the call is over, and need not be freed. A call is over when its handler
 * returns. `next` of a stream is given a call of its own each time: what that has goes when `next` returns, so what is to
 * last longer is for the stream's state. HTTP exchanges and streams of others last until they are closed.
 *
 * Text is UTF-8 and has a length: a byte of it may be 0.
 *
 * Running out of memory ends this life of the actor, and the host begins another; no function here answers NULL for it.
 */
#ifndef PULSING_H
#define PULSING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vendor/yyjson.h"

/* Of the SDK, and of `pulsing:actor`, the contract with the host. */
#define PULSING_VERSION "0.2.0"

/* One message that is being handled. */
typedef struct pulsing_call pulsing_call;

/* What a handler comes to: made by the functions below, and never by hand. */
typedef enum {
  PULSING_DONE,
  PULSING_FAILED,
  /* Of a stream: there are no more items. */
  PULSING_END,
} pulsing_outcome;

typedef struct {
  const char *ptr;
  size_t len;
} pulsing_text;

/* ---- The actor ---- */

#define PULSING_PARAMS_MAX 8

typedef enum {
  PULSING_ANY,
  PULSING_INT,
  PULSING_NUMBER,
  PULSING_STRING,
  PULSING_BOOL,
  PULSING_ARRAY,
  PULSING_OBJECT,
  /* Not JSON. The only argument: beside another, it ends the life as soon as the actor is looked at. */
  PULSING_BYTES,
} pulsing_type;

typedef struct {
  const char *name;
  pulsing_type type;
  /* May be left out, or null. */
  bool optional;
} pulsing_param;

typedef enum { PULSING_ASK, PULSING_STREAM, PULSING_TELL } pulsing_kind;

typedef struct {
  const char *name;
  pulsing_kind kind;
  pulsing_outcome (*run)(pulsing_call *call);
  /* What people read; the first line is a summary. May be NULL. */
  const char *doc;
  /* Up to the first without a name. */
  pulsing_param params[PULSING_PARAMS_MAX];
  /* A stream that begins after `pulsing_resume_after` by itself; for all others the items up to it are skipped. */
  bool resumes;
  /* JSON Schema of what an ask returns, as JSON text: it is described, and not checked. May be NULL. */
  const char *answer_schema;
  /* The same of each item of a stream. */
  const char *item_schema;
} pulsing_method;

/* Which ends of a life are followed by another one. */
typedef enum {
  /* The host decides. */
  PULSING_RESTART_BY_HOST,
  PULSING_RESTART_NEVER,
  PULSING_RESTART_ON_FAILURE,
  PULSING_RESTART_ALWAYS,
} pulsing_restart_policy;

/* What is wrong in it or in its methods ends the life as soon as the actor is described, with a message that names it. */
typedef struct {
  const pulsing_method *methods;
  size_t method_count;
  /* Called once in each life, before any message. May be NULL. */
  pulsing_outcome (*start)(pulsing_call *call);
  /* Called once when the actor is stopped in good order. May be NULL. */
  void (*stop)(void);
  /* The memory may be lost whenever there is nothing to do. */
  bool may_passivate;
  /*
   * How the actor wants to be restarted: what the operator sets goes before it. This host shows it and does not apply it
   * yet.
   */
  pulsing_restart_policy restart;
  /* How many restarts there may be within the host's restart window; 0 leaves it to the host, as in the next two. */
  int64_t max_restarts;
  /* The shortest and the longest delay before a restart. */
  int64_t min_backoff_ms, max_backoff_ms;
} pulsing_actor;

/* Every actor defines this: see PULSING_ACTOR. */
extern const pulsing_actor pulsing_the_actor;

/* Defines the actor: PULSING_ACTOR(METHODS, .start = start) */
#define PULSING_ACTOR(table, ...)                                                                      \
  const pulsing_actor pulsing_the_actor = {                                                            \
      .methods = (table), .method_count = sizeof(table) / sizeof((table)[0]), __VA_ARGS__}

/*
 * ---- Arguments: checked before the handler runs ----
 *
 * A name that the method does not declare ends the life with a message that has it, and so does any name in `next` and in
 * `start`: they have no arguments.
 */

/* Whether an optional argument was given. */
bool pulsing_has(const pulsing_call *call, const char *name);
/* `otherwise` stands for one that was left out. */
int64_t pulsing_int(const pulsing_call *call, const char *name, int64_t otherwise);
double pulsing_number(const pulsing_call *call, const char *name, double otherwise);
bool pulsing_bool(const pulsing_call *call, const char *name, bool otherwise);
/* Empty, where it was left out or is no string. Followed by a 0. */
pulsing_text pulsing_string(const pulsing_call *call, const char *name);
/* NULL, where it was left out. */
yyjson_val *pulsing_value(const pulsing_call *call, const char *name);
/* The argument of type PULSING_BYTES; not followed by a 0. */
pulsing_text pulsing_bytes(const pulsing_call *call);

/* ---- What is known of the call, and of this life ---- */

uint64_t pulsing_call_id(const pulsing_call *call);
/* Whether the caller is gone, or its time is up. For handlers that work long. */
bool pulsing_is_cancelled(const pulsing_call *call);
/* Milliseconds; -1 where the caller waits without end. */
int64_t pulsing_remaining_ms(const pulsing_call *call);
/* The number of the last item that a stream's reader has: they begin at 1. */
uint64_t pulsing_resume_after(const pulsing_call *call);
/* Empty for none; not followed by a 0. */
pulsing_text pulsing_idempotency_key(const pulsing_call *call);
/*
 * The actor that sent the message, as `name` or `name:key`: the host says so. `ptr` is NULL where no actor did. This and the
 * next three are followed by a 0, and live as long as the call; in `start` and in `next` there is nothing of it.
 */
pulsing_text pulsing_caller(pulsing_call *call);
/*
 * What goes along with the call and with every call that is made from it, such as the identifiers of a trace; `ptr` is
 * NULL where there is none of the name. It comes from outside, and is not to be trusted.
 */
pulsing_text pulsing_context(pulsing_call *call, const char *name);
size_t pulsing_context_count(const pulsing_call *call);
/* The name of one of them, counted from 0; `ptr` is NULL after the last. */
pulsing_text pulsing_context_name(pulsing_call *call, size_t at);
/* Without the key; not followed by a 0. */
pulsing_text pulsing_name(void);
/* Which of the actors of this name it is; `ptr` is NULL where the name has only one. Not followed by a 0. */
pulsing_text pulsing_key(void);
uint64_t pulsing_generation(void);
/* The configuration; NULL for none. */
yyjson_val *pulsing_config(void);

/* Memory that lives as long as the call, and is never NULL. */
void *pulsing_alloc(pulsing_call *call, size_t bytes);
/* Memory that is never NULL, for `free`. */
void *pulsing_malloc(size_t bytes);
/* A text as `printf` makes it, that lives as long as the call. */
pulsing_text pulsing_format(pulsing_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- Answers: `return pulsing_reply_int(call, 5);` ---- */

pulsing_outcome pulsing_reply_null(pulsing_call *call);
pulsing_outcome pulsing_reply_int(pulsing_call *call, int64_t value);
pulsing_outcome pulsing_reply_number(pulsing_call *call, double value);
pulsing_outcome pulsing_reply_bool(pulsing_call *call, bool value);
/* `ptr` may be NULL where `len` is 0. Bytes that are not UTF-8 fail with a system error. */
pulsing_outcome pulsing_reply_string(pulsing_call *call, const char *ptr, size_t len);
pulsing_outcome pulsing_reply_value(pulsing_call *call, const yyjson_val *value);
/* The document stays the caller's. */
pulsing_outcome pulsing_reply_doc(pulsing_call *call, const yyjson_mut_doc *doc);
/* JSON that is right already. */
pulsing_outcome pulsing_reply_json(pulsing_call *call, const char *ptr, size_t len);
/* Bytes that are not JSON. */
pulsing_outcome pulsing_reply_bytes(pulsing_call *call, const void *ptr, size_t len);

/*
 * Answers a stream. `next` is called for each item that there is room for, and answers it as above, or PULSING_END, or
 * an error. `close`, which may be NULL, is called once, whichever way the stream ends: it frees the state, and is told
 * whether the reader went away before the end. One for each call of a handler: a second one fails, and so does one in
 * `next` or in `start`; both are closed at once.
 */
pulsing_outcome pulsing_reply_stream(pulsing_call *call, pulsing_outcome (*next)(pulsing_call *call, void *state),
                                     void (*close)(void *state, bool went_away), void *state);

/* ---- Errors: `return pulsing_business(call, 404, "no user %s", name);`. What is not UTF-8 becomes `?`. ---- */

/* The caller's fault. */
pulsing_outcome pulsing_business(pulsing_call *call, uint32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds JSON for programs to what `pulsing_business` made before. What is not JSON is a system error. */
pulsing_outcome pulsing_details(pulsing_call *call, const char *json);
/* The actor's own fault, which another try may not meet again. */
pulsing_outcome pulsing_system(pulsing_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, which another try will meet again. */
pulsing_outcome pulsing_fatal(pulsing_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, after which the host begins another life. */
pulsing_outcome pulsing_restart(pulsing_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
pulsing_outcome pulsing_timeout(pulsing_call *call, const char *operation, uint64_t duration_ms);
pulsing_outcome pulsing_unsupported(pulsing_call *call, const char *operation);
pulsing_outcome pulsing_cancelled(pulsing_call *call);

/* ---- The error that the call has: why an ask failed, say ---- */

typedef enum {
  PULSING_NO_FAILURE,
  PULSING_BUSINESS,
  PULSING_SYSTEM,
  PULSING_TIMEOUT,
  PULSING_UNSUPPORTED,
  PULSING_CANCELLED,
} pulsing_class;

/* Why the host could not bring a message to another actor, or its answer back. */
typedef enum {
  /* It is the other's own error, or this actor's. */
  PULSING_NO_RUNTIME,
  PULSING_ACTOR_NOT_FOUND,
  PULSING_ACTOR_STOPPED,
  PULSING_ACTOR_RESTARTING,
  PULSING_MAILBOX_FULL,
  PULSING_DEADLOCK,
  PULSING_PERMISSION_DENIED,
  PULSING_MESSAGE_TOO_LARGE,
  PULSING_NO_CONNECTION,
  PULSING_INTERNAL,
  /* A newer host's: `kind` of the failure is its word. `recoverable` is set where the host says when to try again. */
  PULSING_OTHER,
} pulsing_runtime;

typedef struct {
  pulsing_class error_class;
  /* Of a business error. */
  uint32_t code;
  /* Of a system error, where the host made it. */
  pulsing_runtime runtime;
  /* Another try may succeed. */
  bool recoverable;
  /* For people; of a timeout, and of what is not supported, the operation. Followed by a 0, and so is the next. */
  pulsing_text message;
  /* JSON of a business error; empty for none. */
  pulsing_text details;
  /* The host's word for `runtime`, such as `mailbox-full`; empty where the host did not make the error. Followed by 0. */
  pulsing_text kind;
} pulsing_failure;

/* Lives as long as the call. */
pulsing_failure pulsing_failure_of(pulsing_call *call);
/* Takes the error back: the handler goes on. An answer does so too. */
void pulsing_forgive(pulsing_call *call);

/* ---- Other actors: false, and the error is the call's: `return PULSING_FAILED;` passes it on in its class ---- */

typedef struct {
  /* 0 for the asked actor's own. */
  uint64_t timeout_ms;
  /* NULL for none. */
  const char *idempotency_key;
} pulsing_options;

/* `args` is JSON; `(pulsing_text){0}` is none. `options` and `answer` may be NULL. */
bool pulsing_ask(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                 const pulsing_options *options, yyjson_val **answer);
/* Waits for room in the other's mailbox, and not for more: `timeout_ms` means nothing here. */
bool pulsing_tell(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                  const pulsing_options *options);

typedef struct pulsing_peer_stream pulsing_peer_stream;

/*
 * NULL where it does not begin. To be closed by the actor, also after its end; the state of a stream of one's own may keep
 * it until then.
 */
pulsing_peer_stream *pulsing_stream(pulsing_call *call, pulsing_text target, pulsing_text method, pulsing_text args,
                                    const pulsing_options *options);
/* Waits for the next item, which lives as long as the call: PULSING_DONE, PULSING_END or PULSING_FAILED. */
pulsing_outcome pulsing_stream_next(pulsing_call *call, pulsing_peer_stream *stream, yyjson_val **item);
/* Gives up what is left, and frees it. NULL is let through. */
void pulsing_stream_close(pulsing_peer_stream *stream);

/* A text of a string literal or of another that ends with a 0; NULL is the empty one. */
pulsing_text pulsing_text_of(const char *text);
/* JSON of a value, that lives as long as the call; `null` for NULL. Followed by a 0. */
pulsing_text pulsing_json_of(pulsing_call *call, const yyjson_val *value);

/* Waits. False where the call was told to stop meanwhile: `return PULSING_FAILED;` says so. */
bool pulsing_sleep_ms(pulsing_call *call, uint64_t ms);

/* ---- HTTP to other machines: to hosts that were granted ---- */

typedef struct {
  const char *name;
  const char *value;
} pulsing_header;

typedef struct {
  const char *method;
  const char *url;
  /* Up to the first without a name; may be NULL. */
  const pulsing_header *headers;
  pulsing_text body;
  /* Until the response has begun; 0 for the host's default. */
  uint64_t timeout_ms;
} pulsing_http_request;

typedef struct pulsing_http pulsing_http;

/* Sends a request and waits for the response to begin. NULL where there is none: the error is the call's. */
pulsing_http *pulsing_http_send(pulsing_call *call, const pulsing_http_request *request);
uint16_t pulsing_http_status(const pulsing_http *http);
/* The next line of the body, without its end, as it comes: at most 1 MiB. Followed by a 0. */
pulsing_outcome pulsing_http_line(pulsing_call *call, pulsing_http *http, pulsing_text *line);
/* Gives up what is left, and frees it. NULL is let through. */
void pulsing_http_close(pulsing_http *http);

#endif
