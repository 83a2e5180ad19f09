/* SPDX-License-Identifier: MIT */
/*
 * Threads that give memory back at the same time, in a process whose malloc is not glibc's (under
 * a sanitizer, or with another one preloaded): the first call makes glibc's heap, and it must be
 * one thread that makes it. Elsewhere glibc's heap is made before main, and this proves little.
 */
#include <criterion/criterion.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/heap.h"

#define THREADS 4
#define ROUNDS  50

static pthread_barrier_t start;

static void *trim(void *unused)
{
    pthread_barrier_wait(&start);
    heap_trim();
    return unused;
}

static void trim_together(void)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, trim, NULL) != 0)
            _exit(2);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

Test(heap, threads_trim_at_once)
{
    for (int i = 0; i < ROUNDS; i++) {
        pid_t child = fork();
        if (child == 0)
            trim_together();
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "round %d: wait status %#x", i,
                  (unsigned)status);
    }
}
