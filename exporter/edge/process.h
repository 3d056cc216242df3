/* SPDX-License-Identifier: Apache-2.0
 *
 * process: what the kernel knows about this process (/proc/self, getrlimit), for the process_* metrics, its
 * standard streams, what it may take, and what it gives back.
 */
#ifndef RBL_EDGE_PROCESS_H
#define RBL_EDGE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process_usage {
    int64_t cpu_ns; /* user and system time of all threads */
    uint64_t open_fds;
    uint64_t max_fds; /* soft limit; UINT64_MAX: unlimited */
    uint64_t virtual_bytes;
    uint64_t virtual_max_bytes; /* UINT64_MAX: unlimited */
    uint64_t resident_bytes;
    uint64_t threads;
};

/* Reads them; what cannot be read is 0. */
void process_read(struct process_usage *out);
/* Puts /dev/null where the caller has closed a standard stream: else the next file or socket opened gets its
 * number, and what is meant for the log is written into that. False (errno is set) if it cannot. Call it
 * before anything is opened. */
bool process_keep_streams(void);
/* For a process that reads what strangers have written: from now on it may have `memory` bytes of address
 * space (not where the address sanitizer needs more) and run for so many seconds, starts nothing, writes no
 * file, dumps no core, and steps back when processors are scarce. False: the kernel refuses.
 */
bool process_confine(uint64_t memory, unsigned cpu_seconds);
/* One heap for all threads. glibc gives each thread one of its own, and what one of them has freed is then of
 * no use to the others: a program in which bodies are made by one thread and freed by another grows for days.
 * Call it before any thread is begun. */
void process_share_memory(void);
/* Gives the kernel back all free pages of the heap. By itself glibc does so only with those at its end: what
 * a configuration that has been replaced has left stays, in pieces. While it looks, no thread gets memory:
 * 0.05 ms of a small configuration, up to 1 ms of 200,000 addresses. */
void process_give_back(void);

#endif
