/* SPDX-License-Identifier: MIT */
/* Which level the next task comes from: see priority-internal.h. */
#include "pool/priority-internal.h"

/** The levels from the highest to the lowest. */
static const enum ep_priority levels[EP_PRIORITIES] = {EP_PRIORITY_HIGH, EP_PRIORITY_NORMAL,
                                                       EP_PRIORITY_LOW};

void lane_append(struct lane *lane, struct lane_link *link)
{
    link->next = NULL;
    link->link = lane->first == NULL ? &lane->first : lane->end;
    *link->link = link;
    lane->end = &link->next;
    lane->count++;
}

void lane_remove(struct lane *lane, struct lane_link *link)
{
    *link->link = link->next;
    if (link->next != NULL)
        link->next->link = link->link;
    else
        lane->end = link->link;
    link->link = NULL;
    lane->count--;
}

static bool level_waits(const struct lanes *lanes, enum ep_priority level, bool normal)
{
    return level == EP_PRIORITY_NORMAL ? normal : lanes->of[level].first != NULL;
}

enum ep_priority lanes_lowest(const struct lanes *lanes, bool normal)
{
    size_t i = EP_PRIORITIES - 1;

    while (i > 0 && !level_waits(lanes, levels[i], normal))
        i--;
    return levels[i];
}

enum ep_priority lanes_choose(const struct lanes *lanes, bool normal)
{
    size_t i = EP_PRIORITIES - 1;

    while (i > 0 &&
           !(level_waits(lanes, levels[i], normal) && lanes->passed[levels[i]] >= PRIORITY_TURNS))
        i--;
    if (i > 0)
        return levels[i];
    while (i < EP_PRIORITIES - 1 && !level_waits(lanes, levels[i], normal))
        i++;
    return levels[i];
}

void lanes_note(struct lanes *lanes, enum ep_priority taken, bool normal)
{
    for (size_t i = 0; i < EP_PRIORITIES; i++)
        if (levels[i] == taken || !level_waits(lanes, levels[i], normal))
            lanes->passed[levels[i]] = 0;
        else
            lanes->passed[levels[i]]++;
}

bool priority_is_below(enum ep_priority priority, enum ep_priority other)
{
    size_t i = 0;

    while (levels[i] != priority && levels[i] != other)
        i++;
    return priority != other && levels[i] == other;
}
