#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `meson install` leaves in an empty folder is all that a program needs.

    installed.py BUILD COMPILER...     COMPILER: gcc, g++, clang, clang++

Installs into an empty folder and builds host.c and each example in C from there, with nothing but
what pkg-config says of `fanfare`: as C11, C17 and C++17, shared and static. host.c is run each
time. What is installed is fanfare.h and no other header.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STANDARDS = {"c": ["c11", "c17"], "c++": ["c++17"]}
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wno-missing-field-initializers"]


def examples():
    """C files of examples that are programs with the library."""
    return [path for path in sorted((ROOT / "examples").rglob("*.c"))
            if "#include <fanfare.h>" in path.read_text(encoding="utf-8")]


class Tree:
    def __init__(self, folder, build):
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", folder],
                       check=True, capture_output=True)
        self.folder = Path(folder)
        self.libraries = next(self.folder.rglob("libfanfare.a")).parent
        self.environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": folder,
                            "PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}

    def flags(self, *options):
        run = subprocess.run(["pkg-config", "--cflags", "--libs", *options, "fanfare"],
                             env=self.environment, capture_output=True, text=True, check=True)
        return run.stdout.split()

    def build(self, source, compiler, standard, flags):
        """None, or what the compiler said."""
        language = "c++" if compiler.endswith("++") else "c"
        command = [compiler, f"-std={standard}", "-D_GNU_SOURCE", *WARNINGS, "-x", language,
                   str(source), "-x", "none", "-o", str(self.folder / "program"), *flags]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return run.stderr if run.returncode != 0 else None

    def run(self, shared):
        place = {"LD_LIBRARY_PATH": str(self.libraries)} if shared else {}
        return subprocess.run([str(self.folder / "program")], env={**os.environ, **place},
                              capture_output=True, text=True, timeout=60, check=False)


def faults(tree, compilers):
    ways = {"shared": tree.flags(), "static": [
        "-l:libfanfare.a" if flag == "-lfanfare" else flag for flag in tree.flags("--static")]}
    headers = [path.name for path in tree.folder.rglob("*.h")]
    if headers != ["fanfare.h"]:
        yield f"installed headers: {headers}"
    host = ROOT / "tests/library/host.c"
    for compiler in compilers:
        language = "c++" if compiler.endswith("++") else "c"
        for standard in STANDARDS[language]:
            for way, flags in ways.items():
                for source in [host] + (examples() if language == "c" else []):
                    name = f"{source.relative_to(ROOT)}: {compiler} -std={standard}, {way}"
                    said = tree.build(source, compiler, standard, flags)
                    if said:
                        yield f"{name}:\n{said}"
                        continue
                    run = tree.run(way == "shared") if source == host else None
                    if run and run.returncode != 0:
                        yield f"{name}: {run.returncode} {run.stderr}"


def main(build, *compilers):
    with tempfile.TemporaryDirectory() as folder:
        found = list(faults(Tree(folder, build), compilers))
    print(*found, sep="\n")
    print(f"host.c and {len(examples())} examples, {len(found)} faults")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
