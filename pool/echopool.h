/* SPDX-License-Identifier: MIT */
/**
 * @file echopool.h
 * libechopool: a bounded pool of workers whose calls return futures.
 *
 * An **executor** owns a number of workers and a bounded queue. You **submit** a task to it:
 * a function and a few bytes of input, which are copied. A worker takes the task, runs the
 * function, and the function leaves a reply. If you asked for a **future** at submission, you can
 * wait for the reply, look at the task's state, cancel the task before it begins, or have a
 * function called when the task is done.
 *
 * The bound is strict. An executor of W workers and a queue of Q never holds more than W + Q tasks.
 * Its policy (enum ep_policy), which you choose, decides what happens to the next one.
 *
 *     #include <echopool.h>
 *     #include <stdio.h>
 *
 *     static int square(struct ep_task *task)
 *     {
 *         const int *n = ep_task_input(task, NULL);
 *         int squared = *n * *n;
 *         return ep_task_reply(task, &squared, sizeof squared);
 *     }
 *
 *     int main(void)
 *     {
 *         struct ep_options options = {.workers = 4};
 *         struct ep_executor *pool;
 *         struct ep_future *future;
 *         struct ep_bytes reply;
 *         int n = 12;
 *
 *         if (ep_thread_executor_new(&options, &pool) != 0)
 *             return 1;
 *         if (ep_submit(pool, square, &n, sizeof n, &future) == 0 &&
 *             ep_future_result(future, EP_FOREVER, &reply) == 0)
 *             printf("%d\n", *EP_AS(int, reply));
 *         ep_future_unref(future);
 *         ep_executor_free(pool);
 *         return 0;
 *     }
 *
 * Conventions that hold for every function here:
 *  - 0 is success; a negative number is one of the codes below or a negated errno value, and
 *    ep_strerror() turns either into text. The library never prints and never exits.
 *  - A call that fails changes nothing, and ownership of its arguments stays with the caller.
 *  - Durations are nanoseconds (EP_SECONDS, EP_MILLISECONDS), measured on CLOCK_MONOTONIC: setting
 *    the wall clock moves no deadline.
 *  - Any thread may call any function unless its comment restricts that.
 *  - The library holds none of its locks while it runs a function of yours.
 *  - No function here is a cancellation point: a request of pthread_cancel() ends a thread after the
 *    call. A function of yours that the library calls must not end its thread, unless it is a task.
 *  - The library installs no signal handler and keeps no global state; executors are independent of
 *    one another.
 *  - After fork() the child has no workers. There, every call on an executor returns EP_EFORKED,
 *    and so does every call on a future that was not done at the fork, if the call would wait for
 *    it, cancel it, or register a callback. To free what the parent made does nothing to the parent;
 *    ep_executor_free() does nothing at all. docs/after-fork.md lists every function.
 */
#ifndef ECHOPOOL_H
#define ECHOPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#    define EP_API                  __attribute__((visibility("default")))
#    define EP_MUSTCHECK            __attribute__((warn_unused_result))
#    define EP_PRINTF(words, first) __attribute__((format(printf, words, first)))
#else
#    define EP_API
#    define EP_MUSTCHECK
#    define EP_PRINTF(words, first)
#endif

/* --- Versions ------------------------------------------------------------------------------ */

/**
 * The version of this header.
 *
 * A program runs with any library of the same soname that is as new as its header, or newer. Until
 * 1.0 each minor version has a soname and a symbol version of its own. Within one:
 *
 *  - Functions are added, and none changes its meaning or its arguments.
 *  - Enumerations get more values at their end.
 *  - `struct ep_options`, `ep_submit_options`, `ep_map_options` and `ep_stats` end with reserved
 *    words. A new member takes the place of some of them, so that sizes and offsets stay the same,
 *    and zero in it means what the library did before.
 *  - No other struct that is defined here changes.
 *
 * So zero such a struct as a whole, by an initializer or memset(), before you set members. A call
 * whose options have something in a reserved word returns -EINVAL: the program was compiled for a
 * newer library and asks for what this one cannot do.
 */
#define EP_VERSION        (EP_VERSION_MAJOR * 10000 + EP_VERSION_MINOR * 100 + EP_VERSION_PATCH)
#define EP_VERSION_MAJOR  0
#define EP_VERSION_MINOR  1
#define EP_VERSION_PATCH  0
#define EP_VERSION_STRING "0.1.0"

/** Return the version of the library that the program runs with. Compare it with EP_VERSION. */
EP_API unsigned ep_version(void);

/* --- Errors -------------------------------------------------------------------------------- */

/** Codes of the library. They lie far outside the range of errno values. */
enum {
    EP_ESHUTDOWN = -20001,  /**< the executor accepts no more tasks */
    EP_ECANCELLED = -20002, /**< the task was cancelled before it began */
    EP_EFAILED = -20003,    /**< the task ran and failed; ep_future_error() has the details */
    EP_EBROKEN = -20004,    /**< the executor is broken: a worker could not start, or died */
    EP_EDIED = -20005,      /**< the worker process died while it had the task */
    EP_EUNKNOWN = -20006,   /**< the worker process does not know the task's function */
    EP_ESHIP = -20007,      /**< input or reply cannot cross between processes */
    EP_EFORKED = -20008,    /**< made before fork() in the parent process; unusable in this one */
    EP_ETHREADS = -20009,   /**< the process already has several threads: too late for a zygote */
    EP_END = -20010,        /**< nothing more will come */
    EP_ENOTREADY = -20011,  /**< the call is not done yet */
    EP_EXPIRED = -20012,    /**< the task had not begun when its expires_ns came */
    EP_ELIMIT = -20013,     /**< the task ran longer than its limit_ns: its worker was killed */
};

/**
 * Describe a code that a function of this library returned.
 *
 * @param code  0, one of the codes above, or a negated errno value
 * @return      text in English, never NULL. It is constant for 0 and for the codes above; for an
 *              errno value it comes from strerror() and is valid until this thread's next call
 */
EP_API const char *ep_strerror(int code);

/* --- Time ---------------------------------------------------------------------------------- */

/** As a timeout: wait without limit. */
#define EP_FOREVER INT64_MAX

/* Of an integer or a floating-point number, cut to nanoseconds: EP_SECONDS(0.5) is half a second. */
#define EP_SECONDS(n)      ((int64_t)((n)*INT64_C(1000000000)))
#define EP_MILLISECONDS(n) ((int64_t)((n)*INT64_C(1000000)))

/** Read CLOCK_MONOTONIC, in nanoseconds: the time that deadlines are compared with. */
EP_API int64_t ep_now_ns(void);

/* --- Tasks --------------------------------------------------------------------------------- */

/** A run of bytes that belongs to another object. */
struct ep_bytes {
    const void *data;
    size_t size;
};

/** Return bytes.data if there are exactly `size` bytes, and otherwise NULL: see EP_AS. */
static inline const void *ep_bytes_of_size(struct ep_bytes bytes, size_t size)
{
    return bytes.size == size ? bytes.data : NULL;
}

/**
 * Read bytes as an object of that type: `*EP_AS(int, reply)`. It is a pointer to the object, or NULL
 * if the bytes are more or fewer than the type has.
 */
#define EP_AS(type, bytes) ((const type *)ep_bytes_of_size((bytes), sizeof(type)))

/** A running task, as its function sees it. It exists until the function returns. */
struct ep_task;

/**
 * The function of a task. It runs on a worker.
 *
 * @return 0: the task succeeded. Any other value: it failed, with that code. Only the future sees
 *         the outcome; the worker continues in either case
 *
 * A function that ends its thread, by pthread_exit() or because the thread was cancelled, has failed
 * as well, with code 0, and another thread continues as that worker. In a worker process it ends the
 * process (EP_EDIED). Of a submitter that runs the task (EP_CALLER_RUNS) it ends the thread. A request
 * of pthread_cancel() that a task with a future leaves pending ends its thread before the next task,
 * and fails none; any other may end whichever task the thread runs then.
 */
typedef int (*ep_task_fn)(struct ep_task *task);

/**
 * Get the input that was submitted with the task.
 *
 * @param size  set to the number of bytes; may be NULL
 * @return      a copy of the input, aligned for any type, valid until the function returns, also in
 *              processes that it forks; NULL if the input was empty
 *
 * Threads: the worker that runs the task.
 */
EP_API const void *ep_task_input(const struct ep_task *task, size_t *size);

/**
 * Leave a reply for the future. A second call replaces the first. Replies of up to 64 bytes need no
 * extra memory.
 *
 * @param data  copied; may be NULL if size is 0
 * @return      0        done; without a future nothing is copied
 *              -ENOMEM  no memory for the copy; an earlier reply is kept
 *
 * Threads: the worker that runs the task.
 */
EP_API int ep_task_reply(struct ep_task *task, const void *data, size_t size);

/**
 * Mark the task as failed, with a message, whatever its function returns afterwards. A second call
 * replaces code and message of the first.
 *
 * @param code     what ep_future_error() will report; any value, including 0
 * @param message  copied, cut at 127 bytes; NULL: none
 * @return         code, so that a task can end with `return ep_task_fail(task, code, "why");`
 *
 * Threads: the worker that runs the task.
 */
EP_API int ep_task_fail(struct ep_task *task, int code, const char *message);

/** The same, with a message that is made as by printf(3): `"row %d: %s", row, strerror(errno)`. */
EP_API int ep_task_failf(struct ep_task *task, int code, const char *format, ...) EP_PRINTF(3, 4);

/**
 * Get the number of the worker that runs the task, 0 to workers - 1; UINT16_MAX if the submitting
 * thread runs it (EP_CALLER_RUNS).
 */
EP_API unsigned ep_task_worker(const struct ep_task *task);

/**
 * Ask whether the executor is being terminated or, on a thread, whether the task has run for its
 * limit_ns or its group was cancelled. A long task should ask now and then and return early if so:
 * nothing else can end a task on a thread. A worker process is ended by SIGTERM,
 * unless its initialize has set that signal to be ignored or handled; the task can then still see
 * the request here, and return before grace_ns has passed. In a worker process the call costs a
 * system call.
 *
 * Threads: the worker that runs the task.
 */
EP_API bool ep_task_stopping(const struct ep_task *task);

/**
 * Get, or take over, a descriptor that was submitted with the task (struct ep_submit_options).
 *
 * @param index  from 0
 * @return       the descriptor, or -1 if the task has none of that index. It belongs to the task:
 *               it is closed when the function returns, unless ep_task_take_fd() took it over
 *
 * Threads: the worker that runs the task.
 */
EP_API int ep_task_fd(const struct ep_task *task, unsigned index);
EP_API int ep_task_take_fd(struct ep_task *task, unsigned index);

/* --- Executors ----------------------------------------------------------------------------- */

/** Workers and their queue. */
struct ep_executor;

/** What submit does when the executor already holds workers + queue tasks. */
enum ep_policy {
    EP_BLOCK = 0,       /**< wait until there is room */
    EP_REJECT = 1,      /**< return -EAGAIN */
    EP_CALLER_RUNS = 2, /**< run the task in the submitting thread, at once */
    EP_DISCARD = 3,     /**< accept the task and cancel it at once: its future is CANCELLED */
    /**
     * Cancel the task that has waited longest, and queue this one before functions of the program run
     * for that one. -EAGAIN if none waits. With priorities: the oldest of the lowest level, and none
     * of a higher level than this one.
     */
    EP_DISCARD_OLDEST = 4,
};

/** What a process executor does when one of its workers dies. */
enum ep_on_death {
    EP_BREAK = 0,   /**< fail every task that is not done, and every later submit (as Python) */
    EP_REPLACE = 1, /**< fail the task it had with EP_EDIED, and start a new worker */
};

struct ep_zygote;

/** As the `queue` of an executor: no task may wait; one is accepted only for an idle worker. */
#define EP_NO_QUEUE UINT32_MAX

/** The most workers and the longest queue that an executor may have. */
#define EP_WORKERS_MAX 4096u
#define EP_QUEUE_MAX   (1u << 20)
/** The most tasks that may be sent ahead to one worker process. */
#define EP_PREFETCH_MAX 1024u

/**
 * Count the CPUs that this process may use: what `workers = 0` stands for.
 *
 * @return  the CPUs that the calling thread may run on, or the CPU quota of its cgroup or of one
 *          above it (cpu.max; cpu.cfs_quota_us in version 1) if that is less, rounded up; at least 1
 *
 * It reads files in /proc and in the cgroups' file system. One that cannot be read sets no limit.
 */
EP_API unsigned ep_usable_cpus(void);

/**
 * Options of an executor. All zero is a sensible executor of either kind.
 *
 * The struct is copied. What `context` and `zygote` point to is not, and must outlive the executor.
 */
struct ep_options {
    /**
     * Workers. 0: for threads min(32, ep_usable_cpus() + 4), for processes ep_usable_cpus(), as in
     * Python since 3.8, which knows no quota; but no more than workers_max, if that is set.
     */
    uint32_t workers;
    /** Tasks that may wait. 0: 1024. EP_NO_QUEUE: none. Memory is used for those that do. */
    uint32_t queue;
    /** What submit does when workers + queue tasks are held. */
    enum ep_policy when_full;
    /**
     * Workers are named `name-0`, `name-1`, ...; each name is cut at 15 bytes, the limit of Linux.
     * NULL: a prefix that no other living executor of the process has.
     */
    const char *name;
    /**
     * Run by each worker before its first task. A return value other than 0 is a failure: the
     * executor is not made or, if the worker was started later, it is broken. NULL: nothing to do.
     */
    int (*initialize)(void *context, unsigned worker);
    /**
     * Run by each initialized worker after its last task; if that has ended the worker's thread, by
     * the thread that continues. NULL: nothing to do.
     *
     * Both may use the executor, as a task may, but not resize it. In a worker process they cannot.
     */
    void (*finalize)(void *context, unsigned worker);
    /**
     * Called with `context` when a full executor has room again, at least once for each time that
     * ep_executor_room() returned 0. It lets an event loop continue: write to an eventfd here, and
     * submit in the loop. It must be short and must not block: a
     * call that would wait for the executor returns -EDEADLK.
     *
     * Threads: the thread that made the room: a worker, or a thread that cancelled a future; on a
     * process executor also its manager, or a thread that waits for a future and receives the reply
     * itself.
     */
    void (*on_room)(void *context);
    /** Given to the functions above. A worker process has it as it was when its zygote was forked. */
    void *context;
    /** Replace each worker after this many tasks. 0: never. */
    uint32_t tasks_per_worker;

    /* threads only */

    /** Stack of each worker. 0: the default of pthread_create(). */
    size_t stack_bytes;

    /* processes only */

    /**
     * The zygote to fork workers from. NULL: the executor forks one of its own now. Workers begin
     * with the memory that the program had when it made the zygote: see ep_zygote_new().
     */
    struct ep_zygote *zygote;
    enum ep_on_death on_death;
    /**
     * Tasks that are sent ahead to each busy worker, at most EP_PREFETCH_MAX. They count as running
     * and can no longer be cancelled. Tiny tasks become several times cheaper. 0: none.
     */
    uint32_t prefetch;
    /** How long ep_executor_terminate() waits between SIGTERM and SIGKILL. 0 or less: one second. */
    int64_t grace_ns;

    /* both, from here on */

    /**
     * The most workers of an elastic executor. `workers` of them exist from the beginning. When a task
     * arrives and no worker is idle, one is added, up to this number. A worker that has been idle for
     * idle_timeout_ns ends, unless only `workers` are left. The bound is workers_max + queue, and task
     * functions see worker numbers below workers_max. Each worker runs `initialize` and `finalize`;
     * no submission waits for that. 0: as many as `workers`, always.
     */
    uint32_t workers_max;
    /**
     * Keep how long tasks wait and run, and since when each worker does what it does, for
     * ep_executor_observe(). Each task then costs a future and some readings of the clock.
     */
    bool observe;
    /** As above; a worker process may live twice as long. 0: 60 seconds. */
    int64_t idle_timeout_ns;
    uint64_t reserved[6]; /**< zero: see EP_VERSION */
};

/**
 * Make an executor whose workers are threads of this process.
 *
 * All workers exist when it returns. They block every signal except SIGILL, SIGFPE, SIGSEGV and
 * SIGBUS, so that signals go to the threads of the program. An idle worker sleeps and uses no CPU.
 *
 * @param options   NULL is the same as all zero
 * @param executor  set on success, and released by ep_executor_free(); untouched on failure
 * @return  0        all workers run
 *          -EINVAL  more workers or workers_max than EP_WORKERS_MAX, more workers than workers_max, a
 *                   queue longer than EP_QUEUE_MAX, a stack that pthread_attr_setstacksize() refuses,
 *                   an unknown policy or on_death, a negative idle_timeout_ns, something in a
 *                   reserved word, executor NULL
 *          EP_EBROKEN  an initialize failed, or ended its thread
 *          -ENOMEM  no memory
 *          -EAGAIN  a thread could not be made: see pthread_create(3) for the limits. Those
 *                   already made have ended and are joined
 */
EP_API EP_MUSTCHECK int ep_thread_executor_new(const struct ep_options *options,
                                               struct ep_executor **executor);

/**
 * Make an executor whose workers are processes. It runs the same tasks: inputs and replies travel
 * as bytes, so a task must not rely on pointers, and what it changes in memory stays in its worker.
 *
 * A task's function must be part of the program, or of a library that was loaded when the zygote
 * was forked. Done callbacks run in this process, on the executor's manager thread. That thread
 * also looks after the workers, so in a callback every call that would wait for the executor, or
 * for one of its tasks, returns -EDEADLK.
 *
 * Workers inherit standard output and error, have /dev/null as standard input, and get the
 * descriptors of their tasks; every other descriptor is closed. Signal handlers are reset as by
 * exec. SIGINT is ignored, so that ^C reaches the program alone; SIGTERM ends a worker. What a task
 * prints to stdout is flushed when it returns. A worker ends by _exit(), so functions registered
 * with atexit() do not run in it. All workers end with this process, however it ends.
 *
 * A task that cannot be sent to its worker because descriptors or memory are used up, here or in the
 * system, waits until it can be, and so does a reply in its worker. It fails with EP_ESHIP only if
 * it could never be sent: for example, an input or a reply above 64 KiB travels in a memfd, which
 * RLIMIT_FSIZE bounds. There are two exceptions, also EP_ESHIP: a reply of that size for which the
 * worker has no descriptor, because its tasks use them up, or this process has none when it arrives.
 *
 * For such inputs one memfd is kept for each worker, and for such replies another, until the worker ends.
 * Each is as large as the largest payload that it had, up to 4 MiB. A larger payload, and one that is
 * under way beside another because of prefetch, has a memfd of its own, which costs more time.
 *
 * A task that calls exec or closes the socket of its worker ends the worker: its future has EP_EDIED,
 * and the message says so.
 *
 * With EP_REPLACE a dead worker is replaced at once; if four in a row have died without finishing a
 * task, with growing delays. A worker that cannot be forked, or dies while it initializes, is tried
 * five times, then given up until a resize; when no worker is left then, the executor is broken.
 *
 * @return  as ep_thread_executor_new(), and
 *          -EINVAL      a prefetch above EP_PREFETCH_MAX
 *          EP_ETHREADS  options->zygote is NULL and this process has more than one thread: fork
 *                       the zygote earlier, with ep_zygote_new()
 *          EP_EBROKEN   a worker's initialize failed, or the worker died in it
 *          -EMFILE, -ENFILE, -ENOMEM, -EAGAIN
 *                       no descriptors or memory are left, here or in the zygote, or fork(2)
 *                       failed there
 *          -EPIPE       options->zygote has ended
 *          -ENOSYS, -EPERM
 *                       as ep_zygote_new(), or a sandbox forbids epoll_wait(2)
 */
EP_API EP_MUSTCHECK int ep_process_executor_new(const struct ep_options *options,
                                                struct ep_executor **executor);

/**
 * Fork the process from which worker processes are forked later. Call it while this process has one
 * thread: fork() copies only the calling thread, and a lock that another thread holds at that
 * moment stays locked in the child for ever (POSIX, fork).
 *
 * Workers are copies of the program as it was at this call. What it has written or mapped since then
 * is not in them, except shared mappings that are older. Pointers to later memory, such as an
 * options.context, point to something else there, or to nothing: give workers what `context` points
 * to before this call, or give it to tasks as input. Likewise workers have the user and group ids,
 * resource limits, working directory, root, umask, environment and CPU affinity of that time. To
 * change them for workers too, do so before, or in `initialize`.
 *
 * After setuid() or the like the program may have no right to signal its workers any more; the zygote,
 * which keeps its own rights, does it then. A zygote ends with the process that made it, and serves no
 * other: after daemon() or another fork() the child must make one of its own.
 *
 * @param zygote  set on success; release it with ep_zygote_free() after the executors that use it
 * @return  0, EP_ETHREADS, -EINVAL: zygote is NULL, or a negated errno value: of fork(2) or
 *          socketpair(2), or the reason why the zygote itself could not start.
 *          -ENOSYS, -EPERM: the kernel or a sandbox has no pidfd_open(2) or pidfd_send_signal(2), or forbids
 *          poll(2) or waitpid(2)
 */
EP_API EP_MUSTCHECK int ep_zygote_new(struct ep_zygote **zygote);
/** End and release the zygote. NULL is allowed and does nothing. */
EP_API void ep_zygote_free(struct ep_zygote *zygote);

/** How ep_executor_shutdown() ends an executor; may be combined. */
enum {
    EP_WAIT = 1,   /**< return when the last task is done and the workers have ended */
    EP_CANCEL = 2, /**< cancel tasks that have not begun; without it every accepted task runs */
};

/**
 * Accept no more tasks.
 *
 * Submitters that wait for room wake up and get EP_ESHUTDOWN. Accepted tasks run or, with
 * EP_CANCEL, the waiting ones are cancelled by the calling thread, which runs their `dropped`
 * functions and done callbacks. Running tasks are never interrupted.
 *
 * @param how  0: return at once; or EP_WAIT, EP_CANCEL, or both. When a call with EP_WAIT returns,
 *             every done callback of a task that a worker ran has returned
 * @return  0          done; also for repeated and concurrent calls
 *          -EDEADLK   EP_WAIT in a worker of this executor, which would wait for itself. Nothing
 *                     was changed
 *          -EINVAL    an unknown bit in `how`, or executor is NULL
 */
EP_API int ep_executor_shutdown(struct ep_executor *executor, unsigned how);

/**
 * Wait until an executor that was shut down, or is broken, has ended: every accepted task done, every
 * worker gone.
 *
 * @param timeout_ns  0 or less: look, do not wait. EP_FOREVER: wait without limit
 * @return  0           it has ended
 *          -ETIMEDOUT  not yet; it continues to end
 *          -EINVAL     it was neither shut down nor is it broken
 *          -EDEADLK    called by a worker of this executor
 */
EP_API int ep_executor_join(struct ep_executor *executor, int64_t timeout_ns);

/**
 * End as soon as possible: shut down, cancel tasks that have not begun, and make running tasks end.
 * ep_task_stopping() becomes true; worker processes get SIGTERM, and SIGKILL after grace_ns. If the zygote
 * has not reported their ends five seconds later, because a frozen cgroup or a debugger holds it, they count
 * as ended.
 *
 * Returns at once; ep_executor_join() waits. A task on a thread that never asks ep_task_stopping()
 * cannot be made to end, and join waits for it. A task whose worker process ends so fails with
 * EP_EDIED; one that was taken for a worker or sent ahead to it, and had not begun, with EP_EBROKEN.
 */
EP_API void ep_executor_terminate(struct ep_executor *executor);

/**
 * Start no further task until ep_executor_resume(). Running tasks continue, and submit accepts
 * tasks up to workers + queue. Shutting down resumes.
 *
 * When it returns, no more futures become RUNNING, except those of tasks that a submitter runs itself
 * because the executor is full (EP_CALLER_RUNS). A task that a worker has taken before is running,
 * also if its function is called a moment later.
 *
 * @return 0, also if it is in that state already; EP_ESHUTDOWN, EP_EBROKEN
 */
EP_API int ep_executor_pause(struct ep_executor *executor);
EP_API int ep_executor_resume(struct ep_executor *executor);

/**
 * Change the number of workers. New workers run when it returns. Surplus workers end when they have
 * finished what they have taken before it returns. The bound becomes workers + queue at once. A worker
 * process that was given up, because it could not be replaced, is tried again, and must start.
 *
 * For an elastic executor the number is the new workers_max. options.workers of them stay when idle, or
 * all if that is more than the new number. Workers are added by need as before: no new one is waited
 * for, and one whose initialize fails breaks the executor.
 *
 * @param workers  1 to EP_WORKERS_MAX
 * @return  0             the executor has that many workers
 *          -EINVAL       0, or more than EP_WORKERS_MAX
 *          -EAGAIN, -ENOMEM, -EMFILE, -ENFILE
 *                        a worker could not be made; nothing has changed
 *          EP_EBROKEN    its initialize failed, or its process died there, and nothing has changed;
 *                        or the executor is broken
 *          EP_ESHUTDOWN  the executor was shut down before or meanwhile
 *          -EDEADLK      the caller is a callback on the manager of a process executor, or runs
 *                        for a task of it that is being dropped or cancelled; or an initialize or
 *                        finalize of a thread executor
 */
EP_API EP_MUSTCHECK int ep_executor_resize(struct ep_executor *executor, uint32_t workers);

/**
 * Wait until the executor holds no task, neither waiting nor running, and every done callback of a
 * task that a worker ran has returned, as has every function that was called because a task expired.
 *
 * @param timeout_ns  0 or less: look, do not wait. EP_FOREVER: wait without limit
 * @return 0, -ETIMEDOUT, or -EDEADLK if called by a worker of this executor
 */
EP_API EP_MUSTCHECK int ep_executor_wait_idle(struct ep_executor *executor, int64_t timeout_ns);

/**
 * Shut down, wait, and release the executor. Futures stay valid.
 *
 * No other thread may use the executor during or after this call. A worker of the executor must not
 * make it, nor any function that would have to wait for itself: a done callback on the manager of a
 * process executor, or for a task that is dropped; `dropped`; on_room. That is a bug in the program,
 * and the call aborts.
 *
 * @param executor  NULL is allowed and does nothing
 */
EP_API void ep_executor_free(struct ep_executor *executor);

/**
 * Get how many more tasks the executor would accept now. After a 0, `on_room` is called as soon as
 * that changes; it may already have been called when this returns.
 *
 * @return  0 to workers + queue; 0 also after shutdown, and then `on_room` is not called
 */
EP_API uint32_t ep_executor_room(struct ep_executor *executor);

/**
 * Counts since the executor was made. Each is exact for the moment when it was read; they are not
 * all read at the same moment. When no task is being submitted and none is held:
 *
 *     accepted = finished + failed + cancelled + broken
 *
 * Otherwise that sum, with queued and running, may be above `accepted`, because the ends of tasks are read last;
 * it is never below. And at every moment expired + limited <= failed, queued_high + queued_low <= queued, and
 * workers <= workers_max; but workers that start may be missing in workers_most.
 */
struct ep_stats {
    uint64_t accepted;  /**< tasks that submit took */
    uint64_t finished;  /**< tasks that succeeded */
    uint64_t failed;    /**< tasks that failed */
    uint64_t cancelled; /**< tasks that never began: ep_future_cancel(), EP_CANCEL, a policy */
    uint64_t broken;    /**< tasks lost with their worker, or never begun for that reason */
    uint64_t rejected;  /**< submits that returned -EAGAIN or -ETIMEDOUT for want of room */
    uint32_t workers; /**< includes one that is being replaced, but not one that cannot be, nor, of
                           an elastic one, one that ends because of a resize; 0 if a process
                           executor is broken or has ended */
    uint32_t queued;  /**< accepted, not begun, not cancelled */
    uint32_t running; /**< taken by a worker and not done, those on top of another one too */
    uint32_t blocked; /**< submitters that sleep until there is room */
    uint64_t expired; /**< among those that failed: EP_EXPIRED */
    uint64_t limited; /**< among those that failed: EP_ELIMIT */
    uint32_t queued_high;  /**< among those queued: EP_PRIORITY_HIGH */
    uint32_t queued_low;   /**< among those queued: EP_PRIORITY_LOW */
    uint32_t workers_max;  /**< how many there may be: `workers` if it is not elastic */
    uint32_t workers_most; /**< how many there have been at a time */
    uint64_t reserved[4];  /**< zero: see EP_VERSION */
};
EP_API void ep_executor_stats(struct ep_executor *executor, struct ep_stats *stats);

/**
 * Ask whether the executor is broken, so that submit returns EP_EBROKEN (or EP_ESHUTDOWN, if it was shut
 * down before), and why.
 *
 * @param why  set to a text in English that names what could not start, or how it died; "" if it is
 *             not broken. It lives as long as the executor. May be NULL
 */
EP_API bool ep_executor_broken(struct ep_executor *executor, const char **why);

/** The number of buckets of a histogram, and the bound of each but the last: 1 us to 18 minutes. */
#define EP_DURATIONS            32
#define EP_DURATION_BOUND_NS(i) (INT64_C(1000) << (i))

/** Durations by size: a histogram. */
struct ep_durations {
    uint64_t count;
    uint64_t sum_ns;
    int64_t longest_ns;
    /** [i]: those below EP_DURATION_BOUND_NS(i) and not below the bound before; the last: the rest. */
    uint64_t counts[EP_DURATIONS];
};

/** What an observed executor has seen since it was made. */
struct ep_observation {
    /**
     * From the call of submit, waiting for room included, until the task began. For a process executor
     * it begins when it is given to a worker.
     */
    struct ep_durations waits;
    /** From then until the function returned. A task sent ahead begins when the one before it ends. */
    struct ep_durations runs;
};

/** What a worker does. Enumerations get more values at their end. */
enum ep_worker_does {
    EP_WORKER_NONE,     /**< there is none with this number */
    EP_WORKER_STARTING, /**< it is being made, or initializes */
    EP_WORKER_IDLE,
    EP_WORKER_BUSY, /**< it has a task */
    EP_WORKER_ENDING,
};
struct ep_worker_state {
    enum ep_worker_does does;
    int pid;          /**< of a worker process; 0: none, or a thread */
    int64_t since_ns; /**< since when it is idle, or has this task: see ep_now_ns(). Otherwise 0 */
};

/**
 * Look at an executor whose options have `observe`. ep_executor_stats() has the counts by outcome.
 *
 * What is read while tasks begin and end may be of slightly different moments; but no run is counted without
 * its wait, and what a worker does is of the same moment as since when. A task that ends its thread or process,
 * or is killed, is not among the runs.
 *
 * @param observation  set; may be NULL
 * @param workers      `count` entries, set to the states of the workers 0 to count - 1; may be NULL if
 *                     count is 0. ep_stats.workers_max is how many there may be
 * @return  0
 *          -EINVAL     options.observe was not set, or workers is NULL with a count
 *          EP_EFORKED  nothing is set
 */
EP_API EP_MUSTCHECK int ep_executor_observe(struct ep_executor *executor,
                                            struct ep_observation *observation,
                                            struct ep_worker_state *workers, size_t count);

/* --- Submission ---------------------------------------------------------------------------- */

/** A call that may not be done yet. */
struct ep_future;

/**
 * Called once with the input of a task that was accepted and will never run. Release here what the
 * input owned: a descriptor, memory behind a pointer. It is not called for a task that may have
 * begun, such as one that was lost with its worker process.
 *
 * @param input  the bytes given to submit, valid until the function returns
 *
 * Threads: the one that cancelled the task or shut the executor down; for a task that expired, a
 * thread of the executor. On a process executor also its manager, for a task that was on its way to
 * a worker or could not be sent.
 *
 * In this function, and in a done callback of a task that is dropped, a call that would wait for
 * the executor, or for a task of it that has not begun, returns -EDEADLK, unless the task was
 * cancelled by ep_future_cancel().
 */
typedef void (*ep_dropped_fn)(const void *input, size_t size);

/**
 * The same, with the task's user data, and with the reason why it will never run. It is called with
 * the user data also if no future was wanted.
 *
 * @param user    as in struct ep_submit_options
 * @param reason  EP_ECANCELLED  ep_future_cancel() was called
 *                EP_ESHUTDOWN   EP_CANCEL, or ep_executor_terminate()
 *                -EAGAIN        the policy: EP_DISCARD, or EP_DISCARD_OLDEST for a newer task
 *                EP_EXPIRED, EP_EBROKEN, EP_EUNKNOWN, EP_ESHIP
 *                               what ep_future_result() returns
 */
typedef void (*ep_on_drop_fn)(void *user, int reason, const void *input, size_t size);

/** How soon a waiting task begins, compared with others. */
enum ep_priority {
    EP_PRIORITY_NORMAL = 0,
    EP_PRIORITY_HIGH = 1,
    EP_PRIORITY_LOW = 2,
    EP_PRIORITIES /**< how many there are */
};

/** Options of a submission. All zero is the same as ep_submit(). */
struct ep_submit_options {
    ep_dropped_fn dropped; /**< NULL: the input owns nothing */
    /**
     * With EP_BLOCK: give up when ep_now_ns() reaches this, which may be over, with -ETIMEDOUT. 0:
     * never. INT64_MIN: do not wait, and return -EAGAIN as ep_try_submit() does.
     */
    int64_t deadline_ns;
    /**
     * Open descriptors that go with the task, at most EP_FDS_MAX; see ep_task_fd(). An accepted task
     * owns them: they are closed here when a worker process has its own copies, or when the task is
     * dropped. NULL if fd_count is 0.
     */
    const int *fds;
    unsigned fd_count;
    /**
     * What ep_future_user() returns and on_drop gets. The library does not look at it, and it never
     * leaves this process: a task has its input.
     */
    void *user;
    /** In the place of `dropped`, which must be NULL then. NULL: the task owns nothing. */
    ep_on_drop_fn on_drop;
    /**
     * A task that has not begun when ep_now_ns() reaches this never runs. It fails with EP_EXPIRED
     * and frees its place at once, whatever the workers are doing; a thread of the executor sees to
     * that (on threads one that is made with the first such task), and other tasks that expire wait
     * while it runs on_drop and done callbacks. A submission does not wait for room longer than
     * this. A task that was sent to a worker process has begun. 0: never.
     */
    int64_t expires_ns;
    /**
     * The longest that the task may run. On processes its worker is then killed, by SIGKILL and
     * without finalize, and replaced, whatever on_death is; the task fails with EP_ELIMIT, and no
     * other task is lost. The time counts from when the worker was sent the task or, with prefetch,
     * from when the outcome of the task before it was received; no task is sent ahead behind one
     * with a limit. On threads, and with EP_CALLER_RUNS, nothing can end a task: ep_task_stopping()
     * becomes true for it, and its outcome is what it returns. 0: no limit.
     */
    int64_t limit_ns;
    /**
     * Tasks of a higher level begin first, and those of one level in the order of submission. No level
     * starves: if tasks of a level wait, and 16 in a row of others have begun, one of that level is
     * next; if that holds for two levels, the lower one is first. All levels share one bound, and it
     * makes no difference for a submitter that waits for room.
     */
    enum ep_priority priority;
    uint64_t reserved[5]; /**< zero: see EP_VERSION */
};

/** The most descriptors that one task can carry. */
#define EP_FDS_MAX 16u

/**
 * Hand a task to the executor.
 *
 * @param fn      runs on a worker
 * @param input   copied; may be NULL if size is 0
 * @param size    any. Up to 32 bytes without a future, and 64 with one, are copied without
 *                allocating
 * @param future  set to a future that the caller releases with ep_future_unref(), and to NULL on
 *                failure. NULL: no future is wanted, which costs less
 * @return  0             accepted: it will run or be cancelled, and never vanish. With
 *                        EP_CALLER_RUNS and EP_DISCARD it may be done already
 *          -EAGAIN       full, and the policy is EP_REJECT; or it is EP_DISCARD_OLDEST, and no task
 *                        waits: all are running, or other submitters have taken each place that was
 *                        made. Tasks may have been cancelled for this one nevertheless, also if the
 *                        executor was shut down meanwhile
 *          -EDEADLK      full, the policy is EP_BLOCK, and the caller is a worker of this
 *                        executor: if all workers waited, none would make room
 *          EP_ESHUTDOWN  shut down before or while waiting
 *          EP_EBROKEN    broken before or while waiting; ep_executor_broken() says why
 *          -EINVAL       executor or fn is NULL, or input is NULL with a size
 *          -ENOMEM       no memory
 */
EP_API EP_MUSTCHECK int ep_submit(struct ep_executor *executor, ep_task_fn fn, const void *input,
                                  size_t size, struct ep_future **future);

/** The same, but never wait: return -EAGAIN when full, whatever the policy. */
EP_API EP_MUSTCHECK int ep_try_submit(struct ep_executor *executor, ep_task_fn fn,
                                      const void *input, size_t size, struct ep_future **future);

/**
 * The same, with options.
 *
 * @param options  NULL is the same as all zero
 * @return  as ep_submit(), and
 *          -ETIMEDOUT  full until options->deadline_ns or options->expires_ns
 *          -EAGAIN     full, and options->deadline_ns is INT64_MIN
 *          -EINVAL     both dropped and on_drop, limit_ns is negative, an unknown priority, something
 *                      in a reserved word, more than EP_FDS_MAX descriptors, one that is negative or
 *                      given twice, or fds is NULL with a count
 *          -EBADF      one of the descriptors is not open
 *          -ENOMEM     also if the thread that watches over expires_ns cannot be made
 */
EP_API EP_MUSTCHECK int ep_submit_with(struct ep_executor *executor, ep_task_fn fn,
                                       const void *input, size_t size,
                                       const struct ep_submit_options *options,
                                       struct ep_future **future);

/* --- Futures ------------------------------------------------------------------------------- */

/**
 * The state of a task. It changes from PENDING to RUNNING to FINISHED, or from PENDING to
 * CANCELLED. A failed task is FINISHED too.
 */
enum ep_future_state { EP_PENDING, EP_RUNNING, EP_FINISHED, EP_CANCELLED };

/** What went wrong in a task. */
struct ep_error {
    bool failed;         /**< false: the task succeeded; kind and code are 0, the message is "" */
    int kind;            /**< what ep_future_result() returns: EP_EFAILED, EP_EDIED, ... */
    int code;            /**< what the function returned or gave to ep_task_fail(); may be 0. For
                              EP_EDIED the wait(2) status of the worker process */
    const char *message; /**< never NULL, may be ""; lives as long as the future */
    unsigned worker;     /**< which worker ran it; 0 if none did, UINT16_MAX if its submitter did */
};

/** Add a reference. @return the same future */
EP_API struct ep_future *ep_future_ref(struct ep_future *future);

/**
 * Drop a reference. The last one releases the future; its task continues without it. NULL is
 * allowed and does nothing.
 */
EP_API void ep_future_unref(struct ep_future *future);

/** Get the state. Unless the task is done, it may change before the caller looks at the answer. */
EP_API enum ep_future_state ep_future_state(const struct ep_future *future);

/** Ask whether it is FINISHED or CANCELLED: result and error will not wait. */
EP_API bool ep_future_done(const struct ep_future *future);
EP_API bool ep_future_running(const struct ep_future *future);
EP_API bool ep_future_cancelled(const struct ep_future *future);

/** Get the user data that was submitted with the task; NULL if there was none. */
EP_API void *ep_future_user(const struct ep_future *future);

/**
 * Waiting within a task.
 *
 * A task may wait for tasks of its own executor, if the workers are threads: by ep_future_result(),
 * ep_future_error(), ep_wait(), ep_completions_next(), ep_map_next() and ep_group_wait(). If such a
 * task has not begun, the worker runs it then and there, on its own stack, so it does not matter
 * whether another worker is idle. Up to EP_NESTED_MAX tasks may lie like that upon the one that the
 * worker took, on a stack of options.stack_bytes. The same holds in a done callback that a worker runs.
 * Hold no lock of your own meanwhile that the awaited task takes.
 *
 * The worker runs no task but one that it waits for. Any other one could itself wait for a task that
 * lies below it on that stack, and cannot continue before it returns.
 *
 * A timeout ends the wait for a task that another worker runs. One that the caller runs itself is not
 * interrupted, so the call may return later than its timeout.
 *
 * These return -EDEADLK, always, unless what they wait for is done, or the timeout is 0 or less: a look
 * waits for nothing, and returns -ETIMEDOUT.
 *  - a wait for a task that cannot begin on the caller's stack: EP_NESTED_MAX lie upon one there, or
 *    the executor is paused;
 *  - a wait for a task that runs on the caller's stack: it would wait for itself;
 *  - a wait in `initialize` or `finalize`, or in a function that is called because a task expired, for
 *    any task of the executor;
 *  - a wait in `on_room`, or in a `dropped` function where that says so, for a task that has not begun;
 *  - a wait in a callback on the manager of a process executor.
 *
 * A worker process cannot use the executor that it works for: there each call returns EP_EFORKED.
 */
#define EP_NESTED_MAX 128u

/**
 * Wait for the reply of the task. Once it is there, the place of the task in its executor is free and
 * ep_executor_stats() counts it, although callbacks may still run.
 *
 * @param timeout_ns  0 or less: look, do not wait. EP_FOREVER: wait without limit
 * @param reply       set on success; the bytes belong to the future and live as long as it does,
 *                    aligned for any type. data is NULL if the task left no reply. May be NULL
 * @return  0              the task succeeded
 *          -ETIMEDOUT     not done yet; it continues, ask again. (A task that failed with ETIMEDOUT
 *                         gives EP_EFAILED)
 *          EP_ECANCELLED  it was cancelled
 *          EP_EFAILED     it failed; ep_future_error() has the details
 *          EP_EXPIRED     it had not begun by its expires_ns
 *          EP_ELIMIT      it ran longer than its limit_ns
 *          EP_EBROKEN, EP_EDIED, EP_EUNKNOWN, EP_ESHIP
 *                         it was lost on the way; ep_future_error() has the details
 *          -EDEADLK       the caller must not wait for it, and it is not done: see "Waiting within a
 *                         task"
 */
EP_API EP_MUSTCHECK int ep_future_result(struct ep_future *future, int64_t timeout_ns,
                                         struct ep_bytes *reply);

/**
 * Wait for the task and get what went wrong in it, if anything did.
 *
 * @param error  set if 0 is returned
 * @return  0              done: error->failed says whether it failed
 *          -ETIMEDOUT     not done yet
 *          EP_ECANCELLED  it was cancelled
 *          -EDEADLK       as ep_future_result()
 */
EP_API EP_MUSTCHECK int ep_future_error(struct ep_future *future, int64_t timeout_ns,
                                        struct ep_error *error);

/**
 * Cancel a task that has not begun. Its place in the queue becomes free at once.
 *
 * @return  0          it is cancelled, by this call or before; it never runs
 *          -EBUSY     it is running and will finish
 *          -EALREADY  it is finished
 *
 * Done callbacks and the task's `dropped` or `on_drop` run in the calling thread before it returns.
 */
EP_API int ep_future_cancel(struct ep_future *future);

/**
 * Called once when a future is done.
 *
 * @param future   done: result and error do not wait. The callback does not own a reference; to
 *                 keep the future beyond the call, add one
 * @param context  as given
 */
typedef void (*ep_done_fn)(struct ep_future *future, void *context);

/**
 * Have a function called when the task is done: finished, failed or cancelled.
 *
 * Callbacks of one future run in the order in which they were added, in the thread that completed
 * it: the worker, the thread that cancelled it, or the thread of the executor that watches over
 * expires_ns; on a process executor, its manager instead of the worker. If the future is done already,
 * the callback runs at once, in the calling thread. Callbacks run after the result is published, so ep_future_result()
 * may return in another thread before them. The place of the task is free by then.
 *
 * @return  0           it will be called, or was
 *          -ENOMEM     no memory for a second or later callback; it will not be called
 *          -EINVAL     done is NULL
 *          EP_EFORKED  it was not done when this process was forked: it will not be called
 */
EP_API EP_MUSTCHECK int ep_future_add_done_callback(struct ep_future *future, ep_done_fn done,
                                                    void *context);

/* --- Several futures ----------------------------------------------------------------------- */

enum ep_wait_for {
    EP_ALL_COMPLETED,   /**< until all are done */
    EP_FIRST_COMPLETED, /**< until one is done */
    EP_FIRST_FAILED, /**< until one has failed, or all are done. A cancelled one has not failed */
};

/**
 * Wait for some of several futures, of any executors. A cancelled one is done at once.
 *
 * @param timeout_ns  0 or less: look, do not wait. EP_FOREVER: wait without limit
 * @param futures  may hold the same one twice; none may be NULL
 * @param done     if not NULL: count entries, each set to whether its future was done at the end
 * @return  0           the wait is over; also if count is 0
 *          -ETIMEDOUT  the time is over first
 *          -EDEADLK    ep_future_result() would return it, for one of those that must be done
 *                      (EP_FIRST_...: for all that could be the first)
 *          -ENOMEM     no memory; nothing was waited for
 *          -EINVAL     futures is NULL with a count, or wait_for is unknown; `done` is untouched
 */
EP_API EP_MUSTCHECK int ep_wait(struct ep_future *const *futures, size_t count,
                                enum ep_wait_for wait_for, int64_t timeout_ns, bool *done);

/**
 * Futures in the order in which they complete: in which those who complete them hand them over, a moment after
 * they are done and before their callbacks run. Used by one thread at a time.
 */
struct ep_completions;

/**
 * Begin to iterate over futures as they complete.
 *
 * @param futures     referenced until they are handed out or the iterator is freed; one that is
 *                    given twice is handed out once
 * @param timeout_ns  for all of them together, from now. EP_FOREVER: without limit
 * @return            0, -ENOMEM, or -EINVAL: futures is NULL with a count, or completions is NULL
 */
EP_API EP_MUSTCHECK int ep_completions_new(struct ep_future *const *futures, size_t count,
                                           int64_t timeout_ns, struct ep_completions **completions);

/**
 * Get the next future that is done, and wait if none is. Those done at the beginning come first.
 *
 * @param future  set on success; the caller owns the reference
 * @return  0
 *          EP_END      all have been handed out
 *          -ETIMEDOUT  the time is over and none is done; ep_completions_left() counts the rest.
 *                      One that completes later is still handed out
 *          -EDEADLK    ep_future_result() would return it, for all of those left
 */
EP_API EP_MUSTCHECK int ep_completions_next(struct ep_completions *completions,
                                            struct ep_future **future);
/** Get how many have not been handed out. */
EP_API size_t ep_completions_left(const struct ep_completions *completions);
/** Release the iterator, at any point of the iteration. NULL is allowed and does nothing. */
EP_API void ep_completions_free(struct ep_completions *completions);

/* --- Map ----------------------------------------------------------------------------------- */

/**
 * The source of a map's inputs. The mapping thread calls it repeatedly, within ep_map() and
 * ep_map_next(), until it returns something other than 1.
 *
 * @param input  to set; the bytes are copied before the next call
 * @return       1: *input is set; 0: there are no more; negative: an error, which ep_map_next()
 *               returns after the results of all inputs before it. Anything else is -EINVAL there
 */
typedef int (*ep_source_fn)(void *context, struct ep_bytes *input);

/**
 * Options of a map. All zero is a sensible map. Its tasks have the normal priority, do not expire and
 * have no limit: for those, submit each input on its own, into a group if they belong together.
 */
struct ep_map_options {
    /**
     * Inputs that travel together as one task. 0: 1. EP_CHUNK_AUTO: as multiprocessing.Pool. Each
     * input is still a call of its own, and fails alone; but the calls of a chunk begin together,
     * and are cancelled or lost with their worker together.
     */
    size_t chunk;
    /**
     * The most results under way that have not been taken; the next inputs are fetched as results
     * are taken. It bounds memory, and allows endless sources; chunks are no larger than this. 0:
     * bounded by the queue only.
     */
    size_t ahead;
    /** Give out results as their chunks complete, instead of in the order of their inputs. */
    bool unordered;
    /** After the first result that is not a success, end the map and cancel what has not begun. */
    bool stop_on_failure;
    /** For all results together, from the call of ep_map(). 0: no limit. Negative: over now. */
    int64_t timeout_ns;
    /** The number of inputs, if known. EP_CHUNK_AUTO needs it; without it a chunk is one input. */
    size_t count;
    uint64_t reserved[4]; /**< zero: see EP_VERSION */
};

/** As chunk: ceil(count / (4 * workers)), as in multiprocessing.Pool. */
#define EP_CHUNK_AUTO SIZE_MAX

/** A map under way. Used by one thread at a time. */
struct ep_map;

/**
 * Call fn with each input. The tasks are submitted whether or not the results are taken: all of
 * them before this returns, or as many as options->ahead allows.
 *
 * When the executor is full, its policy decides: with EP_BLOCK this waits for room, but not beyond
 * timeout_ns; with EP_DISCARD some elements end with EP_ECANCELLED.
 *
 * The executor must live until the map has submitted all its inputs, or until the map is freed,
 * whichever comes first.
 *
 * @param fn       called with each input, as if submitted alone; descriptors cannot be sent along
 * @param context  for the source
 * @param options  NULL is the same as all zero; copied
 * @param map      set on success, and released by ep_map_free(); untouched on failure
 * @return  0             under way; also if the source returned an error
 *          -EINVAL       executor, fn, source, or map is NULL, or something is in a reserved word
 *          -ENOMEM, -EAGAIN, -EDEADLK, EP_ESHUTDOWN, EP_EBROKEN
 *                        as ep_submit(), for one of the inputs. Those before it that have not begun
 *                        are cancelled
 */
EP_API EP_MUSTCHECK int ep_map(struct ep_executor *executor, ep_task_fn fn, ep_source_fn source,
                               void *context, const struct ep_map_options *options,
                               struct ep_map **map);

/** An array of inputs for ep_map_columns(). */
struct ep_column {
    const void *elements; /**< may be NULL if there are none, or their size is 0 */
    size_t size;          /**< of one element */
};

/**
 * The same as ep_map(), with inputs from arrays of equal length, as Python's map(f, a, b): the input
 * of call i is element i of every column, one after the other without padding.
 *
 * The elements must not change until they have been submitted: with options->ahead, until all
 * results except the last `ahead` have been taken. options->count is ignored.
 *
 * @return  as ep_map(), and -EINVAL: no columns, one without elements, or rows that no memory can hold
 */
EP_API EP_MUSTCHECK int ep_map_columns(struct ep_executor *executor, ep_task_fn fn,
                                       const struct ep_column *columns, size_t column_count,
                                       size_t count, const struct ep_map_options *options,
                                       struct ep_map **map);

/**
 * Get the next result.
 *
 * @param reply  set on success, aligned for any type; valid until the next call or ep_map_free().
 *               May be NULL
 * @return  0              the reply of one element
 *          EP_EFAILED, EP_ECANCELLED, EP_EDIED and the like
 *                         this element failed; ep_map_error() has the details, and the next call
 *                         continues with the next element
 *          EP_END         there are no more; also for every later call
 *          -ETIMEDOUT     options->timeout_ns is over and this one is not done. What had not begun
 *                         is cancelled, and EP_END follows
 *          -EDEADLK       as ep_future_result(), for the next result; ask again in another thread
 *          otherwise      what the source, or a submission later than ep_map(), returned in the
 *                         place of this element. EP_END follows
 */
EP_API EP_MUSTCHECK int ep_map_next(struct ep_map *map, struct ep_bytes *reply);
/**
 * Get what went wrong with the element of the last ep_map_next(), if anything did. The message is
 * valid until the next call or ep_map_free().
 */
EP_API void ep_map_error(const struct ep_map *map, struct ep_error *error);
/** Release the map. What has not begun is cancelled; what has begun continues. NULL is allowed. */
EP_API void ep_map_free(struct ep_map *map);

/* --- Groups -------------------------------------------------------------------------------- */

/**
 * Tasks of one executor that belong together: they are waited for, and cancelled, as a whole. So a
 * function that submits tasks can leave none behind:
 *
 *     ep_group_new(executor, EP_GROUP_CANCEL_ON_FAILURE, &group);
 *     for (i = 0; i < count; i++)
 *         ep_group_submit(group, part, &parts[i], sizeof parts[i], NULL, &futures[i]);
 *     rc = ep_group_wait(group, EP_FOREVER);
 *     ep_group_free(group);
 *
 * Any thread may submit into a group, its own tasks too. A task in a group costs one allocation
 * more than one with a future.
 */
struct ep_group;

/** How a group acts; may be combined. */
enum {
    /** When a task of the group fails, or is lost with its worker, cancel the others. */
    EP_GROUP_CANCEL_ON_FAILURE = 1,
};

/**
 * Make a group.
 *
 * @param executor  must live until no task of the group is left
 * @param how       0, or EP_GROUP_...
 * @param group     set on success, and released by ep_group_free(); untouched on failure
 * @return          0, -ENOMEM, or -EINVAL: executor or group is NULL, or an unknown bit in `how`
 */
EP_API EP_MUSTCHECK int ep_group_new(struct ep_executor *executor, unsigned how,
                                     struct ep_group **group);

/**
 * Submit a task into the group.
 *
 * @param options  as for ep_submit_with(); NULL is the same as all zero
 * @param future   as for ep_submit(); NULL: only the group waits for the task
 * @return  as ep_submit_with(), and
 *          EP_ECANCELLED  the group is cancelled: nothing was submitted. A task that was being
 *                         submitted at that moment is cancelled as the others are
 */
EP_API EP_MUSTCHECK int ep_group_submit(struct ep_group *group, ep_task_fn fn, const void *input,
                                        size_t size, const struct ep_submit_options *options,
                                        struct ep_future **future);

/**
 * Wait until no task of the group is left. More tasks may be submitted afterwards.
 *
 * @param timeout_ns  0 or less: look, do not wait. EP_FOREVER: wait without limit
 * @return  0              none is left, and each has succeeded; also if there was none
 *          -ETIMEDOUT     some are left; they continue
 *          EP_EFAILED, EP_EDIED and the like
 *                         none is left, and this happened to the first that failed;
 *                         ep_group_error() has the details
 *          EP_ECANCELLED  none is left, none has failed, and the group or a task of it was cancelled
 *          -EDEADLK       some are left, and the caller must not wait for one of them: as
 *                         ep_future_result(); also a `dropped` function of a task of the group
 */
EP_API EP_MUSTCHECK int ep_group_wait(struct ep_group *group, int64_t timeout_ns);

/**
 * Cancel the group. When it returns, no task of it begins any more; those that were waiting are
 * CANCELLED, and their `dropped` functions and done callbacks have run, by this call or by another
 * that cancels them at the same moment. Running tasks continue: on threads ep_task_stopping()
 * becomes true for them, in a worker process it does not. The group stays cancelled.
 *
 * With EP_GROUP_CANCEL_ON_FAILURE the thread that completes the failed task does the same, before
 * the other callbacks of that task: the worker; on a process executor its manager, when the worker
 * may already have begun one more task of the group. In functions that are called for the cancelled
 * tasks, a call that would wait for the executor returns -EDEADLK.
 */
EP_API void ep_group_cancel(struct ep_group *group);

/** Count the tasks of the group that are not done. */
EP_API size_t ep_group_left(const struct ep_group *group);

/** Get what went wrong in the first task that failed, if any. The message lives until the group is
 * released. */
EP_API void ep_group_error(const struct ep_group *group, struct ep_error *error);

/** Release the group, and cancel it. It does not wait for tasks that run. NULL is allowed. */
EP_API void ep_group_free(struct ep_group *group);

/* --- Completions on an event loop ---------------------------------------------------------- */

/**
 * Brings done callbacks to the thread of an event loop, through one descriptor.
 *
 * Any number of completions makes the descriptor readable once, until they are dispatched: N
 * completions wake the loop at least once and at most N times.
 */
struct ep_mailbox;

/**
 * Make a mailbox.
 *
 * @param mailbox  set on success, and released by ep_mailbox_free(); untouched on failure
 * @return         0, -ENOMEM, -EINVAL: mailbox is NULL, or a negated errno value of eventfd(2)
 */
EP_API EP_MUSTCHECK int ep_mailbox_new(struct ep_mailbox **mailbox);

/**
 * Get the descriptor. It is readable while a callback waits to be dispatched. Watch it for reading;
 * do not read or close it.
 */
EP_API int ep_mailbox_fd(const struct ep_mailbox *mailbox);

/**
 * Have ep_mailbox_dispatch() call done(future, context) once the future is done; if it is done
 * already, at the next dispatch. The mailbox keeps a reference until then.
 *
 * @return 0, -ENOMEM, EP_EFORKED as ep_future_add_done_callback(), or -EINVAL: one of the first
 *         three is NULL
 */
EP_API EP_MUSTCHECK int ep_mailbox_add(struct ep_mailbox *mailbox, struct ep_future *future,
                                       ep_done_fn done, void *context);

/**
 * Run the callbacks that are due, in the order of completion. Those that become due meanwhile are
 * left for the next time, and the descriptor stays readable for them. A future that another thread
 * is completing may be done already and its callback due a moment later.
 *
 * @return how many ran. Threads: the loop's
 */
EP_API size_t ep_mailbox_dispatch(struct ep_mailbox *mailbox);

/**
 * Release the mailbox. Callbacks that have not been dispatched never will be, and the descriptor is
 * closed: remove it from the loop before. Do not call this from a callback of the same mailbox.
 * NULL is allowed and does nothing. Threads: the loop's.
 */
EP_API void ep_mailbox_free(struct ep_mailbox *mailbox);

#ifdef __cplusplus
}
#endif

#endif /* ECHOPOOL_H */
