/* SPDX-License-Identifier: MIT */
/* Answers with the live page, or the operator's: see page.h. */
#include "net/handlers/page.h"

#include "net/answer.h"
#include "net/handlers/page_html.h"
#include "net/refusal.h"

/* Bytes that are not taken at once are kept for the client, who may be many and slow. */
static enum handler_result answer_file(struct client *client, const struct page_file *file)
{
    if (!hub_connections_may_hold(service_of(&client->connection)->hub, file->len,
                                  file->len > INPUT_BYTES_SMALL))
        return refusal_answer(client, &(struct refusal){503, "memory", CLIENT_NO_MEMORY});
    return answer_send(client, &(struct answer){.status = 200,
                                                .content_type = file->content_type,
                                                .body = {file->bytes, file->len}});
}

static enum handler_result on_request(struct client *client)
{
    const struct page_file *file = &service_of(&client->connection)->limits.site->page;
    if (file->bytes)
        return answer_file(client, file);
    return answer_send(client, &(struct answer){.status = 200,
                                                .content_type = "text/html; charset=utf-8",
                                                .body = {page_html, page_html_len}});
}

const struct handler page_handler = {.on_request = on_request};
