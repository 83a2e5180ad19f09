/* SPDX-License-Identifier: MIT */
/* Who is asked now, and who waits: see questions.h. */
#include "net/questions.h"

#include <errno.h>

void questions_init(struct questions *questions)
{
    pthread_mutex_init(&questions->lock, NULL);
    list_init(&questions->waiting);
}

void questions_deinit(struct questions *questions)
{
    CHECK(questions->waiting_count == 0);
    pthread_mutex_destroy(&questions->lock);
}

int questions_ask(struct questions *questions, struct hub *hub, struct asked *asked)
{
    pthread_mutex_lock(&questions->lock);
    bool full = questions->under_way == CONTROLS_MAX;
    int r = full && questions->waiting_count == QUESTIONS_WAITING_MAX ? -EBUSY : 0;
    if (!full) {
        questions->under_way++;
    } else if (!r) {
        list_add(&questions->waiting, &asked->link);
        questions->waiting_count++;
    }
    pthread_mutex_unlock(&questions->lock);
    if (full)
        return r;
    r = hub_control(hub, asked->control);
    if (r)
        questions_next(questions, hub);
    return r;
}

bool questions_give_up(struct questions *questions, struct asked *asked)
{
    pthread_mutex_lock(&questions->lock);
    bool waited = link_is_listed(&asked->link);
    if (waited) {
        list_remove(&asked->link);
        questions->waiting_count--;
    }
    pthread_mutex_unlock(&questions->lock);
    return waited;
}

/* The first of those that wait; NULL: nobody does, and the place is free. */
static struct asked *take(struct questions *questions)
{
    struct asked *asked = NULL;
    pthread_mutex_lock(&questions->lock);
    if (list_is_empty(&questions->waiting)) {
        questions->under_way--;
    } else {
        asked = LINK_OWNER(questions->waiting.next, struct asked, link);
        list_remove(&asked->link);
        questions->waiting_count--;
    }
    pthread_mutex_unlock(&questions->lock);
    return asked;
}

void questions_next(struct questions *questions, struct hub *hub)
{
    struct asked *asked;
    while ((asked = take(questions))) {
        int r = hub_control(hub, asked->control);
        if (r == 0)
            return;
        asked->control->result = r;
        asked->failed(asked);
    }
}
