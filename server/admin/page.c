/* SPDX-License-Identifier: MIT */
/*
 * The page at /: see page.h.
 *
 * The page contains its style and its script, and a Content-Security-Policy allows no others: both have
 * a nonce that is new in each reply. It replaces @NONCE@ in the page, as the token replaces @TOKEN@.
 */
#include "server/admin/page.h"

#include "server/admin/secret.h"
#include "server/admin/state.h"
#include "server/models/model.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NONCE_CHARS = 32, POLICY_MAX = 512 };

/* A mark in the page, and the text that replaces it. */
struct gap {
    const char *mark;
    const char *text;
};

bool admin_page_is_for(struct evhttp_request *request)
{
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");

    return accept != NULL && strstr(accept, "text/html") != NULL;
}

static void add_policy(struct evhttp_request *request, const char *nonce)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char policy[POLICY_MAX];

    snprintf(policy, sizeof policy,
             "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src 'self'; "
             "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             nonce, nonce);
    evhttp_add_header(headers, "Content-Security-Policy", policy);
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "X-Frame-Options", "DENY");
    evhttp_add_header(headers, "Cross-Origin-Opener-Policy", "same-origin");
    evhttp_add_header(headers, "Cross-Origin-Resource-Policy", "same-origin");
}

/* Return the gap whose mark is here, or NULL. */
static const struct gap *gap_at(const struct gap gaps[static 2], const unsigned char *at,
                                size_t left)
{
    for (int i = 0; i < 2; i++)
        if (strlen(gaps[i].mark) <= left && memcmp(at, gaps[i].mark, strlen(gaps[i].mark)) == 0)
            return &gaps[i];
    return NULL;
}

/* Append the page with its gaps filled. */
static int fill(const struct gap gaps[static 2], struct evbuffer *out)
{
    size_t from = 0; /* of what has not been appended yet */
    int failed = 0;

    for (size_t i = 0; i < page_size; i++) {
        const struct gap *gap = gap_at(gaps, page_bytes + i, page_size - i);
        if (gap == NULL)
            continue;
        failed |= evbuffer_add(out, page_bytes + from, i - from);
        failed |= evbuffer_add(out, gap->text, strlen(gap->text));
        i += strlen(gap->mark) - 1;
        from = i + 1;
    }
    failed |= evbuffer_add(out, page_bytes + from, page_size - from);
    return failed == 0 ? 0 : -ENOMEM;
}

int admin_page(struct evhttp_request *request, const char *token, struct evbuffer *out)
{
    char nonce[NONCE_CHARS + 1];
    const struct gap gaps[2] = {{"@NONCE@", nonce}, {"@TOKEN@", token}};
    int rc = secret_digits(nonce, sizeof nonce);

    if (rc == 0)
        rc = fill(gaps, out);
    if (rc == 0)
        add_policy(request, nonce);
    return rc;
}

int admin_page_text(const struct state *state, struct evbuffer *out)
{
    char accounting[192];
    int size = evbuffer_add_printf(out,
                                   "echo-server --model %s%s\n"
                                   "%s\n\n"
                                   "/             the live page, in a browser\n"
                                   "/metrics      for Prometheus\n"
                                   "/stats.json   the whole state\n"
                                   "/events       the same, four times a second\n"
                                   "/livez        whether the server runs\n"
                                   "/readyz       whether it accepts clients\n",
                                   state->type->name, state->draining ? ", draining" : "",
                                   counts_text(&state->counts, accounting, sizeof accounting));

    return size < 0 ? -ENOMEM : 0;
}
