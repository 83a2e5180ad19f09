#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts the results of a bench/run into docs/benchmark.md, and its one line into README.md.

    report.py RESULTS.json [--out docs/benchmark.md] [--plots docs/benchmark] [--readme README.md]
    report.py --self-test   exit status 1 if a table, a plot or the replacing is wrong

Prose is written by hand. What stands between the lines

    <!-- generated: NAME -->
    <!-- end -->

is replaced, NAME being one of: machine, targets, s1 to s9, accept, publish, peers, micro, million,
plots, and of bench/run --variants: variants, variants-targets; in README.md: headline. A name
without a place in the file is left out. A place for which the results hold nothing keeps its text,
which says its commit. bench/million is run on its own; its files are taken from the folder of
RESULTS.json. If anything is wrong with the results or the marks, nothing is written.
"""
import argparse
import json
import os
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import plots  # noqa: E402
import tables  # noqa: E402
import variants  # noqa: E402

FORMAT = 1
BEGIN = re.compile(r"<!--\s*generated:\s*(.*?)\s*-->\s*")
END = re.compile(r"<!--\s*end\s*-->\s*")
SCENARIOS = tables.SCENARIOS + ["accept", "publish"]
VARIANTS = ["variants", "variants-targets"]
NAMES = ["machine", "targets", *SCENARIOS, "peers", "micro", "million", "plots", *VARIANTS]
ROOT = Path(__file__).resolve().parent.parent


class Fault(Exception):
    """What is wrong, in one sentence."""


def replace(text, parts, allowed, where):
    """(text with each marked part replaced, [names replaced], [names left as they were])."""
    lines, done, left = [], [], []
    name, begun = None, 0
    for number, line in enumerate(text.split("\n"), 1):
        begin = BEGIN.fullmatch(line)
        if begin and name:
            raise Fault(f"{where}:{number}: \"{name}\" from line {begun} has no <!-- end --> yet")
        if begin:
            name, begun, kept = begin[1], number, []
            if name not in allowed:
                raise Fault(f"{where}:{number}: nothing is called \"{name}\"; there are: "
                            + ", ".join(allowed))
            if name in done + left:
                raise Fault(f"{where}:{number}: \"{name}\" has a place already")
            lines.append(line)
        elif END.fullmatch(line):
            if not name:
                raise Fault(f"{where}:{number}: <!-- end --> without a beginning")
            part = parts.get(name)
            (done if part else left).append(name)
            lines += part.split("\n") if part else kept
            lines.append(line)
            name = None
        elif name:
            kept.append(line)
        else:
            lines.append(line)
    if name:
        raise Fault(f"{where}:{begun}: \"{name}\" has no <!-- end -->")
    return "\n".join(lines), done, left


def parts_of(results):
    if results.get("kind") == variants.KIND:
        return {"variants": variants.table(results), "variants-targets": tables.targets(results)}
    parts = {name: tables.scenario(results, name) for name in SCENARIOS}
    for name in ("machine", "targets", "peers", "micro", "million"):
        parts[name] = getattr(tables, name)(results)
    return parts


def spaced(part):
    """Markdown wants a blank line around a table."""
    return f"\n{part}\n" if part else None


def images(written, folder, page):
    """One paragraph per plot; its path as seen from the page."""
    path = Path(os.path.relpath(folder, page.parent)).as_posix()
    return "\n\n".join(f"![{alt}]({path}/{name})" for name, alt in written.items())


def read_json(path):
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Fault(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Fault(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Fault(f"{path} does not hold an object")
    return found


def read_results(path):
    """The results, with those of bench/million as a list under that name."""
    results = read_json(path)
    if results.get("format") != FORMAT:
        raise Fault(f"{path} is not a results file of format {FORMAT}")
    beside = sorted(path.parent.glob("million-*.json"))
    results["million"] = [read_json(other) for other in beside]
    return results


def read_page(path):
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Fault(f"{path} cannot be read: {error.strerror}") from error


def write_page(path, text):
    """Whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def report(results, page, folder, readme, say=print):
    """Everything, after looking whether everything can be done. False if gnuplot failed."""
    parts = {name: spaced(part) for name, part in parts_of(results).items()}
    before = read_page(page)
    replace(before, parts, NAMES, page)  # before gnuplot: for its faults only
    front = None
    whole = results.get("kind") is None
    if readme.exists() and whole:
        link = Path(os.path.relpath(page, readme.parent)).as_posix()
        line = tables.headline(results, link)
        front, changed, _ = replace(read_page(readme), {"headline": line}, ["headline"], readme)
    note = plots.missing() if whole else None
    written, faults = plots.write(results, folder) if whole and not note else ({}, [])
    parts["plots"] = spaced(images(written, folder, page))
    after, done, left = replace(before, parts, NAMES, page)
    write_page(page, after)
    say(f"{page}: replaced {', '.join(done) or 'nothing'}")
    if left:
        say(f"{page}: not in these results, left as they were: {', '.join(left)}")
    if front and changed:
        write_page(readme, front)
        say(f"{readme}: replaced {', '.join(changed)}")
    for name in written:
        say(f"{folder / name}: drawn")
    for sentence in ([note] if note else []) + faults:
        say(f"report.py: {sentence}")
    return not faults


def main():
    parser = argparse.ArgumentParser(
        description="Puts the results of a bench/run into docs/benchmark.md.")
    parser.add_argument("results", nargs="?", type=Path, metavar="RESULTS.json")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/benchmark.md", metavar="FILE.md")
    parser.add_argument("--plots", type=Path, metavar="FOLDER",
                        help="where the plots go (default: a folder called like the page)")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md", metavar="FILE.md")
    parser.add_argument("--self-test", action="store_true", help="check this program itself")
    arguments = parser.parse_args()
    if arguments.self_test:
        import report_test
        faults = list(report_test.faults())
        for sentence in faults:
            print(f"report.py: {sentence}")
        return 1 if faults else 0
    if not arguments.results:
        parser.error("RESULTS.json is missing")
    folder = arguments.plots or arguments.out.with_suffix("")
    try:
        return 0 if report(read_results(arguments.results), arguments.out, folder,
                           arguments.readme) else 1
    except Fault as fault:
        print(f"report.py: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
