#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes fanfare.cdef out of fanfare.h: what PHP FFI, LuaJIT and Python's cffi read.

    cdef.py HEADER OUTPUT

They take declarations without a preprocessor. So no comments, no directives, no attributes; what
is a constant by #define in the header is one of an enum here. FANFARE_NUL is no int and is left
out: as a length it is SIZE_MAX, or -1 where the language has no unsigned numbers.
"""
import re
import sys
from pathlib import Path

import header as header_module

LARGEST = 2 ** 31 - 1  # of what an enum holds everywhere


def number(expression):
    """The value of a #define, or None if it is none for an enum."""
    text = re.sub(r"(?<=\d)[uUlL]+\b", "", expression)
    if not re.fullmatch(r"[\s\d()xXa-fA-F<>|+*-]+", text):
        return None
    value = int(eval(text, {"__builtins__": {}}))  # digits and operators alone, see above
    return value if -LARGEST <= value <= LARGEST else None


def lines(header):
    for _, text in header.pieces:
        code = header_module.ANNOTATION.sub("", header_module.bare(text))
        found = re.match(r"#define (\w+)\s+(.+)", code)
        if found:
            value = number(found.group(2))
            if value is not None:
                yield f"enum {{ {found.group(1)} = {value} }};"
            continue
        for line in code.split("\n"):
            if line.strip():
                yield line.rstrip()


def main(source, output):
    header = header_module.read(source)
    Path(output).write_text("\n".join(lines(header)) + "\n", encoding="utf-8")


main(*sys.argv[1:])
