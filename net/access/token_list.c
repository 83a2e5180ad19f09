/* SPDX-License-Identifier: MIT */
/* Lists of tokens: see token_list.h. */
#include "net/access/token_list.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdatomic.h>

#include "engine/limits.h"
#include "net/access/objection.h"
#include "net/access/secret_file.h"

struct token_list {
    _Atomic unsigned references;
    unsigned count;
    unsigned char digests[TOKEN_LIST_MAX][SHA256_DIGEST_LENGTH];
};

static void digest(struct text token, unsigned char out[SHA256_DIGEST_LENGTH])
{
    SHA256((const unsigned char *)token.at, token.len, out);
}

/* Takes a line off, without its end and without spaces around it. */
static struct text take_line(struct text *rest)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    struct text line = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = line.len + (end != NULL);
    *rest = (struct text){rest->at + taken, rest->len - taken};
    while (line.len && memchr(" \t\r", line.at[line.len - 1], 3))
        line.len--;
    while (line.len && memchr(" \t", line.at[0], 2))
        line = (struct text){line.at + 1, line.len - 1};
    return line;
}

/* Why it can be no token, as the rest of a sentence; NULL: it can. */
static const char *line_fault(struct text line)
{
    if (line.len > TOKEN_BYTES_MAX)
        return "is longer than 8,192 bytes";
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.at[i] <= ' ' || (unsigned char)line.at[i] >= 0x7f)
            return "has a byte in it that is no visible ASCII, which no header can carry";
    return NULL;
}

static int read_lines(struct token_list *list, struct text rest, char *error, size_t error_size)
{
    for (unsigned number = 1; rest.len > 0; number++) {
        struct text line = take_line(&rest);
        if (line.len == 0 || line.at[0] == '#')
            continue;
        const char *fault = line_fault(line);
        if (fault)
            return objection_say(error, error_size, "line %u %s", number, fault);
        if (list->count == TOKEN_LIST_MAX)
            return objection_say(error, error_size, "has more than %d tokens", TOKEN_LIST_MAX);
        digest(line, list->digests[list->count++]);
    }
    if (list->count == 0)
        return objection_say(error, error_size, "has no token in it: one a line is wanted");
    return 0;
}

int token_list_new(struct text text, struct token_list **ret_list, char *error, size_t error_size)
{
    struct token_list *list = calloc(1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    atomic_init(&list->references, 1);
    int r = read_lines(list, text, error, error_size);
    if (r) {
        token_list_unref(list);
        return r;
    }
    *ret_list = list;
    return 0;
}

int token_list_read(const char *path, struct token_list **ret_list, char *error, size_t error_size)
{
    struct secret secret;
    char fault[512];
    int r = secret_file_read(path, &secret, error, error_size);
    if (r)
        return r;
    r = token_list_new((struct text){secret.bytes, secret.len}, ret_list, fault, sizeof(fault));
    secret_deinit(&secret);
    if (r == -EINVAL) /* its sentence does not name the file */
        snprintf(error, error_size, "%.200s %.300s", path, fault);
    return r;
}

struct token_list *token_list_ref(struct token_list *list)
{
    atomic_fetch_add_explicit(&list->references, 1, memory_order_relaxed);
    return list;
}

struct token_list *token_list_unref(struct token_list *list)
{
    /* Release and acquire: whoever frees it sees all uses by the others as over. */
    if (!list || atomic_fetch_sub_explicit(&list->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    OPENSSL_cleanse(list->digests, sizeof(list->digests));
    free(list);
    return NULL;
}

bool token_list_has(const struct token_list *list, struct text token)
{
    unsigned char asked[SHA256_DIGEST_LENGTH];
    unsigned found = 0;
    if (!list || token.len > TOKEN_BYTES_MAX)
        return false;
    digest(token, asked);
    for (unsigned i = 0; i < list->count; i++) /* all of them, whichever is right */
        found |= CRYPTO_memcmp(asked, list->digests[i], sizeof(asked)) == 0;
    return found != 0;
}
