/* SPDX-License-Identifier: MIT */
/**
 * @file grade.h
 * Grades a lab: tries each requirement in a process of its own, with a time limit, and says in a sentence what
 * went wrong.
 *
 * A requirement is a function that returns whether it is met. It may crash, hang, or be reported by a
 * sanitizer: then grade.c finds the sentence.
 */
#ifndef LABS_GRADE_GRADE_H
#define LABS_GRADE_GRADE_H

#include <stdbool.h>
#include <stddef.h>

/** Room for what went wrong. */
#define WHY_MAX 512

struct requirement {
    const char *id;   /**< its name in the JSON report */
    const char *what; /**< what the program does if it is met */
    unsigned points;
    const char *read; /**< what explains it */
    bool (*is_met)(char why[static WHY_MAX]);
    const char *
        hangs; /**< what it means if the trial does not end; NULL: the trial has limits of its own */
    bool
        built_only; /**< needs what labs/check builds into a program: faults.c, or the thread sanitizer */
};

struct lab {
    const char *title;
    const struct requirement *requirements;
    size_t count;
};

/** Return after how many seconds a trial is given up: LAB_PATIENCE, or as long as a busy machine may need. */
int patience_s(void);

/** Write what went wrong. @return false, for is_met() to return */
__attribute__((format(printf, 2, 3))) bool wrong(char why[static WHY_MAX], const char *format, ...);

/**
 * Try all requirements and print the report.
 *
 * The environment says the rest, and labs/check sets it: LAB_JSON, a file for the report as JSON; LAB_WARNINGS,
 * what the compiler has said; LAB_ONLY, the id of the only requirement to try; LAB_SOURCES, the folder of the program;
 * LAB_BUILT, if labs/check has built the program.
 *
 * @return the exit status: 0 if all points were reached, 1 if not
 */
int grade(unsigned number, const struct lab *lab);

#endif /* LABS_GRADE_GRADE_H */
