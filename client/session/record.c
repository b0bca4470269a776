/* SPDX-License-Identifier: MIT */
/* Words for the state of a session. See record.h. */
#include "client/session/record.h"

const char *session_state_word(enum session_state state)
{
    switch (state) {
    case SESSION_RUNNING: return "running";
    case SESSION_OK: return "ok";
    case SESSION_REFUSED: return "refused";
    case SESSION_CLOSED: return "closed";
    case SESSION_FAILED:
    case SESSION_STATES: break;
    }
    return "failed";
}
