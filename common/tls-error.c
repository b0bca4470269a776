/* SPDX-License-Identifier: MIT */
/* OpenSSL's errors in words that help a user. */
#include "common/tls-internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

/* An alert from the peer has this reason, plus the alert's number. */
#define ALERT_OFFSET 1000

/* Replace texts of OpenSSL that only its developers understand. @return NULL: keep the text */
static const char *plain_words(int reason)
{
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG: /* of newer versions */ return "what the peer sent is not TLS";
    case SSL_R_UNEXPECTED_MESSAGE:
        return "an unexpected message, as from a peer that does not talk TLS";
    case SSL_R_HTTP_REQUEST: return "what the peer sent is HTTP and not TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL: return "no common protocol version";
    case SSL_R_NO_SHARED_CIPHER: return "no common cipher";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "the client sent no certificate";
    default: return NULL;
    }
}

/* Return the alert in words; NULL: this version of OpenSSL has none. */
static const char *alert_words(int reason)
{
    const char *words = SSL_alert_desc_string_long(reason - ALERT_OFFSET);

    return strcmp(words, "unknown") != 0 ? words : NULL;
}

void tls_describe_queue(char text[static TLS_WHY_MAX])
{
    unsigned long error = ERR_peek_error();
    bool of_ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
    int reason = ERR_GET_REASON(error);
    const char *words = of_ssl ? plain_words(reason) : NULL;

    if (of_ssl && reason >= ALERT_OFFSET && (words = alert_words(reason)) != NULL) {
        snprintf(text, TLS_WHY_MAX, "alert from the peer: %s", words);
        return;
    }
    if (words == NULL)
        words = ERR_reason_error_string(error);
    if (words != NULL)
        snprintf(text, TLS_WHY_MAX, "%s", words);
    else
        snprintf(text, TLS_WHY_MAX, "OpenSSL error %lx", error);
}
