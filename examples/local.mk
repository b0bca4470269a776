# The examples: the programs of the articles, on libechopool, and what these have not. make check builds and runs them; make
# examples builds them, and make examples/12-add builds one.
EXAMPLES = \
	examples/01-submit \
	examples/02-arguments \
	examples/03-results \
	examples/04-map \
	examples/05-callback \
	examples/06-mp-apply \
	examples/07-mp-apply-async \
	examples/08-mp-async-result \
	examples/09-three-ways \
	examples/10-done \
	examples/11-fetch \
	examples/12-add \
	examples/13-fetch-map \
	examples/14-names \
	examples/15-map-unread \
	examples/16-global \
	examples/17-callback-thread \
	examples/18-twenty-workers \
	examples/19-group \
	examples/20-user \
	examples/21-nested \
	examples/22-limits \
	examples/23-priority
check_PROGRAMS += $(EXAMPLES)
EXTRA_DIST += examples/README.md

# A small library has what they share, so that each example is one file.
check_LTLIBRARIES += examples/libexample.la
examples_libexample_la_SOURCES = \
	examples/example.c examples/example.h examples/servers.c examples/servers.h
examples_libexample_la_LIBADD = pool/libpool.la
EXAMPLE_LIBS = examples/libexample.la
examples_01_submit_LDADD = $(EXAMPLE_LIBS)
examples_02_arguments_LDADD = $(EXAMPLE_LIBS)
examples_03_results_LDADD = $(EXAMPLE_LIBS)
examples_04_map_LDADD = $(EXAMPLE_LIBS)
examples_05_callback_LDADD = $(EXAMPLE_LIBS)
examples_06_mp_apply_LDADD = $(EXAMPLE_LIBS)
examples_07_mp_apply_async_LDADD = $(EXAMPLE_LIBS)
examples_08_mp_async_result_LDADD = $(EXAMPLE_LIBS)
examples_09_three_ways_LDADD = $(EXAMPLE_LIBS)
examples_10_done_LDADD = $(EXAMPLE_LIBS)
examples_11_fetch_LDADD = $(EXAMPLE_LIBS)
examples_12_add_LDADD = $(EXAMPLE_LIBS)
examples_13_fetch_map_LDADD = $(EXAMPLE_LIBS)
examples_14_names_LDADD = $(EXAMPLE_LIBS)
examples_15_map_unread_LDADD = $(EXAMPLE_LIBS)
examples_16_global_LDADD = $(EXAMPLE_LIBS)
examples_17_callback_thread_LDADD = $(EXAMPLE_LIBS)
examples_18_twenty_workers_LDADD = $(EXAMPLE_LIBS)
examples_19_group_LDADD = $(EXAMPLE_LIBS)
examples_20_user_LDADD = $(EXAMPLE_LIBS)
examples_21_nested_LDADD = $(EXAMPLE_LIBS)
examples_22_limits_LDADD = $(EXAMPLE_LIBS)
examples_23_priority_LDADD = $(EXAMPLE_LIBS)

.PHONY: examples
examples: $(EXAMPLES)
