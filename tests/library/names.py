#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the libraries export, and what they ask of others.

    names.py HEADER MAP SHARED STATIC

Exported names = those of the map = those of the header; the same in the static library, which is
one object. Nothing is asked of a library that is not in NEEDED, and none of FORBIDDEN is called: a
library in somebody's process does not log, exit, read the environment or change what belongs to
the whole process.
"""
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))
import header as header_module  # pylint: disable=wrong-import-position

NEEDED = {"liburing", "libsodium", "libunistring", "libjansson", "libcrypto", "libcurl",
          "libllhttp", "libm", "libc", "ld-linux-x86-64", "ld-linux-aarch64"}
FORBIDDEN = set("""
    signal sigaction sigset sigignore sigprocmask bsd_signal
    getenv secure_getenv setenv putenv unsetenv clearenv setlocale uselocale
    exit _exit quick_exit atexit on_exit err errx warn warnx error perror
    printf vprintf puts putchar putchar_unlocked __printf_chk __vprintf_chk openlog syslog
    fork vfork system popen posix_spawn execve chdir fchdir umask setrlimit
    alarm setitimer dlopen rand srand strtok localtime gmtime ctime asctime
""".split())
# stdout and stderr are the host's, too; CHECK's last words go to the latter.
FORBIDDEN_DATA = {"stdout", "environ"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def symbols(path, *options):
    """(kind, name without version) of each."""
    found = []
    for line in output("nm", *options, path).split("\n"):
        parts = line.split()
        if len(parts) >= 2 and not line.endswith(":"):
            found.append((parts[-2], parts[-1].split("@")[0]))
    return found


def compare(what, names, wanted):
    for name in sorted(wanted - names):
        yield f"{what}: {name} is missing"
    for name in sorted(names - wanted):
        yield f"{what}: {name} is not in the header"


def faults(header_path, map_path, shared, static):
    wanted = {function.name for function in header_module.read(header_path).functions}
    text = re.sub(r"#.*", "", Path(map_path).read_text(encoding="utf-8"))
    mapped = re.findall(r"\b(fanfare_\w+);", text)
    yield from compare("the map", set(mapped), wanted)
    if len(mapped) != len(set(mapped)):
        yield "the map: a name stands there twice"
    if "*" in re.sub(r"local:\s*\*;", "", text):
        yield "the map: a wildcard exports what nobody has looked at"

    exported = {name for kind, name in symbols(shared, "-D", "--defined-only") if kind != "A"}
    yield from compare("the shared library", exported, wanted)
    dynamic = output("readelf", "-dW", shared)
    if "Library soname: [libfanfare.so.1]" not in dynamic:
        yield "the shared library: its soname is not libfanfare.so.1"
    for library in re.findall(r"Shared library: \[(.+?)\.so", dynamic):
        if library not in NEEDED:
            yield f"the shared library needs {library}"
    asked = {name for _, name in symbols(shared, "-D", "--undefined-only")}
    for name in sorted(asked & FORBIDDEN):
        yield f"the shared library calls {name}"
    for name in sorted({name for _, name in symbols(shared, "-D")} & FORBIDDEN_DATA):
        yield f"the shared library uses {name}"

    if len(output("ar", "t", static).split()) != 1:
        yield "the static library: it is not one object"
    given = {name for _, name in symbols(static, "-g", "--defined-only")}
    yield from compare("the static library", given, wanted)
    own = {"_GLOBAL_OFFSET_TABLE_", "__tls_get_addr"}
    needs = {name for kind, name in symbols(static, "-g", "--undefined-only") if kind == "U"}
    for name in sorted(needs - asked - own):
        yield f"the static library asks for {name}, the shared one does not"


def main(*paths):
    found = list(faults(*paths))
    print(*found, sep="\n")
    print(f"{len(found)} faults")
    return 1 if found else 0


sys.exit(main(*sys.argv[1:]))
