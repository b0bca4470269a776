/* SPDX-License-Identifier: MIT */
/**
 * @file alternate.h
 * The alternate screen of the terminal that is standard error, without a cursor, taken for a time.
 *
 * While it is taken, text that others write to standard error would destroy the picture and then be
 * gone with it. So it goes into memory, and is repeated when the screen is given back.
 *
 * The screen must also be given back at ends that alternate_leave() does not see: the second ^C,
 * which kills the program; a closed terminal; an abort. And ^Z stops the program, with the shell's
 * prompt on our screen. So while the screen is taken, a handler of those signals gives it back with
 * one write(), and lets the signal do what it always does. No atexit() is needed, because nothing
 * calls exit() meanwhile. After ^Z and `fg` the next alternate_enter() takes the screen again.
 *
 * Threads: one, except for the handler, which runs in any. There is one terminal, so the state is
 * static.
 */
#ifndef CLIENT_VIEWS_ALTERNATE_H
#define CLIENT_VIEWS_ALTERNATE_H

/** Prepare. Without descriptors or memory, text on standard error is not kept. */
void alternate_open(void);

/** Take the screen, unless it is taken. Signals that are ignored or have a handler are left alone. */
void alternate_enter(void);

/** Give the screen back, and let go of the signals. */
void alternate_leave(void);

void alternate_close(void);

/** @return the terminal's descriptor, whatever standard error is meanwhile */
int alternate_fd(void);

#endif /* CLIENT_VIEWS_ALTERNATE_H */
