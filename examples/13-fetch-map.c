/* SPDX-License-Identifier: MIT */
/*
 * The pages of 11-fetch by map: fetched at the same time, printed in the order of the addresses.
 */
#include "examples/example.h"
#include "examples/servers.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct page pages[PAGES];
    struct ep_column column = {.elements = pages, .size = sizeof pages[0]};
    struct ep_executor *pool;
    struct ep_bytes page;
    struct ep_map *map;

    example_begin(argc, argv, "Fetch three pages from local echo servers, in order.",
                  EP_POOL_THREADS);
    pool = example_executor(3);
    servers_start(pages, -1);
    example_must(ep_map_columns(pool, fetch_page, &column, 1, PAGES, NULL, &map), "map");
    for (int i = 0; i < PAGES; i++) {
        example_must(ep_map_next(map, &page), "fetch a page");
        printf("'%s' page is %zu bytes\n", pages[i].url, page.size);
    }
    ep_map_free(map);
    ep_executor_free(pool);
    servers_stop();
    return 0;
}
