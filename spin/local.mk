# Promela models of the library's protocols; README.md there says how to read them.
EXTRA_DIST += %D%/README.md %D%/executor.inc %D%/future.pml %D%/queue.pml %D%/runs %D%/shutdown.pml

check-model:
	CC='$(CC)' $(top_srcdir)/scripts/check-model
