#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual pages render without a warning, and nothing is left out of them.

    man_pages.py HEADER PAGES.PY PROGRAM A-PAGE TEMPLATE...

Each function of the header is in one page, each option of a command in the command's; a page that
is named exists, and so does each function. Read by mandoc, whose remarks on empty paragraphs are
about what scdoc writes, and by groff where it is there.
"""
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))
import header as header_module  # pylint: disable=wrong-import-position

COMMANDS = ["serve", "pub", "sub", "ctl", "token"]
SERVERS = {"--config", "--check", "--log"}  # options that are the process's, not the engine's


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def render_faults(page):
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)],
                          capture_output=True, text=True, check=False).stdout
    for line in lint.split("\n"):
        if line and "skipping paragraph macro" not in line:
            yield line
    if shutil.which("groff"):
        run = subprocess.run(["groff", "-man", "-ww", "-Kutf8", "-Tutf8", "-z", str(page)],
                             capture_output=True, text=True, check=False)
        if run.stderr:
            yield f"{page.name}: groff: {run.stderr.strip()}"


def text_of(page):
    return re.sub(r".\x08", "", output("mandoc", "-T", "utf8", "-O", "width=1000", str(page)))


def option_faults(program, texts):
    for command in COMMANDS:
        for line in output(program, command, "--help").split("\n"):
            found = re.match(r"  (?:-\w, )?(--[a-z-]+)", line)
            if not found or found.group(1) == "--help":
                continue
            name = found.group(1)
            if not re.search(rf"^ +(?:-\w, )?{name}\b", texts[f"fanfare-{command}.1"], re.M):
                yield f"fanfare-{command}.1: {name} is missing"
            key = rf"^ +{name[2:]} = "
            if command == "serve" and name not in SERVERS and not re.search(
                    key, texts["fanfare_set.3"], re.M):
                yield f"fanfare_set.3: {name[2:]} is missing"
            if command == "serve" and name not in ("--config", "--check") and not re.search(
                    key, texts["fanfare.conf.5"], re.M):
                yield f"fanfare.conf.5: {name[2:]} is missing"


def name_faults(header, texts, links):
    names = {function.name for function in header.functions}
    types = set(re.findall(r"(?:struct |\(\*)(fanfare_\w+)", header.text))
    pages = Counter([name for name in names if f"{name}.3" in texts] +
                    [link.split()[0] for link in links])
    for name in names:
        if pages[name] != 1:
            yield f"{name} is in {pages[name]} pages"
        if name not in texts["libfanfare.7"]:
            yield f"libfanfare.7: {name} is missing"
    for page, text in texts.items():
        for name in set(re.findall(r"\bfanfare_[a-z_]+\b(?=\(\d?|\))", text)) - names:
            if name not in types and f"{name}.3" not in texts:
                yield f"{page}: there is no {name}"
        for name, section in re.findall(r"\b((?:lib)?fanfare[\w.-]*)\((\d)\)", text):
            if f"{name}.{section}" not in texts and name not in names:
                yield f"{page}: there is no {name}({section})"


def main(header, script, program, a_page, *templates):
    folder = Path(a_page).parent
    script = [sys.executable, script, "--header", header]
    pages = output(*script, "--list", *templates).split()
    texts = {page: text_of(Path(folder, page)) for page in pages}
    links = [line for line in output(*script, "--links", *templates).split("\n") if line]
    found = [fault for page in pages for fault in render_faults(Path(folder, page))]
    found += option_faults(program, texts)
    found += name_faults(header_module.read(header), texts, links)
    print(*found, sep="\n")
    print(f"{len(pages)} pages, {len(found)} faults")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
