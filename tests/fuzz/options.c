/* SPDX-License-Identifier: MIT */
/*
 * Options of every source: whatever stands there, the program goes on, or prints its help and ends with
 * status 0, or prints one line and ends with status 2. The same options give the same result again, and no
 * descriptor stays open.
 *
 * The input has a word of the command line in each line; after a line @ENVIRONMENT@ a variable in each; and
 * what follows a line @FILE@ is the file of --config.
 */
#include "config.h"

#include "tests/fuzz/options.h"

#include "common/log.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/printed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORDS_MAX = 64, BYTES_MAX = 4096 };

const bool target_takes_messages = false;

/** Cut a text at a mark. @return what follows the mark; NULL: it is not there */
static char *cut(char *text, const char *mark)
{
    char *at = strstr(text, mark);

    if (at == NULL)
        return NULL;
    *at = '\0';
    return at + strlen(mark);
}

/** Take a text apart at its newlines, in place. @return how many lines it has */
static int take_apart(char *text, char *lines[static WORDS_MAX + 1])
{
    int count = 0;

    while (text != NULL && text[0] != '\0' && count < WORDS_MAX) {
        lines[count++] = text;
        text = cut(text, "\n");
    }
    lines[count] = NULL;
    return count;
}

/** Make a file. @return its descriptor */
static int make_file(const char *text, char *word, size_t room)
{
    int fd = memfd_create("options", MFD_CLOEXEC);
    size_t size = strlen(text);

    HOLDS(fd >= 0 && write(fd, text, size) == (ssize_t)size);
    snprintf(word, room, "--config=/proc/self/fd/%d", fd);
    return fd;
}

struct line {
    int argc;
    char *argv[WORDS_MAX + 3];
};

static void read_line(void *argument)
{
    struct line *line = argument;

    options_target(line->argc, line->argv);
}

/** Read the options of an input. @param printed  set to what has come of it */
static void run(const uint8_t *input, size_t size, struct printed *printed)
{
    static char bytes[BYTES_MAX + 1], program[] = "program"; /* options point into them */
    static char *variables[WORDS_MAX + 1];
    char *words[WORDS_MAX + 1], word[64], *file, *environment;
    char **before = environ;
    struct line line = {.argc = 1, .argv = {program}};
    int fd = -1;

    memcpy(bytes, input, size);
    bytes[size] = '\0';
    file = cut(bytes, "@FILE@\n");
    environment = cut(bytes, "@ENVIRONMENT@\n");
    for (int i = 0, count = take_apart(bytes, words); i < count; i++)
        line.argv[line.argc++] = words[i];
    if (file != NULL) {
        fd = make_file(file, word, sizeof word);
        line.argv[line.argc++] = word;
    }
    take_apart(environment, variables);
    environ = variables;
    printed_by(printed, read_line, &line);
    environ = before;
    if (fd >= 0)
        close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct printed first, second;
    int free_fd;

    if (stdout == NULL || fileno(stdout) == STDOUT_FILENO)
        stdout = fopen("/dev/null", "w"); /* for --help */
    free_fd = lowest_free_fd();
    size = size < BYTES_MAX ? size : BYTES_MAX;
    run(input, size, &first);
    HOLDS(first.status == -1 || first.status == EXIT_OK || first.status == EXIT_USAGE);
    HOLDS(first.status == EXIT_USAGE ? printed_one_line(&first) : first.size == 0);
    run(input, size, &second);
    HOLDS(second.status == first.status && second.size == first.size);
    HOLDS(memcmp(first.text, second.text, first.size) == 0);
    HOLDS(lowest_free_fd() == free_fd);
    return 0;
}
