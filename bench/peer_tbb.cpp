/* SPDX-License-Identifier: MIT */
/*
 * oneTBB as a peer: peer_tbb TASKS WORKERS
 *
 * One thread enqueues empty tasks to a task_arena that has no slot for it, so that WORKERS threads
 * of TBB run them. The arena's queue has no bound. TBB does not report when all tasks have run, so
 * each task adds 1 to a counter of its thread, and the run ends when the sum is right; until then
 * the producer yields its CPU. Prints the four numbers of peer.h.
 */
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <sched.h>
#include <sys/resource.h>
#include <thread>

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

namespace
{

constexpr unsigned counters_max = 64;

struct alignas(64) Counter {
    std::atomic<std::uint64_t> ran{0};
};

Counter counters[counters_max];
std::atomic<unsigned> counters_used{0};
thread_local Counter *own = nullptr;

void count_task()
{
    if (own == nullptr)
        own = &counters[counters_used.fetch_add(1) % counters_max];
    own->ran.store(own->ran.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

std::uint64_t tasks_run()
{
    std::uint64_t sum = 0;

    for (const Counter &counter : counters)
        sum += counter.ran.load();
    return sum;
}

void run(tbb::task_arena &arena, std::uint64_t tasks)
{
    const std::uint64_t target = tasks_run() + tasks;

    for (std::uint64_t i = 0; i < tasks; i++)
        arena.enqueue([] { count_task(); });
    while (tasks_run() != target)
        sched_yield();
}

std::int64_t cpu_ns(const rusage &usage)
{
    return (static_cast<std::int64_t>(usage.ru_utime.tv_sec) + usage.ru_stime.tv_sec) * 1000000000 +
           (static_cast<std::int64_t>(usage.ru_utime.tv_usec) + usage.ru_stime.tv_usec) * 1000;
}

} // namespace

int main(int argc, char *argv[])
{
    if (argc != 3) {
        std::cerr << "Usage: peer_tbb TASKS WORKERS\n";
        return 2;
    }
    const std::uint64_t tasks = std::strtoull(argv[1], nullptr, 10);
    const int workers = std::atoi(argv[2]);
    /* By default TBB makes one thread less than there are CPUs. */
    tbb::global_control threads(tbb::global_control::max_allowed_parallelism,
                                static_cast<std::size_t>(workers) + 1);
    tbb::task_arena arena(workers, 0);
    rusage before, after;

    run(arena, 1000); /* makes its threads */
    getrusage(RUSAGE_SELF, &before);
    const auto start = std::chrono::steady_clock::now();
    run(arena, tasks);
    const auto took = std::chrono::steady_clock::now() - start;
    getrusage(RUSAGE_SELF, &after);
    std::cout << tasks_run() - 1000 << ' '
              << std::chrono::duration_cast<std::chrono::nanoseconds>(took).count() << ' '
              << cpu_ns(after) - cpu_ns(before) << ' ' << after.ru_nvcsw - before.ru_nvcsw << '\n';
    return 0;
}
