# SPDX-License-Identifier: MIT
"""What `fanfare COMMAND --help` prints, read back: it is made from the one table of options.

Groups end with a colon, an option stands in the left-hand column, and what it does from column 27
on; a long option has a line of its own (cmd/help.c).
"""
import re
from dataclasses import dataclass, field

LEFT = 27
ITEM = re.compile(r"  (?=\S)")
# True on the machine that printed it, and not on the reader's.
HERE = re.compile(r"(; )?default here \S+?(?=\))")


@dataclass
class Item:
    name: str   # "--listen ADDR:PORT", or a word of `fanfare ctl`
    text: str
    group: str


@dataclass
class Help:
    usage: str
    items: list = field(default_factory=list)  # options
    words: list = field(default_factory=list)  # what `fanfare ctl` can be asked for
    examples: list = field(default_factory=list)


def is_item(line):
    return ITEM.match(line) is not None


def join(name, text, group):
    text = HERE.sub("", " ".join(text.split())).replace(" ()", "")
    return Item(name.strip(), text, group)


def read_items(lines):
    items, group = [], ""
    for line in lines:
        if line and not line.startswith(" ") and line.endswith(":"):
            group = line[:-1]
        elif is_item(line):
            # Either the text begins in its column, or the whole line is the name.
            inline = len(line) > LEFT and line[LEFT - 1] == " " and line[LEFT] != " "
            items.append([line[:LEFT], line[LEFT:], group] if inline else [line, "", group])
        elif line.startswith(" " * (LEFT - 1)) and items:
            items[-1][1] += " " + line.strip()
    return [join(*item) for item in items]


def read(text):
    """`text`: the whole of --help."""
    lines = text.split("\n")
    examples = lines.index("Examples:")
    end = next(i for i, line in enumerate(lines) if line.startswith("  -h, --help"))
    begin = next(i for i, line in enumerate(lines) if i > 0 and line.endswith(":")
                 and is_item(lines[i + 1]) and lines[i + 1].lstrip().startswith("-"))
    while lines[begin - 1]:
        begin -= 1
    help_text = Help(re.sub(r"^Usage: ", "", lines[0]))
    help_text.words = read_items(lines[1:begin])
    help_text.items = read_items(lines[begin:end])
    help_text.examples = [line[2:] for line in lines[examples + 1:] if line]
    if not help_text.items:
        raise SystemExit("the help has no options; is its form another one? (man/help_text.py)")
    return help_text
