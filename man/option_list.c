/* SPDX-License-Identifier: MIT */
/*
 * The library's options for its manual page: a line for each, with tabs between name, shown, group,
 * help, allowed, default, restart and list. Run by the build.
 */
#include <fanfare.h>
#include <stdio.h>

int main(void)
{
    static const char *const items[] = {"shown",   "group",   "help", "allowed",
                                        "default", "restart", "list"};
    const char *name;
    for (unsigned i = 0; (name = fanfare_option_name(i)) != NULL; i++) {
        fputs(name, stdout);
        for (unsigned j = 0; j < sizeof(items) / sizeof(items[0]); j++) {
            const char *text = fanfare_option_text(name, items[j]);
            printf("\t%s", text ? text : "");
        }
        putchar('\n');
    }
    return 0;
}
