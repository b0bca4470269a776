/* SPDX-License-Identifier: MIT */
/*
 * Preloaded in front of the C library (LD_PRELOAD), count what an echo must not do: allocate, and
 * take locks. See counted.h.
 *
 * Allocations call glibc's second names (__libc_malloc), because dlsym() may allocate; locks call
 * the functions that dlsym() finds.
 */
#include "bench/counted.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Functions of glibc that no header declares. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static struct counted nowhere; /* used until the constructor runs, or if the variable is not set */
static struct counted *counted = &nowhere;

static __attribute__((constructor)) void begin(void)
{
    const char *descriptor = getenv(COUNTED_VARIABLE);
    void *shared;

    if (descriptor == NULL)
        return;
    shared = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(descriptor), 0);
    if (shared != MAP_FAILED)
        counted = shared;
}

static void count(_Atomic uint64_t *what)
{
    atomic_fetch_add_explicit(what, 1, memory_order_relaxed);
}

/* --- Allocation ---------------------------------------------------------------------------- */

void *malloc(size_t size)
{
    count(&counted->allocations);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(&counted->allocations);
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    count(&counted->allocations);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    count(&counted->allocations);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count(&counted->allocations);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *got = __libc_memalign(alignment, size);

    count(&counted->allocations);
    if (got == NULL)
        return ENOMEM;
    *memory = got;
    return 0;
}

void free(void *memory)
{
    count(&counted->frees);
    __libc_free(memory);
}

/* --- Locks --------------------------------------------------------------------------------- */

/* Define a function that counts and then calls the C library's function of the same name. */
#define COUNT_LOCK(name, parameters, ...)                                                          \
    int name parameters                                                                            \
    {                                                                                              \
        static int(*_Atomic next) parameters;                                                      \
        int(*real) parameters = atomic_load_explicit(&next, memory_order_relaxed);                 \
        if (real == NULL) {                                                                        \
            void *found = dlsym(RTLD_NEXT, #name);                                                 \
            memcpy(&real, &found, sizeof real);                                                    \
            atomic_store_explicit(&next, real, memory_order_relaxed);                              \
        }                                                                                          \
        count(&counted->locks);                                                                    \
        return real(__VA_ARGS__);                                                                  \
    }

/* clang-format off */
COUNT_LOCK(pthread_mutex_lock, (pthread_mutex_t *mutex), mutex)
COUNT_LOCK(pthread_mutex_trylock, (pthread_mutex_t *mutex), mutex)
COUNT_LOCK(pthread_rwlock_rdlock, (pthread_rwlock_t *lock), lock)
COUNT_LOCK(pthread_rwlock_wrlock, (pthread_rwlock_t *lock), lock)
COUNT_LOCK(pthread_spin_lock, (pthread_spinlock_t *lock), lock)
COUNT_LOCK(pthread_cond_wait, (pthread_cond_t *condition, pthread_mutex_t *mutex), condition, mutex)
/* clang-format on */
