# SPDX-License-Identifier: MIT
"""include/fanfare.h as a machine sees it: functions with their comments, structs, constants.

Read by what is made from the header (cdef.py, man/page.py) and by the tests that hold the header
against the library. It relies on the header's own form, and says so where it does not find it: a
comment above declarations belongs to all of them up to the next comment; one behind a member or a
constant, on the same line, belongs to that alone. It is no C parser.
"""
import re
from dataclasses import dataclass, field
from pathlib import Path

SECTION = re.compile(r"/\* --- (.+?) -+ \*/")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
FUNCTION = re.compile(r"\b(fanfare_\w+)\s*\((?!\*)")
ANNOTATION = re.compile(r"\bFANFARE_(?:API|MUST_USE)\b\s*")


@dataclass
class Function:
    name: str
    prototype: str  # as in the header, without what is for compilers
    comment: str    # of all that it stands above, with its frame
    section: str


@dataclass
class Header:
    text: str
    overview: str = ""  # the head comment below the licence's line, with its frame
    functions: list = field(default_factory=list)
    structs: dict = field(default_factory=dict)    # name -> members, of those with a body
    constants: dict = field(default_factory=dict)  # name -> expression; of enums, too
    pieces: list = field(default_factory=list)     # (section, text) of each declaration, in order

    def function(self, name):
        return next((function for function in self.functions if function.name == name), None)


def unframed(comment):
    """A comment's lines, without what makes it one."""
    text = re.sub(r"^/\*[ \n]?|\s*\*/$", "", comment)
    return [re.sub(r"^[ \t]*\* ?|^ \* ?|^   ?(?=\S)", "", line).rstrip()
            for line in text.split("\n")]


def plain(comment):
    """Its words alone."""
    return " ".join(" ".join(unframed(comment)).split())


def bare(text):
    """C without comments."""
    return COMMENT.sub(" ", text)


def split_lines(text):
    """The header between its guards, as (kind, text): comment, define, directive, declaration."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text.startswith("/*", at):
            end = text.index("*/", at) + 2
            yield "comment", text[at:end]
            at = end
        elif text[at] == "#":
            end = re.compile(r"(?<!\\)\n").search(text, at).end()
            # A comment that begins on the line of a constant belongs to it, however long it is.
            opened = text.find("/*", at, end)
            if opened >= 0:
                end = text.index("*/", opened) + 2
            yield "directive", text[at:end].rstrip()
            at = end
        elif text.startswith(('extern "C" {', "}"), at):
            at = text.index("\n", at) + 1
        else:
            end, depth = at, 0
            while depth > 0 or text[end] != ";":
                if text.startswith("/*", end):
                    end = text.index("*/", end) + 2
                    continue
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
            yield "declaration", text[at:end + 1]
            at = end + 1


def read_members(body):
    members = []
    for declaration in bare(body).split(";"):
        if declaration.strip():
            members.append(re.search(r"(\w+)\s*$", declaration).group(1))
    return members


def read_enum(header, body):
    last = -1
    for item in bare(body).split(","):
        if item.strip():
            name, _, value = (part.strip() for part in item.partition("="))
            last = int(value, 0) if value else last + 1
            header.constants[name] = str(last)


def read_declaration(header, section, comment, text):
    header.pieces.append((section, text))
    code = bare(text)
    if "{" in code:
        kind, name = re.match(r"\s*(struct|enum)\s*(\w*)", code).groups()
        body = text[text.index("{") + 1:text.rindex("}")]
        if kind == "struct":
            header.structs[name] = read_members(body)
        else:
            read_enum(header, body)
    elif "FANFARE_API" in code:
        name = FUNCTION.search(code).group(1)
        lines = ANNOTATION.sub("", code).strip().split("\n")
        prototype = " ".join(line.strip() for line in lines)
        header.functions.append(Function(name, prototype, comment, section))


def read(path):
    header = Header(Path(path).read_text(encoding="utf-8"))
    header.overview = COMMENT.findall(header.text)[1]
    section = comment = ""
    for kind, text in split_lines(header.text):
        if kind == "comment":
            found = SECTION.fullmatch(text)
            section, comment = (found.group(1), "") if found else (section, text)
        elif kind == "declaration":
            read_declaration(header, section, comment, text)
        else:
            found = re.match(r"#define (FANFARE_\w+)[ \t]+(.+)", bare(text).rstrip())
            if found and "__attribute__" not in text:
                header.constants[found.group(1)] = found.group(2).strip()
                header.pieces.append((section, text))
    if not header.functions:
        raise SystemExit(f"{path}: no function was found; is its form another one?")
    return header
