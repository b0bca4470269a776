/* SPDX-License-Identifier: MIT */
/* Names and ports to addresses and back, without using the network: kit/names.c has the names. */
#include "common/address.h"
#include "tests/kit/suite.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define UNTOUCHED 0x5a

static struct address resolved(const char *host, uint16_t port, bool passive)
{
    struct address address;
    const char *cause = "nothing";

    ck_assert_msg(address_resolve(host, port, passive, &address, &cause), "%s: %s", host, cause);
    return address;
}

CASE("Core")

LOOP_TEST(there_and_back, 2 /* for connect() and for listen() */)
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

/* What "10.0.0.1,::1" becomes, without the ports. */
static const struct {
    const char *name;
    const char *order;
} names[] = {
    {"10.0.0.1", "10.0.0.1"},
    {"::1,127.0.0.1", "::1 127.0.0.1"},
    {"127.0.0.1,::1,127.0.0.1,::1", "127.0.0.1 ::1"},
    {"2001:db8::1,2001:db8::2,2001:db8::3,10.0.0.1,10.0.0.2",
     "2001:db8::1 10.0.0.1 2001:db8::2 10.0.0.2 2001:db8::3"},
    {"10.0.0.3,10.0.0.1,10.0.0.2,::1", "10.0.0.3 ::1 10.0.0.1 10.0.0.2"},
    {"10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,10.0.0.8,10.0.0.9,10.0.0.10,"
     "10.0.0.11,10.0.0.12,10.0.0.13,10.0.0.14,10.0.0.15,10.0.0.16,10.0.0.17",
     "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9 10.0.0.10 "
     "10.0.0.11 10.0.0.12 10.0.0.13 10.0.0.14 10.0.0.15 10.0.0.16"},
    {"10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,10.0.0.8,10.0.0.9,10.0.0.10,"
     "10.0.0.11,10.0.0.12,10.0.0.13,10.0.0.14,10.0.0.15,10.0.0.16,10.0.0.1",
     "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9 10.0.0.10 "
     "10.0.0.11 10.0.0.12 10.0.0.13 10.0.0.14 10.0.0.15 10.0.0.16"},
};

LOOP_TEST(all_addresses_of_a_name, COUNT_OF(names))
{
    struct addresses addresses;
    const char *cause = "nothing";
    char order[512] = "";

    ck_assert_msg(address_resolve_all(names[_i].name, 8090, false, &addresses, &cause), "%s",
                  cause);
    for (unsigned i = 0; i < addresses.count; i++) {
        char text[ADDRESS_TEXT_MAX], *host = text;

        address_text(&addresses.at[i], text);
        *strrchr(text, ':') = '\0';
        if (text[0] == '[') {
            host++;
            host[strlen(host) - 1] = '\0';
        }
        snprintf(order + strlen(order), sizeof order - strlen(order), "%s%s", i > 0 ? " " : "",
                 host);
    }
    ck_assert_str_eq(order, names[_i].order);
    ck_assert(addresses.more == (strstr(names[_i].name, "10.0.0.17") != NULL));
}

TEST(a_unix_socket_has_one)
{
    struct addresses addresses;
    const char *cause = "nothing";
    char text[ADDRESS_TEXT_MAX];

    ck_assert(address_resolve_all("unix:/run/echo", 8090, false, &addresses, &cause));
    ck_assert_uint_eq(addresses.count, 1);
    ck_assert_str_eq(address_text(&addresses.at[0], text), "unix:/run/echo");
}

TEST(localhost_is_this_machine)
{
    struct address address = resolved("localhost", 8090, false);

    ck_assert(address_is_loopback(&address));
    ck_assert_uint_eq(address_port(&address), 8090);
}

TEST(equal_addresses_are_equal_bytes)
{
    struct address one, two;
    const char *cause;

    memset(&one, 0x00, sizeof one);
    memset(&two, 0xff, sizeof two);
    ck_assert(address_resolve("::1", 80, false, &one, &cause));
    ck_assert(address_resolve("[::1]", 80, true, &two, &cause));
    ck_assert_mem_eq(&one, &two, sizeof one);
}

TEST(loopback_differs_from_the_rest)
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

LOOP_TEST(unix_addresses_there_and_back, 2)
{
    static const struct {
        const char *host;
        const char *path; /* NULL: no file */
        size_t length;    /* of sun_path */
    } cases[] = {
        {"unix:/run/echo", "/run/echo", 10},
        {"unix:echo", "echo", 5},
        {"unix:./@echo", "./@echo", 8},
        {"unix:/", "/", 2},
        {"unix:@echo", NULL, 5},
        {"unix:@/run/echo", NULL, 10},
        {"unix:/with blank, \xc3\xa4 and :80", "/with blank, \xc3\xa4 and :80", 24},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct address address = resolved(cases[i].host, 8090, _i == 1);
        const struct sockaddr_un *name = (const struct sockaddr_un *)&address.storage;
        char text[ADDRESS_TEXT_MAX];
        ck_assert_int_eq(address.storage.ss_family, AF_UNIX);
        ck_assert_uint_eq(address.length, offsetof(struct sockaddr_un, sun_path) + cases[i].length);
        ck_assert_uint_eq(address_port(&address), 0);
        ck_assert(address_is_loopback(&address));
        ck_assert_str_eq(address_text(&address, text), cases[i].host);
        if (cases[i].path != NULL) {
            ck_assert_str_eq(address_path(&address), cases[i].path);
        } else {
            ck_assert_ptr_null(address_path(&address));
            ck_assert_int_eq(name->sun_path[0], 0);
        }
    }
}

/* The names of real sockets: a path, an abstract name, and none. */
TEST(what_the_kernel_says_of_unix_sockets)
{
    struct address unnamed = {.length = sizeof unnamed.storage};
    struct address bound = resolved("unix:@echopool check_address", 0, true);
    char text[ADDRESS_TEXT_MAX];
    int pair[2];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(getsockname(pair[0], (struct sockaddr *)&unnamed.storage, &unnamed.length), 0);
    ck_assert_str_eq(address_text(&unnamed, text), "unix:");
    ck_assert_ptr_null(address_path(&unnamed));
    ck_assert(address_is_loopback(&unnamed));

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&bound.storage, bound.length), 0);
    bound = (struct address){.length = sizeof bound.storage};
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&bound.storage, &bound.length), 0);
    ck_assert_str_eq(address_text(&bound, text), "unix:@echopool check_address");
    close(fd);
    close(pair[0]);
    close(pair[1]);
}

TEST(only_unix_addresses_have_a_path)
{
    struct address address = resolved("127.0.0.1", 80, false);

    ck_assert_ptr_null(address_path(&address));
}

CASE("Limits")

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
                                   "[fe80::1%no-such-link]",
                                   "fe80::1",
                                   "[febf:ffff::1]",
                                   "unix:",
                                   "unix:@"};

LOOP_TEST(junk_is_refused_with_a_reason, COUNT_OF(junk))
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

TEST(a_name_that_is_too_long)
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

/* 107 bytes fit and 108 do not, in a path and in an abstract name. */
TEST(the_longest_unix_address)
{
    struct address address, before;
    const char *cause = NULL;
    char host[5 + 108 + 1] = "unix:/";
    char text[ADDRESS_TEXT_MAX];

    memset(host + 6, 'a', 107);
    for (int i = 0; i < 2; i++) {
        host[5] = "/@"[i];
        host[5 + 107] = '\0';
        address = resolved(host, 0, false);
        ck_assert_str_eq(address_text(&address, text), host);
        host[5 + 107] = 'a';
        memset(&before, UNTOUCHED, sizeof before);
        memset(&address, UNTOUCHED, sizeof address);
        ck_assert(!address_resolve(host, 0, false, &address, &cause));
        ck_assert_ptr_nonnull(strstr(cause, "107"));
        ck_assert_mem_eq(&address, &before, sizeof before);
    }
}

/* A path that fills its whole field has no zero at its end, and the length may be wrong. */
TEST(unix_addresses_from_outside)
{
    struct address address = {.length = sizeof(struct sockaddr_un)};
    struct sockaddr_un *name = (struct sockaddr_un *)&address.storage;
    char text[ADDRESS_TEXT_MAX];

    name->sun_family = AF_UNIX;
    memset(name->sun_path, 'a', sizeof name->sun_path);
    ck_assert_uint_eq(strlen(address_text(&address, text)), 5 + sizeof name->sun_path);
    address.length = sizeof address.storage;
    ck_assert_uint_eq(strlen(address_text(&address, text)), 5 + sizeof name->sun_path);
    address.length = 1;
    ck_assert_str_eq(address_text(&address, text), "unix:");
    memcpy(name->sun_path, "/a\nb\x1b\x7f\xc3\xa4", 9);
    address.length = sizeof(struct sockaddr_un);
    ck_assert_str_eq(address_text(&address, text), "unix:/a?b??\xc3\xa4");
    memcpy(name->sun_path, "/\x9b\xc2\x9b\xe2\x80\xae", 8);
    ck_assert_str_eq(address_text(&address, text), "unix:/??????");
    memcpy(name->sun_path, "\0a\0b", 4);
    address.length = offsetof(struct sockaddr_un, sun_path) + 4;
    ck_assert_str_eq(address_text(&address, text), "unix:@a@b");
}

TEST(other_families_have_a_text_too)
{
    struct address address = {.length = sizeof(struct sockaddr_storage)};
    char text[ADDRESS_TEXT_MAX];

    address.storage.ss_family = AF_VSOCK;
    ck_assert_str_eq(address_text(&address, text), "(an address of family 40)");
    ck_assert_uint_eq(address_port(&address), 0);
    ck_assert_ptr_null(address_path(&address));
    ck_assert(!address_is_loopback(&address));
}
