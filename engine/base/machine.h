/* SPDX-License-Identifier: MIT */
/*
 * What this process may use of the machine: memory and cores, where a container, a systemd unit or
 * taskset allows less than there is.
 *
 * Cgroups may be nested, each with a limit of its own: the smallest one from our own group up to
 * the root of what is mounted counts. Version 1 (a hierarchy for each controller), version 2 (one
 * for all) and both side by side are understood; what is not there limits nothing.
 *
 * The parsers are pure functions of the files' text. machine_read opens files of /proc and of the
 * cgroup file system: it is called when options are made, at a start or for a running engine. Any
 * thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

struct machine {
    uint64_t
        memory_bytes; /* the machine's, or a cgroup's limit below it; 0: nothing could be read */
    unsigned cores;   /* of the affinity mask, or a cgroup's quota below it, rounded up; >= 1 */
};

/* `root` is put before each path: "" for the machine, a folder for tests. What is not there limits
 * nothing. -ENOMEM, -EMFILE, -ENFILE: something could not be looked at, and what is said is as if
 * it were not there. */
int machine_read(const char *root, struct machine *ret_machine);

/* MemTotal of /proc/meminfo; 0: it is not there. */
uint64_t machine_parse_meminfo(struct text text);
/* A limit as cgroup files have it: UINT64_MAX for "max", "-1" and what is no number. */
uint64_t machine_parse_limit(struct text text);
/* cpu.max of version 2, "QUOTA PERIOD": the cores, rounded up; UINT64_MAX: no limit. */
uint64_t machine_parse_cpu_max(struct text text);
/* Quota and period of version 1 in microseconds: the same. */
uint64_t machine_cores_of(uint64_t quota, uint64_t period);

/* What memory_max is if nobody says: half, for the kernel's socket buffers, what malloc keeps and
 * other programs need memory too; whole MiB. 0: nobody knows, no bound. */
static inline uint64_t machine_memory_share(const struct machine *machine)
{
    uint64_t mebibytes = machine->memory_bytes >> 21;
    return machine->memory_bytes ? (mebibytes ? mebibytes : 1) << 20 : 0;
}

/* One thread per so many cores, at least one and `max` at most. */
static inline unsigned machine_threads(const struct machine *machine, unsigned cores, unsigned max)
{
    unsigned threads = (machine->cores + cores - 1) / cores;
    return threads < max ? threads : max;
}

#define MACHINE_PATH_MAX 4096

/* Where a hierarchy is mounted, and which of its groups that is ("/" without a container). */
struct machine_mount {
    char root[MACHINE_PATH_MAX];
    char point[MACHINE_PATH_MAX];
};

/* Of /proc/self/mountinfo: the hierarchy with this controller of version 1, or with NULL that of
 * version 2. False: there is none. */
bool machine_find_mount(struct text mountinfo, const char *controller,
                        struct machine_mount *ret_mount);
/* Of /proc/self/cgroup: our group's path in that hierarchy, borrowed from the text. */
bool machine_find_group(struct text cgroup, const char *controller, struct text *ret_path);
