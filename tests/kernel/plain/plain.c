/* SPDX-License-Identifier: MIT */
/*
 * Runs the tests of a file that was compiled with the criterion.h beside this one: each in a
 * process of its own, one after the other, and one line for each suite. Exit status 0 only if at
 * least one test passed and none failed.
 */
#include <criterion/criterion.h>

#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77, SECONDS_MAX = 60, SUITES_MAX = 8 };

struct suite {
    const char *name;
    unsigned passed, skipped, failed;
};

static struct plain_test *first, **last = &first;
static struct suite suites[SUITES_MAX];
static bool failed; /* in a test's own process */

void plain_add(struct plain_test *test)
{
    *last = test;
    last = &test->next;
}

void plain_check(bool holds, bool fatal, const char *file, int line, const char *condition,
                 const char *format, ...)
{
    va_list arguments;
    if (holds)
        return;
    failed = true;
    printf("%s:%d: %s:", file, line, condition);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    if (fatal)
        _exit(1);
}

_Noreturn void plain_skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    _exit(SKIPPED);
}

static int run_alone(const struct plain_test *test)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(SECONDS_MAX);
        if (test->init)
            test->init();
        test->run();
        fflush(stdout);
        _exit(failed);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static struct suite *suite_of(const char *name)
{
    unsigned i = 0;
    while (i < SUITES_MAX - 1 && suites[i].name && strcmp(suites[i].name, name) != 0)
        i++;
    suites[i].name = name;
    return &suites[i];
}

int main(void)
{
    unsigned passed_all = 0, failed_all = 0;
    for (const struct plain_test *test = first; test; test = test->next) {
        struct suite *suite = suite_of(test->suite);
        int status = run_alone(test);
        if (status == 0) {
            suite->passed++;
        } else if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
            suite->skipped++;
        } else {
            suite->failed++;
            printf("FAILED %s/%s (wait status 0x%x)\n", test->suite, test->name, (unsigned)status);
        }
    }
    for (unsigned i = 0; i < SUITES_MAX && suites[i].name; i++) {
        printf("%s: %u passed, %u failed, %u skipped\n", suites[i].name, suites[i].passed,
               suites[i].failed, suites[i].skipped);
        passed_all += suites[i].passed;
        failed_all += suites[i].failed;
    }
    return passed_all > 0 && failed_all == 0 ? 0 : 1;
}
