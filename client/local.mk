# echo-client. It comes out at the top of the build tree: ./echo-client
#
# Everything except main() is a convenience library, so that the tests link the same objects.
noinst_LTLIBRARIES += %D%/libclient.la
%C%_libclient_la_SOURCES = \
	%D%/session/dial.c %D%/session/dial.h \
	%D%/session/base.c %D%/session/base.h %D%/session/connect.c %D%/session/converse.c \
	%D%/session/refusal.c %D%/session/resume.c %D%/session/stages.h %D%/session/poll.c %D%/session/poll.h \
	%D%/load/loop.c %D%/load/loop.h %D%/load/loops.c %D%/load/threads.c %D%/load/runner.h \
	%D%/load/barrier.c %D%/load/barrier.h \
	%D%/load/cpu-quota.c %D%/load/cpu-quota.h \
	%D%/load/machine-limits.c %D%/load/machine-limits.h \
	%D%/load/tally.c %D%/load/tally.h \
	%D%/line.h \
	%D%/load/load.c %D%/load/load.h %D%/load/settings.h \
	%D%/session/measure.c %D%/session/measure.h \
	%D%/session/message.c %D%/session/message.h \
	%D%/report/expect.c %D%/report/expect.h %D%/report/search.c %D%/report/search.h \
	%D%/options.c %D%/options.h \
	%D%/session/pace.c %D%/session/pace.h \
	%D%/prompt.c %D%/prompt.h \
	%D%/session/record.c %D%/session/record.h \
	%D%/run.c %D%/run.h \
	%D%/merge.c %D%/merge.h \
	%D%/report/report.h %D%/report/text.c %D%/report/json.c %D%/report/json.h \
	%D%/report/object.c %D%/report/object.h %D%/report/read.c %D%/report/read.h \
	%D%/report/spans.c %D%/report/spans.h \
	%D%/session/advance.c %D%/session/session.h \
	%D%/load/signals.c %D%/load/signals.h \
	%D%/session/sources.c %D%/session/sources.h \
	%D%/start-at.c %D%/start-at.h %D%/clock-of.c %D%/clock-of.h \
	%D%/target-name.c %D%/target-name.h %D%/targets.c %D%/targets.h \
	%D%/report/summary.c %D%/report/summary.h \
	%D%/session/verify.c %D%/session/verify.h \
	%D%/views/outlet.c %D%/views/outlet.h \
	%D%/views/screen.c %D%/views/screen.h %D%/views/frame.c %D%/views/frame.h \
	%D%/views/svg.c %D%/views/svg.h %D%/views/curve.c %D%/views/curve.h \
	%D%/views/timeline.c %D%/views/timeline.h %D%/views/rows.c %D%/views/rows.h \
	%D%/views/plan.c %D%/views/plan.h %D%/views/mark.h %D%/views/served.c %D%/views/served.h \
	%D%/views/view.h %D%/views/hist.c %D%/views/figures.c %D%/views/figures.h \
	%D%/views/csv.c %D%/views/ndjson.c %D%/views/timeline-view.c \
	%D%/views/progress.c %D%/views/top.c %D%/views/alternate.c %D%/views/alternate.h
if WITH_LIBEDIT
%C%_libclient_la_SOURCES += %D%/line-libedit.c
else
%C%_libclient_la_SOURCES += %D%/line-stdio.c
endif
%C%_libclient_la_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_CORE_CFLAGS) $(JANSSON_CFLAGS) $(LIBEDIT_CFLAGS)
%C%_libclient_la_LIBADD = $(LIBEVENT_CORE_LIBS) $(JANSSON_LIBS) $(LIBEDIT_LIBS) -lm

bin_PROGRAMS += echo-client
echo_client_SOURCES = %D%/main.c
echo_client_LDADD = %D%/libclient.la pool/libpool.la common/libcommon.la
