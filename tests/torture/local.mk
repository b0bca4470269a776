# The fault campaign: a shim that lets calls fail, and the program that tries one after the other. It is built
# with the other tests and run by scripts/check-torture.
TORTURE = tests/torture/torture tests/torture/library
check_PROGRAMS += $(TORTURE)
tests_torture_torture_SOURCES = \
	tests/torture/program.c tests/torture/program.h tests/torture/shim.h \
	tests/torture/subject.c tests/torture/subject.h tests/torture/torture.c
tests_torture_torture_LDADD = $(LIBCOMMON) $(OPENSSL_LIBS) -lm
tests_torture_library_SOURCES = tests/torture/library.c
tests_torture_library_LDADD = pool/libpool.la

# Preloaded; -rpath makes libtool build a shared object that is not installed.
check_LTLIBRARIES += tests/torture/shim.la
tests_torture_shim_la_SOURCES = tests/torture/shim.c tests/torture/shim.h
tests_torture_shim_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
tests_torture_shim_la_LIBADD = -ldl

check-torture: echo-server echo-client tests/torture/shim.la $(TORTURE)
	$(top_srcdir)/scripts/check-torture
