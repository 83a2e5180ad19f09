# SPDX-License-Identifier: MIT
"""Turns a file into a C array: page.py INPUT OUTPUT. Run by net/meson.build."""
import sys

content = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "w") as out:
    out.write('#include "net/handlers/page_html.h"\n\nconst char page_html[] = {\n')
    for at in range(0, len(content), 20):
        out.write("".join("%d," % (b if b < 128 else b - 256) for b in content[at:at + 20]) + "\n")
    out.write("0};\nconst size_t page_html_len = sizeof(page_html) - 1;\n")
