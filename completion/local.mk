# The completion of both programs in bash. It is made from their tables of options, and kept in the
# tree, since a build for another machine could not run the program that makes it: after a change of a
# table, `make completion`. A test compares them.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/echo-client.bash %D%/echo-server.bash

check_PROGRAMS += %D%/echo-client %D%/echo-server
%C%_echo_client_SOURCES = %D%/generate.c
%C%_echo_client_LDADD = client/libclient.la pool/libpool.la common/libcommon.la
%C%_echo_server_SOURCES = %D%/generate.c
%C%_echo_server_LDADD = server/libserver.la pool/libpool.la common/libcommon.la $(LIBEVENT_LIBS) $(JANSSON_LIBS)

completion: %D%/echo-client$(EXEEXT) %D%/echo-server$(EXEEXT)
	for program in echo-client echo-server; do %D%/$$program bash >$(srcdir)/%D%/$$program.bash || exit 1; done
