/* SPDX-License-Identifier: MIT */
/* Explanations in words: see explanation.h. */
#include "engine/explanation.h"

#include "engine/base/builder.h"

const char *explain_reason_text(enum explain_reason reason)
{
    switch (reason) {
#define X(name, word)                                                                              \
    case name:                                                                                     \
        return word;
        EXPLAIN_REASONS(X)
#undef X
    }
    return "evicted";
}

static void put(struct builder *builder, const char *text)
{
    builder_put(builder, text_of(text));
}

/* "400 ms", "12 s", "3 h": one number that a person reads at a glance. */
static void put_duration(struct builder *builder, uint64_t ms)
{
    static const struct {
        uint64_t ms;
        const char *unit;
    } units[] = {{86400000, " days"}, {3600000, " h"}, {60000, " min"}, {1000, " s"}, {1, " ms"}};
    size_t i = 0;
    while (i < 4 && ms < 2 * units[i].ms)
        i++;
    builder_put_decimal(builder, ms / units[i].ms);
    put(builder, units[i].unit);
}

static void put_count(struct builder *builder, uint64_t count, const char *noun)
{
    builder_put_decimal(builder, count);
    put(builder, noun);
    put(builder, count == 1 ? "" : "s");
}

static void put_channel(struct builder *builder, const struct explanation *explanation)
{
    put(builder, "\"");
    builder_put(builder, (struct text){explanation->channel, explanation->channel_len});
    put(builder, "\"");
}

/* Why the stream is not there any more, as a sentence's beginning. */
static const char *closed_text(enum close_reason reason)
{
    switch (reason) {
    case CLOSE_NONE:
    case CLOSE_REFUSED:
        return "The stream is over";
    case CLOSE_GONE:
        return "The client hung up";
    case CLOSE_ERROR:
        return "The connection failed";
    case CLOSE_SLOW:
        return "The server closed the stream, which was too slow for the history";
    case CLOSE_STUCK:
        return "The server closed the stream, which took nothing for the write timeout";
    case CLOSE_LIMIT:
        return "The stream ended with what it had asked for";
    case CLOSE_IDLE:
        return "The stream ended for want of events";
    case CLOSE_AGE:
        return "The stream ended with its lifetime";
    case CLOSE_MEMORY:
        return "The server closed the stream, being short of memory";
    case CLOSE_ENDED:
        return "The stream ended with its channels";
    case CLOSE_CHANNEL:
        return "The operator closed the stream's channels";
    case CLOSE_DRAIN:
        return "The stream ended when the server stopped";
    case CLOSE_ASKED:
        return "The operator ended the stream";
    case CLOSE_CUT:
        return "The server cut the stream, at once or after a late drain";
    case CLOSE_EXPIRED:
        return "The stream ended with its token";
    default:
        return "The server ended the stream";
    }
}

static void put_closed(struct builder *builder, const struct explanation *explanation)
{
    put(builder, closed_text(explanation->closed));
    put(builder, " ");
    put_duration(builder, explanation->closed_ms);
    put(builder, " ago (");
    put(builder, reason_text(explanation->closed));
    put(builder, ")");
}

/* How a stream stands that has the event before it. */
static void put_standing(struct builder *builder, const struct explanation *explanation)
{
    put(builder, explanation->behind_is_least ? "it is behind by at least " : "it is behind by ");
    put_count(builder, explanation->behind, " event");
    if (!explanation->lagging_ms) {
        put(builder, ", which are about to be sent.");
        return;
    }
    put(builder, ", for ");
    put_duration(builder, explanation->lagging_ms);
    put(builder,
        explanation->is_blocked ? ": its socket is full, and took " : ": its socket took ");
    put_count(builder, explanation->window_bytes, " byte");
    put(builder, " in the last ");
    put_duration(builder, explanation->window_ms);
    put(builder, explanation->is_slow ? ", which is slow." : ".");
}

static void put_last(struct builder *builder, struct text last_id)
{
    if (last_id.len == 0)
        return;
    put(builder, " What it has had goes up to ");
    builder_put(builder, last_id);
    put(builder, ".");
}

/* Of an event of which nobody knows the channel. */
static const char *unknown_text(enum explain_event event)
{
    switch (event) {
    case EVENT_UNBORN:
        return "No event has this id yet.";
    case EVENT_RESTARTED:
        return "The id is of another start of the server, of which nothing is known.";
    case EVENT_UNKNOWN:
    case EVENT_RETAINED:
    case EVENT_LET_GO:
        break;
    }
    return "No channel has an event with this id, or remembers one: if there was one, it has gone "
           "from the history, and whether the subscriber was sent it is not known any more.";
}

static void put_reason(struct builder *builder, const struct explanation *explanation)
{
    bool is_there = explanation->closed == CLOSE_NONE;
    switch (explanation->reason) {
    case EXPLAIN_SENT:
        put(builder, "The event was written to the subscriber's socket.");
        break;
    case EXPLAIN_NOT_SUBSCRIBED:
        put(builder, "The event is of the channel ");
        put_channel(builder, explanation);
        put(builder, is_there ? ", to which this subscriber does not listen."
                              : ", to which this subscriber did not listen.");
        break;
    case EXPLAIN_BEFORE_JOIN:
        put(builder, "The event is older than what the subscriber asked for when it joined.");
        break;
    case EXPLAIN_WAITING:
        put(builder, "The event waits for the subscriber: ");
        put_standing(builder, explanation);
        break;
    case EXPLAIN_SKIPPED:
        put(builder, explanation->sequence > explanation->cursor
                         ? "The event has gone from the history before the subscriber could take "
                           "it, which it will be told: "
                         : "The subscriber was too slow: the event had gone from the history, and "
                           "it was told of the gap.");
        if (explanation->sequence > explanation->cursor)
            put_standing(builder, explanation);
        break;
    case EXPLAIN_GONE:
        put_closed(builder, explanation);
        put(builder, explanation->delivered == DELIVERED_UNKNOWN
                         ? "; it had more channels than are remembered, so that it is not known "
                           "whether the event was for it."
                         : ", before the event could be sent.");
        break;
    case EXPLAIN_EVICTED:
        if (explanation->event != EVENT_RETAINED && explanation->event != EVENT_LET_GO)
            put(builder, unknown_text(explanation->event));
        else if (explanation->delivered == DELIVERED_NO)
            put(builder, "The event had gone from the history when the subscriber joined, which it "
                         "was told.");
        else
            put(builder, "The event has gone from the history, and whether it was sent before or "
                         "skipped is not known any more.");
        break;
    }
}

size_t explanation_write(const struct explanation *explanation, struct text last_id,
                         char out[EXPLANATION_TEXT_ROOM])
{
    struct builder builder = builder_of(out, EXPLANATION_TEXT_ROOM);
    put_reason(&builder, explanation);
    if (explanation->closed != CLOSE_NONE && explanation->reason != EXPLAIN_GONE) {
        put(&builder, " ");
        put_closed(&builder, explanation);
        put(&builder, ".");
    }
    put_last(&builder, last_id);
    return builder_text(&builder).len;
}
