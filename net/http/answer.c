/* SPDX-License-Identifier: MIT */
/*
 * Answer heads. The contract is in net/http/answer.h; what goes into them from outside (extra field
 * lines) was checked or made by the caller.
 */
#include "net/http/answer.h"

#include <stdarg.h>
#include <time.h>

/* "Unknown" for a status that few have heard of; no client looks at the words. */
static const char *status_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } rows[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            return rows[i].reason;
    return "Unknown";
}

/* Text that is written as long as it fits; once it does not, `len` is beyond `size` for good. */
struct output {
    char *out;
    size_t size;
    size_t len;
};

static void put(struct output *output, struct text text)
{
    if (text.len > 0 && output->len <= output->size && text.len <= output->size - output->len)
        memcpy(output->out + output->len, text.at, text.len);
    output->len += text.len;
}

__attribute__((format(printf, 2, 3))) static void put_format(struct output *output,
                                                             const char *format, ...)
{
    char line[160]; /* the longest of the lines below, with a content type of 100 bytes */
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    CHECK(len >= 0 && (size_t)len < sizeof(line));
    put(output, (struct text){line, (size_t)len});
}

/* Not strftime, whose names of days and months follow the process's locale. */
static size_t format_date(char *out, size_t size, int64_t now)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)now;
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        return 0; /* a year beyond int: no Date is allowed to a server without a clock */
    int len = snprintf(out, size, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                       tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                       tm.tm_sec);
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

struct text http_date_line(int64_t now)
{
    /* Storms of answers are of the same second; formatting each took a twentieth of a join. */
    static _Thread_local struct {
        bool known;
        int64_t now;
        size_t len;
        char line[64];
    } last;
    if (!last.known || last.now != now) {
        last.known = true;
        last.now = now;
        last.len = format_date(last.line, sizeof(last.line), now);
    }
    return (struct text){last.line, last.len};
}

static void put_head(struct output *output, const struct http_answer *answer)
{
    put_format(output, "HTTP/1.1 %d %s\r\n", answer->status, status_reason(answer->status));
    if (answer->status >= 200) {
        put(output, http_date_line(answer->now));
        if (answer->status != 204 && answer->status != 304) {
            if (answer->content_type)
                put_format(output, "Content-Type: %s\r\n", answer->content_type);
            put_format(output, "Content-Length: %llu\r\n",
                       (unsigned long long)answer->content_length);
        }
        put(output, answer->keep_alive ? TEXT("Connection: keep-alive\r\n")
                                       : TEXT("Connection: close\r\n"));
    }
    put(output, answer->extra);
    put(output, TEXT("\r\n"));
}

size_t http_format_head(char *out, size_t size, const struct http_answer *answer)
{
    struct output output = {.out = out, .size = size};
    put_head(&output, answer);
    return output.len <= size ? output.len : 0;
}

/* As in JSON, without the quotes around. */
static void put_escaped(struct output *output, const char *sentence)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    for (const char *at = sentence; *at; at++) {
        const char *special = strchr(plain, *at);
        if (special)
            put(output, (struct text){(char[]){'\\', letters[special - plain]}, 2});
        else if ((unsigned char)*at < 0x20)
            put_format(output, "\\u%04X", (unsigned)*at);
        else
            put(output, (struct text){at, 1});
    }
}

static void put_sentence(struct output *output, const char *sentence, bool json)
{
    if (!json) {
        put(output, text_of(sentence));
        put(output, TEXT("\n"));
        return;
    }
    put(output, TEXT("{\"error\": \""));
    put_escaped(output, sentence);
    put(output, TEXT("\"}"));
}

size_t http_format_error(char *out, size_t size, const struct http_answer *answer,
                         const char *sentence, bool json, bool head_only)
{
    struct output measured = {.out = out, .size = 0};
    put_sentence(&measured, sentence, json);
    struct http_answer whole = *answer;
    whole.content_type = json ? "application/json" : "text/plain; charset=utf-8";
    whole.content_length = measured.len;
    struct output output = {.out = out, .size = size};
    put_head(&output, &whole);
    if (!head_only)
        put_sentence(&output, sentence, json);
    return output.len <= size ? output.len : 0;
}
