#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fanfare.cdef is read by what has no preprocessor, and says what the header says.

    cdef_read.py HEADER CDEF

Read with pycparser's own grammar by way of cffi: each function, struct member and constant of the
header is there, and a struct's size is that of layout.c's static_asserts.
"""
import re
import sys
from pathlib import Path

try:
    import cffi
except ImportError:  # Python from elsewhere; Debian's package serves Debian's
    import os
    if sys.executable == "/usr/bin/python3":
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))
import header as header_module  # pylint: disable=wrong-import-position


def faults(header, text, layout):
    ffi = cffi.FFI()
    ffi.cdef(text)
    if re.search(r"^\s*#|/\*|__attribute__", text, re.M):
        yield "it holds what only a C compiler reads"
    for function in header.functions:
        if not re.search(rf"\b{function.name}\(", text):
            yield f"{function.name} is missing"
    for struct, members in header.structs.items():
        if [name for name, _ in ffi.typeof(f"struct {struct}").fields] != members:
            yield f"struct {struct} has other members than in the header"
        if f"sizeof(struct {struct}) == {ffi.sizeof('struct ' + struct)}," not in layout:
            yield f"struct {struct} has another size than in layout.c"
    library = ffi.dlopen(None)
    for name in header.constants:
        if name != "FANFARE_NUL" and not isinstance(getattr(library, name, None), int):
            yield f"{name} is missing"


def main(header_path, cdef_path):
    layout = (Path(__file__).parent / "layout.c").read_text(encoding="utf-8")
    header = header_module.read(header_path)
    found = list(faults(header, Path(cdef_path).read_text(encoding="utf-8"), layout))
    print(*found, sep="\n")
    print(f"{len(header.functions)} functions, {len(found)} faults")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
