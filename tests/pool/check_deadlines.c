/* SPDX-License-Identifier: MIT */
/* The heap of times. */
#include "pool/deadlines-internal.h"
#include "tests/kit/suite.h"

enum { MANY = 1000 };

static struct deadlines deadlines;
static struct deadline nodes[MANY];

/** Pseudo-random numbers (Park and Miller, 1988), the same in each run. */
static int64_t draw(void)
{
    static uint64_t state = 1;

    state = state * 48271 % 2147483647;
    return (int64_t)state;
}

static void add(unsigned i, int64_t at_ns)
{
    nodes[i] = (struct deadline){.at_ns = at_ns};
    deadlines_add(&deadlines, &nodes[i]);
    ck_assert_ptr_nonnull(nodes[i].link);
}

static void take(struct deadline *deadline)
{
    deadlines_remove(&deadlines, deadline);
    ck_assert_ptr_null(deadline->link);
}

/** Take the first until there is none. @return how many; each is no earlier than the one before */
static unsigned take_all(void)
{
    int64_t last = INT64_MIN;
    unsigned count = 0;

    for (; deadlines.first != NULL; count++) {
        ck_assert_int_ge(deadlines.first->at_ns, last);
        last = deadlines.first->at_ns;
        take(deadlines.first);
    }
    return count;
}

CASE("Order")

TEST(the_earliest_is_first)
{
    ck_assert_ptr_null(deadlines.first);
    add(0, 30);
    add(1, 10);
    add(2, 20);
    ck_assert_ptr_eq(deadlines.first, &nodes[1]);
    take(&nodes[1]);
    ck_assert_ptr_eq(deadlines.first, &nodes[2]);
    take(&nodes[0]);
    ck_assert_ptr_eq(deadlines.first, &nodes[2]);
    take(&nodes[2]);
    ck_assert_ptr_null(deadlines.first);
}

TEST(any_may_be_removed)
{
    for (int round = 0; round < 50; round++) {
        unsigned left = MANY;

        for (unsigned i = 0; i < MANY; i++)
            add(i, draw() % (1 + round * 20));
        if (round % 2 == 1) { /* deeper, after some have been taken */
            for (; left > MANY - 10; left--)
                take(deadlines.first);
        }
        for (unsigned i = 0; i < MANY; i++)
            if (nodes[i].link != NULL && draw() % 3 != 0) {
                take(&nodes[i]);
                left--;
            }
        ck_assert_uint_eq(take_all(), left);
    }
}
