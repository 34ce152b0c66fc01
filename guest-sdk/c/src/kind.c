/* The kinds of runtime errors: `wit/errors.md` lists them. */
#include "plain.h"

#include <string.h>

/* By pulsing_runtime. PULSING_NO_RUNTIME and PULSING_OTHER have no word. */
static const char *const WORDS[] = {
    [PULSING_ACTOR_NOT_FOUND] = "actor-not-found",
    [PULSING_ACTOR_STOPPED] = "actor-stopped",
    [PULSING_ACTOR_RESTARTING] = "actor-restarting",
    [PULSING_MAILBOX_FULL] = "mailbox-full",
    [PULSING_DEADLOCK] = "deadlock",
    [PULSING_PERMISSION_DENIED] = "permission-denied",
    [PULSING_MESSAGE_TOO_LARGE] = "message-too-large",
    [PULSING_NO_CONNECTION] = "no-connection",
    [PULSING_INTERNAL] = "internal",
};

pulsing_runtime pulsing_in_runtime_of(pulsing_text kind) {
  for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
    const char *word = WORDS[i];
    if (word && strlen(word) == kind.len && memcmp(word, kind.ptr, kind.len) == 0) return (pulsing_runtime)i;
  }
  return PULSING_OTHER;
}

bool pulsing_in_may_help(pulsing_runtime runtime, bool has_hint) {
  switch (runtime) {
    case PULSING_ACTOR_RESTARTING:
    case PULSING_MAILBOX_FULL:
    case PULSING_NO_CONNECTION: return true;
    case PULSING_NO_RUNTIME:
    case PULSING_ACTOR_NOT_FOUND:
    case PULSING_ACTOR_STOPPED:
    case PULSING_DEADLOCK:
    case PULSING_PERMISSION_DENIED:
    case PULSING_MESSAGE_TOO_LARGE:
    case PULSING_INTERNAL: return false;
    case PULSING_OTHER: return has_hint;
  }
  return false;
}
