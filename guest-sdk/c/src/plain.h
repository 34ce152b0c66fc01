/*
 * What of the SDK needs no bindings, and so is tested without a component. Names as in `internal.h`.
 */
#ifndef PULSING_PLAIN_H
#define PULSING_PLAIN_H

#include "../pulsing.h"

/* ---- call.c: memory ---- */

/* Ends this life with a message for people. */
_Noreturn void pulsing_in_die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void pulsing_in_out_of_memory(void);
void pulsing_in_keep(pulsing_call *call, void *what, void (*release)(void *));

/* ---- utf8.c ---- */

bool pulsing_in_is_utf8(const uint8_t *text, size_t len);
/* Puts `?` for what is not UTF-8. */
void pulsing_in_clean(uint8_t *text, size_t len);

/* ---- json.c ---- */

/* Reads JSON; NULL where it is none, with the reason. */
yyjson_doc *pulsing_in_read(const uint8_t *ptr, size_t len, const char **why);
/* The same, that lives as long as the call. */
yyjson_val *pulsing_in_parse(pulsing_call *call, const uint8_t *ptr, size_t len, const char **why);

/* ---- describe.c ---- */

size_t pulsing_in_param_count(const pulsing_method *method);
bool pulsing_in_takes_bytes(const pulsing_method *method);
/* What JSON Schema calls a type. */
const char *pulsing_in_type_name(pulsing_type type);
/* The JSON that `describe` returns, for `free`. What is wrong in the table ends the life, with a message that names it. */
char *pulsing_in_describe(const pulsing_actor *actor, size_t *len);

/* ---- kind.c ---- */

/* What a kind of runtime error is here; PULSING_OTHER, where it is not known. */
pulsing_runtime pulsing_in_runtime_of(pulsing_text kind);
/* Whether another try may succeed. `has_hint`: the host says when. */
bool pulsing_in_may_help(pulsing_runtime runtime, bool has_hint);

#endif
