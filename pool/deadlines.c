/* SPDX-License-Identifier: MIT */
/* Times at which something is due: see deadlines-internal.h. */
#include "pool/deadlines-internal.h"

/** Make one heap of two, either of which may be empty. @return its earliest node, without a link */
static struct deadline *meld(struct deadline *a, struct deadline *b)
{
    struct deadline *later = a;

    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (a->at_ns <= b->at_ns) {
        later = b;
        b = a;
    }
    later->next = b->child;
    if (later->next != NULL)
        later->next->link = &later->next;
    b->child = later;
    later->link = &b->child;
    return b;
}

/** Make one heap of a list of children: meld them in pairs, and the pairs from the last to the first. */
static struct deadline *meld_children(struct deadline *child)
{
    struct deadline *pairs = NULL, *melded = NULL;

    while (child != NULL) {
        struct deadline *a = child, *b = a->next;

        child = b != NULL ? b->next : NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct deadline *next = pairs->next;

        melded = meld(melded, pairs);
        pairs = next;
    }
    return melded;
}

/** Make a heap the whole one. */
static void set_first(struct deadlines *deadlines, struct deadline *first)
{
    deadlines->first = first;
    if (first == NULL)
        return;
    first->next = NULL;
    first->link = &deadlines->first;
}

void deadlines_add(struct deadlines *deadlines, struct deadline *deadline)
{
    deadline->child = NULL;
    deadline->next = NULL;
    set_first(deadlines, meld(deadlines->first, deadline));
}

void deadlines_remove(struct deadlines *deadlines, struct deadline *deadline)
{
    struct deadline *rest = meld_children(deadline->child);

    if (deadlines->first == deadline) {
        set_first(deadlines, rest);
    } else {
        *deadline->link = deadline->next;
        if (deadline->next != NULL)
            deadline->next->link = deadline->link;
        set_first(deadlines, meld(deadlines->first, rest));
    }
    deadline->link = NULL;
}
