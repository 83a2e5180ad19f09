#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs a page for each function that stands in the page of another: `man fanfare_stop` works.

    link.py PAGES.PY HEADER MANDIR TEMPLATE...     run by `meson install`

Such a page is one line that names the other, which man(1) follows, compressed or not.
"""
import os
import subprocess
import sys
from pathlib import Path


def main(script, header, folder, *templates):
    place = Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"], folder, "man3")
    if os.path.isabs(folder):
        place = Path(os.environ.get("DESTDIR", "") + folder, "man3")
    links = subprocess.run([sys.executable, script, "--links", "--header", header, *templates],
                           capture_output=True, text=True, check=True).stdout
    for line in links.split("\n"):
        if line:
            function, page = line.split()
            (place / f"{function}.3").write_text(f".so man3/{page}\n", encoding="utf-8")


main(*sys.argv[1:])
