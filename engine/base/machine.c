/* SPDX-License-Identifier: MIT */
/* Reads what the kernel says of memory, cores and cgroups: see machine.h. */
#include "engine/base/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#define NO_LIMIT UINT64_MAX
/* /proc/self/mountinfo has a line for each mount of the namespace: thousands on some hosts. */
#define FILE_BYTES_MAX (4u << 20)

/* --- text ---------------------------------------------------------------------------------- */

/* Cuts the text at the first `end`: what comes before it; the rest stays. */
static struct text cut(struct text *rest, char end)
{
    const char *at = rest->len ? memchr(rest->at, end, rest->len) : NULL;
    struct text part = {rest->at, at ? (size_t)(at - rest->at) : rest->len};
    size_t used = part.len + (at != NULL);
    *rest = (struct text){rest->at + used, rest->len - used};
    return part;
}

/* A decimal number at the beginning; false: there is none, or it is larger than 64 bits. */
static bool parse_number(struct text text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text.at[i] - '0'), &number))
            return false;
    if (i > 0)
        *ret_number = number;
    return i > 0;
}

/* Whether a list "a,b,c" has the word. */
static bool list_has(struct text list, const char *word)
{
    while (list.len)
        if (text_equals(cut(&list, ','), text_of(word)))
            return true;
    return false;
}

uint64_t machine_parse_meminfo(struct text text)
{
    while (text.len) {
        struct text line = cut(&text, '\n');
        uint64_t kibibytes;
        if (!text_equals(cut(&line, ':'), TEXT("MemTotal")))
            continue;
        while (line.len && line.at[0] == ' ')
            (void)cut(&line, ' ');
        return parse_number(line, &kibibytes) ? kibibytes << 10 : 0;
    }
    return 0;
}

uint64_t machine_parse_limit(struct text text)
{
    uint64_t limit;
    return parse_number(text, &limit) ? limit : NO_LIMIT;
}

uint64_t machine_cores_of(uint64_t quota, uint64_t period)
{
    if (quota == NO_LIMIT || period == NO_LIMIT || period == 0)
        return NO_LIMIT;
    uint64_t cores = quota / period + (quota % period != 0);
    return cores ? cores : 1;
}

uint64_t machine_parse_cpu_max(struct text text)
{
    struct text quota = cut(&text, ' ');
    return machine_cores_of(machine_parse_limit(quota), machine_parse_limit(text));
}

/* Paths have white space and backslashes as \ooo there (proc_pid_mountinfo(5)). */
static bool unescape(struct text text, char out[MACHINE_PATH_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (len + 1 == MACHINE_PATH_MAX)
            return false;
        char c = text.at[i];
        if (c == '\\' && text.len - i > 3) {
            const char *digits = text.at + i + 1;
            c = (char)((digits[0] - '0') << 6 | (digits[1] - '0') << 3 | (digits[2] - '0'));
            i += 3;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return true;
}

/* A line is: id, parent, device, root, mount point, options, optional fields, "-", type, source,
 * options of the file system. */
bool machine_find_mount(struct text mountinfo, const char *controller,
                        struct machine_mount *ret_mount)
{
    while (mountinfo.len) {
        struct text line = cut(&mountinfo, '\n');
        for (int skipped = 0; skipped < 3; skipped++)
            (void)cut(&line, ' ');
        struct text root = cut(&line, ' '), point = cut(&line, ' ');
        while (line.len && !text_equals(cut(&line, ' '), TEXT("-")))
            ;
        struct text type = cut(&line, ' ');
        (void)cut(&line, ' ');
        bool found = controller ? text_equals(type, TEXT("cgroup")) && list_has(line, controller)
                                : text_equals(type, TEXT("cgroup2")) != 0;
        if (found)
            return unescape(root, ret_mount->root) && unescape(point, ret_mount->point);
    }
    return false;
}

/* A line is: number of the hierarchy, its controllers, path; of version 2: "0", none, path. */
bool machine_find_group(struct text cgroup, const char *controller, struct text *ret_path)
{
    while (cgroup.len) {
        struct text line = cut(&cgroup, '\n');
        struct text number = cut(&line, ':'), controllers = cut(&line, ':');
        bool found = controller ? list_has(controllers, controller)
                                : text_equals(number, TEXT("0")) && controllers.len == 0;
        if (found && line.len && line.at[0] == '/') {
            *ret_path = line;
            return true;
        }
    }
    return false;
}

/* --- files --------------------------------------------------------------------------------- */

/* Where the files are, and what was in the way of one that may be there: an errno, or 0. */
struct reading {
    const char *root;
    int fault;
};

/* The whole file with a NUL behind it, from malloc; NULL: it cannot be read. */
static char *file_read(struct reading *reading, const char *path, size_t *ret_len)
{
    char name[2 * MACHINE_PATH_MAX];
    int len = snprintf(name, sizeof(name), "%s%s", reading->root, path);
    int fd = len > 0 && (size_t)len < sizeof(name) ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            reading->fault = errno;
        return NULL;
    }
    size_t size = 8192, used = 0;
    char *bytes = malloc(size);
    while (bytes) {
        ssize_t got = read(fd, bytes + used, size - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
        if (size - 1 - used > 0)
            continue;
        size *= 2;
        char *grown = size <= FILE_BYTES_MAX ? realloc(bytes, size) : NULL;
        if (!grown && size <= FILE_BYTES_MAX)
            reading->fault = ENOMEM;
        if (!grown)
            break; /* what was read is whole lines but for the last */
        bytes = grown;
    }
    close(fd);
    if (bytes)
        bytes[used] = '\0';
    else
        reading->fault = ENOMEM;
    *ret_len = used;
    return bytes;
}

/* A file in `folder`, handed to `parse`; NO_LIMIT if it is not there. */
static uint64_t file_limit(struct reading *reading, const char *folder, const char *file,
                           uint64_t (*parse)(struct text))
{
    char path[MACHINE_PATH_MAX + 64];
    size_t size;
    if (snprintf(path, sizeof(path), "%s/%s", folder, file) >= (int)sizeof(path))
        return NO_LIMIT;
    char *bytes = file_read(reading, path, &size);
    uint64_t limit = bytes ? parse((struct text){bytes, size}) : NO_LIMIT;
    free(bytes);
    return limit;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void look_at_group(struct reading *reading, const char *folder, uint64_t *memory,
                          uint64_t *cores)
{
    *memory = smaller(*memory, file_limit(reading, folder, "memory.max", machine_parse_limit));
    *memory =
        smaller(*memory, file_limit(reading, folder, "memory.limit_in_bytes", machine_parse_limit));
    *cores = smaller(*cores, file_limit(reading, folder, "cpu.max", machine_parse_cpu_max));
    *cores = smaller(
        *cores,
        machine_cores_of(file_limit(reading, folder, "cpu.cfs_quota_us", machine_parse_limit),
                         file_limit(reading, folder, "cpu.cfs_period_us", machine_parse_limit)));
}

/* Our own group and each above it, up to what is mounted. */
static void look_at_groups(struct reading *reading, struct text mountinfo, struct text cgroup,
                           const char *controller, uint64_t *memory, uint64_t *cores)
{
    struct machine_mount mount;
    struct text path;
    if (!machine_find_mount(mountinfo, controller, &mount) ||
        !machine_find_group(cgroup, controller, &path))
        return;
    size_t above = strcmp(mount.root, "/") == 0 ? 0 : strlen(mount.root);
    if (above <= path.len && memcmp(path.at, mount.root, above) == 0)
        path = (struct text){path.at + above, path.len - above};
    else
        path.len = 0; /* a group outside of what is mounted: only what we see of it counts */
    char folder[2 * MACHINE_PATH_MAX];
    int len = snprintf(folder, sizeof(folder), "%s%.*s", mount.point, (int)path.len, path.at);
    size_t top = strlen(mount.point);
    if (len < 0 || (size_t)len >= MACHINE_PATH_MAX)
        return;
    for (size_t end = (size_t)len;;) {
        while (end > top && folder[end - 1] == '/')
            end--;
        folder[end] = '\0';
        look_at_group(reading, folder, memory, cores);
        if (end <= top)
            return;
        while (end > top && folder[end - 1] != '/')
            end--;
    }
}

static unsigned cores_of_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1; /* more than 1,024 cores: no guess, the options are there */
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (unsigned)count;
}

int machine_read(const char *root, struct machine *ret_machine)
{
    struct reading reading = {.root = root};
    static const char *const hierarchies[] = {NULL, "memory", "cpu"};
    size_t mountinfo_len = 0, cgroup_len = 0;
    char *mountinfo = file_read(&reading, "/proc/self/mountinfo", &mountinfo_len);
    char *cgroup = file_read(&reading, "/proc/self/cgroup", &cgroup_len);
    uint64_t memory = file_limit(&reading, "/proc", "meminfo", machine_parse_meminfo);
    uint64_t cores = cores_of_affinity();
    if (memory == 0)
        memory = NO_LIMIT;
    for (size_t i = 0; mountinfo && cgroup && i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++)
        look_at_groups(&reading, (struct text){mountinfo, mountinfo_len},
                       (struct text){cgroup, cgroup_len}, hierarchies[i], &memory, &cores);
    free(mountinfo);
    free(cgroup);
    *ret_machine =
        (struct machine){.memory_bytes = memory == NO_LIMIT ? 0 : memory, .cores = (unsigned)cores};
    return -reading.fault;
}
