/* SPDX-License-Identifier: MIT */
/*
 * The micro-benches, one function and one file each. Each makes report->repeats repeats after one
 * that is not counted, and adds its results to the report. They share nothing and run one after the
 * other on the main thread; only bench_inbox and bench_library make threads, and join them.
 */
#pragma once

#include "bench/micro/report.h"

void bench_frame(struct report *report);
void bench_inbox(struct report *report);
void bench_history(struct report *report);
void bench_sweep(struct report *report);
void bench_workers(struct report *report);
void bench_channels(struct report *report);
void bench_memory(struct report *report);
void bench_inspect(struct report *report);
void bench_token(struct report *report);
void bench_library(struct report *report);
