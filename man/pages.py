#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the manual pages: hand-written text, and between it what must not differ from the code.

    pages.py --header FILE --version TEXT [--program FANFARE] --options LIST --out FOLDER
             TEMPLATE...     FANFARE: build/fanfare; LIST: the program that option_list.c makes

A template is scdoc(5) with lines of the form @word argument...@, each replaced by

    @usage COMMAND@           the first line of `fanfare COMMAND --help`
    @options COMMAND@         its options, by group; @words COMMAND@ what else it can be asked for
    @keys COMMAND@            its options as keys of the configuration file
    @library_options@         what fanfare_set takes, as the library says itself
    @examples COMMAND@        its examples
    @synopsis PATTERN...@     prototypes of the header whose names match
    @functions PATTERN...@    what the header says of them; makes this their page
    @declares NAME...@        structs, enums and constants, as they stand in the header
    @overview@                the header's own introduction
    @index@                   all functions, each with its page
    @constants PREFIX@        constants with their comments, as a list

A page of which the header has no function is not made. `--list` prints those that are; `--links`
prints "function page" for each function without a page of its own name.
"""
import argparse
import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import help_text

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
import header as header_module  # pylint: disable=wrong-import-position

DIRECTIVE = re.compile(r"^@(\w+)(?: (.*))?@$", re.M)


def escape(text):
    return re.sub(r"([\\*_`#~|\[\]])", r"\\\1", text)


def prose(text):
    """A sentence of the code's: `words` and options become bold, all else stands for itself."""
    parts = re.split(r"(`[^`]+`|(?<![\w-])--[a-z][a-z-]*[a-z]|\bfanfare_\w+\b)", text)
    text = "".join(f"*{escape(part.strip('`').strip())}*" if index % 2 else escape(part)
                   for index, part in enumerate(parts))
    return re.sub(r"^(?=[-.])", r"\\", text)  # no list, no request of roff's


def literal(lines):
    return "\n".join(["```"] + lines + ["```"])


def name_styled(name):
    """--name VALUE: what is typed as it is stands out from what is replaced."""
    words = [part.split(" ", 1) for part in name.split(", ")]
    return ", ".join(" ".join([f"*{escape(word[0])}*"] + [f"_{escape(rest)}_" for rest in word[1:]])
                     for word in words)


class Pages:
    def __init__(self, options):
        self.header = header_module.read(options.header)
        self.program, self.option_list = options.program, options.options
        self.templates = {path.name.removesuffix(".scd.in"): path.read_text(encoding="utf-8")
                          for path in map(Path, options.templates)}
        self.templates = {name: text for name, text in self.templates.items()
                          if "@functions " not in text or self.functions_of(name)}
        self.helps = {}

    def help(self, command):
        if command not in self.helps:
            run = subprocess.run([self.program, command, "--help"], capture_output=True, text=True,
                                 check=True)
            self.helps[command] = help_text.read(run.stdout)
        return self.helps[command]

    def matching(self, patterns):
        return [function for function in self.header.functions
                if any(fnmatch.fnmatchcase(function.name, p) for p in patterns.split())]

    def functions_of(self, page):
        found = re.search(r"^@functions (.*)@$", self.templates[page], re.M)
        return self.matching(found.group(1)) if found else []

    # --- what the directives put in ---

    def put_usage(self, command):
        return prose(self.help(command).usage)

    def items(self, items):
        lines, group = [], None
        for item in items:
            if item.group and item.group not in (group, "Options"):
                lines.append(f"## {escape(item.group)}\n")
            group = item.group
            text = re.sub(r" ?(\([^()]*(?:\([^()]*\))?[^()]*\))$", r" \1", item.text)
            lines.append(f"{name_styled(item.name)}\n\t{prose(text)}\n")
        return "\n".join(lines)

    def put_options(self, command):
        return self.items(self.help(command).items)

    def put_words(self, command):
        return self.items(self.help(command).words)

    def keys(self, items):
        """Items whose names are `key = value`, by group."""
        lines, group = [], None
        for item in items:
            if item.group and item.group != group:
                lines.append(f"## {escape(item.group)}\n")
            group = item.group or group
            name, value = item.name.split(" = ", 1)
            lines.append(f"*{escape(name)}* = _{escape(value)}_\n\t{prose(item.text)}\n")
        return "\n".join(lines)

    def put_keys(self, command):
        keys = []
        for item in self.help(command).items:
            name, _, value = item.name.partition(" ")
            if name not in ("--config", "--check"):
                name = f"{name[2:]} = {value or 'yes|no'}"
                keys.append(help_text.Item(name, item.text, item.group))
        return self.keys(keys)

    def put_library_options(self, _):
        run = subprocess.run([self.option_list], capture_output=True, text=True, check=True)
        keys = []
        for line in run.stdout.rstrip("\n").split("\n"):
            name, shown, group, text, allowed, usual, restart, _ = line.split("\t")
            said = [part for part in [allowed.split(" (bytes")[0], usual and f"default {usual}",
                                      restart and "before the start"] if part]
            shown = shown or ("yes|no" if allowed == "yes or no" else "WORD")
            keys.append(help_text.Item(f"{name} = {shown}", f"{text} ({'; '.join(said)})", group))
        return self.keys(keys)

    def put_examples(self, command):
        return literal(self.help(command).examples)

    def put_synopsis(self, patterns):
        lines = ["*#include <fanfare.h>*\n"]
        lines += [f"*{escape(function.prototype)}*\n" for function in self.matching(patterns)]
        return "\n".join(lines)

    def comment_text(self, comment):
        """Paragraphs of a comment; what is indented in it, or drawn, as it stands."""
        blocks, kept = [], []
        for line in header_module.unframed(comment) + [""]:
            if " -> " in line:
                line = "  " + line
            indented = line.startswith("  ")
            if kept and (not line or indented != kept[0].startswith("  ")):
                blocks.append(literal([text[2:] for text in kept]) if kept[0].startswith("  ")
                              else prose(" ".join(kept)))
                kept = []
            if line:
                kept.append(line)
        return "\n\n".join(blocks)

    def put_functions(self, patterns):
        lines, comment = [], None
        functions = self.matching(patterns)
        for at, function in enumerate(functions):
            if function.comment == comment:
                continue
            comment = function.comment
            group = [f.name for f in functions[at:] if f.comment == comment]
            heading = ", ".join(escape(name) for name in group)
            lines.append(f"## {heading}\n\n{self.comment_text(comment)}\n")
        return "\n".join(lines)

    def put_declares(self, names):
        blocks = []
        for name in names.split():
            pattern = re.compile(rf"struct {name} \{{|#define {name}\b|enum \{{.*\b{name} =|"
                                 rf"typedef .*\b{name}\b", re.S)
            blocks += [text for _, text in self.header.pieces
                       if pattern.match(text) and text not in blocks]
        return literal("\n".join(blocks).split("\n")) if blocks else ""

    def put_overview(self, _):
        return self.comment_text(self.header.overview)

    def put_index(self, _):
        pages = {page: self.functions_of(page) for page in self.templates}
        first = {page: self.header.functions.index(functions[0])
                 for page, functions in pages.items() if functions}
        lines = []
        for page in sorted(first, key=first.get):
            names = ", ".join(escape(function.name) for function in pages[page])
            lines.append(f"*{escape(page[:-2])}*(3)\n\t{names}\n")
        return "\n".join(lines)

    def put_constants(self, prefix):
        lines = []
        for _, text in self.header.pieces:
            for name, comment in re.findall(rf"\b({prefix}\w+)\s*=[^,/}}]*,?\s*(/\*.*?\*/)?", text,
                                            re.S):
                said = "\t" + prose(header_module.plain(comment)) + "\n" if comment else ""
                lines.append(f"*{escape(name)}*\n{said}")
        return "\n".join(lines)

    def page(self, name):
        def put(match):
            function = getattr(self, "put_" + match.group(1), None)
            if not function:
                raise SystemExit(f"man/{name}.scd.in: there is no @{match.group(1)}@")
            return function(match.group(2) or "")
        body, _, others = self.templates[name].partition("# SEE ALSO\n")
        parts = DIRECTIVE.sub(put, body).split("```")
        parts[1::2] = [part.replace("\\", "\\\\") for part in parts[1::2]]
        return "```".join(parts) + "# SEE ALSO\n" + self.others(others)

    def others(self, text):
        """Without pages that are not made: of a program that is left out, say."""
        kept = [item for item in re.split(r",\s+", text.strip())
                if re.sub(r"\*(.+)\*\((\d)\)", r"\1.\2", item) in self.templates]
        return "\n" + ", ".join(kept) + "\n"

    def links(self):
        for page in self.templates:
            for function in self.functions_of(page):
                if function.name + ".3" != page:
                    yield function.name, page


def main():
    parser = argparse.ArgumentParser()
    for name in ["header", "version", "program", "options", "out"]:
        parser.add_argument("--" + name)
    parser.add_argument("--scdoc", default="scdoc")
    parser.add_argument("--links", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("templates", nargs="+")
    options = parser.parse_args()
    pages = Pages(options)
    if options.list:
        print(*pages.templates, sep="\n")
    if options.links:
        print(*(f"{function} {page}" for function, page in pages.links()), sep="\n")
    if options.list or options.links:
        return
    for name in pages.templates:
        text = pages.page(name).replace("@VERSION@", options.version)
        run = subprocess.run([options.scdoc], input=text, capture_output=True, text=True,
                             check=False)
        if run.returncode != 0:
            raise SystemExit(f"man/{name}.scd.in: {run.stderr}\n{text}")
        # Names are copied from here: none is to be broken in two.
        roff = re.sub(r"^(\.TH .*\n)", r"\1.nh\n.ad l\n", run.stdout, count=1, flags=re.M)
        Path(options.out, name).write_text(roff, encoding="utf-8")


main()
