/* SPDX-License-Identifier: MIT */
/*
 * What a run of echo-client leaves behind: each of its files, whole, in every way of running
 * sessions, also when it is interrupted; through what is no plain file, which stays what it is; and
 * if it cannot be written.
 */
#include "tests/kit/client-json.h"
#include "tests/kit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 64, ROOM = 1 << 18 };

/* --- files of a test ----------------------------------------------------------------------- */

struct outlet_kind {
    const char *option;
    const char *begins;
    const char *ends;
};

static const struct outlet_kind kinds[] = {
    {"--csv", "step,session,connection,idle,state,arrived_us,", "\"\r\n"},
    {"--ndjson", "{\"event\":\"start\",\"schema\":\"echo-client/1\",", "}\n"},
    {"--hist", "       Value     Percentile TotalCount 1/(1-Percentile)\n\n", "]\n"},
    {"--timeline", "<", "</svg>\n"},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static char folder[64];
static char paths[KINDS][96];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s", suite_template());
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < KINDS; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%zu", folder, i);
}

/* Which must be all that is there. */
static void remove_folder(void)
{
    for (size_t i = 0; i < KINDS; i++)
        (void)unlink(paths[i]);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* All that can be read of a file, ended by zero. */
static void read_file(const char *path, char text[static ROOM])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t got;

    ck_assert_int_ge(fd, 0);
    while ((got = read(fd, text + size, ROOM - 1 - size)) > 0)
        size += (size_t)got;
    close(fd);
    text[size] = '\0';
}

static unsigned count(const char *text, const char *part)
{
    unsigned times = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        times++;
    return times;
}

/* It begins and ends as such a file does. */
static void expect_whole(const struct outlet_kind *kind, const char *text)
{
    size_t size = strlen(text), end = strlen(kind->ends);

    ck_assert_msg(strncmp(text, kind->begins, strlen(kind->begins)) == 0 && size > end &&
                      strcmp(text + size - end, kind->ends) == 0,
                  "%s: %.200s ... %s", kind->option, text, text + (size > 50 ? size - 50 : 0));
}

/* Sessions by their state, in each of the files that name them. */
static void expect_sessions(unsigned ok, unsigned failed)
{
    static char text[ROOM];

    for (size_t i = 0; i < KINDS; i++) {
        read_file(paths[i], text);
        expect_whole(&kinds[i], text);
        if (strcmp(kinds[i].option, "--csv") == 0) {
            ck_assert_uint_eq(count(text, "\r\n"), 1 + ok + failed);
            ck_assert_uint_eq(count(text, ",0,ok,"), ok);
            ck_assert_uint_eq(count(text, ",0,failed,"), failed);
        } else if (strcmp(kinds[i].option, "--ndjson") == 0) {
            ck_assert_uint_eq(count(text, "{\"event\":\"session\","), ok + failed);
            ck_assert_uint_eq(count(text, "{\"event\":\"end\","), 1);
            ck_assert_uint_eq(count(text, "\n{\"event\":\"total\","), 1);
            ck_assert_uint_eq(count(strstr(text, "{\"event\":\"total\","), "\n"), 1);
        } else if (strcmp(kinds[i].option, "--timeline") == 0) {
            ck_assert_uint_eq(count(text, "data-arrived="), ok + failed);
        }
    }
}

CASE("Plain files")

LOOP_TEST(every_file_is_whole, CLIENT_WAYS)
{
    struct client_run run;
    static char text[ROOM];

    make_folder();
    run = client_run_against(_i, peer_upper, NULL,
                             ARGUMENTS("-n", "12", "--csv", paths[0], "--ndjson", paths[1],
                                       "--hist", paths[2], "--timeline", paths[3]));
    client_run_expect(&run, 0, 12, 0, 0);
    expect_sessions(12, 0);
    /* the distribution is of as many echoes as the summary has */
    const char *total =
        suite_text("Total count    = %12d]",
                   (int)json_integer_value(json_object_get(
                       json_object_get(json_object_get(run.json, "latency_us"), "echo"), "count")));
    read_file(paths[2], text);
    ck_assert_msg(strstr(text, total) != NULL, "no \"%s\" in %s", total, text);
    remove_folder();
}

/* Sessions, messages and errors of the last line of --ndjson are those of --json. */
LOOP_TEST(the_stream_ends_with_the_summary, CLIENT_WAYS)
{
    static const char *const keys[] = {"sessions", "messages", "latency_us", "errors",
                                       "histograms"};
    struct client_run run;
    static char text[ROOM];
    json_t *last;

    make_folder();
    run = client_run_against(_i, peer_upper, NULL, ARGUMENTS("-n", "3", "--ndjson", paths[1]));
    read_file(paths[1], text);
    last = json_loads(strstr(text, "{\"event\":\"total\","), 0, NULL);
    ck_assert_ptr_nonnull(last);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        ck_assert_msg(
            json_equal(json_object_get(last, keys[i]), json_object_get(run.json, keys[i])), "%s",
            keys[i]);
    json_decref(last);
    remove_folder();
}

/* Two sessions are served, and two wait. */
struct half {
    atomic_uint waiting;
};

BEHAVIOUR(serving_half)
{
    char bytes[SIZE];

    if (number < 2) {
        peer_upper(fd, number, NULL);
        return;
    }
    if (peer_receive(fd, bytes, SIZE))
        atomic_fetch_add(&((struct half *)context)->waiting, 1);
    peer_drain(fd);
}

/* The two have ended, and their events are in the file: then it is known what follows. */
static bool is_half_done(void *context)
{
    static char text[ROOM];

    if (atomic_load(&((struct half *)context)->waiting) < 2 || access(paths[1], R_OK) != 0)
        return false;
    read_file(paths[1], text);
    return count(text, "{\"event\":\"session\",") == 2;
}

LOOP_TEST(an_interrupted_run_leaves_whole_files, CLIENT_WAYS)
{
    struct half half = {0};
    struct peer *peer = peer_start(serving_half, &half);
    struct program client;
    struct client_run run;

    make_folder();
    client_use_way(_i);
    client = client_start(peer_port_text(peer),
                          ARGUMENTS("-n", "4", "--csv", paths[0], "--ndjson", paths[1], "--hist",
                                    paths[2], "--timeline", paths[3]));
    wait_until(is_half_done, &half);
    ck_assert_int_eq(kill(client.pid, SIGINT), 0);
    run = client_wait(&client);
    client_run_expect(&run, 130, 2, 2, 0);
    expect_sessions(2, 2);
    remove_folder();
    peer_stop(peer);
}

CASE("What is no plain file")

struct reading {
    const char *path;
    char text[ROOM];
};

static void *read_fifo(void *argument)
{
    struct reading *reading = argument;

    read_file(reading->path, reading->text);
    return NULL;
}

LOOP_TEST(a_fifo_is_written_through, KINDS)
{
    static struct reading reading;
    const struct outlet_kind *kind = &kinds[_i];
    struct client_run run;
    pthread_t reader;
    struct stat status;

    make_folder();
    reading.path = paths[_i];
    ck_assert_int_eq(mkfifo(reading.path, 0600), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_fifo, &reading), 0);
    run = client_run_against(0, peer_upper, NULL, ARGUMENTS("-n", "3", kind->option, reading.path));
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
    client_run_expect(&run, 0, 3, 0, 0);
    expect_whole(kind, reading.text);
    ck_assert_int_eq(lstat(reading.path, &status), 0);
    ck_assert(S_ISFIFO(status.st_mode));
    remove_folder();
}

static bool has_left(void *context)
{
    return atomic_load((atomic_bool *)context);
}

/* Serves when the reader of the fifo has left, so that there is something to be written then. */
BEHAVIOUR(serving_later)
{
    wait_until(has_left, context);
    peer_upper(fd, number, NULL);
}

/* It ends the writing, and not the run. A program that watches may stop; a file would be a part
   that looks complete. */
LOOP_TEST(a_fifo_whose_reader_leaves, KINDS)
{
    const struct outlet_kind *kind = &kinds[_i];
    atomic_bool left = false;
    struct peer *peer = peer_start(serving_later, &left);
    struct program client;
    struct client_run run;
    int fd;

    make_folder();
    ck_assert_int_eq(mkfifo(paths[_i], 0600), 0);
    client = client_start(peer_port_text(peer), ARGUMENTS("-n", "3", kind->option, paths[_i]));
    fd = open(paths[_i], O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    close(fd);
    atomic_store(&left, true);
    run = client_wait(&client);
    client_run_expect(&run, strcmp(kind->option, "--ndjson") == 0 ? 0 : 1, 3, 0, 0);
    ck_assert_str_eq(run.outcome.err, "");
    remove_folder();
    peer_stop(peer);
}

LOOP_TEST(a_symlink_is_followed, KINDS)
{
    static char text[ROOM];
    const struct outlet_kind *kind = &kinds[_i];
    struct client_run run;
    struct stat before, after;
    int fd;

    make_folder();
    const char *link = suite_text("%s/link", folder);
    fd = open(paths[_i], O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    ck_assert_int_eq(write(fd, "what was there", 14), 14);
    ck_assert_int_eq(fstat(fd, &before), 0);
    close(fd);
    ck_assert_int_eq(symlink(paths[_i], link), 0);
    run = client_run_against(0, peer_upper, NULL, ARGUMENTS("-n", "3", kind->option, link));
    client_run_expect(&run, 0, 3, 0, 0);
    read_file(paths[_i], text);
    expect_whole(kind, text);
    ck_assert_int_eq(stat(paths[_i], &after), 0); /* the file is the same one */
    ck_assert_uint_eq(after.st_ino, before.st_ino);
    ck_assert_uint_eq(after.st_mode, before.st_mode);
    ck_assert_int_eq(lstat(link, &after), 0); /* and the link a link */
    ck_assert(S_ISLNK(after.st_mode));
    ck_assert_int_eq(unlink(link), 0);
    remove_folder();
}

LOOP_TEST(standard_output_is_one_of_them, KINDS)
{
    const struct outlet_kind *kind = &kinds[_i];
    struct outcome outcome =
        client_text(peer_upper, NULL, ARGUMENTS("-n", "3", "--quiet", kind->option, "-"), NULL);

    outcome_expect(&outcome, 0, NULL, "");
    expect_whole(kind, outcome.out);
}

CASE("What cannot be written")

LOOP_TEST(a_full_device_is_logged, KINDS)
{
    const struct outlet_kind *kind = &kinds[_i];
    struct stat status;
    struct client_run run =
        client_run_against(0, peer_upper, NULL, ARGUMENTS("-n", "3", kind->option, "/dev/full"));

    client_run_expect(&run, 1, 3, 0, 0); /* the sessions were well all the same */
    ck_assert_ptr_eq(strstr(run.outcome.err, "echo-client: cannot write "), run.outcome.err);
    ck_assert_ptr_nonnull(strstr(run.outcome.err, "/dev/full: No space left on device\n"));
    ck_assert_int_eq(lstat("/dev/full", &status), 0);
    ck_assert(S_ISCHR(status.st_mode));
}

LOOP_TEST(what_cannot_be_opened_is_logged_before_the_load, KINDS)
{
    const struct outlet_kind *kind = &kinds[_i];
    struct peer *peer = peer_start(peer_upper, NULL);
    struct outcome outcome = program_run(ARGUMENTS("echo-client", "--port", peer_port_text(peer),
                                                   "-n", "3", kind->option, "/nowhere/file"),
                                         NULL);

    outcome_expect(&outcome, 1, "",
                   "echo-client: cannot write /nowhere/file: No such file or directory\n");
    ck_assert_uint_eq(peer_accepted(peer), 0);
    peer_stop(peer);
}
