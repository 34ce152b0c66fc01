/*
 * The lists of bytes in which work comes from the host, and what came of it goes back: `wit/work.md` has their layout.
 * They need no bindings, and so are tested without a component. Names as in `internal.h`.
 */
#ifndef PULSING_WORK_H
#define PULSING_WORK_H

#include "../pulsing.h"

/* The version of the layout, the last byte of every list. */
#define WORK_VERSION 1
/* How many bytes the entries have (4), how many entries there are (2), how many of these are a row (1), and the version. */
#define WORK_TRAILER_BYTES 8

/* ---- work.c: from the host ---- */

/* As in the lists. */
typedef enum { WORK_ASK = 1, WORK_TELL, WORK_DRAW, WORK_CLOSE, WORK_STOP, WORK_LEAVE } work_kind;

/* One piece of work. Its texts are in the list, and none is followed by a 0. */
typedef struct {
  work_kind kind;
  uint64_t call;
  /* Of an ask and of a tell. There is no key where its `ptr` is NULL. */
  uint8_t encoding;
  pulsing_text args, method, key;
  /* 0 for none. */
  uint64_t resume_after;
  /* -1 for none. */
  int64_t remaining_ms;
  /* Of a draw and of a close. */
  uint64_t stream;
  uint32_t max_items;
} work_entry;

/* What is left of a list. */
typedef struct {
  pulsing_text bodies, entries;
  size_t count;
  /* How many tells at its beginning are a row. */
  size_t row;
} work_list;

/* Reads a list. One that is not as it should be cannot come from a host: here, and in the next, it ends this life. */
work_list pulsing_in_unpack(const uint8_t *list, size_t len);
/* Takes the next piece of work; false where there is none. */
bool pulsing_in_next_work(work_list *list, work_entry *taken);

/* ---- done.c: to the host ---- */

typedef struct {
  uint8_t *ptr;
  size_t len, room;
} byte_buffer;

/* A list that is being written; all 0 is an empty one. Used again and again, it keeps its memory, up to 64 KiB each. */
typedef struct {
  byte_buffer bodies, entries;
  uint16_t count;
} done_list;

/* An ask ended with a value. This takes over the body, which is from `malloc`, and so does `pulsing_in_done_item`. */
void pulsing_in_done_value(done_list *list, uint64_t call, uint8_t encoding, uint8_t *body, size_t len);
void pulsing_in_done_stream(done_list *list, uint64_t call, uint64_t stream);
void pulsing_in_done_told(done_list *list, uint64_t call);
/* A draw ended: so many items are to follow. */
void pulsing_in_done_items(done_list *list, uint64_t call, bool is_over, size_t count);
void pulsing_in_done_item(done_list *list, uint8_t encoding, uint8_t *body, size_t len);
void pulsing_in_done_closed(done_list *list, uint64_t call);
/* Errors. There are no details, and no nearest, where their `ptr` is NULL. */
void pulsing_in_done_business(done_list *list, uint64_t call, uint32_t code, pulsing_text message,
                              pulsing_text details);
void pulsing_in_done_system(done_list *list, uint64_t call, pulsing_text message, bool recoverable, bool restart);
void pulsing_in_done_timeout(done_list *list, uint64_t call, pulsing_text operation, uint64_t duration_ms);
void pulsing_in_done_unsupported(done_list *list, uint64_t call, pulsing_text operation, pulsing_text nearest);
void pulsing_in_done_cancelled(done_list *list, uint64_t call);

/* The whole list; without bytes, where nothing came of anything. To be followed by `pulsing_in_clear_done`. */
pulsing_text pulsing_in_finish_done(done_list *list);
void pulsing_in_clear_done(done_list *list);

#endif
