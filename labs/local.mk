# The labs: skeletons and task sheets for students, and labs/check with its grader, which compiles what it needs.
LABS = 1-echo 2-threads 3-queue 4-pool 5-event-loop 6-futures
EXTRA_DIST += %D%/README.md %D%/check $(LABS:%=labs/%/README.md) \
	%D%/1-echo/echo.c %D%/2-threads/echo.c %D%/3-queue/queue.c %D%/3-queue/queue.h \
	%D%/4-pool/server.c %D%/5-event-loop/server.c \
	%D%/6-futures/futures.c %D%/6-futures/futures.h \
	%D%/grade/faults.c %D%/grade/faults.h %D%/grade/futures.c %D%/grade/grade.c %D%/grade/grade.h \
	%D%/grade/queue.c %D%/grade/server.c %D%/grade/server.h %D%/grade/servers.c \
	%D%/grade/threads.c %D%/grade/threads.h
