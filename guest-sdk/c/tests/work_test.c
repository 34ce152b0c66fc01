/*
 * Tests of the lists of work. By hand, in the folder of the SDK:
 *
 *   cc tests/work_test.c src/done.c src/utf8.c src/work.c -o work_test && ./work_test
 */
#include "../src/work.h"

#include <stdlib.h>

#include "check.h"
#include "last_words.h"
#include "packed.h"

static pulsing_text text_of(const char *text) { return (pulsing_text){text, strlen(text)}; }

/* ---- Lists of work ---- */

/* An ask with everything that it can have, and a tell with as little as it can. */
static packed two_messages(void) {
  packed list = packed_after("[1]\xff");
  put_number(&list, WORK_ASK, 1);
  put_number(&list, 0x0102030405, 8);
  put_number(&list, 0, 1);
  put_number(&list, 3, 4);
  put_word(&list, "add");
  put_number(&list, 1, 1);
  put_word(&list, "k\xc3\xa9y");
  put_number(&list, 1, 1);
  put_number(&list, 7, 8);
  put_number(&list, 1, 1);
  put_number(&list, 1500, 8);
  put_number(&list, WORK_TELL, 1);
  put_number(&list, 9, 8);
  put_number(&list, 1, 1);
  put_number(&list, 1, 4);
  put_word(&list, "");
  put_number(&list, 0, 3);
  put_end(&list, 2);
  return list;
}

static bool says(pulsing_text text, const char *wanted) {
  return text.len == strlen(wanted) && !memcmp(text.ptr, wanted, text.len);
}

static void messages_are_read_as_they_were_packed(void) {
  packed list = two_messages();
  work_list works = pulsing_in_unpack(list.bytes, list.len);
  work_entry ask, tell, none;
  CHECK(pulsing_in_next_work(&works, &ask) && pulsing_in_next_work(&works, &tell));
  CHECK(!pulsing_in_next_work(&works, &none));
  CHECK(ask.kind == WORK_ASK && ask.call == 0x0102030405 && ask.encoding == 0 && says(ask.args, "[1]"));
  CHECK(says(ask.method, "add") && says(ask.key, "k\xc3\xa9y") && ask.resume_after == 7 && ask.remaining_ms == 1500);
  CHECK(tell.kind == WORK_TELL && tell.call == 9 && tell.encoding == 1 && says(tell.args, "\xff"));
  CHECK(says(tell.method, "") && !tell.key.ptr && tell.resume_after == 0 && tell.remaining_ms == -1);
  works = pulsing_in_unpack(NULL, 0);
  CHECK(!pulsing_in_next_work(&works, &none));
}

static void other_work_is_read_as_it_was_packed(void) {
  packed list = packed_after("");
  put_number(&list, WORK_DRAW, 1);
  put_number(&list, 5, 8);
  put_number(&list, 6, 8);
  put_number(&list, UINT32_MAX, 4);
  put_number(&list, WORK_CLOSE, 1);
  put_number(&list, 7, 8);
  put_number(&list, 8, 8);
  put_number(&list, WORK_STOP, 1);
  put_number(&list, WORK_LEAVE, 1);
  put_end(&list, 4);
  work_list works = pulsing_in_unpack(list.bytes, list.len);
  work_entry draw, close, stop, leave;
  CHECK(pulsing_in_next_work(&works, &draw) && pulsing_in_next_work(&works, &close));
  CHECK(draw.kind == WORK_DRAW && draw.call == 5 && draw.stream == 6 && draw.max_items == UINT32_MAX);
  CHECK(close.kind == WORK_CLOSE && close.call == 7 && close.stream == 8);
  CHECK(pulsing_in_next_work(&works, &stop) && stop.kind == WORK_STOP);
  CHECK(pulsing_in_next_work(&works, &leave) && leave.kind == WORK_LEAVE);
}

/* Whether a list is read to its end; it is at the end of its memory, where a tool such as ASan sees who reads on. */
static bool is_read(const packed *list) {
  uint8_t *exact = malloc(list->len ? list->len : 1);
  memcpy(exact, list->bytes, list->len);
  volatile bool has_ended = false;
  if (!setjmp(life)) {
    work_list works = pulsing_in_unpack(exact, list->len);
    work_entry work;
    while (pulsing_in_next_work(&works, &work)) {
    }
    has_ended = true;
  }
  free(exact);
  return has_ended;
}

static void refuses_list(packed list, const char *wanted) {
  last_words[0] = 0;
  CHECK(!is_read(&list));
  CHECK(!strcmp(last_words, wanted));
}

static void a_list_that_is_not_as_it_should_be_is_refused_for_what_is_wrong(void) {
  const packed good = two_messages();
  packed list = good;
  list.bytes[list.len - 1] = 2;
  refuses_list(list, "a packed list is of a version that is not known here");
  list = good;
  list.bytes[list.len - 2] = 3;
  refuses_list(list, "a packed list has a row of more entries than it has");
  list = (packed){.len = WORK_TRAILER_BYTES - 1};
  refuses_list(list, "a packed list is shorter than its trailer");
  list = packed_after("");
  put_number(&list, 1, 4);
  put_number(&list, (uint64_t)WORK_VERSION << 24, 4);
  refuses_list(list, "a packed list is shorter than its entries");
  list = packed_after("x");
  put_end(&list, 0);
  refuses_list(list, "a packed list has bytes of no entry");
  list = good;
  list.bytes[list.len - 4] = 1;
  refuses_list(list, "a packed list has bytes of no entry");
  list.bytes[list.len - 4] = 3;
  refuses_list(list, "a packed list ends within an entry");
  list = good;
  list.bytes[list.entries_at + 10] = 5;
  refuses_list(list, "a packed list has a body that is longer than it");
  list.bytes[list.entries_at + 9] = 2;
  refuses_list(list, "a packed list has an encoding that is not known here");
  list = good;
  list.bytes[list.entries_at + 17] = 0xff;
  refuses_list(list, "a packed list has a text that is longer than it");
  list = good;
  list.bytes[list.entries_at + 18] = 0xff;
  refuses_list(list, "a packed list has a text that is not UTF-8");
  list = good;
  list.bytes[list.entries_at + 21] = 2;
  refuses_list(list, "a packed list has a flag that is neither 0 nor 1");
  for (uint8_t kind = 0; kind < 255; kind++) {
    list.bytes[list.entries_at] = kind;
    if (kind >= WORK_ASK && kind <= WORK_LEAVE) continue;
    refuses_list(list, "a packed list has a kind of work that is not known here");
  }
}

static void no_list_is_read_beyond_its_end(void) {
  const packed good = two_messages();
  for (size_t len = 1; len < good.len; len++) {
    packed list = good;
    list.len = len;
    CHECK(!is_read(&list));
    // The same, with the end that it should have.
    list.len = len < list.entries_at ? list.entries_at : len;
    put_end(&list, 2);
    CHECK(is_read(&list) == (len == good.len - WORK_TRAILER_BYTES));
  }
  for (size_t at = 0; at < good.len; at++) {
    for (int bit = 0; bit < 8; bit++) {
      packed list = good;
      list.bytes[at] ^= (uint8_t)(1 << bit);
      is_read(&list);
    }
  }
}

/* ---- Lists of what came of it ---- */

static uint8_t *body_of(const char *text) { return memcpy(malloc(strlen(text)), text, strlen(text)); }

static void is_packed(done_list *list, const packed *wanted) {
  pulsing_text made = pulsing_in_finish_done(list);
  CHECK(made.len == wanted->len && !memcmp(made.ptr, wanted->bytes, made.len));
  pulsing_in_clear_done(list);
  CHECK(pulsing_in_finish_done(list).len == 0);
}

static void forget(done_list *list) {
  free(list->bodies.ptr);
  free(list->entries.ptr);
}

static void values_and_streams_are_packed_as_they_are_read(void) {
  done_list list = {0};
  // The second time there is memory for it.
  for (int i = 0; i < 2; i++) {
    pulsing_in_done_value(&list, 5, 0, body_of("12"), 2);
    pulsing_in_done_value(&list, 6, 1, NULL, 0);
    pulsing_in_done_stream(&list, 7, 1);
    pulsing_in_done_told(&list, 8);
    pulsing_in_done_closed(&list, 9);
    pulsing_in_done_items(&list, 10, true, 2);
    pulsing_in_done_item(&list, 0, body_of("3"), 1);
    pulsing_in_done_item(&list, 1, body_of("xy"), 2);
    packed wanted = packed_after("123xy");
    put_head(&wanted, 1, 5);
    put_number(&wanted, 2 << 8, 5);
    put_head(&wanted, 1, 6);
    put_number(&wanted, 1, 5);
    put_head(&wanted, 2, 7);
    put_number(&wanted, 1, 8);
    put_head(&wanted, 3, 8);
    put_head(&wanted, 5, 9);
    put_head(&wanted, 4, 10);
    put_number(&wanted, 1, 1);
    put_number(&wanted, 2, 4);
    put_number(&wanted, 1 << 8, 5);
    put_number(&wanted, 2 << 8 | 1, 5);
    put_end(&wanted, 6);
    is_packed(&list, &wanted);
  }
  forget(&list);
}

static void errors_are_packed_in_their_class(void) {
  done_list list = {0};
  pulsing_text none = {NULL, 0};
  pulsing_in_done_business(&list, 5, 404, text_of("no"), text_of(""));
  pulsing_in_done_business(&list, 6, 0, text_of(""), none);
  pulsing_in_done_system(&list, 7, text_of("s"), true, false);
  pulsing_in_done_timeout(&list, 8, text_of("load"), 1500);
  pulsing_in_done_unsupported(&list, 9, text_of("ad"), text_of("add"));
  pulsing_in_done_cancelled(&list, 10);
  packed wanted = packed_after("");
  put_head(&wanted, 16, 5);
  put_number(&wanted, 404, 4);
  put_word(&wanted, "no");
  put_number(&wanted, 1, 5);
  put_head(&wanted, 16, 6);
  put_number(&wanted, 0, 9);
  put_head(&wanted, 17, 7);
  put_number(&wanted, 1, 2);
  put_word(&wanted, "s");
  put_head(&wanted, 18, 8);
  put_number(&wanted, 1500, 8);
  put_word(&wanted, "load");
  put_head(&wanted, 19, 9);
  put_word(&wanted, "ad");
  put_number(&wanted, 1, 1);
  put_word(&wanted, "add");
  put_head(&wanted, 20, 10);
  put_end(&wanted, 6);
  is_packed(&list, &wanted);
  forget(&list);
}

static void a_large_answer_does_not_keep_its_memory(void) {
  done_list list = {0};
  size_t len = 1 << 20;
  uint8_t *body = memset(malloc(len), 'x', len);
  pulsing_in_done_told(&list, 4);
  pulsing_in_done_value(&list, 5, 0, body, len);
  // It was not copied.
  CHECK(list.bodies.ptr == body);
  pulsing_text made = pulsing_in_finish_done(&list);
  CHECK(made.len == len + 9 + 14 + WORK_TRAILER_BYTES && made.ptr[0] == 'x' && made.ptr[len - 1] == 'x');
  CHECK(list.bodies.room == made.len);
  pulsing_in_clear_done(&list);
  CHECK(!list.bodies.ptr && list.entries.room && list.entries.room < 1024);
  forget(&list);
}

int main(void) {
  messages_are_read_as_they_were_packed();
  other_work_is_read_as_it_was_packed();
  a_list_that_is_not_as_it_should_be_is_refused_for_what_is_wrong();
  no_list_is_read_beyond_its_end();
  values_and_streams_are_packed_as_they_are_read();
  errors_are_packed_in_their_class();
  a_large_answer_does_not_keep_its_memory();
  return result_of("the lists of work in C");
}
