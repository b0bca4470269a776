/* SPDX-License-Identifier: MIT */
/* Names and ports to addresses and back. Nothing here asks the network. */
#include "common/address.h"
#include "tests/suite.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#define UNTOUCHED 0x5a

static struct address resolved(const char *host, uint16_t port, bool passive)
{
    struct address address;
    const char *cause = "nothing";

    ck_assert_msg(address_resolve(host, port, passive, &address, &cause), "%s: %s", host, cause);
    return address;
}

/* --- Core ---------------------------------------------------------------------------------- */

START_TEST(there_and_back)
{
    static const struct {
        const char *host;
        uint16_t port;
        int family;
        const char *text;
    } cases[] = {
        {"127.0.0.1", 8090, AF_INET, "127.0.0.1:8090"},
        {"0.0.0.0", 0, AF_INET, "0.0.0.0:0"},
        {"255.255.255.255", 65535, AF_INET, "255.255.255.255:65535"},
        {"::1", 8090, AF_INET6, "[::1]:8090"},
        {"[::1]", 8090, AF_INET6, "[::1]:8090"},
        {"::", 1, AF_INET6, "[::]:1"},
        {"[2001:DB8:0:0:0:0:0:1]", 443, AF_INET6, "[2001:db8::1]:443"},
        {"::ffff:127.0.0.1", 80, AF_INET6, "[::ffff:127.0.0.1]:80"},
        {"fe80::1%lo", 7, AF_INET6, "[fe80::1%lo]:7"},
        {"[fe80::1%lo]", 7, AF_INET6, "[fe80::1%lo]:7"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = resolved(cases[i].host, cases[i].port, _i == 1);
        char text[ADDRESS_TEXT_MAX];
        ck_assert_int_eq(address.storage.ss_family, cases[i].family);
        ck_assert_uint_eq(address_port(&address), cases[i].port);
        ck_assert_ptr_eq(address_text(&address, text), text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

START_TEST(localhost_is_this_machine)
{
    struct address address = resolved("localhost", 8090, false);

    ck_assert(address_is_loopback(&address));
    ck_assert_uint_eq(address_port(&address), 8090);
}
END_TEST

START_TEST(equal_addresses_are_equal_bytes)
{
    struct address one, two;
    const char *cause;

    memset(&one, 0x00, sizeof one);
    memset(&two, 0xff, sizeof two);
    ck_assert(address_resolve("::1", 80, false, &one, &cause));
    ck_assert(address_resolve("[::1]", 80, true, &two, &cause));
    ck_assert_mem_eq(&one, &two, sizeof one);
}
END_TEST

START_TEST(loopback_is_told_from_the_rest)
{
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = {
        {"127.0.0.1", true},
        {"127.0.0.0", true},
        {"127.255.255.255", true},
        {"126.255.255.255", false},
        {"128.0.0.0", false},
        {"0.0.0.0", false},
        {"1.0.0.127", false},
        {"192.168.1.20", false},
        {"::1", true},
        {"::", false},
        {"::2", false},
        {"::127.0.0.1", false},
        {"::ffff:127.0.0.1", true},
        {"::ffff:127.255.0.9", true},
        {"::ffff:128.0.0.1", false},
        {"::ffff:10.0.0.127", false},
        {"fe80::1%lo", false},
        {"7f00::1", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = resolved(cases[i].host, 80, false);
        ck_assert_msg(address_is_loopback(&address) == cases[i].loopback, "%s", cases[i].host);
    }
}
END_TEST

/* --- Limits -------------------------------------------------------------------------------- */

static const char *const junk[] = {"",
                                   "[",
                                   "]",
                                   "[]",
                                   "[::1",
                                   "::1]",
                                   "[[::1]]",
                                   "[::1]:80",
                                   "[127.0.0.1]",
                                   "[localhost]",
                                   "[ip6-localhost]",
                                   "[ ::1]",
                                   ":::",
                                   "::1::",
                                   "1:2:3:4:5:6:7:8:9",
                                   "[fe80::1%no-such-link]"};

START_TEST(junk_is_refused_with_a_reason)
{
    struct address address;
    struct address before;
    const char *cause = NULL;

    memset(&before, UNTOUCHED, sizeof before);
    memset(&address, UNTOUCHED, sizeof address);
    ck_assert_msg(!address_resolve(junk[_i], 80, false, &address, &cause), "%s", junk[_i]);
    ck_assert_ptr_nonnull(cause);
    ck_assert_uint_gt(strlen(cause), 0);
    ck_assert_mem_eq(&address, &before, sizeof before);
}
END_TEST

START_TEST(a_name_that_is_too_long)
{
    struct address address;
    const char *cause = NULL;
    char host[100001];

    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    ck_assert(!address_resolve(host, 80, false, &address, &cause));
    ck_assert_ptr_nonnull(cause);
    host[0] = '[';
    host[sizeof host - 2] = ']';
    ck_assert(!address_resolve(host, 80, false, &address, &cause));
}
END_TEST

START_TEST(other_families_have_a_text_too)
{
    struct address address = {.length = sizeof(struct sockaddr_un)};
    char text[ADDRESS_TEXT_MAX];

    address.storage.ss_family = AF_UNIX;
    ck_assert_str_eq(address_text(&address, text), "(an address of family 1)");
    ck_assert_uint_eq(address_port(&address), 0);
    ck_assert(!address_is_loopback(&address));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *core = tcase_create("Core");
    TCase *limits = tcase_create("Limits");

    tcase_add_loop_test(core, there_and_back, 0, 2); /* to connect to, and to listen on */
    tcase_add_test(core, localhost_is_this_machine);
    tcase_add_test(core, equal_addresses_are_equal_bytes);
    tcase_add_test(core, loopback_is_told_from_the_rest);
    suite_add_tcase(suite, core);
    tcase_add_loop_test(limits, junk_is_refused_with_a_reason, 0,
                        (int)(sizeof junk / sizeof junk[0]));
    tcase_add_test(limits, a_name_that_is_too_long);
    tcase_add_test(limits, other_families_have_a_text_too);
    suite_add_tcase(suite, limits);
    return suite_main(suite);
}
