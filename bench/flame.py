#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A flame graph of what `perf script` prints.

    perf script | flame.py --title TITLE [--note TEXT] [--top N] [FILE.svg]
    flame.py --self-test   exit status 1 if the folding or the drawing is wrong

Each box is a function; what stands on it was called by it, and its width is its share of the
samples. Siblings are sorted by name, so that two graphs can be laid side by side. A click widens a
box to the whole width, a click on the lowest box goes back; without a script engine (an image in a
page) the graph is the same, and a box still says its name and share when pointed at.
"""
import argparse
import re
import sys
import xml.etree.ElementTree
from html import escape
from pathlib import Path

WIDTH = 1200
MARGIN = 12
HEAD = 78
FOOT = 14
ROW = 18
FONT = 11
GLYPH = 0.612 * FONT  # the advance of common monospace fonts is 0.60 to 0.61 of their size
NARROWEST = 0.25  # pixels; narrower boxes are left out, with all that stands on them

SAMPLE_HEAD = re.compile(r"(?P<comm>\S.*?)\s+(?P<tid>-?\d+(?:/-?\d+)?)\s+"
                         r"(?:\[\d+\]\s+)?(?:[\d.]+:\s+)?(?:\d+\s+)?[\w./-]+(?::\S*)?:\s*$")
FRAME = re.compile(r"\s+(?P<address>[0-9a-f]+) (?P<name>.*?)(?:\+0x[0-9a-f]+)?"
                   r" \((?P<object>\S+(?: \(deleted\))?)\)\s*$")
# What compilers append to the names of the parts and copies that they make of a function.
COPY = re.compile(r"(?:\.(?:isra|part|constprop|cold|lto_priv|llvm)(?:\.\d+)*)+$")
KERNEL_FROM = 1 << 63  # the upper half of the address space


class Node:
    """One box: how many samples were in it, and what it called, by (name, is kernel)."""

    def __init__(self, name, kernel):
        self.name = name
        self.kernel = kernel
        self.samples = 0
        self.called = {}

    def enter(self, key):
        if key not in self.called:
            self.called[key] = Node(*key)
        return self.called[key]

    def depth(self):
        return 1 + max((node.depth() for node in self.called.values()), default=0)


def read_frame(line):
    """(name, is kernel) of one line of a stack, or None if it names nothing."""
    found = FRAME.match(line)
    if not found:
        return None
    address = int(found["address"], 16)
    name, owner = found["name"], found["object"].removesuffix(" (deleted)")
    if name == "[unknown]":
        if address == 0 or owner == "[unknown]":
            return ("[unknown]", address >= KERNEL_FROM) if address else None
        name = "[" + owner.strip("[]").split("/")[-1] + "]"
    return COPY.sub("", name), address >= KERNEL_FROM


def read_stacks(lines):
    """Yields each sample as (program, [frame, ...]), outermost frame first."""
    program, frames = None, []
    for line in lines:
        line = line.rstrip("\n")
        if line.startswith("#"):
            continue
        if line and not line[0].isspace():
            if program is not None:
                yield program, frames[::-1]
            found = SAMPLE_HEAD.match(line)
            program, frames = found["comm"] if found else None, []
        elif program is not None and line.strip():
            frame = read_frame(line)
            if frame:
                frames.append(frame)
    if program is not None:
        yield program, frames[::-1]


def fold(stacks):
    """(root of the tree, {frame: [samples in itself, samples with all it called]})."""
    root, shares = Node("all", False), {}
    for program, frames in stacks:
        node = root
        node.samples += 1
        for key in [(program, False)] + frames:
            node = node.enter(key)
            node.samples += 1
        for key in set(frames):  # a function that calls itself counts once
            shares.setdefault(key, [0, 0])[1] += 1
        if frames:
            shares[frames[-1]][0] += 1
    return root, shares


def kernel_samples(shares):
    return sum(own for (_, kernel), (own, _) in shares.items() if kernel)


def percent(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "0.0 %"


# --- text -----------------------------------------------------------------------------------------


def table(shares, samples, count):
    """The functions with the largest share of their own, then those with the largest in all."""
    lines = []
    for index, heading in enumerate(["in the function itself", "in it and in what it called"]):
        ranked = sorted(shares.items(), key=lambda item: (-item[1][index], item[0]))
        lines.append(f"   self  total           function, by samples {heading}")
        for (name, kernel), (own, total) in ranked[:count]:
            if (own, total)[index]:
                lines.append(f"{100 * own / samples:6.1f}% {100 * total / samples:5.1f}%  "
                             f"{'kernel' if kernel else 'user':<6}  {name}")
        lines.append("")
    return "\n".join(lines[:-1])


# --- drawing --------------------------------------------------------------------------------------

STYLE = """
text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1d1d1b; }
.head { font-family: "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
.box rect { stroke: #fffdf8; stroke-width: 1; rx: 2; }
.box { cursor: pointer; }
.box:hover rect { stroke: #1d1d1b; }
.below rect { opacity: 0.45; }
"""

# Boxes hold their place in samples: data-x, data-n. Zooming maps [x, x + n) to the whole width.
SCRIPT = """
const boxes = [...document.querySelectorAll(".box")];
const wide = %(wide)f, margin = %(margin)f, glyph = %(glyph)f;
function zoom(at) {
  const x0 = +at.dataset.x, n0 = +at.dataset.n, scale = wide / n0;
  for (const box of boxes) {
    const x = +box.dataset.x, n = +box.dataset.n;
    const inside = x >= x0 && x + n <= x0 + n0;
    const around = x <= x0 && x + n >= x0 + n0;
    box.style.display = inside || around ? "" : "none";
    if (!inside && !around) continue;
    const left = margin + (Math.max(x, x0) - x0) * scale, width = Math.min(n, n0) * scale;
    const rect = box.querySelector("rect"), text = box.querySelector("text");
    box.classList.toggle("below", around && n > n0);
    rect.setAttribute("x", left);
    rect.setAttribute("width", width);
    const room = Math.floor((width - 7) / glyph), name = box.dataset.name;
    text.setAttribute("x", left + 4);
    text.textContent =
      room < 3 ? "" : name.length <= room ? name : name.slice(0, room - 1) + "\\u2026";
  }
}
for (const box of boxes) box.addEventListener("click", () => zoom(box));
"""


def colour(name, kernel):
    """One of the shades of its family; the same name always has the same."""
    shade = sum((index + 1) * ord(letter) for index, letter in enumerate(name)) % 97 / 96
    if kernel:
        return f"hsl({204 + 18 * shade:.0f} {48 + 14 * shade:.0f}% {72 + 8 * (1 - shade):.0f}%)"
    return f"hsl({26 + 18 * shade:.0f} {86 + 8 * shade:.0f}% {66 + 7 * (1 - shade):.0f}%)"


def clipped(name, width):
    room = int((width - 7) / GLYPH)
    if room < 3:
        return ""
    return name if len(name) <= room else name[:room - 1] + "…"


def boxes(node, left, level, total, bottom):
    scale = (WIDTH - 2 * MARGIN) / total
    width = node.samples * scale
    if width < NARROWEST:
        return
    x, y = MARGIN + left * scale, bottom - (level + 1) * ROW
    fill = "#e4e0d6" if level < 2 else colour(node.name, node.kernel)
    side = "" if level < 2 else ", kernel" if node.kernel else ", user"
    tip = f"{node.name}{side}: {node.samples:,} samples, {percent(node.samples, total)}"
    yield (f'<g class="box" data-x="{left}" data-n="{node.samples}" '
           f'data-name="{escape(node.name)}"><title>{escape(tip)}</title>'
           f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{ROW - 1}" fill="{fill}"/>'
           f'<text x="{x + 4:.2f}" y="{y + 13}" font-size="{FONT}">'
           f'{escape(clipped(node.name, width))}</text></g>')
    for key in sorted(node.called):
        called = node.called[key]
        yield from boxes(called, left, level + 1, total, bottom)
        left += called.samples


def legend(shares, samples):
    """Two swatches, right aligned, with the share of each family."""
    kernel = kernel_samples(shares)
    user = sum(own for own, _ in shares.values()) - kernel
    x = WIDTH - MARGIN - 262
    for name, fill, share in [("user", "hsl(35 90% 68%)", user),
                              ("kernel", "hsl(212 55% 76%)", kernel)]:
        yield (f'<rect x="{x}" y="22" width="14" height="14" rx="2" fill="{fill}"/>'
               f'<text class="head" x="{x + 20}" y="34" font-size="13">'
               f'{name} {percent(share, samples)}</text>')
        x += 137


def draw(root, shares, title, note):
    samples = root.samples
    shown = root.depth()
    height = HEAD + shown * ROW + FOOT
    line = f"{samples:,} samples" + (f"; {note}" if note else "")
    script = SCRIPT % {"wide": WIDTH - 2 * MARGIN, "margin": MARGIN, "glyph": GLYPH}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}">',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fffdf8"/>',
        f'<text class="head" x="{MARGIN}" y="34" font-size="19" font-weight="bold">'
        f'{escape(title)}</text>',
        f'<text class="head" x="{MARGIN}" y="57" font-size="13" fill-opacity="0.75">'
        f'{escape(line)}</text>',
        *legend(shares, samples),
        *boxes(root, 0, 0, samples, height - FOOT),
        f"<script><![CDATA[{script}]]></script>", "</svg>"]
    return "\n".join(parts) + "\n"


# --- self-test ------------------------------------------------------------------------------------

SAMPLE = """\
fanfare  4789   877.481974:    1001001 cpu-clock:
\tffffffff8200ddd4 tcp_sendmsg_locked+0xc24 ([kernel.kallsyms])
\tffffffff821ecc51 do_syscall_64+0x71 ([kernel.kallsyms])
\t            2b95 [unknown] (/usr/lib/x86_64-linux-gnu/liburing.so.2.3)
\t           22eef worker_flush+0x2f (/home/user/fanfare/build/fanfare)
\t           25cbd worker_main.constprop.0+0x8d (/home/user/fanfare/build/fanfare)

fanfare  4789   877.482971:    1001001 cpu-clock:
\tffffffff816abff0 __check_object_size+0x0 ([kernel.kallsyms])
\tffffffff821ecc51 do_syscall_64+0x91 ([kernel.kallsyms])
\t            2b95 [unknown] (/usr/lib/x86_64-linux-gnu/liburing.so.2.3)
\t           22ef1 worker_flush+0x31 (/home/user/fanfare/build/fanfare)
\t           25cbd worker_main+0x8d (/home/user/fanfare/build/fanfare)

io worker  4790/4791 [001]   877.483:    1001001 cycles:u:
\t           1b74f again<int>(char const*)+0x2f (/home/user/fanfare/build/fanfare (deleted))
\t           1b74f again<int>(char const*)+0x9f (/home/user/fanfare/build/fanfare)
\t               0 [unknown] ([unknown])
"""


def self_test():
    """Yields a sentence for each thing that is wrong."""
    stacks = list(read_stacks(SAMPLE.splitlines(keepends=True)))
    expected = [("worker_main", False), ("worker_flush", False), ("[liburing.so.2.3]", False),
                ("do_syscall_64", True), ("tcp_sendmsg_locked", True)]
    if [program for program, _ in stacks] != ["fanfare", "fanfare", "io worker"]:
        yield f"the samples are not told apart: {stacks}"
        return
    if stacks[0][1] != expected:
        yield f"a stack is read wrongly: {stacks[0][1]}"
    root, shares = fold(stacks)
    again = ("again<int>(char const*)", False)
    if shares.get(again) != [1, 1]:
        yield f"a function that calls itself does not count once: {shares.get(again)}"
    if shares.get(("do_syscall_64", True)) != [0, 2]:
        yield "calls through the same function from the same stack are not folded"
    if root.samples != 3 or root.depth() != 7 or kernel_samples(shares) != 2:
        yield "the tree has the wrong size"
    text = table(shares, root.samples, 4)
    if "  66.7%  user    worker_flush" not in text:
        yield f"the table does not show the share of worker_flush:\n{text}"
    if len(text.splitlines()) != 10:
        yield f"the table does not have parts of three and four functions:\n{text}"
    svg = draw(root, shares, "A <title> & more", "a note")
    try:
        xml.etree.ElementTree.fromstring(svg)
    except xml.etree.ElementTree.ParseError as error:
        yield f"the graph is not XML: {error}"
    if svg.count('class="box"') != 11:
        yield f"the graph does not have 11 boxes:\n{svg}"
    if "do_syscall_64, kernel: 2 samples, 66.7 %" not in svg:
        yield "a box does not say its function, samples and share"
    if colour("f", True) == colour("f", False):
        yield "kernel and user have the same colour"
    if clipped("a_long_name", 60) != "a_long…" or clipped("a", 60) != "a":
        yield f"names are not clipped to their box: {clipped('a_long_name', 60)}"
    if list(read_stacks(["no sample\n"])):
        yield "a line that is no sample is taken for one"


def main():
    parser = argparse.ArgumentParser(description="A flame graph of what `perf script` prints.")
    parser.add_argument("svg", nargs="?", metavar="FILE.svg", help="write the graph here")
    parser.add_argument("--title", default="Flame graph", help="the graph's heading")
    parser.add_argument("--note", default="", help="what else its second line says")
    parser.add_argument("--top", type=int, default=0, metavar="N",
                        help="print the N functions with the largest shares")
    parser.add_argument("--self-test", action="store_true", help="check this program itself")
    arguments = parser.parse_args()
    if arguments.self_test:
        faults = list(self_test())
        for sentence in faults:
            print(f"flame.py: {sentence}")
        return 1 if faults else 0
    # Names of functions are bytes; one odd name must not lose the graph.
    sys.stdin.reconfigure(errors="replace")
    root, shares = fold(read_stacks(sys.stdin))
    if not root.samples:
        print("flame.py: there is no sample on standard input", file=sys.stderr)
        return 1
    if arguments.top > 0:
        print(table(shares, root.samples, arguments.top))
    if arguments.svg:
        Path(arguments.svg).write_text(
            draw(root, shares, arguments.title, arguments.note), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
