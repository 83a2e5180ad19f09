/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into user-mode Linux: its guests on processors with AMX.
 *
 * User-mode Linux keeps of a guest process's registers what fits in its own buffer, 2,696 bytes in
 * Linux 6.1, and gives that back with PTRACE_SETREGSET. The host takes the whole area or nothing:
 * 11,008 bytes where the processor has AMX, so the first process of the guest would end it. Here
 * the buffer is filled up with zeros, which is the initial state of what is missing; no guest can
 * use it, since AMX has to be asked for. One thread: user-mode Linux has one processor.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char whole[65536] __attribute__((aligned(64)));
static size_t whole_bytes; /* 0: not yet asked */

/* How much this host wants. False: it cannot be asked, and errno says why. */
static bool whole_known(long pid)
{
    struct iovec all = {whole, sizeof(whole)};
    if (whole_bytes == 0 &&
        syscall(SYS_ptrace, PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all) == 0) {
        whole_bytes = all.iov_len;
        memset(whole, 0, sizeof(whole));
    }
    return whole_bytes > 0;
}

__attribute__((visibility("default"))) long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    long pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);
    const struct iovec *given = data;
    struct iovec filled = {whole, 0};
    if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
        if (!whole_known(pid))
            return -1;
        if (given->iov_len < whole_bytes) {
            memcpy(whole, given->iov_base, given->iov_len);
            filled.iov_len = whole_bytes;
            data = &filled;
        }
    }
    /* As the C library has it: what is read is the result. */
    long word = 0;
    bool peeks =
        request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER;
    long r = syscall(SYS_ptrace, request, pid, address, peeks ? &word : data);
    if (peeks && r >= 0)
        errno = 0;
    return peeks && r >= 0 ? word : r;
}
