/* SPDX-License-Identifier: MIT */
/*
 * Runs a target with the inputs of text files, without a fuzzer: its seeds, and what it has found.
 *
 *     replay FILE...            run each
 *     replay --bytes FILE       write the input to standard output, as a seed for libFuzzer
 *     replay --text FILE        write an input of libFuzzer as text
 *
 * With FUZZER defined it is empty, and libFuzzer's main() takes its place: see scripts/fuzz.
 */
#include "config.h"

#include "tests/fuzz/input.h"

#ifndef FUZZER

#    include <string.h>

static uint8_t input[INPUT_MAX];

static int replay(const char *name)
{
    FILE *file = fopen(name, "r");
    size_t size = file != NULL ? input_of_text(file, input) : 0;

    if (file != NULL)
        fclose(file);
    if (size == 0) {
        fprintf(stderr, "replay: %s cannot be read as an input\n", name);
        return 1;
    }
    return LLVMFuzzerTestOneInput(input, size);
}

static int convert(const char *how, const char *name)
{
    bool to_text = strcmp(how, "--text") == 0;
    FILE *file = fopen(name, to_text ? "rb" : "r");
    size_t size;

    if (file == NULL) {
        perror(name);
        return 1;
    }
    size = to_text ? fread(input, 1, sizeof input, file) : input_of_text(file, input);
    fclose(file);
    if (to_text)
        text_of_input(input, size);
    else
        fwrite(input, 1, size, stdout);
    return size > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && (strcmp(argv[1], "--text") == 0 || strcmp(argv[1], "--bytes") == 0))
        return convert(argv[1], argv[2]);
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) != 0)
            return 1;
    return 0;
}

#endif /* FUZZER */
