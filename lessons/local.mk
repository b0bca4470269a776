# The lessons: scripts that run the programs, with their pages in English and Chinese.
EXTRA_DIST += %D%/lesson.sh %D%/all %D%/samples %D%/README.md %D%/README.zh.md %D%/teaching.md %D%/teaching.zh.md

# One a line, in order. lessons/all finds them by their folders; tests/house/languages.sh checks that
# none is missing here.
LESSONS = \
	00-the-seed \
	01-iterative \
	02-thread-per-client \
	03-exhaustion \
	04-the-pool \
	05-the-fifth-client \
	06-queue-full \
	07-idle-sessions \
	08-half-close \
	09-framing \
	10-echo-deadlock \
	11-backlog \
	12-stopping \
	13-how-many \
	14-coordinated-omission \
	15-event-loop \
	16-one-crashes \
	17-accept-in-the-workers \
	18-io-uring

EXTRA_DIST += $(LESSONS:%=lessons/%/README.md) $(LESSONS:%=lessons/%/README.zh.md) $(LESSONS:%=lessons/%/run)

# The pictures that lessons/samples has drawn for the READMEs.
EXTRA_DIST += %D%/01-iterative/scene.svg %D%/02-thread-per-client/scene.svg %D%/05-the-fifth-client/scene.svg \
	%D%/06-queue-full/scene.svg %D%/07-idle-sessions/scene.svg %D%/10-echo-deadlock/scene.svg \
	%D%/11-backlog/scene.svg %D%/12-stopping/scene.svg %D%/15-event-loop/turns.svg %D%/16-one-crashes/scene.svg \
	%D%/17-accept-in-the-workers/scene.svg %D%/18-io-uring/scene.svg

# The program of lesson 0, with its faults.
noinst_PROGRAMS += lessons/00-the-seed/seed
lessons_00_the_seed_seed_SOURCES = %D%/00-the-seed/seed.c
lessons_00_the_seed_seed_LDADD =

# Starts a server with a shorter backlog than the server would ask for.
noinst_PROGRAMS += lessons/11-backlog/narrow
lessons_11_backlog_narrow_SOURCES = %D%/11-backlog/narrow.c
lessons_11_backlog_narrow_LDADD =
