# The fault campaign: the program that lets calls fail one after the other, by kit/shim.c. It is built with the other tests and run by scripts/check-torture.
TORTURE = tests/torture/torture tests/torture/library
check_PROGRAMS += $(TORTURE)
tests_torture_torture_SOURCES = \
	tests/torture/program.c tests/torture/program.h \
	tests/torture/subject.c tests/torture/subject.h tests/torture/torture.c tests/kit/shim.h
tests_torture_torture_LDADD = $(LIBCOMMON) $(OPENSSL_LIBS) -lm
tests_torture_library_SOURCES = tests/torture/library.c
tests_torture_library_LDADD = pool/libpool.la

check-torture: echo-server echo-client tests/kit/shim.la $(TORTURE)
	$(top_srcdir)/scripts/check-torture
