# The labs: solutions, and mistakes that labs/check has to name. It builds with sanitizers of its own.
if !SANITIZED
TESTS += tests/labs/labs.sh
endif
EXTRA_DIST += tests/labs/labs.sh %D%/1-echo/echo.c %D%/2-threads/echo.c %D%/3-queue/queue.c %D%/4-pool/server.c \
	%D%/5-event-loop/server.c %D%/6-futures/futures.c
