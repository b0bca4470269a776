/* SPDX-License-Identifier: MIT */
/*
 * as_completed: fetch three pages with three workers and print each as it comes.
 *
 * One of the servers is down. Its future fails, the program prints the error, and the other two are
 * not affected.
 */
#include "examples/example.h"
#include "examples/servers.h"

#include <stdio.h>

/** Return the address that this future fetches; Python has a dict for this. */
static const char *url_of(struct ep_future *const futures[PAGES], const struct page pages[PAGES],
                          const struct ep_future *future)
{
    for (int i = 0; i < PAGES; i++)
        if (futures[i] == future)
            return pages[i].url;
    return "?";
}

int main(int argc, char **argv)
{
    struct ep_completions *completions;
    struct ep_future *futures[PAGES], *future;
    struct page pages[PAGES];
    struct ep_executor *pool;
    int rc;

    example_begin(argc, argv, "Fetch three pages from local echo servers; one is down.",
                  EP_POOL_THREADS);
    pool = example_executor(3);
    servers_start(pages, 2);
    for (int i = 0; i < PAGES; i++)
        example_must(ep_submit(pool, fetch_page, &pages[i], sizeof pages[i], &futures[i]),
                     "submit a task");
    example_must(ep_completions_new(futures, PAGES, EP_SECONDS(60), &completions), "wait");
    while ((rc = ep_completions_next(completions, &future)) == 0) {
        const char *url = url_of(futures, pages, future);
        struct ep_bytes page;
        struct ep_error error;

        if (ep_future_result(future, 0, &page) == 0)
            printf("'%s' page is %zu bytes\n", url, page.size);
        else if (ep_future_error(future, 0, &error) == 0)
            printf("'%s' generated an exception: %s\n", url, error.message);
        ep_future_unref(future);
    }
    if (rc != EP_END)
        example_must(rc, "wait for the pages");
    ep_completions_free(completions);
    for (int i = 0; i < PAGES; i++)
        ep_future_unref(futures[i]);
    ep_executor_free(pool);
    servers_stop();
    return 0;
}
