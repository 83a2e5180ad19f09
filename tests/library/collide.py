#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program whose own functions have the library's names: neither calls the other's.

    collide.py HEADER SHARED STATIC JOINED OPENED COMPILER

Every global name of the library's objects (JOINED: all of them, before they were made local) is
given to a function that ends the program, in a host (host.c) that exports them all. It has to run
with both libraries. Run once more with OPENED preloaded, which ends what opens a file that nobody
has named (opened.c).
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def names_of(path):
    text = subprocess.run(["nm", "-g", "--defined-only", path], capture_output=True, text=True,
                          check=True).stdout
    names = re.findall(r" [A-Z] ([A-Za-z_]\w*)$", text, re.M)
    return sorted(name for name in names if not name.startswith("fanfare_"))


def build(place, compiler, header, libraries):
    program = place / "host"
    command = [compiler, "-w", "-fno-builtin", f"-I{Path(header).parent}", str(HERE / "host.c"),
               str(place / "names.c"), "-rdynamic", "-o", str(program), *libraries]
    return program if subprocess.run(command, check=False).returncode == 0 else None


def private_libraries():
    # The libraries that the static one asks for, by name: this is not about pkg-config.
    return ["-luring", "-lsodium", "-ljansson", "-lcrypto", "-lcurl", "-lunistring", "-lm",
            "-pthread"]


def faults(place, header, shared, static, opened, compiler, llhttp):
    ways = {"shared": [shared, f"-Wl,-rpath,{Path(shared).resolve().parent}"],
            "static": [static, *private_libraries(), *llhttp]}
    for way, libraries in ways.items():
        program = build(place, compiler, header, libraries)
        if not program:
            yield f"{way}: it cannot be linked"
            continue
        for preloaded in ["", opened]:
            run = subprocess.run([str(program)], capture_output=True, text=True, check=False,
                                 env={**os.environ, "LD_PRELOAD": preloaded}, timeout=60)
            if run.returncode != 0:
                watched = ", files watched" if preloaded else ""
                yield f"{way}{watched}: {run.returncode} {run.stderr}"


def main(header, shared, static, joined, opened, compiler):
    names = names_of(joined)
    if "server_new" not in names or "map_find" not in names:
        print("server_new and map_find are no names of the library: what is tested here?")
        return 1
    llhttp = [] if "llhttp_init" in names else ["-lllhttp"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "names.c").write_text(
            "".join(f"void {name}(void) {{ __builtin_trap(); }}\n" for name in names))
        found = list(faults(place, header, shared, static, opened, compiler, llhttp))
    print(*found, sep="\n")
    print(f"{len(names)} names, {len(found)} faults")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
