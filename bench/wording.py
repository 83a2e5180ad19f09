# SPDX-License-Identifier: MIT
"""How bench/report.py writes numbers and names: for people, with three digits and their unit.

None, which is what was not measured, becomes an en dash everywhere.
"""
import math
import statistics

NONE = "–"
DIGITS = 3
# Names of settings and facts that their key alone does not tell.
NAMES = {"cpu": "processor", "libc": "C library", "rate": "events/s", "virtual": "virtual machine",
         "steal_percent": "stolen by the hypervisor", "rss_bytes_per_subscriber":
         "RSS per subscriber", "slab_bytes_per_subscriber": "slab per subscriber"}
SHORT = {"cpu", "rss", "tcp"}
UNITS = {"_us": "µs", "_ms": "ms", "_s": "s", "_percent": "%"}


def number(found):
    """Three significant digits: 5.50, 0.0231, 249,000."""
    if found is None:
        return NONE
    if found == 0:
        return "0"
    rounded = float(f"{found:.{DIGITS - 1}e}")
    decimals = DIGITS - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(decimals, 0)}f}"


def count(found):
    """Exact, since one lost event is not about none."""
    if found is None:
        return NONE
    return f"{found:,.0f}" if found == int(found) else f"{found:,.1f}"


def scaled(found, form):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(found) < 1024 or unit == "GiB":
            return f"{form(found)} {unit}"
        found /= 1024


def size(found):
    """Bytes that were measured."""
    return NONE if found is None else scaled(found, number)


def exact_size(found):
    """Bytes that were asked for."""
    return NONE if found is None else scaled(found, lambda part: f"{part:.4g}")


def time(us):
    if us is None:
        return NONE
    unit, divisor = ("s", 1e6) if us >= 1e6 else ("ms", 1e3) if us >= 1e3 else ("µs", 1)
    return f"{number(us / divisor)} {unit}"


def many(found):
    """Within a sentence: 31.2 million."""
    return f"{number(found / 1e6)} million" if found >= 1e6 else number(found)


def percentage(part):
    return f"{number(100 * part)} %"


def limit(found):
    """A target as it was set: 1.00, 0.70, 50, 1,000,000."""
    if found is None:
        return NONE
    exact = found == int(found) and (found == 0 or found >= 2)
    return f"{found:,.0f}" if exact else f"{found:.2f}"


def spread(found, form):
    """The median, and the smallest and largest if they are not the same."""
    if not found:
        return NONE
    middle, low, high = form(statistics.median(found)), form(min(found)), form(max(found))
    return middle if low == high else f"{middle} ({low} to {high})"


# --- names of settings, which bench/run chooses ---------------------------------------------------


def words(key):
    return " ".join(word.upper() if word in SHORT else word for word in key.split("_"))


def parameter_name(key):
    if key in NAMES:
        return NAMES[key]
    if key.endswith("_per_s"):
        return words(key[:-len("_per_s")]) + "/s"
    for ending in UNITS:
        if key.endswith(ending):
            return words(key[:-len(ending)])
    return words(key.replace("_bytes", "").replace("_us_per_", "_per_"))


def parameter_value(key, found):
    if found is None:
        return NONE
    if isinstance(found, bool):
        return "yes" if found else "no"
    if not isinstance(found, (int, float)):
        return str(found)
    if "bytes" in key.split("_"):
        return exact_size(found)
    if key.endswith("_us"):
        return time(found)
    text = f"{found:,}" if isinstance(found, int) else number(found)
    unit = "" if key.endswith("_per_s") else next(
        (unit for ending, unit in UNITS.items() if key.endswith(ending)), "")
    return f"{text} {unit}".rstrip()


def setting(key, found):
    """In a caption: subscribers 1,000."""
    return f"{parameter_name(key)} {parameter_value(key, found)}"


def fact(key, found):
    """In a table of facts, where a list or an object may stand too."""
    if isinstance(found, list):
        return ", ".join(fact(key, part) for part in found)
    if isinstance(found, dict):
        return ", ".join(f"{parameter_name(name)} {fact(name, part)}"
                         for name, part in found.items())
    if isinstance(found, (int, float)) and "bytes" in key.split("_"):
        return size(found)
    if key.endswith("_us_per_delivery") and found is not None:
        return f"{number(found)} µs"
    return parameter_value(key, found)


def md_table(headings, rows, left=None):
    """A Markdown table; the columns that are not in `left` are aligned to the right."""
    def line(cells):
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ")
                                 for cell in cells) + " |"
    left = (0,) if left is None else left
    marks = ["---" if index in left else "---:" for index in range(len(headings))]
    rule = "|" + "|".join(marks) + "|"
    return "\n".join([line(headings), rule, *(line(row) for row in rows)])
