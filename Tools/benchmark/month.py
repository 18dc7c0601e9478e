"""The section of the benchmark about a month in which every second changes something."""

import json
import random
import shutil
import statistics
import subprocess

from .contenders import Varve
from .history import CHANGES, START, Recorded, changes_file
from .measure import MEMORY_LIMIT, Failed, count_lines, mebibytes, megabytes, run, seconds, size_of

DAY = 86_400


def month(bench):
    """2.6 million checkpoints: how many objects they take, and how fast any second comes back."""
    items = 1_000_000 if bench.large else 100_000
    length = 2 * DAY if bench.quick else 2_592_000
    # The last of them through a pipe, with as many commits as come of it.
    piped = DAY // 24 if bench.quick else DAY
    bench.report.begin(
        "month", f"{length:,} seconds with a change each, {items:,} items, the last {piped:,} "
        "through a pipe")
    start = bench.generated(items)
    table = Recorded(bench, "month", items)
    table.begin(start)
    first = size_of(table.repository)
    start.unlink()
    source = changes_file(bench, "changes.jsonl", items, length - piped, 1)
    recorded = table.record(source)
    source.unlink()
    commits = pipe(bench, table, items, length, piped)
    before = table.contents()
    table.settle()
    kept = table.contents()
    check(bench, table, items, length)
    proof = min(
        (table.varve("verify", "--every-second", "--json") for _ in range(3)),
        key=lambda usage: usage.wall)
    proven = json.loads(proof.output)["counts"]["statesReplayed"]
    ratios, plans = restores(bench, table, length)
    rows = [
        ["recording from a file", f"{(length - piped) / recorded.wall:,.0f} changes/s"],
        ["commits of the pipe", f"{commits:,}"],
        ["objects, before superseded ones are freed", f"{before['objects']:,}"],
        ["objects, after", f"{kept['objects']:,}"],
        ["bytes beside the first image", megabytes(kept["bytes"] - first)],
        ["... a change", f"{(kept['bytes'] - first) / length:.1f}"],
        ["bytes a checkpoint", f"{kept['checkpoint_bytes'] / length:.1f}"],
        ["how often a change was rewritten", f"{table.rewritten / length:.1f}"],
        ["pieces of the layout", f"{kept['pieces']:,}"],
        ["restore against a plain image, mean", f"{statistics.mean(ratios):.2f} ×"],
        ["... at worst", f"{max(ratios):.2f} ×"],
        ["every second proven (`verify --every-second`)", f"{proven:,} in {seconds(proof.wall)}"],
        ["one item at a random second, median", seconds(statistics.median(plans))],
        ["... at worst", seconds(max(plans))]]
    rows += [[f"peak memory of {name}", mebibytes(peak)]
             for name, peak in sorted(table.peaks.items())]
    bench.report.table(["what", "figure"], rows)
    bench.report.verdict("a month of seconds < 5,000 objects", f"{kept['objects']:,}",
                         kept["objects"] < 5_000)
    bench.report.verdict("restore at random seconds, mean ≤ 2 × a plain image",
                         f"{statistics.mean(ratios):.2f} ×", statistics.mean(ratios) <= 2)
    bench.report.verdict("restore at random seconds, worst ≤ 2.5 × a plain image",
                         f"{max(ratios):.2f} ×", max(ratios) <= 2.5)
    bench.report.at_most("open, plan, and read one item", 0.1, max(plans), seconds)
    bench.report.at_most("peak memory of record, compact, prune, restore", MEMORY_LIMIT,
                         max(table.peaks.values()), mebibytes)
    table.drop()


def pipe(bench, table, items, length, piped):
    """Records the last seconds with a flush for what there is; returns how many commits it made."""
    sequences = next((table.repository / "tables").iterdir()) / "commits"
    before = max(int(path.name, 16) for path in sequences.iterdir())
    feeder = subprocess.Popen(
        [str(part) for part in CHANGES]
        + ["changes", "-", "--items", str(items), "--count", str(length), "--per-second", "1",
           "--skip", str(length - piped), "--each-alone"], stdout=subprocess.PIPE)
    table.record("-", "--flush-seconds", "0", standard_input=feeder.stdout)
    feeder.stdout.close()
    if feeder.wait():
        raise Failed("the feeder of the pipe failed")
    return max(int(path.name, 16) for path in sequences.iterdir()) - before


def check(bench, table, items, length):
    """The state at a second in the middle is that of a replay."""
    second = START + length // 2
    expected = bench.work / "expected.jsonl"
    run(CHANGES + ["state", expected, "--items", items, "--count", length, "--per-second", 1,
                   "--at", second])
    _, restored = table.restore("--at", second)
    plain = Varve(bench.work / "replayed", bench.binary, table.table)
    plain.fresh()
    plain.backup(expected)
    target = plain.home / "restored"
    target.mkdir()
    _, other = plain.restore(target)
    if subprocess.run(["cmp", "-s", restored, other]).returncode:
        raise Failed(f"the restored state at second {second} is not that of a replay")
    bench.report.note(f"the state at second {second}, {count_lines(other):,} items, is a replay's")
    plain.drop()
    expected.unlink()


def restores(bench, table, length):
    """Ratios of restores at random seconds to those of plain images; seconds of single reads.

    Both sides are confined: what is written and read counts against the limit, and being counted
    takes a sixth of the time of so short a run.
    """
    source = random.Random("seconds of a month")
    ratios, plans = [], []
    plain = Varve(bench.work / "plain", bench.binary, table.table)
    confine = table.group.enter if table.group else None
    target = bench.work / "restored"
    for _ in range(8 if bench.quick else 24):
        second = START + source.randrange(1, length)
        _, state = table.restore("--at", second)
        plain.fresh()
        plain.backup(state)
        own, others = [], []
        for _ in range(bench.repeats):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            usage, file = plain.restore(target, prepare=confine)
            others.append(usage.wall)
            own.append(table.restore("--at", second)[0].wall)
        if subprocess.run(["cmp", "-s", file, table.home / "restored.jsonl"]).returncode:
            raise Failed(f"the state at second {second} is not the same when stored plainly")
        ratios.append(statistics.median(own) / statistics.median(others))
        plans.append(statistics.median(
            table.varve("get", table.table.name, table.table.key, "--at", second).wall
            for _ in range(bench.repeats)))
    shutil.rmtree(target, ignore_errors=True)
    plain.drop()
    return ratios, plans
