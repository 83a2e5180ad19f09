/* SPDX-License-Identifier: MIT */
/* Answers with the live page: see page.h. */
#include "net/handlers/page.h"

#include "net/answer.h"
#include "net/handlers/page_html.h"

static enum handler_result on_request(struct client *client)
{
    return answer_send(client, &(struct answer){.status = 200,
                                                .content_type = "text/html; charset=utf-8",
                                                .body = {page_html, page_html_len}});
}

const struct handler page_handler = {.on_request = on_request};
