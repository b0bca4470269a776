# Promela models of the library's protocols; README.md there says how to read them.
EXTRA_DIST += %D%/README.md %D%/executor.inc %D%/future.pml %D%/helper.pml %D%/idle.pml %D%/mailbox.pml \
	%D%/names %D%/queue.pml %D%/rights.pml %D%/runs %D%/shutdown.pml

check-model:
	CC='$(CC)' $(top_srcdir)/scripts/check-model
