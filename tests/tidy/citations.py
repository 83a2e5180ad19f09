# SPDX-License-Identifier: MIT
"""What comments and documents cite has to be in the repository. A part of tidy.py.

  - A comment of C, or a document, that names a file names one that is there: by its whole path, by
    one from its own folder, or by its last name alone.
  - Nothing cites a design that is not here: docs/architecture.md and the others in docs/ are what
    there is.
  - The two flows of docs/architecture.md name functions that exist, nine at most each.
"""
import re
from pathlib import Path

FLOW_FUNCTIONS_MAX = 9
NAMED = re.compile(r"(?<![\w/.:*-])((?:[\w.-]+/)*\w[\w-]*\.(?:c|h|py|mjs|html|md|build|sh))\b"
                   r"(?![\w(*])")
# Put together here, or this file would break its own rule.
ELSEWHERE = re.compile("|".join(["founding " + "design", "design " + "section", r"design\.md"]),
                       re.I)
# What stands for any name, or lies on the machine.
OTHERS = {"page.c", "options_NAME.c"}
FLOWS = re.compile(r"^\*\*(Publish|Subscribe)\.\*\*(.*?)(?=^\s*$)", re.M | re.S)


def comments(text):
    """C's comments alone; all lines stay where they are."""
    kept, at = [], 0
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"'
    for found in re.finditer(pattern, text, re.S):
        kept.append(re.sub(r"[^\n]", " ", text[at:found.start()]))
        piece = found.group(0)
        kept.append(re.sub(r"[^\n]", " ", piece) if piece[0] == '"' else piece)
        at = found.end()
    return "".join(kept) + re.sub(r"[^\n]", " ", text[at:])


def files_named(file):
    if file.path.suffix in {".c", ".h"}:
        lines = comments(file.text).split("\n")
    elif file.path.suffix == ".md":
        # Nor what a listing includes of the system's.
        lines = [re.sub(r"https?://\S+|#include <.*>", "", line) for line in file.lines]
    else:
        return
    for number, line in enumerate(lines, 1):
        for found in NAMED.finditer(line):
            yield number, found.group(1)


def is_there(name, file, paths, last_names):
    if "/" not in name:
        return name in last_names or Path(name).name in OTHERS
    beside = (file.path.parent / name).as_posix()
    while "/../" in beside or beside.startswith("../"):
        shorter = re.sub(r"(^|[^/]+/)\.\./", "", beside, count=1)
        beside = shorter
    return name in paths or beside in paths or Path(name).name in OTHERS


def check_files(files, paths):
    last_names = {Path(path).name for path in paths}
    for file in files:
        for number, name in files_named(file):
            if not is_there(name, file, paths, last_names):
                yield file.name, number, f"{name} is not there"
        for number, line in enumerate(file.lines, 1):
            found = ELSEWHERE.search(line)
            if found:
                yield file.name, number, f'"{found.group(0)}" cites what is not in the repository'


def check_flows(text, code):
    """`code`: all of the program's C, without comments."""
    flows = FLOWS.findall(text)
    if [name for name, _ in flows] != ["Publish", "Subscribe"]:
        yield "docs/architecture.md", 1, "it does not tell the two flows"
    for name, body in flows:
        functions = set(re.findall(r"`(\w+)`", body))
        number = text[:text.index(f"**{name}.**")].count("\n") + 1
        if not 1 <= len(functions) <= FLOW_FUNCTIONS_MAX:
            yield ("docs/architecture.md", number,
                   f"{len(functions)} functions; allowed: {FLOW_FUNCTIONS_MAX}")
        for function in sorted(functions):
            body = r"^[A-Za-z_][\w \t*]*[ *]" + function + r"\s*\([^;{}]*\)\s*\{"
            if not re.search(body, code, re.M):
                yield "docs/architecture.md", number, f"{function}() does not exist"


def check(files):
    paths = {file.name for file in files}
    yield from check_files(files, paths)
    code = "\n".join("\n".join(file.code) for file in files if file.path.suffix in {".c", ".h"}
                     and file.path.parts[0] in {"engine", "net", "cmd", "lib"})
    for file in files:
        if file.name == "docs/architecture.md":
            yield from check_flows(file.text, code)


BROKEN = [("net/a.c", "/* See b.h. */\n"), ("net/a.c", "int a; // net/b.c does it\n"),
          ("docs/a.md", "It is in [c](../net/c.h).\n"), ("docs/a.md", "`net/http/a.c` says so.\n"),
          ("cmd/a.h", "/* The founding " + "design. */\n"),
          ("tests/a.py", "# see design " + "section 5\n")]
SOUND = [("net/a.c", '/* See a.c, net/a.c, ../docs/a.md. */\nchar *b = "b.h";\n'),
         ("docs/a.md", "In [a](../net/a.c), [here](a.md), https://example.org/b.html, by hand.\n")]
CODE = "int a_read(void)\n{\n}\nstatic bool a_put(int b,\n                  int c)\n{\n}\n"
FLOW = "**Publish.** `a_read` -> `a_put`.\n\n**Subscribe.** `a_read`\n-> `a_put`.\n\n"
BROKEN_FLOWS = [FLOW.replace("a_put", "a_lost", 1), "**Publish.** `a_read`.\n\n",
                FLOW.replace("`a_put`", " ".join(f"`f{i}`" for i in range(9)), 1)]


def self_test(make):
    sound = [make(*one) for one in SOUND]
    for one in BROKEN:
        if not list(check_files([make(*one)], {file.name for file in sound})):
            yield f"citations: what is wrong with {one} is not seen"
    for fault in check_files(sound, {file.name for file in sound}):
        yield f"citations: complains about sound files: {fault}"
    for flow in BROKEN_FLOWS:
        if not list(check_flows(flow, CODE)):
            yield f"citations: what is wrong with {flow!r} is not seen"
    for fault in check_flows(FLOW, CODE):
        yield f"citations: complains about sound flows: {fault}"
