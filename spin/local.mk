# Promela models of the library's protocols, and of one of the server; README.md there says how to read them.
EXTRA_DIST += %D%/README.md %D%/direct.pml %D%/dormant.pml %D%/elastic.pml %D%/executor.inc %D%/expiry.pml %D%/files.pml %D%/future.pml %D%/group.pml \
	%D%/helper.pml %D%/idle.pml %D%/mailbox.pml %D%/names %D%/nested.pml %D%/priority.pml %D%/queue.pml \
	%D%/resize.pml %D%/rights.pml %D%/runs %D%/shutdown.pml

# make check-model FULL=1: also the large runs.
check-model:
	FULL='$(FULL)' CC='$(CC)' $(top_srcdir)/scripts/check-model
