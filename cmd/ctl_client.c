/* SPDX-License-Identifier: MIT */
/* Requests to a server's administration: see ctl_client.h. */
#include "cmd/ctl_client.h"

#include <errno.h>

#include "cmd/event_reader.h"
#include "cmd/http.h"
#include "cmd/log.h"
#include "cmd/socket_path.h"
#include "lib/terminal.h"

enum {
    CTL_ANSWER_BYTES = 16 << 20, /* a page of 1,000 of the longest names is 1 MiB */
    CTL_ANSWER_S = 60,           /* the server gives itself 10 s */
    URL_BYTES = 8192,
    SENTENCE_BYTES = 512,
};

static const char NAME[] = "ctl";

struct ctl_client {
    const struct ctl_settings *settings;
    CURL *curl;
    struct buffer answer;
    char base[ADMIN_PLACE_BYTES + 16]; /* http://ADDR:PORT */
    char shown[ADMIN_PLACE_BYTES + 16];
};

static size_t on_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct ctl_client *client = context;
    struct text text = {bytes, size * count};
    return buffer_add(&client->answer, text, CTL_ANSWER_BYTES) == 0 ? text.len : 0;
}

/* Where it is, in the client's words and in curl's. False, and it was told. */
static bool find(struct ctl_client *client)
{
    const struct admin_place *place = &client->settings->place;
    struct socket_path usual;
    const char *path = place->text;
    if (place->is_usual && socket_path_find(SOCKET_ADMIN, &usual) != 0) {
        log_complain(NAME, "no administration's socket in the usual places; is the server running "
                           "with --admin unix? Else say where it is: --admin PLACE");
        return false;
    }
    if (place->is_usual)
        path = usual.path;
    if (!place->is_usual && !place->is_unix) {
        snprintf(client->base, sizeof(client->base), "http://%s", path);
        snprintf(client->shown, sizeof(client->shown), "%s", path);
        return true;
    }
    snprintf(client->base, sizeof(client->base), "http://admin");
    snprintf(client->shown, sizeof(client->shown), "unix:%s", path);
    return curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, path) == CURLE_OK;
}

struct ctl_client *ctl_client_new(const struct ctl_settings *settings)
{
    char fault[HTTP_FAULT_BYTES];
    struct ctl_client *client = calloc(1, sizeof(*client));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (client)
        client->curl = http_new();
    if (!client || !client->curl) {
        log_complain(NAME, "out of memory");
        return ctl_client_free(client);
    }
    client->settings = settings;
    curl_easy_setopt(client->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT, (long)CTL_ANSWER_S);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
    if (http_authorize(client->curl, settings->token_file, fault, sizeof(fault)) < 0) {
        log_complain(NAME, "%s", fault);
        return ctl_client_free(client);
    }
    return find(client) ? client : ctl_client_free(client);
}

struct ctl_client *ctl_client_free(struct ctl_client *client)
{
    if (!client)
        return NULL;
    curl_easy_cleanup(client->curl);
    buffer_free(&client->answer);
    free(client);
    curl_global_cleanup();
    return NULL;
}

/* --- what went wrong ------------------------------------------------------------------------ */

static void tell_fault(const struct ctl_client *client, CURLcode code, const char *detail)
{
    long number = 0;
    curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &number);
    if (!*detail)
        detail = curl_easy_strerror(code);
    if (code == CURLE_COULDNT_CONNECT && number == EACCES)
        log_complain(NAME,
                     "%s: permission denied; the socket is for the user who runs the server, and "
                     "root",
                     client->shown);
    else if (code == CURLE_COULDNT_CONNECT)
        log_complain(NAME, "no server answers at %s: %s; is it running with --admin %s?",
                     client->shown, number ? strerror((int)number) : detail, client->shown);
    else if (code == CURLE_WRITE_ERROR)
        log_complain(NAME, "%s: the answer is longer than any of Fanfare's; is it the server?",
                     client->shown);
    else
        log_complain(NAME, "%s: %s", client->shown, detail);
}

static void tell_refusal(const struct ctl_client *client, long status)
{
    char sentence[SENTENCE_BYTES];
    json_t *json =
        json_loadb(client->answer.at ? client->answer.at : "", client->answer.len, 0, NULL);
    const char *said = json_string_value(json_object_get(json, "error"));
    terminal_copy(sentence, sizeof(sentence), text_of(said ? said : ""));
    if (status == 404 && (!said || strcmp(said, "there is nothing at this path") == 0))
        log_complain(NAME, "what answers at %s is no administration of this version: 404",
                     client->shown);
    else if (!said)
        log_complain(NAME, "%s answers %ld", client->shown, status);
    else
        log_complain(NAME, "%s%s", sentence,
                     status == 401 ? client->settings->token_file
                                         ? "; that of --token-file is none of them"
                                         : "; give it by --token-file FILE"
                                   : "");
    json_decref(json);
}

/* --- asking --------------------------------------------------------------------------------- */

/* False: out of memory, or longer than any request may be. */
static bool write_url(const struct ctl_client *client, const char *path,
                      const struct ctl_parameter *query, char out[URL_BYTES])
{
    size_t len = (size_t)snprintf(out, URL_BYTES, "%s%s", client->base, path);
    for (char mark = '?'; query && query->name; query++, mark = '&') {
        char *value = curl_easy_escape(client->curl, query->value, (int)strlen(query->value));
        if (!value)
            return false;
        if (len < URL_BYTES)
            len +=
                (size_t)snprintf(out + len, URL_BYTES - len, "%c%s=%s", mark, query->name, value);
        curl_free(value);
    }
    return len < URL_BYTES;
}

bool ctl_client_ask(struct ctl_client *client, const char *method, const char *path,
                    const struct ctl_parameter *query, const char *body)
{
    char url[URL_BYTES], error[CURL_ERROR_SIZE] = "";
    struct curl_slist *fields = NULL;
    long status = 0;
    if (!write_url(client, path, query, url)) {
        log_complain(NAME, "what is asked for is longer than a request may be");
        return false;
    }
    client->answer.len = 0;
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, error);
    if (strcmp(method, "POST") == 0) {
        fields = curl_slist_append(NULL, "Content-Type: text/plain");
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body ? body : "");
        curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, fields);
    }
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(client->curl);
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(fields);
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        tell_fault(client, code, error);
    else if (status < 200 || status > 299)
        tell_refusal(client, status);
    return code == CURLE_OK && status >= 200 && status <= 299;
}

struct text ctl_client_text(const struct ctl_client *client)
{
    return (struct text){client->answer.at ? client->answer.at : "", client->answer.len};
}

json_t *ctl_client_json(const struct ctl_client *client)
{
    struct text text = ctl_client_text(client);
    json_t *json = json_loadb(text.at, text.len, JSON_ALLOW_NUL, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    log_complain(NAME, "what %s answered is not Fanfare's; is it the server?", client->shown);
    return NULL;
}
