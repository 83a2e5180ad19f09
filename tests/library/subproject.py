#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A project of meson that has this one as a subproject gets the library, and nothing else.

    subproject.py

host.c is the other project's program: shared, then static. It asks for dependency('fanfare') with
program=false; warnings as errors and tests are its own matters and must not reach us, nor ours it.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = """\
project('other', 'c', default_options: ['c_std=c11', 'werror=true', 'warning_level=3'])
fanfare = dependency('fanfare', fallback: ['fanfare'], default_options: ['program=false'])
host = executable('host', 'host.c', c_args: '-D_GNU_SOURCE', dependencies: fanfare)
test('host', host)
"""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "subprojects").mkdir()
        os.symlink(ROOT, place / "subprojects/fanfare")
        (place / "meson.build").write_text(PROJECT, encoding="utf-8")
        (place / "host.c").write_bytes((ROOT / "tests/library/host.c").read_bytes())
        build = str(place / "build")
        run("meson", "setup", build, str(place), "-Dfanfare:werror=false")
        for kind in ["shared", "static"]:
            run("meson", "configure", build, f"-Dfanfare:default_library={kind}")
            run("ninja", "-C", build)
            said = run("meson", "test", "-C", build, "--no-rebuild")
            needs = run("readelf", "-dW", str(place / "build/host"))
            if ("libfanfare.so.1" in needs) != (kind == "shared"):
                raise SystemExit(f"{kind}: the program is linked the other way")
            if "Ok:                 1" not in said:
                raise SystemExit(f"{kind}: other tests than the host's are run\n{said}")
        if (place / "build/subprojects/fanfare/fanfare").exists():
            raise SystemExit("the program is built, which nobody asked for")
    print("shared and static")


main()
sys.exit(0)
