/* SPDX-License-Identifier: MIT */
/* What the process may use: the kernel's texts parsed, and nested groups of both versions read. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/machine.h"

#define MIB                 (UINT64_C(1) << 20)
#define PARSED(parse, text) machine_parse_##parse(TEXT(text))

Test(machine, texts)
{
    cr_expect_eq(PARSED(meminfo, "MemTotal:       16384 kB\nMemFree:  1 kB\n"), 16 * MIB);
    cr_expect_eq(PARSED(meminfo, "MemFree: 1 kB\nMemTotal: 7 kB"), 7 << 10);
    cr_expect_eq(PARSED(meminfo, "MemFree: 1 kB\n"), 0);
    cr_expect_eq(PARSED(meminfo, "MemTotal: \n"), 0);
    cr_expect_eq(PARSED(meminfo, ""), 0);
    cr_expect_eq(PARSED(limit, "536870912\n"), 512 * MIB);
    cr_expect_eq(PARSED(limit, "max\n"), UINT64_MAX);
    cr_expect_eq(PARSED(limit, "-1\n"), UINT64_MAX);
    cr_expect_eq(PARSED(limit, ""), UINT64_MAX);
    cr_expect_eq(PARSED(limit, "99999999999999999999\n"), UINT64_MAX);
    cr_expect_eq(PARSED(cpu_max, "150000 100000\n"), 2);
    cr_expect_eq(PARSED(cpu_max, "200000 100000\n"), 2);
    cr_expect_eq(PARSED(cpu_max, "1000 100000\n"), 1);
    cr_expect_eq(PARSED(cpu_max, "max 100000\n"), UINT64_MAX);
    cr_expect_eq(PARSED(cpu_max, "1000\n"), UINT64_MAX);
    cr_expect_eq(machine_cores_of(UINT64_MAX, 100000), UINT64_MAX);
    cr_expect_eq(machine_cores_of(250000, 100000), 3);
    cr_expect_eq(machine_cores_of(250000, 0), UINT64_MAX);
}

Test(machine, mounts)
{
    static struct machine_mount mount;
    struct text text =
        TEXT("22 1 8:1 / / rw - ext4 /dev/vda rw\n"
             "32 31 0:29 /docker/a\\040b /sys/fs/cgroup/cpu rw shared:9 master:1 - cgroup cgroup "
             "rw,cpu,cpuacct\n"
             "33 31 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n");
    cr_assert(machine_find_mount(text, "cpu", &mount));
    cr_expect_str_eq(mount.root, "/docker/a b");
    cr_expect_str_eq(mount.point, "/sys/fs/cgroup/cpu");
    cr_assert(machine_find_mount(text, NULL, &mount));
    cr_expect_str_eq(mount.point, "/sys/fs/cgroup/unified");
    cr_expect_not(machine_find_mount(text, "memory", &mount));
    cr_expect_not(machine_find_mount(TEXT("1 2 3"), NULL, &mount));
    cr_expect_not(machine_find_mount(TEXT(""), NULL, &mount));
}

Test(machine, groups)
{
    struct text path, text = TEXT("9:name=systemd:/x\n4:cpu,memory:/docker/a:b\n0::/unit.slice\n");
    cr_assert(machine_find_group(text, "memory", &path));
    cr_expect(text_equals(path, TEXT("/docker/a:b")));
    cr_assert(machine_find_group(text, NULL, &path));
    cr_expect(text_equals(path, TEXT("/unit.slice")));
    cr_expect_not(machine_find_group(text, "pids", &path));
    cr_expect_not(machine_find_group(TEXT("0:"), NULL, &path));
}

/* --- a folder that looks like /proc and /sys ----------------------------------------------- */

static char root[64];

static void put(const char *path, const char *content)
{
    char name[256];
    snprintf(name, sizeof(name), "%s%s", root, path);
    for (char *slash = strchr(name + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    cr_assert(file, "%s", name);
    fputs(content, file);
    fclose(file);
}

static void begin(void)
{
    strcpy(root, "/tmp/fanfare-machine-XXXXXX");
    cr_assert(mkdtemp(root));
    put("/proc/meminfo", "MemTotal: 1048576 kB\n");
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts, (void)kind, (void)place;
    return remove(path);
}

static void end(void)
{
    cr_expect_eq(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static unsigned affinity(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static void expect(uint64_t memory, unsigned cores)
{
    struct machine machine;
    machine_read(root, &machine);
    cr_expect_eq(machine.memory_bytes, memory, "%llu bytes",
                 (unsigned long long)machine.memory_bytes);
    cr_expect_eq(machine.cores, cores, "%u cores", machine.cores);
}

Test(machine, without_cgroups, .init = begin, .fini = end)
{
    expect(1024 * MIB, affinity());
}

/* The smallest limit is that of a group in the middle, and the root of the mount has one too. */
Test(machine, version_2, .init = begin, .fini = end)
{
    put("/proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/proc/self/cgroup", "0::/a.slice/b.service/c\n");
    put("/sys/fs/cgroup/memory.max", "943718400\n");
    put("/sys/fs/cgroup/a.slice/memory.max", "268435456\n");
    put("/sys/fs/cgroup/a.slice/cpu.max", "50000 100000\n");
    put("/sys/fs/cgroup/a.slice/b.service/memory.max", "536870912\n");
    put("/sys/fs/cgroup/a.slice/b.service/c/memory.max", "max\n");
    put("/sys/fs/cgroup/a.slice/b.service/c/cpu.max", "max 100000\n");
    expect(256 * MIB, 1);
}

/* In a container without a name space of its own the path is the host's, the mount is the group. */
Test(machine, version_1, .init = begin, .fini = end)
{
    put("/proc/self/mountinfo",
        "30 1 0:26 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "31 1 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
    put("/proc/self/cgroup", "4:memory:/docker/x/inner\n3:cpu,cpuacct:/docker/x\n0::/\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
    put("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "10000\n");
    put("/sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    expect(128 * MIB, 1);
}

/* A group outside of the mount: the mount's own limit is what can be seen. */
Test(machine, outside, .init = begin, .fini = end)
{
    put("/proc/self/mountinfo", "30 1 0:26 /x /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put("/proc/self/cgroup", "0::/../elsewhere\n");
    put("/sys/fs/cgroup/memory.max", "67108864\n");
    expect(64 * MIB, affinity());
}

Test(machine, shares)
{
    struct machine machine = {.memory_bytes = 1025 * MIB, .cores = 5};
    cr_expect_eq(machine_memory_share(&machine), 512 * MIB);
    cr_expect_eq(machine_threads(&machine, 1, 256), 5);
    cr_expect_eq(machine_threads(&machine, 4, 64), 2);
    cr_expect_eq(machine_threads(&machine, 1, 3), 3);
    machine.memory_bytes = 0;
    cr_expect_eq(machine_memory_share(&machine), 0);
    machine.memory_bytes = 4096;
    cr_expect_eq(machine_memory_share(&machine), MIB);
}
