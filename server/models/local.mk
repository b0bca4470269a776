# The models, in the order in which a student should read them. A new model is a file and a line here:
# the table of models is made of this list.
MODELS = \
	%D%/iterative.c \
	%D%/thread.c \
	%D%/fork.c \
	%D%/thread-pool.c \
	%D%/process-pool.c \
	%D%/event.c \
	%D%/thread-accept.c \
	%D%/prefork.c
RING = %D%/batch.c %D%/batch.h %D%/member.c %D%/member.h %D%/ring.c %D%/ring.h
if WITH_LIBURING
MODELS += %D%/io-uring.c
server_libserver_la_SOURCES += $(RING)
else
MODELS += %D%/io-uring-none.c
endif
# configure chooses, but a tarball needs both.
EXTRA_DIST += $(RING) %D%/io-uring.c %D%/io-uring-none.c

server_libserver_la_SOURCES += $(MODELS) \
	%D%/spawn-backoff.c %D%/spawn-backoff.h \
	%D%/buffers.c %D%/buffers.h \
	%D%/caller.c %D%/caller.h \
	%D%/prefork-worker.c %D%/prefork-worker.h \
	%D%/direct.c %D%/direct.h \
	%D%/doors.c %D%/doors.h \
	%D%/driven.c %D%/driven.h \
	%D%/loops.c %D%/loops.h \
	%D%/model.c %D%/model.h \
	%D%/process.c %D%/process.h \
	%D%/ring-counts.h \
	%D%/table.h \
	%D%/thread-pool-message.c \
	%D%/waiting.c %D%/waiting.h

nodist_server_libserver_la_SOURCES += %D%/table.c
CLEANFILES += %D%/table.c
EXTRA_DIST += %D%/make-table
%D%/table.c: %D%/make-table %D%/local.mk
	$(AM_V_GEN)$(MKDIR_P) %D% && AWK='$(AWK)' $(SHELL) $(srcdir)/%D%/make-table $(MODELS) >$@-t && mv $@-t $@
