#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each error that the header promises of a function is provoked by a row of errors*.c.

    promises.py HEADER ROWS...

A promise is "-EXXX" or "FANFARE_ERROR_XXX" in the comment above a function; "FANFARE_ERROR_ of
channel, type and data" are all that begin so, "As fanfare_publish" all of that one, "The same" at
the beginning all of the one before. A comment above
several functions has kept its word if one of them has the row, and `-ENOENT` behind "get:" is no
matter of the others. Rows are {"fanfare_x", -EXXX, provoke} in tests/library/errors*.c, whose
programs check that the call returns just that. A row that the header does not promise is a fault
as well: users of the header would not know of it.
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))
import header as header_module  # pylint: disable=wrong-import-position

ROW = re.compile(r'\{\s*"(fanfare_\w+)",\s*(-E[A-Z0-9]+|FANFARE_ERROR_\w+),')
ERROR = re.compile(r"-E[A-Z0-9]+\b|\bFANFARE_ERROR_\w*")
INHERITED = re.compile(r"\b(?:As|as|results are|those of) (fanfare_\w+)")
FAMILIES = {"channel": "CHANNEL_", "type": "TYPE_", "id": "ID_", "data": "DATA_",
            "key": "KEY_"}
# What no test can bring about, with the reason.
UNPROVOKED = {
    "-ENOMEM": "every n-th allocation fails in tests/library and tests/e2e/inject.c, by no name",
    "-EMFILE": "the process's own limit, which the test program needs itself",
    "-ENOBUFS": "a memory that is full is e2e memory's; the refusal is one for all streams",
    ("fanfare_channel_get", "-ETIMEDOUT"): "workers that do not turn for a second",
    ("fanfare_channel_get", "-EBUSY"): "16 questions that none of them answers",
    ("fanfare_channel_list", "-ETIMEDOUT"): "likewise",
    ("fanfare_channel_list", "-EBUSY"): "likewise",
    ("fanfare_channel_close", "-EAGAIN"): "65,536 events that a worker does not take",
    ("fanfare_drain", "-ESHUTDOWN"): "what the others return from then on",
}


def family(text, prefix, constants):
    """Names that a prefix in a comment stands for: FANFARE_ERROR_TYPE_, or `FANFARE_ERROR_ of`."""
    prefixes = [prefix]
    if prefix == "FANFARE_ERROR_":
        words = re.match(r" of ([\w, ]+)", text)
        named = re.findall(r"\w+", words.group(1)) if words else []
        prefixes = [prefix + FAMILIES[word] for word in named if word in FAMILIES]
    return {name for name in constants if any(name.startswith(begin) for begin in prefixes)}


def promised(function, header, seen=()):
    comment = header_module.plain(function.comment)
    constants = [name for name in header.constants if name.startswith("FANFARE_ERROR_")]
    errors = set()
    for match in ERROR.finditer(comment):
        name = match.group(0)
        if name.endswith("_"):
            errors |= family(comment[match.end():], name, constants)
        else:
            errors.add(name)
    inherited = INHERITED.findall(comment)
    if comment.startswith("The same"):
        before = header.functions[header.functions.index(function) - 1]
        inherited.append(before.name)
    for name in inherited:
        other = header.function(name)
        if other and other.comment != function.comment and name not in seen:
            errors |= promised(other, header, (*seen, function.name))
    return errors


def faults(header, rows):
    groups = {}
    for function in header.functions:
        groups.setdefault(function.comment, []).append(function)
    known = {function.name for function in header.functions}
    for functions in groups.values():
        names = {function.name for function in functions}
        errors = promised(functions[0], header)
        kept = {error for name, error in rows if name in names}
        for error in sorted(errors - kept):
            if error in UNPROVOKED or (functions[0].name, error) in UNPROVOKED:
                continue
            yield f"{functions[0].name}: {error} is promised, and no row provokes it"
        for error in sorted(kept - errors):
            yield f"{functions[0].name}: {error} has a row, and the header does not promise it"
    for name in sorted({name for name, _ in rows} - known):
        yield f"{name} has a row, and is not in the header"


def main(header_path, *row_paths):
    rows = {pair for path in row_paths for pair in ROW.findall(Path(path).read_text("utf-8"))}
    found = list(faults(header_module.read(header_path), rows))
    print(*found, sep="\n")
    print(f"{len(rows)} rows, {len(found)} faults")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
