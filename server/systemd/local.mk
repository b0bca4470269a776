# Units for systemd, installed only if configure was given a folder for them.
EXTRA_DIST += %D%/echo-server.service.in %D%/echo-server.socket
CLEANFILES += %D%/echo-server.service

if WITH_SYSTEMD_UNITS
nodist_systemdsystemunit_DATA = %D%/echo-server.service
dist_systemdsystemunit_DATA = %D%/echo-server.socket
endif

# Where the program is installed is only known to make.
%D%/echo-server.service: %D%/echo-server.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && sed 's|@bindir[@]|$(bindir)|g' $(srcdir)/%D%/echo-server.service.in >$@.tmp && mv $@.tmp $@
