/* SPDX-License-Identifier: MIT */
/* client/measure: what sessions record reaches the histograms, none twice and none lost. */
#include "client/session/measure.h"
#include "tests/kit/suite.h"

#include <string.h>

static struct measure measure;

static void setup(void)
{
    ck_assert(measure_init(&measure));
}

static void teardown(void)
{
    measure_clear(&measure);
}

static uint64_t count(enum measure_phase phase)
{
    return histogram_count(measure.times[phase]);
}

CASE_WITH("Core", setup, teardown)

TEST(names_are_the_keys_of_the_json)
{
    static const char *const names[] = {"connect",  "queue_wait", "handshake", "echo",
                                        "echo_raw", "close",      "lag"};

    ck_assert_uint_eq(MEASURE_PHASES, sizeof names / sizeof names[0]);
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        ck_assert_str_eq(measure_names[phase], names[phase]);
}

TEST(one_time_goes_to_its_phase)
{
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++)
        for (unsigned times = 0; times <= phase; times++)
            measure_one(&measure, phase, phase + 1);
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++) {
        ck_assert_uint_eq(count(phase), phase + 1);
        ck_assert_int_eq(histogram_max(measure.times[phase]), phase + 1);
    }
}

TEST(batches_lose_nothing)
{
    struct measure_batch batch = {0};

    for (int64_t i = 1; i <= 1000; i++)
        measure_closed(&measure, &batch, 5000, 5000 + i);
    measure_flush(&measure, &batch);
    ck_assert_uint_eq(batch.count, 0);
    measure_flush(&measure, &batch); /* nothing is left to be handed over twice */
    ck_assert_uint_eq(count(MEASURE_ECHO), 1000);
    ck_assert_int_eq(histogram_min(measure.times[MEASURE_ECHO]), 1);
    ck_assert_int_eq(histogram_max(measure.times[MEASURE_ECHO]), 1000);
    ck_assert_int_eq(histogram_percentile(measure.times[MEASURE_ECHO], 50), 500);
    ck_assert_uint_eq(count(MEASURE_ECHO_RAW), 0); /* a closed loop has no schedule */
    ck_assert_uint_eq(count(MEASURE_LAG), 0);
}

TEST(a_full_batch_is_handed_over)
{
    struct measure_batch batch = {0};

    for (int i = 1; i < MEASURE_BATCH; i++)
        measure_closed(&measure, &batch, 0, 7);
    ck_assert_uint_eq(count(MEASURE_ECHO), 0);
    measure_closed(&measure, &batch, 0, 7);
    ck_assert_uint_eq(count(MEASURE_ECHO), MEASURE_BATCH);
    ck_assert_uint_eq(batch.count, 0);
}

TEST(a_slow_batch_is_handed_over)
{
    struct measure_batch batch = {0};

    measure_closed(&measure, &batch, 0, 1000);
    measure_closed(&measure, &batch, 0, 1000 + MEASURE_PATIENCE_NS - 1);
    ck_assert_uint_eq(count(MEASURE_ECHO), 0);
    measure_closed(&measure, &batch, 0, 1000 + MEASURE_PATIENCE_NS);
    ck_assert_uint_eq(count(MEASURE_ECHO), 3);
    measure_closed(&measure, &batch, 0, 2000 + MEASURE_PATIENCE_NS); /* and a new one begins */
    ck_assert_uint_eq(count(MEASURE_ECHO), 3);
}

TEST(a_schedule_has_three_times)
{
    struct measure_batch batch = {0};
    /* due at 100, held up by a reply until 400, sent at 430, replied at 500 */
    struct measure_echo echo = {.due_ns = 100, .free_ns = 400, .sent_ns = 430, .now_ns = 500};

    measure_scheduled(&measure, &batch, &echo);
    measure_flush(&measure, &batch);
    ck_assert_uint_eq(count(MEASURE_ECHO), 1);
    ck_assert_int_eq(histogram_max(measure.times[MEASURE_ECHO]), 400);
    ck_assert_int_eq(histogram_max(measure.times[MEASURE_ECHO_RAW]), 70);
    ck_assert_int_eq(histogram_max(measure.times[MEASURE_LAG]), 30);
    for (int i = 0; i < MEASURE_BATCH; i++)
        measure_scheduled(&measure, &batch, &echo);
    ck_assert_uint_eq(count(MEASURE_ECHO), 1 + MEASURE_BATCH);
    ck_assert_uint_eq(count(MEASURE_ECHO_RAW), 1 + MEASURE_BATCH);
    ck_assert_uint_eq(count(MEASURE_LAG), 1 + MEASURE_BATCH);
}

TEST(merging_adds_every_phase)
{
    struct measure other;
    struct histogram *seen = histogram_new();

    ck_assert(measure_init(&other));
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++) {
        measure_one(&measure, phase, 10);
        measure_one(&other, phase, 20 + phase);
    }
    measure_merge(&measure, &other);
    for (unsigned phase = 0; phase < MEASURE_PHASES; phase++) {
        ck_assert_uint_eq(count(phase), 2);
        ck_assert_int_eq(histogram_max(measure.times[phase]), 20 + phase);
        ck_assert_uint_eq(histogram_count(other.times[phase]), 1);
    }
    measure_peek(&measure, MEASURE_CLOSE, seen);
    measure_peek(&other, MEASURE_CLOSE, seen); /* adds to what is there */
    ck_assert_uint_eq(histogram_count(seen), 3);
    measure_clear(&other);
    histogram_free(seen);
}

TEST(an_unanswered_message_has_a_bound)
{
    struct measure other;

    measure_one(&measure, MEASURE_ECHO, 5000);
    ck_assert(!measure_is_bound(&measure, MEASURE_ECHO, INT64_MAX));
    measure_unanswered(&measure, 3000, 1);
    measure_unanswered(&measure, 1000, 2);
    ck_assert_uint_eq(count(MEASURE_ECHO), 4);
    ck_assert_uint_eq(measure.unanswered, 3);
    ck_assert(!measure_is_bound(&measure, MEASURE_ECHO, 999));
    ck_assert(measure_is_bound(&measure, MEASURE_ECHO, 1000));
    ck_assert(!measure_is_bound(&measure, MEASURE_CONNECT, 1000));
    ck_assert(measure_init(&other));
    measure_merge(&other, &measure);
    ck_assert_uint_eq(other.unanswered, 3);
    ck_assert_int_eq(other.unanswered_ns_min, 1000);
    measure_clear(&other);
    ck_assert(measure_init(&other));
    measure_unanswered(&other, 500, 1);
    measure_merge(&measure, &other);
    ck_assert_uint_eq(measure.unanswered, 4);
    ck_assert_int_eq(measure.unanswered_ns_min, 500);
    measure_clear(&other);
}

TEST(an_unserved_session_has_a_bound)
{
    struct measure other;

    measure_one(&measure, MEASURE_QUEUE_WAIT, 5000);
    ck_assert(!measure_is_bound(&measure, MEASURE_QUEUE_WAIT, INT64_MAX));
    measure_unserved(&measure, 3000);
    measure_unserved(&measure, 1000);
    ck_assert_uint_eq(count(MEASURE_QUEUE_WAIT), 3);
    ck_assert(!measure_is_bound(&measure, MEASURE_QUEUE_WAIT, 999));
    ck_assert(measure_is_bound(&measure, MEASURE_QUEUE_WAIT, 1000));
    ck_assert(!measure_is_bound(&measure, MEASURE_ECHO, 1000));
    ck_assert(measure_init(&other));
    measure_unserved(&other, 500);
    measure_merge(&measure, &other);
    ck_assert_uint_eq(measure.unserved, 3);
    ck_assert_int_eq(measure.unserved_ns_min, 500);
    measure_clear(&other);
}

CASE_WITH("Races", setup, teardown)

enum { RECORDERS = 4, RECORDS = 5000 };

static void *record_some(void *unused)
{
    struct measure_batch batch = {0};

    (void)unused;
    for (int i = 0; i < RECORDS; i++) {
        measure_closed(&measure, &batch, 0, i);
        if (i % 10 == 0)
            measure_one(&measure, MEASURE_CONNECT, i);
    }
    measure_flush(&measure, &batch);
    return NULL;
}

TEST(a_reader_does_not_disturb_recording)
{
    pthread_t threads[RECORDERS];
    uint64_t last = 0;

    for (int i = 0; i < RECORDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, record_some, NULL), 0);
    while (last < RECORDERS * RECORDS) {
        struct histogram *seen = histogram_new();

        measure_peek(&measure, MEASURE_ECHO, seen);
        ck_assert_uint_ge(histogram_count(seen), last); /* it never becomes less */
        last = histogram_count(seen);
        histogram_free(seen);
    }
    for (int i = 0; i < RECORDERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(count(MEASURE_ECHO), RECORDERS * RECORDS);
    ck_assert_uint_eq(count(MEASURE_CONNECT), RECORDERS * RECORDS / 10);
}
