/* SPDX-License-Identifier: MIT */
/* The version of the library. */
#include "pool/echopool.h"

unsigned ep_version(void)
{
    return EP_VERSION;
}
