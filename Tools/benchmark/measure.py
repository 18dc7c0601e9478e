"""Runs programs and accounts for them; collects and prints results."""

import os
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

MIB = 1 << 20
MEMORY_LIMIT = 256 * MIB
OUTPUT_KEPT = 64 * 1024


class Failed(Exception):
    """A measured program failed, or gave a wrong result: its figure would mean nothing."""


@dataclass
class Usage:
    """What one run of a program took. Seconds; bytes of peak resident memory."""

    wall: float
    cpu: float
    peak: int
    output: str = ""


def run(command, cwd=None, environment=None, prepare=None, standard_input=subprocess.DEVNULL):
    """Runs a program to its end and accounts for it and its children with wait4.

    Peak memory counts file pages that the program has mapped, too. Linux carries this process's own
    peak over to the program, so that no smaller figure can be told. Hence the benchmark keeps no
    data in memory: what makes tables is a process of its own, of output only the end is read, and
    a peak that this process has reached itself is refused (`Failed`) once it is beyond 64 MiB.
    """
    command = [str(part) for part in command]
    with TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(environment or {})},
            stdin=standard_input, stdout=output, stderr=subprocess.STDOUT, preexec_fn=prepare)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(max(0, output.seek(0, os.SEEK_END) - OUTPUT_KEPT))
        text = output.read().decode(errors="replace")
    if process.returncode != 0:
        raise Failed(f"exit status {process.returncode}: {' '.join(command)[:200]}\n{text[-600:]}")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if own > 64 * MIB:
        raise Failed(f"the benchmark itself has taken {mebibytes(own)}: peaks would not be true")
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text)


def median(usages):
    """The median of each figure by itself."""
    return Usage(*(statistics.median(getattr(u, name) for u in usages)
                   for name in ("wall", "cpu", "peak")))


def size_of(directory):
    """Bytes in the files below a directory."""
    return sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())


def count_lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(MIB), b""))


def seconds(value):
    return f"{value:.2f} s" if value >= 0.995 else f"{value * 1000:.0f} ms"


def megabytes(value):
    """Millions of bytes, as the format's own tables count them."""
    return f"{value / 1e6:.2f} MB"


def mebibytes(value):
    return f"{value / MIB:.0f} MiB"


class Report:
    """Prints results as they come and keeps them for --json."""

    def __init__(self):
        self.sections = {}
        self.verdicts = []
        self.notes = []
        self.section = None

    def begin(self, name, title):
        self.section = self.sections.setdefault(name, {"title": title, "rows": []})
        print(f"\n== {title}\n", flush=True)

    def note(self, text):
        self.notes.append(text)
        print(f"note: {text}", flush=True)

    def table(self, columns, rows):
        """Prints a table; a row's cells are (value, text) pairs or plain text."""
        def text(cell):
            return cell[1] if isinstance(cell, tuple) else str(cell)

        lines = [columns] + [[text(cell) for cell in row] for row in rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
        for line in lines:
            cells = [line[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
            print("  ".join(cells).rstrip())
        print(flush=True)
        for row in rows:
            self.section["rows"].append(
                {name: cell[0] if isinstance(cell, tuple) else cell
                 for name, cell in zip(columns, row)})

    def verdict(self, bar, measured, met):
        """One line that says whether a figure of the design is reached."""
        line = f"bar: {bar} → measured {measured}: {'met' if met else 'NOT met'}"
        self.verdicts.append({"bar": bar, "measured": measured, "met": bool(met)})
        print(line, flush=True)

    def at_least(self, what, factor, value):
        self.verdict(f"{what} ≥ {factor:g} ×", f"{value:.2f} ×", value >= factor)

    def at_most(self, what, most, value, written):
        self.verdict(f"{what} ≤ {written(most)}", written(value), value <= most)
