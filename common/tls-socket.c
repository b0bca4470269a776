/* SPDX-License-Identifier: MIT */
/*
 * The socket as OpenSSL sees it: a BIO of our own on the plain stream. It sends without SIGPIPE, retries after a
 * signal without waiting for ever, keeps time limits, and need not wait on a blocking descriptor. The stream's result
 * is kept beside it, so that both kinds of streams return the same error numbers.
 */
#include "common/tls-internal.h"

#include <errno.h>
#include <openssl/bio.h>

/* Keep a result of the plain stream that is no count of bytes, and tell OpenSSL if it may retry. */
static int socket_answer(BIO *bio, struct tls_socket *socket, ssize_t answer, int retry)
{
    socket->answer = (int)answer;
    if (answer == -EAGAIN || answer == -ETIMEDOUT)
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

static int socket_read(BIO *bio, char *bytes, int size)
{
    struct tls_socket *socket = BIO_get_data(bio);
    ssize_t got = socket->deaf ? -EAGAIN : stream_read(&socket->stream, bytes, (size_t)size);

    BIO_clear_retry_flags(bio);
    if (got > 0)
        return (int)got;
    if (got < 0)
        return socket_answer(bio, socket, got, BIO_FLAGS_READ);
    /* Report a retry: to OpenSSL an end of file is fatal, and it may come from our own shutdown(),
       after which we still have to send close_notify. */
    socket->cut = true;
    BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

static int socket_write(BIO *bio, const char *bytes, int size)
{
    struct tls_socket *socket = BIO_get_data(bio);
    ssize_t put = stream_write_some(&socket->stream, bytes, (size_t)size);

    BIO_clear_retry_flags(bio);
    return put >= 0 ? (int)put : socket_answer(bio, socket, put, BIO_FLAGS_WRITE);
}

/*
 * Answer OpenSSL's control commands. Nothing is buffered, so a flush succeeds. The end of file is
 * not reported: OpenSSL would send an alert to a peer that has gone; tls.c sees it by `cut`.
 */
static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *tls_socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

    if (method != NULL && BIO_meth_set_read(method, socket_read) &&
        BIO_meth_set_write(method, socket_write) && BIO_meth_set_ctrl(method, socket_control))
        return method;
    BIO_meth_free(method);
    return NULL;
}
