#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes Rust's declarations out of fanfare.cdef, as bindgen would out of the header.

    declare.py /usr/share/fanfare/fanfare.cdef >fanfare_sys.rs
"""
import re
import sys
from pathlib import Path

TYPES = {"int": "c_int", "unsigned": "c_uint", "char": "c_char", "void": "c_void",
         "size_t": "usize", "int32_t": "i32", "uint32_t": "u32", "int64_t": "i64",
         "uint64_t": "u64"}
KEYWORDS = {"type", "ref", "match", "move", "in", "use"}


def rust_type(text):
    """`const char *const *` is *const *const c_char: from right to left."""
    base = re.sub(r"\b(const|struct)\b|\*", " ", text).strip()
    found = TYPES.get(base, base)
    pointed = re.split(r"\*", text)
    for each in pointed[:-1]:
        found = ("*const " if re.search(r"\bconst\b", each) else "*mut ") + found
    return found


def split(declaration):
    """The type and the name of `const char *name`."""
    kind, name = re.fullmatch(r"(.*?)(\w+)", declaration.strip(), re.S).groups()
    return rust_type(kind), name + "_" if name in KEYWORDS else name


def parameters(text):
    pairs = [] if text.strip() == "void" else map(split, text.split(","))
    return ", ".join(f"{name}: {kind}" for kind, name in pairs)


def declare(item):
    """One declaration of the cdef, its `;` left out."""
    if found := re.fullmatch(r"enum \{(.*)\}", item, re.S):
        for name, value in re.findall(r"(\w+)\s*=\s*(-?\w+)", found.group(1)):
            yield f"pub const {name}: c_int = {value};"
    elif found := re.fullmatch(r"struct (\w+)", item):
        yield f"#[repr(C)]\npub struct {found.group(1)} {{\n    _private: [u8; 0],\n}}"
    elif found := re.fullmatch(r"struct (\w+) \{(.*)\}", item, re.S):
        yield f"#[repr(C)]\n#[derive(Clone, Copy)]\npub struct {found.group(1)} {{"
        for member in found.group(2).strip().rstrip(";").split(";"):
            kind, name = split(member)
            yield f"    pub {name}: {kind},"
        yield "}"
    elif found := re.fullmatch(r"typedef (\w+) \(\*(\w+)\)\((.*)\)", item, re.S):
        kind, name, taken = found.groups()
        yield f"pub type {name} =\n    Option<unsafe extern \"C\" fn({parameters(taken)}) -> " \
              f"{TYPES[kind]}>;"
    elif found := re.fullmatch(r"(.*?)(\w+)\((.*)\)", item, re.S):
        kind, name, taken = found.groups()
        result = "" if kind.strip() == "void" else f" -> {rust_type(kind)}"
        yield f"extern \"C\" {{\n    pub fn {name}({parameters(taken)}){result};\n}}"
    else:
        raise SystemExit(f"what is this? {item}")


def main():
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    print("// Made by declare.py out of fanfare.cdef.\n#![allow(non_camel_case_types, dead_code)]\n"
          "use std::os::raw::{c_char, c_int, c_uint, c_void};\n")
    for item in re.findall(r"[^;{]+(?:\{[^}]*\})?[^;{]*(?=;)", text):
        if item.strip():
            print("\n".join(declare(re.sub(r"\s+", " ", item).strip())))


main()
