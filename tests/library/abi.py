#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The ABI is the one that is kept: abidiff against tests/abi/libfanfare.so.1.abi.

    abi.py HEADER MAP KEPT COMPILER [--write]

Compared is a library of stubs, made of the header and the map with debug information: what it
exports and with which types is what the real one does (names.py, and the compiler, which sees the
header in each file of lib). So it takes no debug build, and a description does not change with
what is opaque. `--write` keeps the description of now, when a function has come or a struct has
grown at its end; what abidiff calls incompatible it never writes. Numbers are held by layout.c.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))
import header as header_module  # pylint: disable=wrong-import-position

INCOMPATIBLE, CHANGED, FAILED = 8, 4, 1 | 2


def stubs(header):
    lines = ["#include <fanfare.h>"]
    for function in header.functions:
        returns_nothing = re.match(r"void \w", function.prototype)
        body = "{ }" if returns_nothing else "{ return 0; }"
        lines.append(f"{function.prototype.rstrip(';')}\n{body}")
    return "\n".join(lines) + "\n"


def build(place, name, compiler, header_path, map_path, text):
    source, library = place / (name + ".c"), place / "libfanfare.so.1"
    source.write_text(text, encoding="utf-8")
    subprocess.run([compiler, "-g", "-O0", "-shared", "-fPIC", "-w", "-nostdlib",
                    f"-I{Path(header_path).resolve().parent}", f"-ffile-prefix-map={place}=.",
                    "-Wl,-soname,libfanfare.so.1", f"-Wl,--version-script={map_path}",
                    str(source), "-o", str(library)], check=True)
    description = place / (name + ".abi")
    subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs",
                    "--out-file", str(description), str(library)], check=True)
    return description


def difference(kept, now):
    run = subprocess.run(["abidiff", str(kept), str(now)], capture_output=True, text=True,
                         check=False)
    if run.returncode & FAILED:
        raise SystemExit(f"abidiff failed:\n{run.stdout}{run.stderr}")
    return run.returncode, run.stdout


def check(place, arguments, kept, write):
    header = header_module.read(arguments[1])
    text = stubs(header)
    now = build(place, "now", *arguments, text)
    # A parameter that changes must be seen, or nothing is tested.
    changed = re.sub(r"\buint32_t fanfare_version_number\b", "uint64_t fanfare_version_number",
                     Path(arguments[1]).read_text(encoding="utf-8"))
    (place / "fanfare.h").write_text(changed, encoding="utf-8")
    wrong = build(place, "wrong", arguments[0], place / "fanfare.h", arguments[2],
                  stubs(header_module.read(place / "fanfare.h")))
    if difference(now, wrong)[0] == 0:
        return "abidiff does not see a changed return type"
    if not kept.exists() and write:
        kept.write_bytes(now.read_bytes())
        return None
    status, report = difference(kept, now)
    if status & INCOMPATIBLE:
        return report + "what was released has changed its meaning (tests/library/abi.py)"
    if status & CHANGED:
        if not write:
            return report + "if that is meant: tests/library/abi.py ... --write"
        kept.write_bytes(now.read_bytes())
    return None


def main(header_path, map_path, kept, compiler, *options):
    with tempfile.TemporaryDirectory() as folder:
        fault = check(Path(folder), (compiler, header_path, map_path), Path(kept),
                      "--write" in options)
    print(fault or "the ABI is the one that is kept")
    return 1 if fault else 0


sys.exit(main(*sys.argv[1:]))
