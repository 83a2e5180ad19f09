/* SPDX-License-Identifier: MIT */
/*
 * The wraps of `fanfare_inject`: each counts its call and fails it when the test has ordered that.
 *
 * The linker (--wrap=NAME) sends the server's calls of NAME to __wrap_NAME and gives the true
 * function as __real_NAME. Shared libraries are not linked again, so their own calls are not
 * wrapped; jansson is told to allocate here. Any thread. Without INJECT_FILE nothing fails; with
 * INJECT_TRACE each fault says on stderr from where it was called (addr2line -e reads it).
 */
#include "tests/e2e/inject.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <jansson.h>
#include <liburing.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct inject nothing;
static struct inject *orders = &nothing;
static bool traced;

static const int errors[] = {
#define X(name, error) error,
    INJECT_TABLE(X)
#undef X
};

struct inject *inject_own(void)
{
    return orders;
}

/* True if this call must fail; errno is set. */
static bool is_hit(enum inject_call call)
{
    if (!atomic_load_explicit(&orders->armed, memory_order_acquire))
        return false;
    uint32_t number = atomic_fetch_add(&orders->calls[call], 1) + 1;
    uint32_t at = atomic_load(&orders->at);
    if (atomic_load(&orders->call) != call || number < at ||
        number - at > atomic_load(&orders->more))
        return false;
    atomic_fetch_add(&orders->injected, 1);
    if (traced) {
        void *callers[16];
        backtrace_symbols_fd(callers, backtrace(callers, 16), STDERR_FILENO);
    }
    errno = errors[call];
    return true;
}

/* --- memory -------------------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
FILE *__real_open_memstream(char **text, size_t *size);
FILE *__wrap_open_memstream(char **text, size_t *size);
void *__real_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size)
{
    return is_hit(INJECT_memory) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_hit(INJECT_memory) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return is_hit(INJECT_memory) ? NULL : __real_realloc(at, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_hit(INJECT_memory) ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return is_hit(INJECT_memory) ? NULL : __real_strdup(text);
}

FILE *__wrap_open_memstream(char **text, size_t *size)
{
    return is_hit(INJECT_memory) ? NULL : __real_open_memstream(text, size);
}

void *__wrap_mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return is_hit(INJECT_mmap) ? MAP_FAILED : __real_mmap64(at, len, protection, flags, fd, offset);
}

/* --- sockets ------------------------------------------------------------------------------- */

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
ssize_t __real_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
ssize_t __real_recv(int fd, void *bytes, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    return is_hit(INJECT_accept4) ? -1 : __real_accept4(fd, address, len, flags);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    /* Both rows count each send: the order decides which of them fails. */
    if (is_hit(INJECT_send) || is_hit(INJECT_send_full))
        return -1;
    return __real_send(fd, bytes, len, flags);
}

ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags)
{
    return is_hit(INJECT_recv) ? -1 : __real_recv(fd, bytes, len, flags);
}

int __wrap_socket(int domain, int type, int protocol)
{
    return is_hit(INJECT_socket) ? -1 : __real_socket(domain, type, protocol);
}

/* --- waiting and threads ------------------------------------------------------------------- */

int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __real_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);

/* Taking a descriptor out of a set does not fail. */
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD && is_hit(INJECT_epoll_ctl))
        return -1;
    return __real_epoll_ctl(epoll, operation, fd, event);
}

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
    return is_hit(INJECT_epoll_wait) ? -1 : __real_epoll_wait(epoll, events, count, timeout);
}

int __wrap_epoll_create1(int flags)
{
    return is_hit(INJECT_eventfd) ? -1 : __real_epoll_create1(flags);
}

int __wrap_eventfd(unsigned count, int flags)
{
    return is_hit(INJECT_eventfd) ? -1 : __real_eventfd(count, flags);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument)
{
    return is_hit(INJECT_thread) ? EAGAIN
                                 : __real_pthread_create(thread, attributes, run, argument);
}

/* --- io_uring ------------------------------------------------------------------------------ */

int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *parameters);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *parameters);
int __real_io_uring_register_files_sparse(struct io_uring *ring, unsigned count);
int __wrap_io_uring_register_files_sparse(struct io_uring *ring, unsigned count);
int __real_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *files,
                                          unsigned count);
int __wrap_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *files,
                                          unsigned count);
int __real_io_uring_submit_and_get_events(struct io_uring *ring);
int __wrap_io_uring_submit_and_get_events(struct io_uring *ring);
int __real_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
                                            unsigned count, struct __kernel_timespec *timeout,
                                            sigset_t *signals);
int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
                                            unsigned count, struct __kernel_timespec *timeout,
                                            sigset_t *signals);

int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *parameters)
{
    return is_hit(INJECT_ring_setup) ? -ENOMEM
                                     : __real_io_uring_queue_init_params(entries, ring, parameters);
}

int __wrap_io_uring_register_files_sparse(struct io_uring *ring, unsigned count)
{
    return is_hit(INJECT_ring_register) ? -ENOMEM
                                        : __real_io_uring_register_files_sparse(ring, count);
}

/* Emptying a place in the table (-1) allocates nothing that may be missing. */
int __wrap_io_uring_register_files_update(struct io_uring *ring, unsigned at, const int *files,
                                          unsigned count)
{
    if (files[0] >= 0 && is_hit(INJECT_ring_register))
        return -ENOMEM;
    return __real_io_uring_register_files_update(ring, at, files, count);
}

/* A send that shall fail becomes an operation that does nothing but report that error. Kernels that
 * do not know this flag report another one. */
static void spoil_sends(struct io_uring *ring)
{
    const uint16_t report = 1; /* IORING_NOP_INJECT_RESULT: newer than some headers */

    for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; i++) {
        struct io_uring_sqe *sqe = &ring->sq.sqes[i & ring->sq.ring_mask];
        if (sqe->opcode != IORING_OP_SEND || (!is_hit(INJECT_send) && !is_hit(INJECT_send_full)))
            continue;
        sqe->opcode = IORING_OP_NOP;
        sqe->msg_flags = report;
        sqe->len = (uint32_t)-errno;
    }
}

int __wrap_io_uring_submit_and_get_events(struct io_uring *ring)
{
    if (is_hit(INJECT_ring_enter))
        return -EAGAIN;
    if (is_hit(INJECT_ring_broken))
        return -EBADF;
    spoil_sends(ring);
    return __real_io_uring_submit_and_get_events(ring);
}

int __wrap_io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
                                            unsigned count, struct __kernel_timespec *timeout,
                                            sigset_t *signals)
{
    if (is_hit(INJECT_ring_enter))
        return -EAGAIN;
    if (is_hit(INJECT_ring_broken))
        return -EBADF;
    spoil_sends(ring);
    return __real_io_uring_submit_and_wait_timeout(ring, cqe, count, timeout, signals);
}

/* --- orders -------------------------------------------------------------------------------- */

__attribute__((constructor)) static void take_orders(void)
{
    const char *path = getenv("INJECT_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    traced = getenv("INJECT_TRACE") != NULL;
    json_set_alloc_funcs(__wrap_malloc, free);
    if (fd < 0)
        return;
    void *at = __real_mmap64(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED)
        orders = at;
}
