/* SPDX-License-Identifier: MIT */
/* A solution of lab 4. The mistakes of tests/labs/mistakes are made in it. */
#include "queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

/* A client from accept to close. */
struct session {
    int fd;
    LIST_ENTRY(session) link;
};

static struct queue *queue;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, session) sessions; /* guarded by lock */

static void on_term(int number)
{
    (void)number;
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, SOMAXCONN) != 0) {
        perror("echo: cannot listen");
        exit(1);
    }
    return fd;
}

/* Send all bytes. @return false: the client is gone */
static bool send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t some = send(fd, bytes, size, MSG_NOSIGNAL);
        if (some < 0)
            return false;
        bytes += some;
        size -= (size_t)some;
    }
    return true;
}

/* Send back what a client sends until it has ended. */
static void serve(int fd)
{
    char bytes[4096];
    ssize_t size;

    while ((size = recv(fd, bytes, sizeof bytes, 0)) > 0)
        if (!send_all(fd, bytes, (size_t)size))
            break;
}

static void end(struct session *session)
{
    pthread_mutex_lock(&lock);
    LIST_REMOVE(session, link);
    pthread_mutex_unlock(&lock);
    close(session->fd);
    free(session);
}

static void *worker_main(void *argument)
{
    struct session *session;

    (void)argument;
    while ((session = queue_take(queue)) != NULL) {
        serve(session->fd);
        end(session);
    }
    return NULL;
}

/* Hand a client over to a worker. */
static void take(int fd)
{
    struct session *session = malloc(sizeof *session);

    if (session == NULL) {
        close(fd);
        return;
    }
    session->fd = fd;
    pthread_mutex_lock(&lock);
    LIST_INSERT_HEAD(&sessions, session, link);
    pthread_mutex_unlock(&lock);
    if (!queue_put(queue, session))
        end(session);
}

/* After SIGTERM: no more is received, so what has come is echoed, and each session ends. */
static void *stopper_main(void *argument)
{
    struct session *session;
    sigset_t term;
    int number;

    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigwait(&term, &number);
    queue_close(queue);
    shutdown(*(int *)argument, SHUT_RDWR); /* wakes accept() */
    pthread_mutex_lock(&lock);
    LIST_FOREACH(session, &sessions, link)
    shutdown(session->fd, SHUT_RD);
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(int count, char **arguments)
{
    int listener = listen_on(count > 1 ? atoi(arguments[1]) : 8090);
    int workers = count > 2 ? atoi(arguments[2]) : 4;
    pthread_t threads[64], stopper;
    sigset_t term;
    int fd;

    signal(SIGTERM, on_term);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, NULL);
    queue = queue_new((size_t)(count > 3 ? atoi(arguments[3]) : 8));
    if (queue == NULL || workers < 1 || workers > 64 ||
        pthread_create(&stopper, NULL, stopper_main, &listener) != 0)
        return 1;
    for (int i = 0; i < workers; i++)
        if (pthread_create(&threads[i], NULL, worker_main, NULL) != 0)
            return 1;
    while ((fd = accept(listener, NULL, NULL)) >= 0 || errno != EINVAL)
        if (fd >= 0)
            take(fd);
    pthread_join(stopper, NULL);
    for (int i = 0; i < workers; i++)
        pthread_join(threads[i], NULL);
    queue_free(queue);
    close(listener);
    return 0;
}
