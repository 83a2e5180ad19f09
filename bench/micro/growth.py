# SPDX-License-Identifier: MIT
"""Whether parsers and builders are linear: the part `growth` of bench/micro/instructions.

The program `parsers` runs each of them over its worst inputs, at one size and at twice that;
callgrind counts the instructions of each. Twice the input may cost RATIO_MAX times the work: 2 is
linear, 4 is quadratic, and a table that doubles now and then lies a little above 2. No count is
kept, so nothing here depends on a compiler or library, and nothing is skipped.
"""
import json
import re

# The smaller of two inputs: long enough for a second search through the rest to outweigh what is
# done once, short enough for all of it to take some seconds.
BYTES = 16384
RATIO_MAX = 2.5


def judge(small, large):
    """passed or failed, for one trial; both are as `measure` gives them."""
    if small["instructions"] <= 0 or large["bytes"] < 1.8 * small["bytes"]:
        return "failed"
    return "passed" if large["instructions"] <= RATIO_MAX * small["instructions"] else "failed"


def self_test():
    """The sentence of what the judge does not see, or None."""
    def at(size, instructions):
        return {"bytes": size, "instructions": instructions}
    for small, large, wanted in [
            (at(10, 100), at(20, 200), "passed"), (at(10, 100), at(20, 249), "passed"),
            (at(10, 100), at(20, 400), "failed"), (at(10, 0), at(20, 0), "failed"),
            (at(10, 100), at(10, 100), "failed")]:
        if judge(small, large) != wanted:
            return f"the judge of growth is blind: {small} and {large} are not {wanted}"
    return None


def measure(program, run, folder):
    """One dict for each trial and size, in pairs: trial, bytes, instructions."""
    out = f"{folder}/callgrind.out.growth"
    said = run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
                "--combine-dumps=yes", "--dump-after=parsers_prepared*",
                "--dump-after=parsers_measured*", str(program), str(BYTES)])
    found = [json.loads(line) for line in said.splitlines()]
    with open(out, encoding="utf-8", errors="replace") as dumps:
        totals = [int(total) for total in re.findall(r"^totals: *(\d+)", dumps.read(), re.M)]
    # What was done before each measurement, the measurement, and at last what came after all.
    if len(totals) != 2 * len(found) + 1:
        totals = [0] * (2 * len(found))
    for row, total in zip(found, totals[1::2]):
        row["instructions"] = total
    return found


def compare(program, run, folder):
    """Prints a row for each trial; returns the verdicts."""
    found = measure(program, run, folder)
    print(f"\n{'growth':40} {'bytes':>16} {'instructions':>20} {'a byte':>8} {'ratio':>6}")
    verdicts = []
    for small, large in zip(found[0::2], found[1::2]):
        counts = small["instructions"], large["instructions"]
        verdicts.append(judge(small, large))
        print(f"{small['trial']:40} {small['bytes']:>8}{large['bytes']:>8} "
              f"{counts[0]:>10}{counts[1]:>10} {counts[1] / large['bytes']:>8.1f} "
              f"{counts[1] / max(counts[0], 1):>6.2f}  {verdicts[-1]}")
    if "failed" in verdicts:
        print(f"\nTwice the input costs more than {RATIO_MAX} times the work: look for a search "
              "through the rest at every step.")
    return verdicts or ["failed"]
