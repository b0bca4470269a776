/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo() in place of the C library's: a name such as "10.0.0.1,::1" is one that has these
 * addresses; or every name has those of HAS_ADDRESSES in the environment. What the system would make of
 * a name does not matter to what is tested.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    union {
        void *symbol;
        int (*call)(const char *restrict, const char *restrict, const struct addrinfo *restrict,
                    struct addrinfo **restrict);
    } real = {.symbol = dlsym(RTLD_NEXT, "getaddrinfo")};
    const char *addresses = getenv("HAS_ADDRESSES");
    char names[256], *rest = names, *one;
    int code = 0;

    snprintf(names, sizeof names, "%s", addresses != NULL ? addresses : name);
    while (code == 0 && (one = strsep(&rest, ",")) != NULL) {
        code = real.call(one, service, hints, found);
        if (code == 0)
            found = &(*found)->ai_next;
    }
    return code;
}
