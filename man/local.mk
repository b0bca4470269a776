# The programs' manual pages.
if PROGRAMS
dist_man_MANS = %D%/echo-client.1 %D%/echo-server.1
endif

# The library's pages are made of its headers.
nodist_man_MANS = %D%/echopool.3 %D%/echopool-mp.3
CLEANFILES += $(nodist_man_MANS)
EXTRA_DIST += %D%/header.awk %D%/header-to-man.awk %D%/header-to-functions.awk

%D%/echopool.3: pool/echopool.h %D%/header.awk %D%/header-to-man.awk
	$(AM_V_GEN)$(MKDIR_P) %D% && $(AWK) -v name=echopool \
	  -v title='bounded pools of workers with futures' \
	  -f $(srcdir)/%D%/header.awk -f $(srcdir)/%D%/header-to-man.awk $(srcdir)/pool/echopool.h >$@.tmp && mv $@.tmp $@
%D%/echopool-mp.3: pool/echopool-mp.h %D%/header.awk %D%/header-to-man.awk
	$(AM_V_GEN)$(MKDIR_P) %D% && $(AWK) -v name=echopool-mp \
	  -v title='multiprocessing.Pool on libechopool' \
	  -f $(srcdir)/%D%/header.awk -f $(srcdir)/%D%/header-to-man.awk $(srcdir)/pool/echopool-mp.h >$@.tmp && mv $@.tmp $@

# A page for each function. Which there are, the headers say.
CLEANFILES += %D%/functions %D%/ep_*.3
all-local: %D%/functions
%D%/functions: pool/echopool.h pool/echopool-mp.h %D%/header.awk %D%/header-to-functions.awk
	$(AM_V_GEN)$(MKDIR_P) %D% && rm -f %D%/ep_*.3 && for name in echopool echopool-mp; do \
	  $(AWK) -v name=$$name -v folder=%D% -f $(srcdir)/%D%/header.awk -f $(srcdir)/%D%/header-to-functions.awk \
	    $(srcdir)/pool/$$name.h || exit 1; done && \
	  ls %D%/ep_*.3 >$@
install-data-hook: %D%/functions
	$(MKDIR_P) '$(DESTDIR)$(man3dir)' && $(INSTALL_DATA) %D%/ep_*.3 '$(DESTDIR)$(man3dir)'
uninstall-hook: %D%/functions
	for page in `cat %D%/functions`; do rm -f "$(DESTDIR)$(man3dir)/$${page##*/}"; done
