"""The sections of the benchmark. Each takes the `Bench` of Tools/bench and reports."""

import os
import shutil
import statistics
import sys
from pathlib import Path

from .contenders import generated_table
from .measure import (
    MEMORY_LIMIT, Failed, count_lines, mebibytes, median, megabytes, run, seconds, size_of)
from .history import HISTORY_SECTIONS
from .month import month

TOOLS = Path(__file__).resolve().parent.parent
DATA = [sys.executable, TOOLS / "data.py"]


def limits(bench):
    """What this machine can do at most."""
    bench.report.begin("limits", "Limits of this machine, one thread")
    runs = [values(run([bench.limits_program(), "machine", bench.orders()]).output)
            for _ in range(bench.repeats)]
    rates = {name: statistics.median(r[name] for r in runs) for name in runs[0]}
    names = (
        ("memcpy", "memcpy"), ("SHA-256, whole buffer", "sha256"),
        ("SHA-256, messages of 160 bytes", "sha256_160"),
        ("LZ4 fast, compress (blocks of 256 KiB)", "lz4_compress"),
        ("LZ4, decompress", "lz4_decompress"), ("gzip -6", "gzip_6"))
    bench.report.table(
        ["what", "MB/s"],
        [[title, (rates[name], f"{rates[name]:,.0f}")] for title, name in names])
    print(f"One SHA-256 of 160 bytes takes {rates['sha256_160_ns']:.0f} ns. "
          f"LZ4 makes the order lines {rates['lz4_ratio']:.1f} times smaller.")


def values(output):
    return {name: float(value) for name, value in map(str.split, output.splitlines())}


def backup(bench):
    """The first backup of the order lines, each time into a fresh repository."""
    bench.report.begin("backup", "First backup of the sorted order lines")
    source = bench.orders()
    contenders = bench.contenders()
    sizes = {}

    def once(contender):
        contender.fresh()
        settle()
        usage = contender.backup(source)
        sizes[contender.name] = size_of(contender.repository)
        return usage

    measured = in_turns(bench, contenders, once)
    plain = source.stat().st_size
    rows = []
    results = {}
    for contender in contenders:
        m = results[contender.name] = median(measured[contender.name])
        size = sizes[contender.name]
        rows.append([
            contender.name, (m.wall, seconds(m.wall)), (m.cpu, seconds(m.cpu)),
            (m.peak, mebibytes(m.peak)), (size, megabytes(size)),
            (plain / size, f"{plain / size:.1f}"),
            (plain / m.wall / 1e6, f"{plain / m.wall / 1e6:.0f}")])
    bench.report.table(
        ["program", "wall", "cpu", "peak memory", "repository", "ratio", "MB/s"], rows)
    compare(bench, results, "first backup against", "lz4", 2, 4)
    borgs = [size for name, size in sizes.items() if "zstd" in name]
    if "varve" in sizes and borgs:
        bench.report.at_most(
            "repository against the smallest borg zstd,3", min(borgs), sizes["varve"], megabytes)
    for contender in contenders:
        contender.drop()


IN_A_ROW = 3


def in_turns(bench, contenders, once):
    """Measures programs by turns, A A A B B B A A A B B B: what else the machine does falls on all.

    In each turn a program runs once more, first, which does not count: so nobody pays for the
    caches, the memory and the processors as another program left them. A virtual machine takes a
    while until a program that uses two processors has them.
    """
    measured = {contender.name: [] for contender in contenders}
    for _ in range(bench.repeats):
        for contender in contenders:
            once(contender)
            measured[contender.name] += [once(contender) for _ in range(IN_A_ROW)]
    return measured


def settle():
    """Lets the disk come to rest: no program waits for what another one wrote."""
    os.sync()


def compare(bench, results, what, borg_kind, borg_factor, restic_factor):
    """Verdicts on wall time, against the fastest borg of a kind and against restic."""
    if "varve" not in results:
        return
    own = results["varve"].wall
    borgs = [m.wall for name, m in results.items() if "borg" in name and borg_kind in name]
    if borgs:
        bench.report.at_least(
            f"{what} the fastest borg {borg_kind}".rstrip(), borg_factor, min(borgs) / own)
    if "restic" in results:
        bench.report.at_least(f"{what} restic", restic_factor, results["restic"].wall / own)


def restore(bench):
    """The same file given back."""
    bench.report.begin("restore", "Restore of the order lines to a file")
    source = bench.orders()
    lines = count_lines(source)
    contenders = bench.contenders()
    target = bench.work / "restored"
    for contender in contenders:
        contender.fresh()
        contender.backup(source)

    def once(contender):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        settle()
        usage, file = contender.restore(target)
        if count_lines(file) != lines:
            raise Failed(f"{contender.name} restored {count_lines(file)} lines, not {lines}")
        return usage

    measured = in_turns(bench, contenders, once)
    shutil.rmtree(target, ignore_errors=True)
    results = {name: median(usages) for name, usages in measured.items()}
    plain = source.stat().st_size
    bench.report.table(
        ["program", "wall", "cpu", "peak memory", "MB/s"],
        [[name, (m.wall, seconds(m.wall)), (m.cpu, seconds(m.cpu)), (m.peak, mebibytes(m.peak)),
          (plain / m.wall / 1e6, f"{plain / m.wall / 1e6:.0f}")] for name, m in results.items()])
    compare(bench, results, "restore against", "", 1.5, 3)
    for contender in contenders:
        contender.drop()


def days(bench):
    """Thirty daily copies with 1 % of the lines changed, each stored whole by everyone."""
    bench.report.begin("days", "Thirty daily copies, 1 % of the lines changed at random each day")
    last = 30
    contenders = bench.contenders()
    totals = {c.name: 0.0 for c in contenders}
    sizes = {c.name: {} for c in contenders}
    for contender in contenders:
        contender.fresh()
    # The same path every day, so that each program may use what it knows of the day before.
    folder = bench.work / "daily"
    folder.mkdir(exist_ok=True)
    today, tomorrow = folder / "orders.jsonl", bench.work / "tomorrow.jsonl"
    shutil.copyfile(bench.orders(), today)
    for day in range(last + 1):
        if day > 0:
            run(DATA + ["next-day", today, tomorrow, "--day", day])
            os.replace(tomorrow, today)
        for contender in contenders:
            totals[contender.name] += contender.backup(today, day).wall
            if day in (0, 1, last):
                sizes[contender.name][day] = size_of(contender.repository)
    bench.report.table(
        ["program", "day 0", "day 1", f"day {last}", "all backups"],
        [[name] + [(s[day], megabytes(s[day])) for day in (0, 1, last)]
         + [(totals[name], seconds(totals[name]))] for name, s in sizes.items()])
    if "varve" in sizes:
        for day, most in ((0, 9.5e6), (1, 9.8e6), (last, 15e6)):
            bench.report.at_most(f"repository on day {day}", most, sizes["varve"][day], megabytes)
    for contender in contenders:
        contender.drop()
    shutil.rmtree(folder)


def verify(bench):
    """Verification of all data, against hashing and unpacking the same bytes and nothing else."""
    bench.report.begin("verify", "varve verify --read-data against SHA-256 and LZ4 alone")
    varve = bench.varve()
    if varve is None:
        return
    source = bench.orders()
    varve.fresh()
    varve.backup(source)
    packs = sorted((varve.repository / "packs").rglob("*/*"))
    if not packs:
        raise Failed("the repository has no packs, so that there is nothing to compare with")
    floor = [bench.limits_program(), "floor", count_lines(source), *packs]
    measured, floors = [], []
    for _ in range(bench.repeats):
        measured.append(varve.verify())
        floors.append(values(run(floor).output))
    own = median(measured)
    packs_only = statistics.median(f["packs_seconds"] for f in floors)
    items = statistics.median(f["items_seconds"] for f in floors)
    whole = packs_only + items
    bench.report.table(["what", "time"], [
        ["SHA-256 of packs, LZ4, SHA-256 of blobs", (packs_only, seconds(packs_only))],
        ["... and SHA-256 of every item (160 bytes each)", (whole, seconds(whole))],
        ["varve verify --read-data, wall", (own.wall, seconds(own.wall))],
        ["varve verify --read-data, cpu", (own.cpu, seconds(own.cpu))],
        ["packs", (floors[0]["stored"], megabytes(floors[0]["stored"]))],
        ["their blobs, unpacked", (floors[0]["plain"], megabytes(floors[0]["plain"]))]])
    bench.report.verdict(
        "verify ≥ 70 % of the speed of SHA-256 and LZ4 (with items, one thread)",
        f"{whole / own.wall:.0%}", whole / own.wall >= 0.7)
    varve.drop()


def memory(bench):
    """Backup and restore in 256 MiB, sorted and in random order."""
    bench.report.begin("memory", f"Memory, {bench.items:,} generated items")
    varve = bench.varve(generated_table(bench.items))
    if varve is None:
        return
    group = bench.group()
    target = bench.work / "restored"
    rows, worst = [], 0
    try:
        for order in ("sorted", "shuffled"):
            source = bench.generated(bench.items, shuffled=order == "shuffled")
            varve.fresh()
            one = varve.backup(source, prepare=group.enter if group else None)
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            two, file = varve.restore(target, prepare=group.enter if group else None)
            if count_lines(file) != bench.items:
                raise Failed(f"restored {count_lines(file)} items, not {bench.items}")
            for name, usage in (("backup", one), ("restore", two)):
                rows.append([f"{name}, {order}", (usage.wall, seconds(usage.wall)),
                             (usage.cpu, seconds(usage.cpu)), (usage.peak, mebibytes(usage.peak))])
                worst = max(worst, usage.peak)
            source.unlink()
    finally:
        shutil.rmtree(target, ignore_errors=True)
    bench.report.table(["what", "wall", "cpu", "peak memory"], rows)
    bench.report.at_most("peak memory of any run", MEMORY_LIMIT, worst, mebibytes)
    varve.drop()


def sizes(bench):
    """How times grow with the table."""
    bench.report.begin("sizes", "Generated tables by number of items")
    rows, growths = [], []
    target = bench.work / "restored"
    counts = [10_000, 100_000, 1_000_000] + ([10_000_000] if bench.large else [])
    for items in counts:
        varve = bench.varve(generated_table(items))
        if varve is None:
            return
        source = bench.generated(items)
        changed = bench.work / "changed.jsonl"
        run(DATA + ["change-one", source, changed])
        repeats = bench.repeats if items <= 100_000 else min(bench.repeats, 3)
        found = {name: [] for name in ("backup", "restore", "get", "one")}
        for _ in range(repeats):
            varve.fresh()
            found["backup"].append(varve.backup(source))
            before = size_of(varve.repository)
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            found["restore"].append(varve.restore(target)[0])
            found["get"].append(varve.get())
            found["one"].append(varve.backup(changed, day=1))
            growth = size_of(varve.repository) - before
        result = {name: median(usages) for name, usages in found.items()}
        growths.append(growth)
        rows.append(
            [f"{items:,}"]
            + [(usage.wall, seconds(usage.wall)) for usage in result.values()]
            + [(before, megabytes(before)), (growth, f"{growth / 1000:.1f} kB"),
               (result["backup"].peak, mebibytes(result["backup"].peak))])
        varve.drop()
        source.unlink()
        changed.unlink()
    shutil.rmtree(target, ignore_errors=True)
    bench.report.table(
        ["items", "backup", "restore", "get", "backup, one changed", "repository",
         "written for one", "peak memory"], rows)
    bench.report.note("the backup with one changed item reads the whole source again")
    bench.report.verdict(
        f"bytes written for one changed item flat from {counts[0]:,} to {counts[-1]:,} items "
        "(largest ≤ 2 × smallest)", f"{max(growths) / min(growths):.2f} ×",
        max(growths) <= 2 * min(growths))


SECTIONS = {
    "limits": limits, "backup": backup, "restore": restore, "days": days, "verify": verify,
    "memory": memory, "sizes": sizes, **HISTORY_SECTIONS, "month": month,
}
