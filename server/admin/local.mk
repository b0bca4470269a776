server_libserver_la_SOURCES += \
	%D%/admin.c %D%/admin.h \
	%D%/agent.c %D%/agent.h \
	%D%/control.c %D%/control.h \
	%D%/events.c %D%/events.h \
	%D%/family.c %D%/family.h \
	%D%/host.h \
	%D%/json.c %D%/json.h \
	%D%/metrics.c %D%/metrics.h %D%/metrics-format.c \
	%D%/open.c %D%/open.h \
	%D%/page.c %D%/page.h \
	%D%/places.c %D%/places.h \
	%D%/reply.c %D%/reply.h \
	%D%/reserve.c %D%/reserve.h \
	%D%/secret.c %D%/secret.h \
	%D%/state.c %D%/state.h \
	%D%/visitor.c %D%/visitor.h

# The live page: files that people read and write, joined into one that the program holds.
PAGE_PARTS = %D%/page/page.html %D%/page/page.css \
	%D%/page/texts.js %D%/page/page.js %D%/page/moves.js %D%/page/minute.js %D%/page/tour.js
EXTRA_DIST += $(PAGE_PARTS) %D%/page/embed
nodist_server_libserver_la_SOURCES += %D%/page-bytes.c
CLEANFILES += %D%/page-bytes.c
%D%/page-bytes.c: $(PAGE_PARTS) %D%/page/embed
	$(AM_V_GEN)$(MKDIR_P) %D% && AWK='$(AWK)' $(SHELL) $(srcdir)/%D%/page/embed $(srcdir)/%D%/page >$@-t && mv $@-t $@
