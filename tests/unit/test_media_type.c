/* SPDX-License-Identifier: MIT */
/* What an Accept value asks for; Content-Type values are tested with the bodies they name. */
#include "net/http/media_type.h"

#include <criterion/criterion.h>

#include "tests/unit/guard.h"

Test(media_type, asked_for)
{
    static const struct {
        const char *accept;
        bool asked;
    } rows[] = {
        {"text/event-stream", true},
        {"Text/Event-Stream", true},
        {"text/html, text/event-stream", true},
        {"text/html;q=0.9 , text/event-stream ;q=0.1", true},
        {"text/event-stream;q=1", true},
        {"text/event-stream;a=b;q=0.001", true},
        {"text/event-stream;q=0", false},
        {"text/event-stream;q=0.000, text/html", false},
        {"text/event-stream2", false},
        {"text/event-strea", false},
        {"*/*", false},
        {"text/*", false},
        {"", false},
        {",;,", false},
        {";q=1,", false},
        {"text/html;a=text/event-stream", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text accept = guard_new(text_of(rows[i].accept));
        cr_expect_eq(media_type_is_asked_for(accept, "text/event-stream"), rows[i].asked, "%s",
                     rows[i].accept);
        guard_free(accept);
    }
}
