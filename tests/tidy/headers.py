#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each header compiles alone, twice in one file, and without a warning.

    headers.py ROOT COMPILER [ARGUMENT]...

Two compilers run at a time. Two texts that must fail come first, or nothing would be tested.
"""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDERS = ["include", "engine", "net", "cmd"]
FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
         "-isystem", "/usr/share/include/llhttp", "-x", "c", "-"]


def compile_text(compiler, root, text):
    return subprocess.run(compiler + ["-I", str(root)] + FLAGS, input=text, text=True,
                          capture_output=True, check=False)


def main(root, compiler):
    for text in ["size_t missing_include;\n", '#include "engine/no_such_header.h"\n']:
        if compile_text(compiler, root, text).returncode == 0:
            print(f"the compiler takes what it must not: {text}")
            return 1
    headers = [path.relative_to(root) for folder in FOLDERS
               for path in sorted((root / folder).rglob("*.h"))]
    texts = [f'#include "{header}"\n#include "{header}"\n' for header in headers]
    faults = 0
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda text: compile_text(compiler, root, text), texts)
        for header, result in zip(headers, results):
            if result.returncode != 0:
                faults += 1
                print(f"{header} does not compile alone:\n{result.stderr}")
    print(f"{len(headers)} headers, {faults} that do not compile alone")
    return 1 if faults or not headers else 0


sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
