/* SPDX-License-Identifier: MIT */
/* --limit: what is read, what is refused, and the arithmetic of the prediction. */
#include "server/limits.h"
#include "tests/kit/suite.h"

#include <sys/resource.h>
#include <unistd.h>

CASE("Core")

TEST(lists_that_are_read)
{
    struct limits limits = {0};

    ck_assert(limits_parse("as=256M,nofile=64,stack=8M", &limits));
    ck_assert_uint_eq(limits.as_bytes, 256u << 20);
    ck_assert_uint_eq(limits.nofile, 64);
    ck_assert_uint_eq(limits.stack_bytes, 8u << 20);
    ck_assert(limits_parse("stack=64K", &limits));
    ck_assert_uint_eq(limits.as_bytes, 0);
    ck_assert_uint_eq(limits.nofile, 0);
    ck_assert_uint_eq(limits.stack_bytes, 65536);
}

static const char *const refused[] = {"",
                                      ",",
                                      "as",
                                      "as=",
                                      "as=0",
                                      "as=15M",
                                      "as=1025G",
                                      "as=256M,",
                                      ",as=256M",
                                      "as=256M,,",
                                      "as=1G,as=1G",
                                      "nofile=15",
                                      "nofile=64K",
                                      "nofile=-64",
                                      "stack=63K",
                                      "stack=2G",
                                      "As=256M",
                                      "memory=256M",
                                      "as =256M",
                                      "as=256M ",
                                      "as=256M;stack=8M",
                                      "as=25600000000000000000000000000000000000000000M"};

LOOP_TEST(lists_that_are_refused, COUNT_OF(refused))
{
    struct limits limits = {.nofile = 7};

    ck_assert_msg(!limits_parse(refused[_i], &limits), "\"%s\" was taken", refused[_i]);
    ck_assert_uint_eq(limits.nofile, 7);
}

TEST(prediction)
{
    struct limits limits = {.as_bytes = 256u << 20, .stack_bytes = 8u << 20};
    uint64_t thread = (8u << 20) + (uint64_t)sysconf(_SC_PAGESIZE);

    ck_assert_uint_eq(limits_thread_bytes(&limits), thread);
    ck_assert_uint_eq(limits_predict_threads(&limits, limits.as_bytes), 0);
    ck_assert_uint_eq(limits_predict_threads(&limits, limits.as_bytes + 1), 0);
    ck_assert_uint_eq(limits_predict_threads(&limits, limits.as_bytes - thread), 1);
    ck_assert_uint_eq(limits_predict_threads(&limits, limits.as_bytes - thread + 1), 0);
    ck_assert_uint_eq(limits_predict_threads(&limits, limits.as_bytes - 31 * thread), 31);
    ck_assert_uint_gt(limits_used_bytes(), 1u << 20);
}

TEST(without_a_stack_the_system_decides)
{
    struct limits limits = {0};

    ck_assert_uint_ge(limits_stack_bytes(&limits), 65536);
}

TEST(descriptors)
{
    struct limits limits = {.nofile = 100};
    struct rlimit now;
    const char *name;

    ck_assert_int_eq(limits_apply(&limits, &name), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
    ck_assert_uint_eq(now.rlim_cur, 100);
    ck_assert_uint_eq(limits_raise_nofile(50), 100); /* never lowered */
    ck_assert_uint_eq(limits_raise_nofile(120), 120);
    now.rlim_max = now.rlim_cur = 110;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    ck_assert_uint_eq(limits_raise_nofile(200), 110); /* as far as it goes */
    limits.nofile = 111;
    ck_assert_int_lt(limits_apply(&limits, &name), 0);
    ck_assert_str_eq(name, "nofile");
}
