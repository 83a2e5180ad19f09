/* SPDX-License-Identifier: MIT */
/* Errors that a start meets in practice come with what to do. */
#include <criterion/criterion.h>
#include <errno.h>

#include "cmd/advice.h"

Test(advice, of_a_start)
{
    static const int errors[] = {EMFILE, ENFILE, ENOMEM, EAGAIN, EPERM, EACCES};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        for (int ring = 0; ring < 2; ring++)
            cr_expect_eq(strncmp(advice_starting(errors[i], ring), "; ", 2), 0, "%s",
                         strerror(errors[i]));
    cr_expect_not_null(strstr(advice_starting(EMFILE, false), "ulimit -Hn"));
    cr_expect_not_null(strstr(advice_starting(EPERM, true), "io_uring is forbidden"));
    cr_expect_str_eq(advice_starting(EADDRINUSE, false), "");
}

Test(advice, of_a_log_file)
{
    cr_expect_not_null(strstr(advice_log(ELOOP), "symbolic link"));
    cr_expect_str_eq(advice_log(ENOSPC), "");
}
