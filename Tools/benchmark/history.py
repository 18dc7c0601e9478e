"""The sections of the benchmark about recorded history. Each takes the `Bench` of Tools/bench.

Every run of varve is confined to 256 MiB where this process may make a memory group.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from .contenders import generated_table
from .measure import (
    MEMORY_LIMIT, Failed, count_lines, mebibytes, megabytes, run, seconds, size_of)

FOLDER = Path(__file__).resolve().parent
CHANGES = [sys.executable, FOLDER / "changes.py"]
START = 1_758_794_400
FLAT = 2


class Recorded:
    """A repository with a table that is recorded, in a folder of its own."""

    def __init__(self, bench, name, items):
        self.binary = bench.binary
        self.home = bench.work / name
        self.repository = self.home / "repository"
        self.items = items
        self.table = generated_table(items)
        self.group = bench.group()
        self.peaks = {}
        self.rewritten = 0
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        self.varve("init")

    def varve(self, command, *arguments, standard_input=subprocess.DEVNULL):
        usage = run(
            [self.binary, command, *arguments, "-r", self.repository],
            environment={"XDG_CACHE_HOME": str(self.home / "cache")},
            prepare=self.group.enter if self.group else None, standard_input=standard_input)
        self.peaks[command] = max(self.peaks.get(command, 0), usage.peak)
        return usage

    def backup(self, *source):
        return self.varve(
            "backup", self.table.name, *source, "--partition-key", self.table.partition,
            "--sort-key", self.table.sort)

    def begin(self, source):
        """The full copy from which the recording goes on."""
        return self.backup(source, "--time", START, "--name", "start")

    def record(self, *sources, **options):
        usage = self.varve("record", self.table.name, *sources, "--json", **options)
        last = json.loads(usage.output.splitlines()[-1])
        self.rewritten += last["compaction"]["rewrittenChanges"]
        return usage

    def restore(self, *state):
        target = self.home / "restored.jsonl"
        target.unlink(missing_ok=True)
        return self.varve("restore", self.table.name, *state, "--to", target, "-q"), target

    def settle(self):
        """Compacts to the end, and frees at once what was superseded."""
        told = json.loads(self.varve("compact", "--json").output)
        self.rewritten += sum(table["rewrittenChanges"] for table in told["tables"])
        self.varve("prune", "--grace", "0s", "-q")
        self.varve("prune", "--grace", "0s", "-q")

    def contents(self):
        lines = run([sys.executable, FOLDER / "contents.py", self.repository]).output.splitlines()
        return {name: int(value) for name, value in map(str.split, lines)}

    def drop(self):
        shutil.rmtree(self.home, ignore_errors=True)


def changes_file(bench, name, items, count, per_second, *options):
    path = bench.work / name
    run(CHANGES + ["changes", path, "--items", items, "--count", count,
                   "--per-second", per_second, *options])
    count_lines(path)
    return path


def record(bench):
    """Changes from a file."""
    items, count = 100_000, 300_000 if bench.quick else 1_000_000
    bench.report.begin("record", f"Recording {count:,} changes of {items:,} items from a file")
    start = bench.generated(items)
    rows, speeds = [], {}
    kinds = (("100 a second, with old images", 100, ()),
             ("100 a second, new images alone", 100, ("--without-old",)),
             ("1 a second, with old images", 1, ()))
    for title, per_second, options in kinds:
        source = changes_file(bench, "changes.jsonl", items, count, per_second, *options)
        walls, cpus, peak, size = [], [], 0, 0
        for _ in range(bench.repeats):
            table = Recorded(bench, "record", items)
            table.begin(start)
            before = size_of(table.repository)
            usage = table.record(source)
            walls.append(usage.wall)
            cpus.append(usage.cpu)
            peak = max(peak, usage.peak)
            size = size_of(table.repository) - before
        wall, cpu = statistics.median(walls), statistics.median(cpus)
        speeds[title] = count / wall
        rows.append([
            title, (wall, seconds(wall)), (cpu, seconds(cpu)),
            (count / wall, f"{count / wall:,.0f}"),
            (source.stat().st_size / wall / 1e6, f"{source.stat().st_size / wall / 1e6:.0f}"),
            (size / count, f"{size / count:.1f}"), (peak, mebibytes(peak))])
        table.drop()
        source.unlink()
    start.unlink()
    bench.report.table(
        ["changes", "wall", "cpu", "changes/s", "MB/s", "bytes a change", "peak memory"], rows)
    first = kinds[0][0]
    bench.report.verdict(
        f"record from a file ≥ 200,000 changes/s ({first})", f"{speeds[first]:,.0f}",
        speeds[first] >= 200_000)
    bench.report.at_most("peak memory of record", MEMORY_LIMIT,
                         max(row[-1][0] for row in rows), mebibytes)


def live(bench):
    """A pipe that stays open: how far behind its checkpoints are."""
    items, rate, length = 100_000, 10_000, 10 if bench.quick else 30
    bench.report.begin("live", f"A pipe with {rate:,} changes a second, for {length} s")
    start = bench.generated(items)
    table = Recorded(bench, "live", items)
    table.backup(start, "--time", int(time.time()) - 3, "--name", "start")
    commits = next((table.repository / "tables").iterdir()) / "commits"
    seen = set(os.listdir(commits))
    feeder = subprocess.Popen(
        [str(part) for part in CHANGES] + ["live", "--items", str(items), "--rate", str(rate),
                                           "--seconds", str(length)], stdout=subprocess.PIPE)
    recorder = subprocess.Popen(
        [str(table.binary), "record", table.table.name, "-", "-q", "-r", str(table.repository)],
        stdin=feeder.stdout, env={**os.environ, "XDG_CACHE_HOME": str(table.home / "cache")},
        preexec_fn=table.group.enter if table.group else None)
    feeder.stdout.close()
    appeared = {}
    while True:
        ended = recorder.poll() is not None
        now = time.time()
        for name in os.listdir(commits):
            if name not in seen:
                seen.add(name)
                appeared[name] = now
        if ended:
            break
        time.sleep(0.005)
    if feeder.wait() or recorder.returncode:
        raise Failed(f"record of a pipe ended with {recorder.returncode}")
    behind, changes = lags(table.repository, appeared)
    if changes < rate * length * 0.97:
        raise Failed(f"{changes} of {rate * length} changes were recorded")
    bench.report.table(["what", "time"], [
        ["commits", (len(appeared), f"{len(appeared)}")],
        ["end of a second to its checkpoint, median",
         (statistics.median(behind), seconds(statistics.median(behind)))],
        ["... at most", (max(behind), seconds(max(behind)))]])
    bench.report.at_most("a live pipe is behind by", 1.0, max(behind), seconds)
    table.drop()
    start.unlink()


def lags(repository, appeared):
    """Seconds from the end of each checkpoint's second to its commit; and all changes."""
    lines = run([sys.executable, FOLDER / "contents.py", repository, "--commits"]).output
    behind, changes = [], 0
    for line in lines.splitlines():
        name, count, *ends = line.split()
        changes += int(count)
        if name in appeared:
            behind.extend(appeared[name] - int(end) for end in ends)
    if not behind:
        raise Failed("nothing was recorded")
    return behind, changes


def flush(bench):
    """One changed item, whatever the table's size: the whole run of varve, and what it writes."""
    bench.report.begin("flush", "Recording one changed item, by number of items of the table")
    counts = [10_000, 100_000, 1_000_000] + ([10_000_000] if bench.large else [])
    rows, written, walls = [], [], []
    change = bench.work / "change.jsonl"
    for items in counts:
        start = bench.generated(items)
        table = Recorded(bench, "flush", items)
        table.begin(start)
        start.unlink()
        times, sizes, first = [], [], None
        for turn in range(bench.repeats * 3 + 1):
            change.write_text(one_change(items, turn))
            before = size_of(table.repository)
            usage = table.record(change)
            if first is None:
                # Makes the cache of item hashes: as long as it takes to read the table.
                first = usage.wall
                continue
            times.append(usage.wall)
            sizes.append(size_of(table.repository) - before)
        walls.append(statistics.median(times))
        written.append(statistics.median(sizes))
        rows.append([f"{items:,}", (first, seconds(first)),
                     (walls[-1], f"{walls[-1] * 1000:.1f} ms"),
                     (written[-1], f"{written[-1]:,.0f} B"),
                     (table.peaks["record"], mebibytes(table.peaks["record"]))])
        table.drop()
    bench.report.table(
        ["items", "first, makes the cache", "one change", "bytes written", "peak memory"], rows)
    for what, figures in (("bytes written", written), ("time", walls)):
        bench.report.verdict(
            f"{what} for one changed item flat from {counts[0]:,} to {counts[-1]:,} items "
            f"(largest ≤ {FLAT} × smallest)", f"{max(figures) / min(figures):.2f} ×",
            max(figures) <= FLAT * min(figures))


def one_change(items, turn):
    """A change of the item in the middle; each turn a second later."""
    keys = generated_table(items).key
    return ('{"Metadata":{"WriteTimestampMicros":{"N":"%d000000"}},"Keys":%s,"NewImage":%s}\n' % (
        START + turn, keys, keys[:-1] + ',"State":{"S":"turn %d"}}' % turn))


def backups(bench):
    """An on-demand backup of a table with history copies nothing."""
    bench.report.begin("instant", "varve backup TABLE of the newest state and of a past second")
    counts = [10_000, 1_000_000] + ([10_000_000] if bench.large else [])
    tables = []
    for items in counts:
        start = bench.generated(items)
        table = Recorded(bench, f"backups-{items}", items)
        table.begin(start)
        start.unlink()
        source = changes_file(bench, "changes.jsonl", min(items, 100_000), 100_000, 100)
        table.record(source)
        source.unlink()
        tables.append((table, [], [], []))
    # What was written before must not be waited for. The tables take turns.
    os.sync()
    for turn in range(bench.repeats * 5):
        for table, latest, past, size in tables:
            before = size_of(table.repository)
            latest.append(table.varve(
                "backup", table.table.name, "--name", f"latest-{turn}", "-q").wall)
            past.append(table.varve(
                "backup", table.table.name, "--name", f"past-{turn}", "-q",
                "--at", START + 100 + turn).wall)
            size.append((size_of(table.repository) - before) / 2)
    rows, walls = [], []
    for table, latest, past, size in tables:
        one, two = statistics.median(latest), statistics.median(past)
        walls.append(max(one, two))
        rows.append([f"{table.items:,}", (one, f"{one * 1000:.1f} ms"),
                     (two, f"{two * 1000:.1f} ms"),
                     (statistics.median(size), f"{statistics.median(size):,.0f} B")])
        table.drop()
    bench.report.table(["items", "newest state", "a past second", "bytes written"], rows)
    bench.report.verdict(
        f"a backup of {counts[0]:,} and of {counts[-1]:,} items takes the same (± a half)",
        " and ".join(f"{wall * 1000:.1f} ms" for wall in walls), max(walls) <= 1.5 * min(walls))


def storage(bench):
    """What history costs beside its changes, laid out once as change runs."""
    items, per_second, count = 50_000, 10, 400_000
    pieces = 1_000 if bench.quick else 4_000
    each = count // pieces
    bench.report.begin(
        "storage", f"Storage of {count:,} changes, {per_second} a checkpoint, {pieces:,} flushes")
    start = bench.generated(items)
    once = Recorded(bench, "once", items)
    once.begin(start)
    source = changes_file(bench, "changes.jsonl", items, count, per_second)
    once.record(source)
    source.unlink()
    runs = once.contents()["run_bytes"]
    once.drop()

    table = Recorded(bench, "storage", items)
    table.begin(start)
    first = table.contents()
    folder = bench.work / "pieces"
    run(CHANGES + ["pieces", folder, "--items", items, "--count", count,
                   "--per-second", per_second, "--each", each])
    for piece in sorted(folder.iterdir()):
        table.record(piece)
    shutil.rmtree(folder)
    start.unlink()
    lived = table.contents()
    table.settle()
    kept = table.contents()
    table.drop()
    checkpoints = count / per_second
    figures = [
        ("changes, laid out once as runs", runs),
        ("history after superseded objects are freed", kept["bytes"] - first["bytes"]),
        ("... runs", kept["run_bytes"]),
        ("... images beside the first", kept["image_bytes"] - first["image_bytes"]),
        ("... checkpoints", kept["checkpoint_bytes"])]
    checkpoint = kept["checkpoint_bytes"] / checkpoints
    rewritten = table.rewritten / count
    bench.report.table(["what", "figure"], [
        *([what, (value, megabytes(value))] for what, value in figures),
        ["bytes a checkpoint", (checkpoint, f"{checkpoint:.1f}")],
        ["how often a change was rewritten", (rewritten, f"{rewritten:.1f}")],
        ["objects, before they are freed", (lived["objects"], f"{lived['objects']:,}")],
        ["objects, after", (kept["objects"], f"{kept['objects']:,}")]])
    ratio = (kept["bytes"] - first["bytes"]) / runs
    bench.report.verdict("history of 10 changes a checkpoint ≤ 1.5 × its changes laid out once",
                         f"{ratio:.2f} ×", ratio <= 1.5)
    bench.report.verdict("a checkpoint costs about 6 bytes (≤ 8)", f"{checkpoint:.1f}",
                         checkpoint <= 8)


HISTORY_SECTIONS = {
    "record": record, "live": live, "flush": flush, "storage": storage, "instant": backups,
}
