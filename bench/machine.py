# SPDX-License-Identifier: MIT
"""The machine sheet: what a reader needs to know to repeat a run or to distrust it."""
import os
import platform
import re
import subprocess
from pathlib import Path


def said(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        return done.stdout.strip().split("\n")[0]
    except (OSError, subprocess.TimeoutExpired):
        return ""


def read(path):
    try:
        return " ".join(Path(path).read_text().split())
    except OSError:
        return ""


def sheet():
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    names = ["tcp_mem", "tcp_wmem", "tcp_rmem", "tcp_congestion_control", "ip_local_port_range"]
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "virtual": "hypervisor" in Path("/proc/cpuinfo").read_text(),
        "memory_bytes": int(memory.group(1)) * 1024,
        "kernel": platform.release(),
        "compiler": said(["gcc", "--version"]),
        "libc": said(["ldd", "--version"]),
        "liburing": said(["pkg-config", "--modversion", "liburing"]),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not told",
        "somaxconn": read("/proc/sys/net/core/somaxconn"),
        "tcp": {name: read("/proc/sys/net/ipv4/" + name) for name in names},
    }


def commit(root):
    name = said(["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"])
    # What earlier runs have written, and tests, are not what is measured.
    written = [":!bench/results", ":!docs", ":!README.md", ":!tests"]
    changed = said(["git", "-C", str(root), "status", "--porcelain", "--untracked-files=no", "--",
                    ".", *written])
    return name + (" with changes" if changed else "")
