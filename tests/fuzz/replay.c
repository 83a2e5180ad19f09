/* SPDX-License-Identifier: MIT */
/*
 * A main for fuzz targets without libFuzzer: runs the target over files and folders, then over
 * mutated copies of them, all from one seed. This is how `./dev test` keeps the corpus alive.
 *
 *     replay [--mutate N] [--seed S] PATH...
 *
 * Each input ends right before an unmapped page, so that reading past it fails in every build. When
 * one fails, its name and number are printed and its bytes are left in the file `replay-failed`.
 */
#include "tests/fuzz/target.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "tests/unit/guard.h"

/* Mutated inputs stay below this; the limits that matter are well within. */
#define INPUT_BYTES_MAX 16384
/* A single input that takes longer has found an endless loop. */
#define INPUT_SECONDS 60

struct input {
    char *name;
    struct text text;
};

static struct input *inputs;
static size_t input_count, input_size;

/* What runs now, for the signal handler. */
static struct {
    char label[PATH_MAX + 128];
    struct text text;
    bool told;
} current;

static struct sigaction before[NSIG];

/* --- failing ------------------------------------------------------------------------------- */

static void on_failure(int number)
{
    if (!current.told) {
        current.told = true;
        ssize_t written = write(STDERR_FILENO, current.label, strlen(current.label));
        int fd = open("replay-failed", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd >= 0)
            written = write(fd, current.text.at, current.text.len);
        (void)written;
    }
    /* On return it happens again, and the sanitizer's handler, or the default, has it. */
    sigaction(number, &before[number], NULL);
    if (number == SIGABRT || number == SIGALRM)
        raise(number);
}

static void watch(void)
{
    static const int numbers[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    struct sigaction action = {.sa_handler = on_failure};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        CHECK(sigaction(numbers[i], &action, &before[numbers[i]]) == 0);
}

static void run(struct text text, const char *name, uint64_t seed, uint64_t mutation)
{
    struct text guarded = guard_new(text);
    current.text = guarded;
    snprintf(current.label, sizeof(current.label), "replay: %s, mutation %llu of seed %llu\n", name,
             (unsigned long long)mutation, (unsigned long long)seed);
    alarm(INPUT_SECONDS);
    CHECK(LLVMFuzzerTestOneInput((const uint8_t *)guarded.at, guarded.len) == 0);
    guard_free(guarded);
}

/* --- inputs -------------------------------------------------------------------------------- */

static void load_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rbe");
    char *bytes = malloc(size + 1);
    if (input_count == input_size) {
        input_size = input_size ? input_size * 2 : 64;
        inputs = realloc(inputs, input_size * sizeof(*inputs));
    }
    CHECK(file && bytes && inputs);
    CHECK(fread(bytes, 1, size, file) == size);
    fclose(file);
    inputs[input_count] = (struct input){.name = strdup(path), .text = {bytes, size}};
    CHECK(inputs[input_count++].name);
}

static int load(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        fprintf(stderr, "replay: there is no %s\n", path);
        return -1;
    }
    if (!S_ISDIR(status.st_mode)) {
        load_file(path, (size_t)status.st_size);
        return 0;
    }
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    CHECK(count >= 0);
    int r = 0;
    for (int i = 0; i < count; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && load(name) < 0)
            r = -1;
        free(entries[i]);
    }
    free(entries);
    return r;
}

/* --- mutations ----------------------------------------------------------------------------- */

/* Puts `part` in place of the `gone` bytes at `at`. */
static size_t replace(char *room, size_t len, size_t at, size_t gone, struct text part)
{
    if (len - gone + part.len > INPUT_BYTES_MAX)
        return len;
    memmove(room + at + part.len, room + at + gone, len - at - gone);
    if (part.len)
        memcpy(room + at, part.at, part.len);
    return len - gone + part.len;
}

/* A part of any input: mostly short, now and then all of it. */
static struct text part_of(struct chance *chance, char copy[INPUT_BYTES_MAX])
{
    struct text text = inputs[chance_below(chance, input_count)].text;
    size_t from = chance_below(chance, text.len + 1);
    size_t most = text.len - from;
    if (most > 24 && chance_below(chance, 4))
        most = 24;
    size_t len = most ? chance_below(chance, most) + 1 : 0;
    if (len > INPUT_BYTES_MAX)
        len = INPUT_BYTES_MAX;
    memcpy(copy, text.at + from, len);
    return (struct text){copy, len};
}

static size_t mutate_once(struct chance *chance, char *room, size_t len)
{
    static const char marks[] = "\r\n\n\n: ;=&%+\"\\{}[],-?/#\t\0\x1f\x7f\x80\xbf\xc2\xe2\xf0\xff"
                                "09afAF";
    static char copy[INPUT_BYTES_MAX];
    size_t at = chance_below(chance, len + 1);
    size_t most = len - at < 16 ? len - at : 16;
    size_t gone = chance_below(chance, most + 1);
    char byte = marks[chance_below(chance, sizeof(marks) - 1)];
    switch (chance_below(chance, 8)) {
    case 0:
        if (at < len)
            room[at] = (char)(room[at] ^ 1 << chance_below(chance, 8));
        return len;
    case 1:
        return replace(room, len, at, 0, (struct text){&byte, 1});
    case 2:
        return replace(room, len, at, most ? 1 : 0, (struct text){&byte, 1});
    case 3:
        return replace(room, len, at, gone, TEXT(""));
    case 4: /* the same byte often, to meet the limits */
        memset(copy, byte, sizeof(copy));
        return replace(room, len, at, 0, (struct text){copy, chance_below(chance, 300)});
    case 5: /* a part of its own again */
        memcpy(copy, room + at, gone);
        return replace(room, len, chance_below(chance, len + 1), 0, (struct text){copy, gone});
    case 6:
        return replace(room, len, at, gone, part_of(chance, copy));
    default: /* cut short, and another one's end behind it */
        return replace(room, len, at, len - at, part_of(chance, copy));
    }
}

static void run_mutated(uint64_t seed, uint64_t mutation)
{
    static char room[INPUT_BYTES_MAX];
    struct chance chance = {seed * UINT64_C(0xd1342543de82ef95) + mutation};
    const struct input *input = &inputs[chance_below(&chance, input_count)];
    size_t len = input->text.len < INPUT_BYTES_MAX ? input->text.len : INPUT_BYTES_MAX;
    memcpy(room, input->text.at, len);
    for (size_t times = 1 + chance_below(&chance, 5); times > 0; times--)
        len = mutate_once(&chance, room, len);
    run((struct text){room, len}, input->name, seed, mutation);
}

int main(int argc, char **argv)
{
    uint64_t mutations = 0, seed = 1;
    int status = 0;
    for (int i = 1; i < argc; i++) {
        bool with_value = i + 1 < argc;
        if (with_value && strcmp(argv[i], "--mutate") == 0)
            mutations = strtoull(argv[++i], NULL, 10);
        else if (with_value && strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[++i], NULL, 10);
        else if (load(argv[i]) < 0)
            status = 1;
    }
    if (status != 0 || input_count == 0) {
        fprintf(stderr, "usage: %s [--mutate N] [--seed S] PATH...\n", argv[0]);
        return 1;
    }
    watch();
    for (size_t i = 0; i < input_count; i++)
        run(inputs[i].text, inputs[i].name, seed, 0);
    for (uint64_t mutation = 1; mutation <= mutations; mutation++)
        run_mutated(seed, mutation);
    printf("%zu inputs and %llu mutations of seed %llu: no finding\n", input_count,
           (unsigned long long)mutations, (unsigned long long)seed);
    for (size_t i = 0; i < input_count; i++) {
        free(inputs[i].name);
        free((char *)inputs[i].text.at);
    }
    free(inputs);
    return 0;
}
