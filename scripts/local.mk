# Scripts for people and for CI.
EXTRA_DIST += %D%/boot %D%/build %D%/check-container %D%/check-machines %D%/check-distributions %D%/check-model %D%/check-packages \
	%D%/check-sanitizers %D%/check-shaken %D%/check-surroundings %D%/check-torture %D%/coverage %D%/demo %D%/failures %D%/fuzz \
	%D%/installation %D%/packages %D%/release %D%/test

# Pictures of real runs.
EXTRA_DIST += %D%/dashboard %D%/designs %D%/pictures %D%/plate %D%/sweep
EXTRA_DIST += %D%/draw/dashboard-svg.awk %D%/draw/deploy.sh %D%/draw/designs-svg.awk \
	%D%/draw/plate.awk %D%/draw/plate-rows.awk %D%/draw/queueing.awk \
	%D%/draw/rows.awk %D%/draw/rows-json.awk %D%/draw/run.sh %D%/draw/scene.awk %D%/draw/svg.awk \
	%D%/draw/sweep.awk %D%/draw/sweep-run.awk %D%/draw/sweep-svg.awk %D%/draw/sweep-text.awk
if PROGRAMS
noinst_PROGRAMS += %D%/draw/sample
%C%_draw_sample_SOURCES = %D%/draw/sample.c
%C%_draw_sample_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
%C%_draw_sample_LDADD = common/libcommon.la $(JANSSON_LIBS)
endif

check-sanitizers:
	$(top_srcdir)/scripts/check-sanitizers

coverage:
	$(top_srcdir)/scripts/coverage

if PROGRAMS
# Seven servers for a long time; with SEED=N the choices of an earlier run.
EXTRA_DIST += %D%/soak
T = 1h
soak: echo-server$(EXEEXT) echo-client$(EXEEXT)
	$(top_srcdir)/scripts/soak $(T) $(SEED)
endif
