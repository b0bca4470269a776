/* SPDX-License-Identifier: MIT */
/**
 * @file translate.h
 * Messages in the language of the user, by gettext and the catalogues of po/.
 *
 * What goes through log.h, and what the tables of option.h say, is translated there. `_()` is for words
 * that are put into such a sentence.
 *
 * The locale of the process stays "C": strerror(), numbers and all that programs read, which is
 * standard output except for --help, JSON and files, are the same in every language.
 *
 * Without translate_start(), without a catalogue for the language, or in a locale without UTF-8, texts
 * stay as they are.
 */
#ifndef COMMON_TRANSLATE_H
#define COMMON_TRANSLATE_H

#include <locale.h>

/** Look for a catalogue, by LC_ALL, LC_MESSAGES, LANG and LANGUAGE. Before any thread is made. */
void translate_start(void);

/** Leave texts as they are from now on. Before any thread is made, likewise. */
void translate_stop(void);

/**
 * Return a text in the user's language, or the text. It stays valid. Any thread, and a forked process; errno
 * stays as it is.
 */
const char *translate(const char *text) __attribute__((format_arg(1)));

/** Do what strerror() does in the user's language. For messages only. */
const char *translate_error(int code);

/**
 * Give this thread the locale of the user's language, in which %m and wcwidth() are as the user reads them; in
 * numbers it is as "C". No function of this header may be called before translate_leave().
 *
 * @return for translate_leave()
 */
locale_t translate_enter(void);
void translate_leave(locale_t before);

#define _(text) translate(text)
/** Mark a text that is translated elsewhere, for po/extract. */
#define N_(text) text

#endif /* COMMON_TRANSLATE_H */
