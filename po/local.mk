# The programs' messages in other languages, for gettext: a catalogue, NAME.po, for each language.
EXTRA_DIST += %D%/extract %D%/zh_CN.po

if WITH_CATALOGUES
# Where gettext looks below a folder: TEXTDOMAINDIR=po is enough to try a catalogue in the build tree.
zh_CNdir = $(localedir)/zh_CN/LC_MESSAGES
nodist_zh_CN_DATA = %D%/zh_CN/LC_MESSAGES/echopool.mo
CLEANFILES += $(nodist_zh_CN_DATA)
$(nodist_zh_CN_DATA): %D%/zh_CN.po
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(MSGFMT) --check -o $@ $(srcdir)/%D%/zh_CN.po
endif

# After a change of messages. What is new is then without a translation, at its place in the file.
update-po: completion/echo-client$(EXEEXT) completion/echo-server$(EXEEXT)
	$(MKDIR_P) %D%
	$(srcdir)/%D%/extract $(abs_builddir) >%D%/echopool.pot
	msgmerge --quiet --no-fuzzy-matching --add-location=file --output-file=%D%/merged $(srcdir)/%D%/zh_CN.po %D%/echopool.pot
	msgattrib --no-obsolete --output-file=$(srcdir)/%D%/zh_CN.po %D%/merged
CLEANFILES += %D%/echopool.pot %D%/merged
