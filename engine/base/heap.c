/* SPDX-License-Identifier: MIT */
/* See heap.h. */
#include "engine/base/heap.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

size_t heap_resident(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, text, sizeof(text) - 1);
    close(fd);
    unsigned long total, resident;
    text[len > 0 ? len : 0] = '\0';
    if (sscanf(text, "%lu %lu", &total, &resident) != 2)
        return 0;
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

#ifdef __GLIBC__
static void trim_first(void)
{
    malloc_trim(0);
}
#endif

/* Where the program's malloc is another one, the first call makes glibc's heap, without a lock: two
 * threads at once would both take its main arena for their own, and abort at the second's end. */
void heap_trim(void)
{
#ifdef __GLIBC__
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, trim_first);
    malloc_trim(0);
#endif
}
