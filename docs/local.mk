# The site: make html, make install-html. The library's reference is made by Doxygen, from the public headers and the
# documents about the library, the rest by docs/site/make.
EXTRA_DIST += %D%/Doxyfile %D%/header-to-doxygen.awk %D%/links-to-doxygen.awk %D%/site/make %D%/site/links.lua %D%/site/style.css %D%/site/footer.html
REFERENCE = pool/echopool.h pool/echopool-mp.h %D%/library.md %D%/after-fork.md %D%/concurrent-futures.md %D%/other-pools.md

html-local: html/reference/index.html man/functions man/echopool.3 man/echopool-mp.3
	$(AM_V_GEN)find html -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} + && $(srcdir)/%D%/site/make html man

html/reference/index.html: $(REFERENCE) %D%/Doxyfile %D%/header-to-doxygen.awk %D%/site/footer.html
	@test -n '$(DOXYGEN)' || { echo 'make html needs Doxygen, which configure did not find: install doxygen, then configure again' >&2; exit 1; }
	$(AM_V_GEN)rm -rf html/reference && $(MKDIR_P) html/reference && { cat $(srcdir)/%D%/Doxyfile && \
	  for file in $(REFERENCE); do echo "INPUT += $(srcdir)/$$file"; done && \
	  echo 'USE_MDFILE_AS_MAINPAGE = $(srcdir)/%D%/library.md' && \
	  echo 'HTML_FOOTER = $(srcdir)/%D%/site/footer.html' && \
	  echo 'STRIP_FROM_PATH = "$(abs_top_srcdir)"' && \
	  echo 'FILTER_PATTERNS = *.h="$(AWK) -f $(srcdir)/%D%/header-to-doxygen.awk"' && \
	  echo 'FILTER_PATTERNS += *.md="$(AWK) -f $(srcdir)/%D%/links-to-doxygen.awk"' && \
	  echo 'PROJECT_NUMBER = $(PACKAGE_VERSION)' && echo 'OUTPUT_DIRECTORY = html/reference'; } | $(DOXYGEN) -
# clean-local is in bench/local.mk.
clean-site:
	rm -rf html

install-html-local: html-local
	cd html && find . -type f | while read -r file; do \
	  $(MKDIR_P) "$(DESTDIR)$(htmldir)/$${file%/*}" && $(INSTALL_DATA) "$$file" "$(DESTDIR)$(htmldir)/$$file" || exit 1; done
