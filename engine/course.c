/* SPDX-License-Identifier: MIT */
/* What became of an event: see course.h. */
#include "engine/course.h"

void course_skip(struct course *course, uint64_t from, uint64_t through, bool kept_back)
{
    course->unsure |= course->kept_back;
    course->kept_back = kept_back;
    course->skipped_from = from;
    course->skipped_through = through;
    if (course->skips < UINT32_MAX)
        course->skips++;
}

/* Of an event that history has let go, and that is not behind the cursor. */
static enum course_fate fate_of_gone(const struct course *course, const struct course_event *event)
{
    uint64_t sequence = event->sequence;
    if (sequence <= course->greeted_through)
        return COURSE_GONE;
    if (course->skips == 0) {
        /* With several channels one of them may have let go of more than that. */
        if (event->many && !event->told_is_known)
            return COURSE_UNKNOWN;
        return event->many && sequence <= event->told_through ? COURSE_GONE : COURSE_SENT;
    }
    if (sequence > course->skipped_from) {
        if (sequence <= course->skipped_through || sequence <= event->told_through)
            return COURSE_SKIPPED;
        return event->many && !event->told_is_known ? COURSE_UNKNOWN : COURSE_SENT;
    }
    return course->skips == 1 && !event->many ? COURSE_SENT : COURSE_UNKNOWN;
}

/* Of one that is not behind the cursor, and still there. */
static enum course_fate fate_of_retained(const struct course *course, uint64_t sequence)
{
    if (course->kept_back && sequence > course->skipped_from && sequence <= course->skipped_through)
        return COURSE_SKIPPED;
    return course->unsure && sequence <= course->skipped_from ? COURSE_UNKNOWN : COURSE_SENT;
}

enum course_fate course_fate_of(const struct course *course, uint64_t cursor,
                                const struct course_event *event)
{
    if (event->sequence <= course->began)
        return COURSE_BEFORE;
    if (event->sequence > cursor)
        return COURSE_LACKS;
    return event->retained ? fate_of_retained(course, event->sequence)
                           : fate_of_gone(course, event);
}
