#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `meson install` leaves in an empty folder is all that a program needs.

    installed.py BUILD COMPILER...     COMPILER: gcc, g++, clang, clang++

Installs into an empty folder and builds host.c and each example in C from there, with nothing but
what pkg-config says of `fanfare`, and of a framework that the example is about: as C11 and C17,
shared and static, and as C++17 what is C++ as well (host.c, and the examples of CXX; the others
name members, as only C and C++20 do). host.c is run each time, each example once in both ways, by
the test that it has. Examples say in their head comment how they are built, and that is done; one
whose framework is not there is left out, and said. What is installed is fanfare.h and no other
header.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CXX = {"embed.c", "clock.c", "source.c"}
STANDARDS = {"c": ["c11", "c17"], "c++": ["c++17"]}
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wno-missing-field-initializers"]


COMMAND = re.compile(r"\bcc (.*?)\$\(pkg-config --cflags --libs fanfare ?(.*?)\)", re.S)


class Example:
    """A program on the library, and how its head comment says that it is built."""

    def __init__(self, path):
        self.path = path
        text = path.read_text(encoding="utf-8")
        self.is_one = "#include <fanfare.h>" in text
        said = COMMAND.search(re.sub(r"^ \*", "", text, flags=re.M))
        if self.is_one and not said:
            raise SystemExit(f"{path}: its head comment does not say how it is built")
        self.packages = said.group(2).split() if said else []
        words = said.group(1).split() if said else []
        self.flags = [word for word in words if word.startswith("-")]

    def is_possible(self):
        return not self.packages or subprocess.run(["pkg-config", "--exists", *self.packages],
                                                   check=False).returncode == 0

    def test(self):
        """The command that runs it, without the program."""
        name = self.path.stem
        if name in ("chat", "qr_login"):
            return [ROOT / "tests/library/examples.py", name]
        return [ROOT / "tests/examples/embedding.py", name]


def examples():
    found = [Example(path) for path in sorted((ROOT / "examples").rglob("*.c"))]
    return [example for example in found if example.is_one]


class Tree:
    def __init__(self, folder, build):
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--destdir", folder],
                       check=True, capture_output=True)
        self.folder = Path(folder)
        self.libraries = next(self.folder.rglob("libfanfare.a")).parent
        self.environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": folder,
                            "PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}

    def flags(self, way, packages=()):
        options = ["--static"] if way == "static" else []
        run = subprocess.run(["pkg-config", "--cflags", "--libs", *options, "fanfare", *packages],
                             env=self.environment, capture_output=True, text=True, check=True)
        flags = run.stdout.split()
        if way == "static":
            flags[flags.index("-lfanfare")] = "-l:libfanfare.a"
        return flags

    def build(self, source, compiler, standard, flags):
        """None, or what the compiler said."""
        language = "c++" if compiler.endswith("++") else "c"
        command = [compiler, f"-std={standard}", "-D_GNU_SOURCE", *WARNINGS, "-x", language,
                   str(source), "-x", "none", "-o", str(self.folder / "program"), *flags]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return run.stderr if run.returncode != 0 else None

    def run(self, *test):
        place = {"LD_LIBRARY_PATH": str(self.libraries)}
        return subprocess.run([*test, str(self.folder / "program")], env={**os.environ, **place},
                              capture_output=True, text=True, timeout=120, check=False)


def host_faults(tree, compiler, standard, way):
    host = ROOT / "tests/library/host.c"
    said = tree.build(host, compiler, standard, tree.flags(way))
    run = None if said else tree.run()
    if said or run.returncode != 0:
        yield f"host.c: {compiler} -std={standard}, {way}: {said or run.stderr or run.returncode}"


def example_faults(tree, example, compiler, standard, way, is_run):
    flags = example.flags + tree.flags(way, example.packages)
    said = tree.build(example.path, compiler, standard, flags)
    if said:
        yield f"{example.path.name}: {compiler} -std={standard}, {way}:\n{said}"
    elif is_run:
        run = tree.run(sys.executable, *example.test())
        if run.returncode != 0:
            yield f"{example.path.name}, {way}: {run.returncode} {run.stdout}{run.stderr}"


def faults(tree, compilers, shown):
    headers = [path.name for path in tree.folder.rglob("*.h")]
    if headers != ["fanfare.h"]:
        yield f"installed headers: {headers}"
    for compiler in compilers:
        language = "c++" if compiler.endswith("++") else "c"
        for standard in STANDARDS[language]:
            for way in ["shared", "static"]:
                yield from host_faults(tree, compiler, standard, way)
            is_last = compiler == compilers[0] and standard == STANDARDS[language][-1]
            for example in shown:
                if language == "c++" and example.path.name not in CXX:
                    continue
                for way in ["shared", "static"]:
                    yield from example_faults(tree, example, compiler, standard, way, is_last)


def main(build, *compilers):
    shown = [example for example in examples() if example.is_possible()]
    for example in examples():
        if not example.is_possible():
            print(f"{example.path.name} is left out: {' '.join(example.packages)} is not here")
    with tempfile.TemporaryDirectory() as folder:
        found = list(faults(Tree(folder, build), compilers, shown))
    print(*found, sep="\n")
    print(f"host.c and {len(shown)} examples, {len(found)} faults")
    return 1 if found or not shown else 0


sys.exit(main(*sys.argv[1:]))
