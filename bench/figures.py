# SPDX-License-Identifier: MIT
"""Medians, spreads and ratios of paired runs, and who goes first in which."""
import math
import statistics


def median(values):
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None


def interval(values):
    """The median with a 95 percent interval from order statistics: no shape is assumed.

    The k-th smallest and k-th largest value hold the true median between them with probability
    1 - 2 P(Binomial(n, 1/2) < k). Below six values no such pair reaches 95 percent; then the whole
    range stands for it (n = 5: 94 percent).
    """
    ordered = sorted(value for value in values if value is not None)
    count = len(ordered)
    if not ordered:
        return None, None, None
    best = 1
    for k in range(1, count // 2 + 1):
        outside = 2 * sum(math.comb(count, i) for i in range(k)) / 2 ** count
        if 1 - outside >= 0.95:
            best = k
    return statistics.median(ordered), ordered[best - 1], ordered[count - best]


def ratios(runs, scenario, top, bottom, metric, cores=1):
    """Of each pair the ratio of a metric: `top` to `bottom`."""
    def chosen(server):
        return {run["pair"]: run.get(metric) for run in runs
                if run["scenario"] == scenario and run["server"] == server
                and run["cores"] == cores}
    tops, bottoms = chosen(top), chosen(bottom)
    found = []
    for pair in sorted(set(tops) & set(bottoms)):
        if tops[pair] is not None and bottoms[pair]:
            found.append(tops[pair] / bottoms[pair])
    return found


def turn(servers, repeat):
    """Of two or four servers A B B A; of three all six orders in turn, each followed by its
    reverse, so that none has the same place always."""
    order = list(servers)
    if len(order) == 3:
        shift = repeat // 2 % 3
        order = order[shift:] + order[:shift]
    return order[::-1] if repeat % 2 else order
