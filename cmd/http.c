/* SPDX-License-Identifier: MIT */
/* The libcurl handle of pub and sub, and what its codes mean for a person: see http.h. */
#include "cmd/http.h"

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
