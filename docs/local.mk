# The reference in HTML, made by Doxygen from the public headers and the documents about the library:
# make html, make install-html.
EXTRA_DIST += %D%/Doxyfile %D%/header-to-doxygen.awk
REFERENCE = pool/echopool.h pool/echopool-mp.h %D%/library.md %D%/after-fork.md %D%/concurrent-futures.md %D%/other-pools.md

html-local: %D%/html/index.html
%D%/html/index.html: $(REFERENCE) %D%/Doxyfile %D%/header-to-doxygen.awk
	@test -n '$(DOXYGEN)' || { echo 'make html needs Doxygen, which configure did not find: install doxygen, then configure again' >&2; exit 1; }
	$(AM_V_GEN)rm -rf %D%/html && $(MKDIR_P) %D%/html && { cat $(srcdir)/%D%/Doxyfile && \
	  for file in $(REFERENCE); do echo "INPUT += $(srcdir)/$$file"; done && \
	  echo 'USE_MDFILE_AS_MAINPAGE = $(srcdir)/%D%/library.md' && \
	  echo 'STRIP_FROM_PATH = $(abs_top_srcdir)' && \
	  echo 'FILTER_PATTERNS = *.h="$(AWK) -f $(srcdir)/%D%/header-to-doxygen.awk"' && \
	  echo 'PROJECT_NUMBER = $(PACKAGE_VERSION)' && echo 'OUTPUT_DIRECTORY = %D%/html'; } | $(DOXYGEN) -
CLEANFILES += %D%/html/*

install-html-local: html-local
	$(MKDIR_P) '$(DESTDIR)$(htmldir)' && $(INSTALL_DATA) %D%/html/* '$(DESTDIR)$(htmldir)'
