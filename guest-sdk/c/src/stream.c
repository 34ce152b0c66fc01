/* Answers of many values, which the host draws. */
#include "internal.h"

#include <stdlib.h>

/* As many bytes of items as one draw hands over. */
#define DRAW_MAX_BYTES ((size_t)1 << 20)
/* How many items are skipped between two looks at whether their reader is gone. */
#define SKIPPED_MAX_ITEMS 1024

typedef struct open_stream {
  struct open_stream *next_open;
  uint64_t id, call, skip;
  pulsing_outcome (*next)(pulsing_call *call, void *state);
  void (*close)(void *state, bool went_away);
  void *state;
  /* Met after items that were still to be handed over. */
  bool has_error;
  actor_error error;
} open_stream;

bool pulsing_in_has_waited;

static open_stream *streams;
static uint64_t last_stream;

pulsing_outcome pulsing_reply_stream(pulsing_call *call, pulsing_outcome (*next)(pulsing_call *call, void *state),
                                     void (*close)(void *state, bool went_away), void *state) {
  if (!call->method || call->stream) {
    if (close) close(state, true);
    return pulsing_fatal(call, call->stream ? "the handler answers two streams" : "only a handler answers a stream");
  }
  open_stream *stream = pulsing_malloc(sizeof *stream);
  // The host numbers items from 1: the number of the last one that the reader has is how many it has.
  uint64_t skip = call->method->resumes ? 0 : call->resume_after;
  *stream = (open_stream){streams, ++last_stream, call->id, skip, next, close, state, false, {0}};
  streams = stream;
  call->stream = stream->id;
  return PULSING_DONE;
}

void pulsing_in_end_stream(uint64_t id, bool went_away) {
  for (open_stream **at = &streams; *at; at = &(*at)->next_open) {
    open_stream *stream = *at;
    if (stream->id != id) continue;
    *at = stream->next_open;
    if (stream->has_error) pulsing_actor_types_actor_error_free(&stream->error);
    if (stream->close) stream->close(stream->state, went_away);
    free(stream);
    return;
  }
}

void pulsing_in_end_streams(void) {
  while (streams) pulsing_in_end_stream(streams->id, true);
}

/* Makes an item, which is the call's reply; what the call kept for it goes. */
static pulsing_outcome make_item(pulsing_call *call, open_stream *stream) {
  pulsing_outcome outcome = stream->next(call, stream->state);
  pulsing_in_release(call);
  if (outcome == PULSING_DONE && !call->has_reply) return pulsing_fatal(call, "the stream made no item");
  if (outcome == PULSING_FAILED && !call->has_error) {
    return pulsing_fatal(call, "the stream failed, and did not say why");
  }
  return outcome;
}

/* Makes the items that the reader has already. */
static pulsing_outcome skip_items(pulsing_call *call, open_stream *stream) {
  for (; stream->skip; stream->skip--) {
    if (stream->skip % SKIPPED_MAX_ITEMS == 0 && pulsing_is_cancelled(call)) return pulsing_cancelled(call);
    pulsing_outcome outcome = make_item(call, stream);
    if (outcome != PULSING_DONE) return outcome;
    pulsing_in_clear_reply(call);
  }
  return PULSING_DONE;
}

static bool draw(pulsing_call *call, open_stream *stream, uint32_t max_items, stream_batch *batch) {
  if (stream->has_error) {
    stream->has_error = false;
    pulsing_in_fail(call, stream->error);
    return false;
  }
  pulsing_in_has_waited = false;
  size_t room = 0, bytes = 0, len = 0;
  payload *items = NULL;
  pulsing_outcome outcome = skip_items(call, stream);
  while (outcome == PULSING_DONE && len < max_items && bytes < DRAW_MAX_BYTES) {
    outcome = make_item(call, stream);
    if (outcome != PULSING_DONE) break;
    if (len == room) {
      room = room ? pulsing_in_times(room, 2) : 16;
      items = realloc(items, pulsing_in_times(room, sizeof *items));
      if (!items) pulsing_in_out_of_memory();
    }
    bytes += call->reply.body.len;
    items[len++] = call->reply;
    call->has_reply = false;
    if (pulsing_in_has_waited) break;
  }
  if (outcome == PULSING_FAILED && len == 0) return false;
  if (outcome == PULSING_FAILED) {
    // The items go out first, and the error with the next draw.
    stream->error = pulsing_in_take_error(call);
    stream->has_error = true;
  }
  *batch = (stream_batch){{items, len}, outcome == PULSING_END};
  return true;
}

bool pulsing_in_draw(pulsing_call *call, uint64_t id, uint32_t max_items, stream_batch *batch) {
  open_stream *stream = streams;
  while (stream && stream->id != id) stream = stream->next_open;
  if (!stream) {
    pulsing_fatal(call, "no stream %llu is open", (unsigned long long)id);
    return false;
  }
  call->id = stream->call;
  bool is_good = draw(call, stream, max_items, batch);
  if (!is_good || batch->done) pulsing_in_end_stream(id, false);
  return is_good;
}
