/* SPDX-License-Identifier: MIT */
/* What is said of a connection that is handed over, in each notation; also when there is no memory
 * to keep it, which is no fault of the program's: realloc is wrapped by the linker. */
#include <criterion/criterion.h>

#include "net/handlers/handoff_message.h"
#include "net/handover_names.h"

static struct handoff_message message;

static unsigned allocations_left = UINT_MAX;

void *__wrap_realloc(void *at, size_t size);
void *__real_realloc(void *at, size_t size);

void *__wrap_realloc(void *at, size_t size)
{
    return allocations_left && allocations_left-- ? __real_realloc(at, size) : NULL;
}

/* What is wrong with it, or "". */
static const char *read_message(const char *text)
{
    handoff_message_read(&message, text_of(text));
    return message.handover.fault ? message.handover.fault : "";
}

static void tear_down(void)
{
    handoff_message_deinit(&message);
}

TestSuite(handover, .fini = tear_down);

Test(handover, each_name_is_known_in_each_notation)
{
#define ROW(row, name, again, number) {name, again, number},
    static const struct {
        const char *name;
        bool again, number;
    } rows[] = {HANDOVER_NAMES(ROW)};
#undef ROW
    static const char *const formats[] = {"adopt: a\n%s: 1\n", "{\"%s\":\"1\"}", "{\"%s\":1}"};
    static const char *const twice[] = {"adopt: a\n%s: 1\n%s: 1\n", "{\"%s\":[\"1\",\"1\"]}"};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned j = 0; j < sizeof(formats) / sizeof(formats[0]); j++) {
            char text[128];
            snprintf(text, sizeof(text), formats[j], rows[i].name);
            const char *fault = read_message(text);
            cr_expect_eq(message.handover.seen >> i & 1, j < 2 || rows[i].number, "%s", text);
            cr_expect_eq(strncmp(fault, "a member", 8) == 0, j == 2 && !rows[i].number, "%s", text);
            handoff_message_deinit(&message);
        }
        for (unsigned j = 0; j < sizeof(twice) / sizeof(twice[0]); j++) {
            char text[128];
            snprintf(text, sizeof(text), twice[j], rows[i].name, rows[i].name);
            const char *fault = read_message(text);
            if (strncmp(fault, "head is neither", 15) && strncmp(fault, "http is neither", 15))
                cr_expect_eq(strstr(fault, "twice") == NULL, rows[i].again, "%s: %s", text, fault);
            handoff_message_deinit(&message);
        }
    }
    cr_expect_str_eq(read_message("{\"adopts\":\"1\"}"),
                     "the object has a member that is none of: adopt last-event-id header head "
                     "http last limit lifetime tag first");
}

Test(handover, no_memory_is_no_fault_of_the_programs)
{
    static const char *const texts[] = {
        "adopt: a\nadopt: b\nheader: X: 1\nfirst: {}\n",
        "{\"adopt\": [\"a\", \"b\"], \"header\": \"X: 1\", \"first\": \"{}\"}"};
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        unsigned left = 0;
        const char *fault;
        while (allocations_left = left++, *(fault = read_message(texts[i]))) {
            allocations_left = UINT_MAX;
            cr_expect_not_null(strstr(fault, "memory"), "%s", fault);
            cr_expect(message.handover.no_memory, "%s", texts[i]);
            handoff_message_deinit(&message);
        }
        allocations_left = UINT_MAX;
        cr_expect(!message.handover.no_memory && left > 3, "%u", left);
        handoff_message_deinit(&message);
    }
    read_message("{\"adopt\": 1}");
    cr_expect(message.handover.fault && !message.handover.no_memory);
}
