/* SPDX-License-Identifier: MIT */
/* Makes one thing of what the operator says: see site.h. */
#include "net/site.h"

#include <errno.h>

#include "engine/frame.h"

static int take_channel(struct site *site, const char *channel, char *error, size_t error_size)
{
    struct text text = text_of(channel);
    enum frame_fault fault = channel ? frame_check_channel(text) : FRAME_OK;
    if (fault != FRAME_OK) {
        snprintf(error, error_size, "default-channel: %s", frame_fault_text(fault));
        return -EINVAL;
    }
    if (text.len)
        memcpy(site->channel, channel, text.len);
    site->default_channel = (struct text){site->channel, text.len};
    return 0;
}

int site_new(const struct site_options *options, struct site **ret_site, char *error,
             size_t error_size)
{
    struct site *site = calloc(1, sizeof(*site));
    if (!site)
        return -ENOMEM;
    atomic_init(&site->references, 1);
    int r = take_channel(site, options->default_channel, error, error_size);
    if (!r && options->path_count)
        r = paths_new(options->paths, options->path_count, &site->paths, error, error_size);
    if (!r && (options->lines.always_count || options->lines.of_streams_count))
        r = head_lines_new(&options->lines, &site->lines, error, error_size);
    if (!r && options->page)
        r = page_file_read(options->page, &site->page, error, error_size);
    if (r)
        site_unref(site);
    else
        *ret_site = site;
    return r;
}

struct site *site_ref(struct site *site)
{
    atomic_fetch_add_explicit(&site->references, 1, memory_order_relaxed);
    return site;
}

struct site *site_unref(struct site *site)
{
    /* Release and acquire: whoever frees it sees all uses by the others as over. */
    if (!site || atomic_fetch_sub_explicit(&site->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    paths_free(site->paths);
    head_lines_free(site->lines);
    page_file_deinit(&site->page);
    free(site);
    return NULL;
}
