# SPDX-License-Identifier: MIT
"""Python's executors as a peer: peer_python.py thread|process TASKS WORKERS BYTES

Prints tasks run, nanoseconds from the first submission until the last result, nanoseconds of CPU
time, and sleeps (peer.h). Each task gets BYTES bytes and returns them; with 0 it does nothing. All
workers are started before the clock.
"""
import concurrent.futures
import resource
import sys
import threading
import time


def nothing():
    return None


def echo(data):
    return data


def used():
    """Return CPU nanoseconds and sleeps of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return int((usage.ru_utime + usage.ru_stime) * 1e9), usage.ru_nvcsw


def warm(pool, kind, workers):
    """Start every worker: the executor makes a thread only while no other is idle."""
    if kind == "thread":
        meeting = threading.Barrier(workers)
        list(pool.map(lambda _: meeting.wait(), range(workers)))
    else:
        list(pool.map(echo, range(workers * 10)))


def run(pool, tasks, data):
    """Submit all, then take all results. @return nanoseconds"""
    start = time.monotonic_ns()
    if data:
        futures = [pool.submit(echo, data) for _ in range(tasks)]
    else:
        futures = [pool.submit(nothing) for _ in range(tasks)]
    for future in futures:
        if future.result() != (data or None):
            sys.exit("a task returned a wrong result")
    return time.monotonic_ns() - start


def main():
    kind = sys.argv[1]
    tasks, workers, size = (int(argument) for argument in sys.argv[2:])
    executors = {
        "thread": concurrent.futures.ThreadPoolExecutor,
        "process": concurrent.futures.ProcessPoolExecutor,
    }
    with executors[kind](max_workers=workers) as pool:
        warm(pool, kind, workers)
        cpu, sleeps = used()
        took = run(pool, tasks, b"x" * size)
        cpu_after, sleeps_after = used()
    print(tasks, took, cpu_after - cpu, sleeps_after - sleeps)


main()
