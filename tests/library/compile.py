#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The header compiles, alone and twice, as every C and C++ that somebody may still use.

    compile.py HEADER LAYOUT COMPILER...     COMPILER: gcc, g++, clang, clang++

Each standard takes one file that includes it twice, without a warning. LAYOUT (layout.c) is
compiled as C17 and C++17: sizes, offsets and numbers are what they were. It has to name each member
of each struct and each constant; what it lacks is printed, to be pasted after a look at it. Two
texts that must fail come first, or nothing would be tested.
"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))
import header as header_module  # pylint: disable=wrong-import-position

STANDARDS = {"c": ["c99", "c11", "c17", "c2x"], "c++": ["c++98", "c++11", "c++17", "c++20"]}
FLAGS = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wpadded", "-fsyntax-only"]
TWICE = "#include <fanfare.h>\n#include <fanfare.h>\nint main(void) { return 0; }\n"


def compile_text(folder, compiler, standard, text):
    language = "c++" if compiler.endswith("++") else "c"
    command = [compiler, f"-std={standard}", f"-I{folder}", *FLAGS, "-x", language, "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True, check=False)


def missing_lines(header, layout):
    """What layout.c does not hold yet, as it may be added. Sizes are those of LP64."""
    for struct, members in header.structs.items():
        for member in members:
            if f"offsetof(struct {struct}, {member})" not in layout:
                yield f'static_assert(offsetof(struct {struct}, {member}) == 0, "");'
        if f"sizeof(struct {struct})" not in layout:
            yield f'static_assert(sizeof(struct {struct}) == 0, "");'
    for name, value in header.constants.items():
        if not name.startswith("FANFARE_VERSION") and not re.search(rf"\b{name} ==", layout):
            yield f'static_assert({name} == {value}, "");'


def main(header_path, layout_path, *compilers):
    folder = os.path.dirname(os.path.abspath(header_path))
    layout = Path(layout_path).read_text(encoding="utf-8")
    jobs = [(compiler, standard, TWICE) for compiler in compilers
            for standard in STANDARDS["c++" if compiler.endswith("++") else "c"]]
    jobs += [(compiler, "c++17" if compiler.endswith("++") else "c17", layout)
             for compiler in compilers]
    wrong = [(compilers[0], "c17", "#include <fanfare.h>\nint x = fanfare_no_such();\n"),
             (compilers[0], "c17", layout + 'static_assert(FANFARE_ABI == 0, "");\n')]
    if any(compile_text(folder, *job).returncode == 0 for job in wrong):
        print("the compiler takes what it must not")
        return 1
    faults = 0
    with ThreadPoolExecutor(2) as pool:
        for job, result in zip(jobs, pool.map(lambda job: compile_text(folder, *job), jobs)):
            if result.returncode != 0:
                faults += 1
                print(f"{job[0]} -std={job[1]}:\n{result.stderr}")
    missing = list(missing_lines(header_module.read(header_path), layout))
    if missing:
        print("tests/library/layout.c lacks:", *missing, sep="\n")
    print(f"{len(jobs)} compilations, {faults} failed; {len(missing)} numbers not held")
    return 1 if faults or missing else 0


sys.exit(main(*sys.argv[1:]))
