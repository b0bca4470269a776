/* SPDX-License-Identifier: MIT */
/*
 * Messages in the language of the user: see translate.h.
 *
 * setlocale() would turn strerror() and gai_strerror() into the user's language everywhere, also in JSON
 * and in the reasons that a report counts. So the locale is an object of its own, and a thread has it only
 * while it translates.
 *
 * The C library keeps catalogues under locks, which a process that is forked meanwhile would find taken for
 * ever. So one lock of this file is held around each use, and fork() takes it, too.
 */
#include "common/translate.h"

#include "config.h"

#include <string.h>

#ifdef ENABLE_NLS

#    include <errno.h>
#    include <langinfo.h>
#    include <libintl.h>
#    include <pthread.h>
#    include <stdbool.h>
#    include <stdlib.h>

/* Set before any thread is made, then only read. 0: texts stay as they are. */
static locale_t language;
static pthread_mutex_t looking = PTHREAD_MUTEX_INITIALIZER;

static void lock(void)
{
    pthread_mutex_lock(&looking);
}

static void unlock(void)
{
    pthread_mutex_unlock(&looking);
}

locale_t translate_enter(void)
{
    if (language == (locale_t)0)
        return (locale_t)0;
    lock();
    return uselocale(language);
}

void translate_leave(locale_t before)
{
    if (before == (locale_t)0)
        return;
    uselocale(before);
    unlock();
}

const char *translate(const char *text)
{
    int saved = errno;
    locale_t before = translate_enter();

    /* "" would be the catalogue's header. */
    if (before != (locale_t)0 && text[0] != '\0')
        text = gettext(text);
    translate_leave(before);
    errno = saved;
    return text;
}

const char *translate_error(int code)
{
    locale_t before = translate_enter();
    const char *text = before != (locale_t)0 ? strerror_l(code, language) : strerror(code);

    translate_leave(before);
    return text;
}

/* Check for a catalogue: it has a header, which is the translation of "". */
static bool has_catalogue(void)
{
    locale_t before = translate_enter();
    bool found = gettext("")[0] != '\0';

    translate_leave(before);
    return found;
}

void translate_start(void)
{
    const char *folder = secure_getenv("TEXTDOMAINDIR");

    if (language != (locale_t)0)
        return;
    language = newlocale(LC_CTYPE_MASK | LC_MESSAGES_MASK, "", (locale_t)0);
    if (language == (locale_t)0)
        return;
    bindtextdomain(PACKAGE, folder != NULL ? folder : LOCALEDIR);
    textdomain(PACKAGE);
    if (strcmp(nl_langinfo_l(CODESET, language), "UTF-8") != 0 || !has_catalogue() ||
        pthread_atfork(lock, unlock, unlock) != 0)
        translate_stop();
}

void translate_stop(void)
{
    if (language != (locale_t)0)
        freelocale(language);
    language = (locale_t)0;
}

#else /* no gettext */

void translate_start(void)
{
}

void translate_stop(void)
{
}

locale_t translate_enter(void)
{
    return (locale_t)0;
}

void translate_leave(locale_t before)
{
    (void)before;
}

const char *translate(const char *text)
{
    return text;
}

const char *translate_error(int code)
{
    return strerror(code);
}

#endif
