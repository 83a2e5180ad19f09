/* SPDX-License-Identifier: MIT */
/* The libcurl handle of pub and sub, and what its codes mean for a person: see http.h. */
#include "cmd/http.h"

#include <errno.h>
#include <stdbool.h>

#include "net/access/secret_file.h"

CURL *http_new(void)
{
    CURL *curl = curl_easy_init();
    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "fanfare/" FANFARE_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L); /* notices a server that vanished */
    return curl;
}

static bool is_token(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] <= ' ' || at[i] >= 0x7f)
            return false;
    return true;
}

/* The first line that says something; empty: there is none. */
static struct text first_line(struct text text)
{
    while (text.len > 0) {
        const char *newline = memchr(text.at, '\n', text.len);
        size_t len = newline ? (size_t)(newline - text.at) : text.len;
        struct text line = {text.at, len};
        if (len > 0 && line.at[len - 1] == '\r')
            line.len--;
        if (line.len > 0 && line.at[0] != '#')
            return line;
        len += newline != NULL;
        text = (struct text){text.at + len, text.len - len};
    }
    return TEXT("");
}

int http_authorize(CURL *curl, const char *token_file, char *error, size_t error_size)
{
    struct secret secret;
    if (!token_file)
        return 0;
    int r = secret_file_read(token_file, &secret, error, error_size);
    if (r)
        return r;
    struct text line = first_line((struct text){secret.bytes, secret.len});
    char *token = NULL;
    if (line.len == 0 || !is_token(line.at, line.len)) {
        r = -EINVAL;
        snprintf(error, error_size, "%.200s has no token: one line of visible ASCII is wanted",
                 token_file);
    } else if (!(token = strndup(line.at, line.len))) {
        r = -ENOMEM;
        snprintf(error, error_size, "out of memory");
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token);
        explicit_bzero(token, line.len);
    }
    free(token);
    secret_deinit(&secret);
    return r;
}

void http_fault(CURLcode code, const char *detail, const char *url, char *out, size_t out_size)
{
    if (!*detail)
        detail = curl_easy_strerror(code);
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        snprintf(out, out_size,
                 "%s: %s; is the server running there? (`fanfare serve`, or another --url URL)",
                 url, detail);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
        snprintf(out, out_size, "%s: %s; is the name in --url right?", url, detail);
        break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        snprintf(out, out_size, "%s: %s; an address is http://HOST:PORT or https://HOST:PORT", url,
                 detail);
        break;
    case CURLE_TOO_MANY_REDIRECTS:
        snprintf(out, out_size, "%s: it redirects more than %d times; give the last address", url,
                 HTTP_REDIRECTS_MAX);
        break;
    case CURLE_WRITE_ERROR:
        snprintf(out, out_size, "%s: the answer is longer than any of Fanfare's; is it the server?",
                 url);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        snprintf(out, out_size, "%s: %s; the machine or the server does not answer", url, detail);
        break;
    default:
        snprintf(out, out_size, "%s: %s", url, detail);
    }
}
