#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of docs/style.md that a machine can check; who may include whom is in rooms.py.

    tidy.py ROOT         prints FILE:LINE: what is wrong; exit status 1 if anything is
    tidy.py --self-test  shows each rule a text that breaks it; exit status 1 if it is not seen

Each rule is a function that takes a file and yields (line, sentence). The self-test is run first,
always: a rule that sees nothing is worse than none.
"""
import re
import sys
from pathlib import Path

import citations
import rooms

COLUMNS = 100
FUNCTION_LINES = 70
FILE_LINES = 500
HEAD_LINES = 40  # in which a head comment may say `Length:`
FOLDERS = ["engine", "net", "lib", "cmd", "tests", "bench", "include", "examples", "docs", ".ci"]
SUFFIXES = {".c", ".h", ".py", ".sh", ".js", ".mjs", ".html", ".css", ".lua", ".build", ".md"}
CODE = {".c", ".h"}
GENERATED = {"package-lock.json"}
SKIPPED = {"node_modules", "__pycache__"}
BANNED = {
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "memcpy or snprintf",
    "strcat": "snprintf", "gets": "read", "strtok": "strtok_r", "alloca": "malloc",
    "sleep": "a condition to wait for", "usleep": "a condition to wait for",
    "nanosleep": "a condition to wait for", "system": "posix_spawn",
}
# Tests put their input together from constants, with a sanitizer watching.
BANNED_IN_PROGRAM = {"sprintf", "vsprintf", "strcpy", "strcat"}
BANNED_CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
# Put together here, or this file would break its own rule.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")


class File:
    def __init__(self, name, text):
        self.name = name
        self.path = Path(name)
        self.text = text
        self.lines = text.split("\n")
        self.code = strip_text(text).split("\n") if self.path.suffix in CODE else self.lines


def strip_text(text):
    """C without comments and without what stands in quotes; line breaks stay."""
    def blank(match):
        kept = match.group(0)
        if kept.startswith('"') or kept.startswith("'"):
            return kept[0] + kept[0]
        return re.sub(r"[^\n]", " ", kept)
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def rule_columns(file):
    # Tables and links in prose cannot be broken.
    if file.path.suffix in {".md", ".html"}:
        return
    for number, line in enumerate(file.lines, 1):
        if len(line) > COLUMNS:
            yield number, f"{len(line)} columns; allowed: {COLUMNS}"


def rule_space(file):
    for number, line in enumerate(file.lines, 1):
        if line != line.rstrip() or "\r" in line:
            yield number, "space at the end of the line"
        if "\t" in line and file.path.suffix in CODE:
            yield number, "a tab"
    if file.text and not file.text.endswith("\n"):
        yield len(file.lines), "no line end at the end of the file"


def rule_unfinished(file):
    for number, line in enumerate(file.lines, 1):
        found = UNFINISHED.search(line)
        if found:
            yield number, f"{found.group(1)}: do it or open an issue"


def rule_license(file):
    if file.path.suffix in CODE | {".py", ".sh", ".js", ".mjs", ".lua"}:
        if not any("SPDX-License-Identifier: MIT" in line for line in file.lines[:2]):
            yield 1, "no SPDX line"


def rule_head(file):
    if file.path.suffix not in CODE or len(file.lines) < 2:
        return
    if not file.lines[1].startswith("/*"):
        yield 2, "no head comment below the SPDX line"


def rule_file_length(file):
    if file.path.suffix not in CODE | {".py", ".js", ".mjs"} or len(file.lines) <= FILE_LINES + 1:
        return
    if not any("Length:" in line for line in file.lines[:HEAD_LINES]):
        yield 1, (f"{len(file.lines) - 1} lines; allowed: {FILE_LINES}, or a line `Length:` in the "
                  "head comment that says why")


def rule_function_length(file):
    if file.path.suffix != ".c":
        return
    begin = None
    for number, line in enumerate(file.code, 1):
        if line.startswith("{"):
            begin = number
        elif line.startswith("}") and begin:
            if number - begin - 1 > FUNCTION_LINES:
                yield begin, f"a function of {number - begin - 1} lines; allowed: {FUNCTION_LINES}"
            begin = None


def rule_banned(file):
    # A program of somebody else's may do what ours may not, and sleep.
    if file.path.suffix not in CODE or file.path.parts[0] == "examples":
        return
    for number, line in enumerate(file.code, 1):
        for found in BANNED_CALL.finditer(line):
            if file.path.parts[0] == "tests" and found.group(1) in BANNED_IN_PROGRAM:
                continue
            yield number, f"{found.group(1)}() is banned; use {BANNED[found.group(1)]}"


def rule_own_header_first(file):
    if file.path.suffix != ".c" or not file.path.with_suffix(".h").name:
        return
    own = str(file.path.with_suffix(".h"))
    found = [name for _, name in rooms.includes(file)]
    if own in found:
        first = next(line for line in file.lines if re.match(r"#\s*include\b", line))
        if own not in first:
            yield 1, f"the first include must be {own}"


def rule_pragma_once(file):
    # What is installed is for any compiler, and has a guard.
    public = file.path.parts[0] == "include"
    if file.path.suffix == ".h" and not public and "#pragma once" not in file.lines:
        yield 1, "no #pragma once"


RULES = [rule for name, rule in sorted(globals().items()) if name.startswith("rule_")]


def check_listed(root):
    """Every .c of a library or of the command is in its folder's meson.build."""
    for folder in ["engine", "net", "lib", "cmd"]:
        build = root / folder / "meson.build"
        text = build.read_text() if build.exists() else ""
        for source in sorted((root / folder).rglob("*.c")):
            if f"'{source.relative_to(root / folder)}'" not in text:
                yield str(source.relative_to(root)), 1, f"not listed in {folder}/meson.build"


def project_files(root):
    top = ["dev", "meson.build", "meson_options.txt", "README.md", "CHANGELOG.md"]
    for name in top:
        if (root / name).is_file():
            yield root / name
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            parts = path.relative_to(root).parts
            if SKIPPED.intersection(parts) or path.name in GENERATED or not path.is_file():
                continue
            if path.suffix in SUFFIXES or folder == ".ci":
                yield path


def project(root):
    return [File(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
            for path in project_files(root)]


def check(root):
    files = project(root)
    for file in files:
        for rule in RULES:
            for number, sentence in rule(file):
                yield file.name, number, sentence
    yield from rooms.check(files)
    yield from citations.check(files)
    yield from check_listed(root)
    if len(files) < 10:
        yield ".", 0, f"only {len(files)} files found: is this the root of the project?"


HEAD = "/* SPDX-License-Identifier: MIT */\n/* A head comment. */\n"
BROKEN = {  # rule: texts that break it, as (file name, text)
    "rule_banned": [("engine/a.c", HEAD + "void f(void)\n{\n    sleep (1);\n}\n"),
                    ("tests/a.c", HEAD + "void f(void)\n{\n    usleep(1);\n}\n"),
                    ("net/a.c", HEAD + "    strcpy(a, b);\n")],
    "rule_columns": [("engine/a.c", HEAD + "x" * 101 + "\n")],
    "rule_file_length": [("net/a.c", HEAD + "\n" * 499)],
    "rule_function_length": [("net/a.c", HEAD + "void f(void)\n{\n" + "    ;\n" * 71 + "}\n")],
    "rule_head": [("net/a.c", "/* SPDX-License-Identifier: MIT */\n#include <a.h>\n")],
    "rule_license": [("net/a.c", "/* A head comment. */\n\n"), ("bench/a.lua", "\n\n")],
    "rule_own_header_first": [("net/a.c", HEAD + '#include <stdio.h>\n#include "net/a.h"\n')],
    "rule_pragma_once": [("net/a.h", HEAD)],
    "rule_space": [("docs/a.md", "a \n"), ("net/a.c", HEAD + "\tx\n"), ("docs/b.md", "a")],
    "rule_unfinished": [("docs/a.md", "TO" + "DO: this\n")],
}
SOUND = ("net/a.c", HEAD + '#include "net/a.h"\n\n/* sprintf(a) is only spoken of here. */\n'
         'void f(void)\n{\n    say("strcat(", object->sleep(1), strtok_r(a));\n'
         + "    ;\n" * 69 + "}\n")


def self_test():
    yield from rooms.self_test(File)
    yield from citations.self_test(File)
    for rule in RULES:
        texts = BROKEN.get(rule.__name__, [])
        if not texts:
            yield f"{rule.__name__} has no text that breaks it"
        for name, text in texts:
            if not list(rule(File(name, text))):
                yield f"{rule.__name__} does not see what is wrong with {name}"
        for number, sentence in rule(File(*SOUND)):
            yield f"{rule.__name__} complains about a sound file: {number}: {sentence}"


def main(arguments):
    blind = list(self_test())
    for sentence in blind:
        print(f"tidy.py: {sentence}")
    if blind or arguments == ["--self-test"]:
        return 1 if blind else 0
    root = Path(arguments[0])
    faults = list(check(root))
    for name, number, sentence in faults:
        print(f"{name}:{number}: {sentence}")
    print(f"{len(faults)} faults" if faults else "tidy")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
