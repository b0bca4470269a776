# Measurements, built and run by make bench only; README.md explains them.
bench_built = \
	%D%/bench_allocations \
	%D%/bench_best \
	%D%/bench_calls \
	%D%/bench_client \
	%D%/bench_echo \
	%D%/bench_memory \
	%D%/bench_models \
	%D%/bench_process \
	%D%/bench_roundtrip \
	%D%/bench_scale \
	%D%/bench_submit \
	%D%/bench_switch \
	%D%/bench_table \
	%D%/floor_epoll \
	%D%/floor_load \
	%D%/floor_load_thread \
	%D%/floor_prethreaded \
	%D%/floor_process \
	%D%/floor_thread \
	%D%/peer_bufferevent
EXTRA_PROGRAMS += $(bench_built)

%C%_floor_thread_SOURCES = %D%/floor_thread.c %D%/floor.h
%C%_floor_thread_LDADD = common/libcommon.la
%C%_floor_epoll_SOURCES = %D%/floor_epoll.c %D%/floor.h
%C%_floor_epoll_LDADD = common/libcommon.la
%C%_floor_prethreaded_SOURCES = %D%/floor_prethreaded.c %D%/floor.h
%C%_floor_prethreaded_LDADD = common/libcommon.la
%C%_floor_process_SOURCES = %D%/floor_process.c %D%/floor.h
%C%_floor_process_LDADD = common/libcommon.la
%C%_floor_load_SOURCES = %D%/floor_load.c %D%/floor.h %D%/load.h
%C%_floor_load_LDADD = common/libcommon.la
%C%_floor_load_thread_SOURCES = %D%/floor_load_thread.c %D%/load.c %D%/load.h
%C%_floor_load_thread_LDADD = common/libcommon.la
%C%_bench_client_SOURCES = %D%/bench_client.c %D%/child.c %D%/child.h %D%/counted.h %D%/load.h $(bench_measure)
%C%_bench_client_LDADD = common/libcommon.la -lm
%C%_bench_echo_SOURCES = %D%/bench_echo.c $(bench_servers)
%C%_bench_echo_LDADD = common/libcommon.la
%C%_bench_calls_SOURCES = %D%/bench_calls.c %D%/counted.h %D%/trace.c %D%/trace.h $(bench_servers)
%C%_bench_calls_LDADD = common/libcommon.la
%C%_bench_memory_SOURCES = %D%/bench_memory.c $(bench_servers)
%C%_bench_memory_LDADD = common/libcommon.la

# The models beside floors and peers.
%C%_bench_models_SOURCES = %D%/bench_models.c $(bench_compare)
%C%_bench_models_CPPFLAGS = $(AM_CPPFLAGS) $(bench_folder)
%C%_bench_models_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
%C%_bench_models_LDADD = common/libcommon.la $(OPENSSL_LIBS)
%C%_bench_best_SOURCES = %D%/bench_best.c $(bench_compare)
%C%_bench_best_CPPFLAGS = $(AM_CPPFLAGS) $(bench_folder)
%C%_bench_best_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
%C%_bench_best_LDADD = common/libcommon.la $(OPENSSL_LIBS)
# Not only for make bench: scripts/designs needs it, and its test.
if PROGRAMS
noinst_PROGRAMS += %D%/bench_designs
else
EXTRA_PROGRAMS += %D%/bench_designs
endif
%C%_bench_designs_SOURCES = %D%/bench_designs.c $(bench_compare)
%C%_bench_designs_CPPFLAGS = $(AM_CPPFLAGS) $(bench_folder)
%C%_bench_designs_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
%C%_bench_designs_LDADD = common/libcommon.la $(OPENSSL_LIBS)
%C%_bench_table_SOURCES = %D%/bench_table.c $(bench_compare)
%C%_bench_table_CPPFLAGS = $(AM_CPPFLAGS) $(bench_folder)
%C%_bench_table_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
%C%_bench_table_LDADD = common/libcommon.la $(OPENSSL_LIBS)
%C%_peer_bufferevent_SOURCES = %D%/peer_bufferevent.c %D%/floor.h
%C%_peer_bufferevent_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_CFLAGS)
%C%_peer_bufferevent_LDADD = common/libcommon.la $(LIBEVENT_LIBS)
if WITH_OPENSSL
bench_load_tls = %D%/load-tls.c
bench_built += %D%/floor_tls
%C%_floor_tls_SOURCES = %D%/floor_tls.c %D%/floor.h
%C%_floor_tls_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
%C%_floor_tls_LDADD = common/libcommon.la $(OPENSSL_LIBS)
else
bench_load_tls = %D%/load-tls-none.c
endif
if HAVE_GO
bench_go = %D%/peer_go
%D%/peer_go: $(srcdir)/%D%/peer_echo.go
	$(AM_V_GEN)$(MKDIR_P) %D% && GO111MODULE=off GOCACHE='$(abs_builddir)/%D%/go-cache' \
	  $(GO) build -o $@ $(srcdir)/%D%/peer_echo.go
endif
if HAVE_TOKIO
# From the crates of Debian only. If they do not suffice, the table names it as left out.
bench_tokio = %D%/peer_tokio/release/peer_tokio
%D%/peer_tokio/release/peer_tokio: $(srcdir)/%D%/peer_tokio/src/main.rs $(srcdir)/%D%/peer_tokio/Cargo.toml
	$(AM_V_GEN)$(MKDIR_P) %D%/peer_tokio/crate/src && \
	  cp $(srcdir)/%D%/peer_tokio/Cargo.toml %D%/peer_tokio/crate && \
	  cp $(srcdir)/%D%/peer_tokio/src/main.rs %D%/peer_tokio/crate/src && cd %D%/peer_tokio/crate && \
	  CARGO_HOME='$(abs_builddir)/%D%/peer_tokio/home' CARGO_TARGET_DIR='$(abs_builddir)/%D%/peer_tokio' \
	  $(CARGO) build --release --offline --quiet --config 'source.crates-io.replace-with="debian"' \
	  --config 'source.debian.directory="/usr/share/cargo/registry"' || \
	  echo "make bench: the peer with tokio does not build, and is left out" >&2
endif

if WITH_LIBURING
bench_built += %D%/floor_uring
%C%_floor_uring_SOURCES = %D%/floor_uring.c %D%/floor.h
%C%_floor_uring_CFLAGS = $(AM_CFLAGS) $(LIBURING_CFLAGS)
%C%_floor_uring_LDADD = common/libcommon.la $(LIBURING_LIBS)
endif

# Preloaded in front of the C library by LD_PRELOAD; libtool builds it shared because of the rpath.
EXTRA_LTLIBRARIES = %D%/libcount.la
%C%_libcount_la_SOURCES = %D%/libcount.c %D%/counted.h
%C%_libcount_la_CFLAGS = $(EP_CFLAGS) -pthread
%C%_libcount_la_LDFLAGS = $(EP_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
%C%_libcount_la_LIBADD = -ldl

# The peers. The table has a message for each peer that configure did not find.
if HAVE_GLIB
bench_with_glib = -DHAVE_GLIB=1
else
bench_with_glib = -DHAVE_GLIB=0
endif
if HAVE_LIBUV
bench_with_libuv = -DHAVE_LIBUV=1
bench_built += %D%/peer_uv
%C%_peer_uv_SOURCES = %D%/peer_uv.c %D%/floor.h
%C%_peer_uv_CFLAGS = $(AM_CFLAGS) $(LIBUV_CFLAGS)
%C%_peer_uv_LDADD = common/libcommon.la $(LIBUV_LIBS)
else
bench_with_libuv = -DHAVE_LIBUV=0
endif
if HAVE_TBB
bench_with_tbb = -DHAVE_TBB=1
bench_built += %D%/peer_tbb
%C%_peer_tbb_SOURCES = %D%/peer_tbb.cpp
%C%_peer_tbb_CXXFLAGS = -std=c++17 -Wall -Wextra $(EP_PIE_CFLAGS) $(TBB_CFLAGS) -pthread
%C%_peer_tbb_LDADD = $(TBB_LIBS)
else
bench_with_tbb = -DHAVE_TBB=0
endif
bench_folder = -DBENCH_FOLDER='"$(abs_top_srcdir)/%D%"'
bench_measure = %D%/measure.c %D%/measure.h
bench_servers = %D%/child.c %D%/child.h %D%/load.c %D%/load.h $(bench_measure)
bench_compare = %D%/candidates.c %D%/candidates.h %D%/company.c %D%/company.h %D%/compare.c %D%/compare.h \
	$(bench_load_tls) %D%/load-tls.h %D%/trace.c %D%/trace.h $(bench_servers)
bench_peer = %D%/peer.c %D%/peer.h %D%/child.c %D%/child.h
bench_pool = pool/libpool.la common/libcommon.la

%C%_bench_submit_SOURCES = %D%/bench_submit.c $(bench_measure) $(bench_peer)
%C%_bench_submit_CPPFLAGS = $(AM_CPPFLAGS) $(bench_with_glib) $(bench_with_libuv) $(bench_with_tbb) $(bench_folder)
%C%_bench_submit_CFLAGS = $(AM_CFLAGS) $(GLIB_CFLAGS) $(LIBUV_CFLAGS)
%C%_bench_submit_LDADD = $(bench_pool) $(GLIB_LIBS) $(LIBUV_LIBS)
%C%_bench_scale_SOURCES = %D%/bench_scale.c $(bench_measure)
%C%_bench_scale_LDADD = $(bench_pool)
%C%_bench_switch_SOURCES = %D%/bench_switch.c %D%/child.c %D%/child.h $(bench_measure)
%C%_bench_switch_LDADD = common/libcommon.la
%C%_bench_allocations_SOURCES = %D%/bench_allocations.c %D%/child.c %D%/child.h %D%/counted.h $(bench_measure)
%C%_bench_allocations_LDADD = $(bench_pool)
%C%_bench_roundtrip_SOURCES = %D%/bench_roundtrip.c $(bench_measure)
%C%_bench_roundtrip_LDADD = $(bench_pool)
%C%_bench_process_SOURCES = %D%/bench_process.c $(bench_measure) $(bench_peer)
%C%_bench_process_CPPFLAGS = $(AM_CPPFLAGS) $(bench_folder)
%C%_bench_process_LDADD = $(bench_pool)

EXTRA_DIST += %D%/README.md %D%/run %D%/markers.sh %D%/table-into-readme %D%/table-zh.awk %D%/best-into-readme \
	%D%/best.svg %D%/best.tsv \
	%D%/best-table.awk %D%/best-svg.awk %D%/peer_python.py %D%/peer_seed.py %D%/peer_echo.go \
	%D%/peer_tokio/Cargo.toml %D%/peer_tokio/src/main.rs
# configure chooses one of the two files, but a tarball needs both.
EXTRA_DIST += %D%/load-tls.c %D%/load-tls-none.c %D%/floor_tls.c %D%/floor_uring.c

# For one of them: make bench BENCH=submit
if SANITIZED
bench:
	@echo "make bench: a build with a sanitizer measures the sanitizer; configure without it" >&2; exit 1
else
bench: $(bench_built) $(bench_go) $(bench_tokio) %D%/libcount.la echo-server echo-client
	@TOP_BUILDDIR='$(abs_top_builddir)' BENCH_COMPILER="`$(CC) --version | sed 1q`, $(CFLAGS)" \
	  $(SHELL) $(srcdir)/%D%/run $(BENCH)
endif
# Build all measurements, and run none.
bench-programs: $(bench_built) %D%/libcount.la
CLEANFILES += $(bench_built) $(bench_go) %D%/libcount.la
clean-local: clean-site
	rm -rf %D%/go-cache %D%/peer_tokio
