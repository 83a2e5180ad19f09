#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which room may know which: the includes as a graph, and the table they are held against.

    rooms.py ROOT [--graph | --dot]   prints the modules and whom each knows, by room; --dot for
                                      graphviz: rooms.py . --dot | dot -Tsvg >rooms.svg

A room is a folder; docs/architecture.md ("Where does X belong") says what each is for. A module is
a .c and its header. Checked, as a part of tidy.py:
  - a module includes only what its room may (EDGES), and a foreign library only in its room;
  - `fanfare serve` knows the engine by the public header alone (EMBEDDERS);
  - the modules make no circle, but for the few in engine/worker that ARGUED names edge by edge;
  - the graph says the truth: in engine and net each .c has its header, a header declares only what
    its own .c defines, and no .c declares what another one defines.
"""
import re
import sys
from pathlib import Path

PROGRAM = ["include", "lib", "cmd", "net", "engine", "examples"]

# Whom a room may include beside itself. `net` and `engine` alone mean their own files.
HTTP_ROOMS = {"net/access", "net/http", "net/feed", "net", "engine/hub", "engine", "engine/base"}
EDGES = {
    "include": set(),
    "examples": {"include"},
    # net/access: it makes and explains tokens.
    # lib: what reads options, for its own commands, too.
    "cmd": {"include", "lib", "net", "net/access", "engine", "engine/base"},
    # net/feed: events as text, published by a call.
    "lib": {"include", "net", "net/feed", "net/handlers", "net/access", "engine/hub", "engine",
            "engine/base"},
    "net/handlers": HTTP_ROOMS,
    "net/mercure": HTTP_ROOMS,
    "net/cluster": HTTP_ROOMS,
    "net/feed": {"net", "engine/hub", "engine", "engine/base"},
    "net": {"net/http", "net/access", "net/hook", "net/fetch", "engine/hub", "engine",
            "engine/base"},
    "net/hook": {"net/http", "engine", "engine/base"},
    "net/fetch": {"engine/base"},
    "net/access": {"engine/base"},
    "net/http": {"engine", "engine/base"},
    # The engine's face, the one module of its folder that knows the workers: a room of its own, so
    # that nothing below it can include it.
    "engine/hub": {"engine/worker", "engine", "engine/io", "engine/base"},
    "engine/worker": {"engine", "engine/io", "engine/base"},
    "engine": {"engine/io", "engine/base"},
    "engine/io": {"engine/base"},
    "engine/base": set(),
}
# `fanfare serve` embeds the library as any program does: beside what reads options these modules
# know its header and their own room, which is the proof that nothing is missing there.
EMBEDDERS = {"cmd/announce", "cmd/hand", "cmd/reload", "cmd/reload_compare", "cmd/serve",
             "cmd/watch"}
EMBEDDERS_KNOW = re.compile(r"cmd/|fanfare\.h$")
# Headers of numbers and names alone, which know nobody: where they lie is for who looks for them.
LEAVES = {
    "engine/limits": "engine/base",    # all maxima in one file, whoever has to keep them
    "engine/mutation": "engine/base",  # faults made on purpose, switched on by name
}

# The one room that names a foreign library, by the beginning of its headers' names; two need a
# reason.
FOREIGN = {
    # cmd's pub and sub are clients of any server, one request after the other; net/fetch is how a
    # server asks others, many at once and without waiting.
    "curl/": {"cmd", "net/fetch"},
    # examples: guests of other people's programs, which know the library as those do.
    "event2/": {"examples"},
    "fanfare.h": {"examples"},
    "h2o": {"examples"},
    "hiredis": {"net/cluster"},
    # cmd reads what a server answered; handlers read bodies and write /stats; tokens are JSON.
    "jansson.h": {"cmd", "net/handlers", "net/access"},
    "liburing": {"engine/io"},
    "llhttp.h": {"net/http"},
    "microhttpd.h": {"examples"},
    "openssl/": {"net/access"},
    # net/access: it checks Ed25519 in half of OpenSSL's time.
    "sodium": {"engine/base", "net/access"},
    "systemd/": {"cmd"},
    "unistr.h": {"engine"},  # a frame is what has to be UTF-8
}
# What the C library and the kernel bring.
SYSTEM = re.compile(
    r"(sys|netinet|arpa|net|linux|asm|bits)/|"
    r"(assert|complex|ctype|dirent|dlfcn|elf|endian|errno|fcntl|float|fnmatch|getopt|glob|grp|"
    r"ifaddrs|inttypes|langinfo|libgen|limits|link|locale|malloc|math|netdb|poll|pthread|pwd|"
    r"regex|sched|search|semaphore|setjmp|signal|spawn|std\w+|strings?|syscall|syslog|termios|"
    r"threads|time|uchar|ucontext|unistd|wchar|wctype)\.h$")

CHECKED_BODIES = {"engine", "net", "lib"}  # where each .c has its header, and they agree
# engine/worker may have one circle, of at most so many modules, each edge in it with its reason.
CIRCLE_ROOM, CIRCLE_MOST = "engine/worker", 4
ARGUED = {}  # (module, module it knows): sentence

KEYWORDS = {"return", "else", "goto", "case", "typedef", "sizeof", "static_assert", "do"}
PROTOTYPE = re.compile(r"^(?!static\b|extern\b|typedef\b|#)[A-Za-z_][\w \t*]*?[ *](\w+)\s*"
                       r"\([^;{}]*\)[\w\s(),]*;", re.M)


def includes(file):
    for number, line in enumerate(file.lines, 1):
        found = re.match(r'#\s*include\s+"([^"]+)"', line)
        if found:
            yield number, found.group(1)


def foreign(file):
    for number, line in enumerate(file.lines, 1):
        found = re.match(r"#\s*include\s+<([^>]+)>", line)
        if found and not SYSTEM.match(found.group(1)):
            yield number, found.group(1)


def module_of(name):
    return name.rsplit(".", 1)[0]


def room_of(module):
    if module in EDGES:
        return module
    folder = LEAVES.get(module, module.rsplit("/", 1)[0])
    while folder not in EDGES and "/" in folder:
        folder = folder.rsplit("/", 1)[0]
    return folder


def prototypes(code):
    """(line, name) of what is declared at the left margin and not defined there."""
    for found in PROTOTYPE.finditer(code):
        if found.group(0).split()[0] not in KEYWORDS:
            yield code.count("\n", 0, found.start(1)) + 1, found.group(1)


def defines(code, name):
    body = r"^(?!static\b)[A-Za-z_][\w \t*]*[ *]" + name + r"\s*\([^;{}]*\)\s*\{"
    return re.search(body, code, re.M)


class House:
    """The program's files, and whom each module knows: {module: {module: (file, line)}}."""

    def __init__(self, files):
        self.files = [file for file in files
                      if file.path.suffix in {".c", ".h"} and file.path.parts[0] in PROGRAM]
        self.code = {file.name: "\n".join(file.code) for file in self.files}
        self.graph = {}
        for file in self.files:
            module = module_of(file.name)
            known = self.graph.setdefault(module, {})
            for number, name in includes(file):
                if module_of(name) != module:
                    known.setdefault(module_of(name), (file.name, number))

    def circles(self):
        """The sets of modules that all reach each other (Tarjan), of two or more."""
        index, low, stack, found = {}, {}, [], []

        def visit(module):
            index[module] = low[module] = len(index)
            stack.append(module)
            for other in sorted(self.graph.get(module, {})):
                if other not in index:
                    visit(other)
                    low[module] = min(low[module], low[other])
                elif other in stack:
                    low[module] = min(low[module], index[other])
            if low[module] == index[module]:
                at = stack.index(module)
                if len(stack) - at > 1:
                    found.append(set(stack[at:]))
                del stack[at:]

        for module in sorted(self.graph):
            if module not in index:
                visit(module)
        return found


def rooms_edges(house):
    for module, others in sorted(house.graph.items()):
        for other, (file, number) in sorted(others.items()):
            if other.split("/")[0] not in PROGRAM:
                if "/" in other:
                    yield file, number, f"the program must not include {other}"
                continue
            room, far = room_of(module), room_of(other)
            if room != far and far not in EDGES.get(room, set()):
                yield file, number, f"{room} must not include {far} ({other}): see EDGES"


def rooms_foreign(house):
    for file in house.files:
        module = module_of(file.name)
        for number, name in foreign(file):
            rooms = [rooms for begin, rooms in FOREIGN.items() if name.startswith(begin)]
            if not rooms:
                yield file.name, number, f"<{name}> is of no library in FOREIGN: say which room's"
            elif room_of(module) not in rooms[0]:
                yield file.name, number, f"<{name}> belongs to {', '.join(sorted(rooms[0]))} alone"


def rooms_circles(house, argued=None):
    argued = ARGUED if argued is None else argued
    used = set()
    for circle in house.circles():
        file = next(name for name in house.code if module_of(name) in circle)
        inside = all(room_of(module) == CIRCLE_ROOM for module in circle)
        edges = {(module, other) for module in circle for other in house.graph[module]
                 if other in circle}
        used |= edges
        if not inside or len(circle) > CIRCLE_MOST:
            yield file, 1, f"a circle: {' '.join(sorted(circle))}"
            continue
        for module, other in sorted(edges - set(argued)):
            file, number = house.graph[module][other]
            yield file, number, f"in a circle with {other}: give the reason in ARGUED"
    for row in sorted(set(argued) - used):
        yield "tests/tidy/rooms.py", 1, f"ARGUED need not hold {row}: there is no such circle"
    if len({module for edge in argued for module in edge}) > CIRCLE_MOST:
        yield "tests/tidy/rooms.py", 1, f"ARGUED names more than {CIRCLE_MOST} modules"


# What lib's bodies and tables have for a header: the public one, and that of all options.
LIB_HEADERS = ("fanfare.h", "lib/instance.h", "lib/options.h")


def rooms_headers(house):
    for file in house.files:
        if file.path.suffix == ".c" and file.path.parts[0] in CHECKED_BODIES:
            module = module_of(file.name)
            common = room_of(module) == "lib" and any(
                name in LIB_HEADERS for number, name in includes(file))
            if module + ".h" not in house.code and not common:
                yield file.name, 1, "no header of the same name"


def rooms_declarations(house):
    for file in house.files:
        module = module_of(file.name)
        if file.path.parts[0] not in CHECKED_BODIES:
            continue
        own = house.code.get(module + ".c", "")
        for number, name in prototypes(house.code[file.name]):
            if not defines(own, name):
                yield file.name, number, f"{name}() is declared here and not defined in {module}.c"


def rooms_embedders(house):
    for module in sorted(EMBEDDERS & set(house.graph)):
        for other, (file, number) in sorted(house.graph[module].items()):
            if not EMBEDDERS_KNOW.match(other + ".h"):
                yield file, number, f"{module} embeds the library by fanfare.h alone, not {other}"


CHECKS = [rooms_edges, rooms_embedders, rooms_foreign, rooms_circles, rooms_headers,
          rooms_declarations]


def check(files):
    house = House(files)
    for rule in CHECKS:
        yield from rule(house)


# --- the rules must see what is wrong ---------------------------------------------------------

def pair(name, header="", source=""):
    return [(name + ".h", header), (name + ".c", f'#include "{name}.h"\n' + source)]


BROKEN = {
    rooms_edges: [
        pair("engine/a", '#include "net/server.h"\n'),
        pair("engine/a", source='#include "engine/worker/worker.h"\n'),
        pair("engine/io/a", '#include "engine/hub.h"\n'),
        pair("net/a", '#include "net/handlers/a.h"\n'),
        pair("net/http/a", '#include "net/a.h"\n'),
        pair("net/a", '#include "engine/worker/worker.h"\n'),
        pair("net/a", '#include "cmd/log.h"\n'),
        pair("cmd/a", '#include "tests/e2e/check.h"\n'),
        pair("cmd/a", '#include "net/handlers/parts.h"\n'),
        pair("examples/a", '#include "net/server.h"\n'),
    ],
    rooms_embedders: [
        pair("cmd/serve", '#include "engine/hub.h"\n'),
        pair("cmd/watch", source='#include "lib/access_log.h"\n'),
    ],
    rooms_foreign: [
        pair("engine/a", source="#include <liburing.h>\n"),
        pair("net/a", source="#include <openssl/evp.h>\n"),
        pair("net/handlers/a", source="#include <zlib.h>\n"),
    ],
    rooms_circles: [
        pair("net/a", '#include "net/b.h"\n') + pair("net/b", source='#include "net/a.h"\n'),
        pair("engine/a", '#include "engine/b.h"\n') + pair("engine/b", '#include "engine/c.h"\n')
        + pair("engine/c", source='#include "engine/a.h"\n'),
        pair("engine/worker/a", '#include "engine/worker/b.h"\n')
        + pair("engine/worker/b", source='#include "engine/worker/a.h"\n'),
    ],
    rooms_headers: [[("engine/a.c", "")], [("net/feed/a.c", '#include "net/feed/b.h"\n')]],
    rooms_declarations: [
        pair("net/a", "int a_read(void);\nint b_read(struct a *a,\n           int fd);\n",
             "int a_read(void)\n{\n}\n"),
        pair("net/a", source="int b_read(int fd);\n"),
        [("net/a.h", "struct a *a_new(const char *name);\n")],
    ],
}
SOUND = (
    pair("engine/worker/a", '#include "engine/worker/b.h"\n\nstruct b *a_of(struct b *b);\n'
         "static inline int a_two(void)\n{\n    return a_one(1);\n}\n",
         '#include <sys/epoll.h>\n#include <string.h>\n#include "engine/io/io.h"\n'
         '#include "engine/limits.h"\nstatic int near(int a);\n'
         "struct b *a_of(struct b *b)\n{\n    near(1);\n}\nstatic int near(int a)\n{\n}\n")
    + pair("engine/worker/b", source='#include "engine/worker/a.h"\n')
    + pair("engine/io/a", source='#include <liburing.h>\n#include "engine/limits.h"\n')
)
SOUND_ARGUED = {(f"engine/worker/{one}", f"engine/worker/{two}"): "a reason"
                for one, two in ["ab", "ba"]}


def self_test(make):
    """`make` turns (name, text) into a file."""
    def seen(rule, texts, *more):
        return list(rule(House([make(name, text) for name, text in texts]), *more))

    for rule in CHECKS:
        for texts in BROKEN[rule]:
            if not seen(rule, texts, *([{}] if rule is rooms_circles else [])):
                yield f"{rule.__name__} does not see what is wrong with {texts}"
        more = [SOUND_ARGUED] if rule is rooms_circles else []
        for fault in seen(rule, SOUND, *more):
            yield f"{rule.__name__} complains about sound files: {fault}"


def show(house, dot):
    rooms = {}
    for module in house.graph:
        rooms.setdefault(room_of(module), []).append(module)
    if dot:
        print("digraph rooms {\n  rankdir=LR; node [shape=box];")
    for room, modules in sorted(rooms.items()):
        print(f'  subgraph "cluster_{room}" {{ label="{room}";' if dot else f"{room}/")
        for module in sorted(modules):
            others = " ".join(sorted(house.graph[module]))
            print(f'    "{module}";' if dot else f"  {module} -> {others or '-'}")
        if dot:
            print("  }")
    if dot:
        for module, others in sorted(house.graph.items()):
            for other in sorted(others):
                print(f'  "{module}" -> "{other}";')
        print("}")
    for circle in house.circles():
        print(f"{'// ' if dot else ''}circle of {len(circle)}: {' '.join(sorted(circle))}")


if __name__ == "__main__":
    import tidy
    show(House(tidy.project(Path(sys.argv[1]))), "--dot" in sys.argv[2:])
