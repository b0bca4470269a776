/* SPDX-License-Identifier: MIT */
/* The texts of codes. */
#include "pool/echopool.h"

#include <limits.h>
#include <string.h>

const char *ep_strerror(int code)
{
    switch (code) {
    case 0: return "success";
    case EP_ESHUTDOWN: return "the executor is shut down and accepts no more tasks";
    case EP_ECANCELLED: return "the task was cancelled before it began";
    case EP_EFAILED: return "the task failed";
    case EP_EBROKEN: return "the executor is broken: a worker could not start, or died";
    case EP_EDIED: return "the worker process died while it had the task";
    case EP_EUNKNOWN:
        return "the worker process does not know the task's function: load its library earlier";
    case EP_ESHIP: return "input or reply cannot cross between processes";
    case EP_EFORKED: return "made in another process, before fork(): make one in this process";
    case EP_ETHREADS:
        return "the process has several threads: call ep_zygote_new() before making the first";
    case EP_END: return "nothing more will come";
    case EP_ENOTREADY: return "the call is not done yet";
    case EP_EXPIRED: return "the task had not begun when its time was over";
    case EP_ELIMIT: return "the task ran longer than its limit, and its worker was killed";
    default: return strerror(code == INT_MIN ? INT_MAX : code < 0 ? -code : code);
    }
}
