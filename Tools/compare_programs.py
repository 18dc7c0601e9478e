#!/usr/bin/env python3
"""Holds varve and the independent reader against each other, second by second.

    compare_programs.py histories COUNT [SEED]          histories that are written by hand
    compare_programs.py seconds REPOSITORY TABLE COUNT [SEED]

VARVE names the program. `histories` writes random ones by the specification alone, and compares
what varve restores with the model of what was written. `seconds` restores random seconds of a
repository by both programs; those that are not exact both refuse, naming the same nearest instants.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import varve_reader as reader  # noqa: E402
from history_writer import RandomHistory  # noqa: E402
from repository_writer import SECOND, Writer  # noqa: E402
from test_varve_reader import canonical  # noqa: E402

VARVE = os.environ.get("VARVE", ".build/release/varve")
SEED = 20_261_121


class Difference(Exception):
    """The two programs do not agree."""


def varve(root, *arguments):
    return subprocess.run([VARVE, *arguments, "-r", root], capture_output=True, text=True,
                          check=False)


def restored(root, table, second, folder):
    """What varve restores at a second: (items, None), or (None, why not)."""
    target = os.path.join(folder, "restored.jsonl")
    found = varve(root, "restore", table, "--at", str(second), "--to", target, "-q")
    if found.returncode:
        return None, found.stderr
    with open(target, encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    os.unlink(target)
    return canonical(items), None


def compare(root, table, second, expected, nearest, folder):
    """`expected` is None where the second is not exact; then `nearest` are in microseconds."""
    items, refusal = restored(root, table, second, folder)
    if expected is not None:
        if refusal is not None:
            raise Difference(f"second {second}: varve refuses it: {refusal}")
        if items != canonical(expected):
            raise Difference(f"second {second}: varve restores {len(items)} items that are not "
                             f"the {len(expected)} expected")
        return
    if refusal is None:
        raise Difference(f"second {second}: varve restores what is not exact")
    named = set(re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", refusal))
    for instant in nearest:
        if instant is not None and reader.format_time(instant) not in named:
            raise Difference(f"second {second}: varve does not name {reader.format_time(instant)} "
                             f"as the nearest: {refusal}")


def span(ranges):
    """The seconds of a history and some around it."""
    low = min(begin for begin, _ in ranges) // SECOND - 3
    high = max(end for _, end in ranges) // SECOND + 4
    return low, high


def histories(count, seed):
    compared = 0
    for ordinal in range(count):
        source = random.Random(seed + ordinal)
        with tempfile.TemporaryDirectory(prefix="varve-histories-") as folder:
            root = os.path.join(folder, "repository")
            table = RandomHistory(source, Writer(root)).table
            checked = varve(root, "verify", "--read-data", "--decode")
            if checked.returncode:
                raise Difference(f"history {seed + ordinal}: varve finds it damaged: "
                                 f"{checked.stdout}{checked.stderr}")
            promised = table.promised()
            low, high = span([(one.begin, one.end) for one in table.ranges])
            for second in source.sample(range(low, high), min(10, high - low)):
                expected, nearest = None, (None, None)
                if second in promised:
                    expected = table.expected(promised[second])
                else:
                    nearest = (max((s for s in promised if s < second), default=None),
                               min((s for s in promised if s > second), default=None))
                    nearest = [None if s is None else s * SECOND for s in nearest]
                try:
                    compare(root, table.name, second, expected, nearest, folder)
                except Difference as difference:
                    raise Difference(f"history {seed + ordinal}, {difference}") from None
                compared += 1
    return compared


def seconds(root, name, count, seed):
    repository = reader.Repository(root)
    history = reader.choose_history(repository, name, reader.Report(sys.stderr))[-1]
    low, high = span([(one.time_from, one.time_to) for one in history.ranges])
    source = random.Random(seed)
    chosen = {low, high - 1}
    for one in history.ranges:      # ends, and seconds of every range, however short it is
        chosen.update((one.time_from // SECOND, one.time_to // SECOND))
        chosen.add(source.randint(one.time_from // SECOND, one.time_to // SECOND))
    while len(chosen) < min(count, high - low):
        chosen.add(source.randrange(low, high))
    with tempfile.TemporaryDirectory(prefix="varve-seconds-") as folder:
        for second in sorted(chosen):
            instant = second * SECOND
            expected = None
            if history.is_exact(instant):
                state = reader.StateReader(repository, history.table, history.state(instant))
                expected = [json.loads(line) for line in state.lines()]
                items, size, digest, low_bits = history.expectation(instant)
                if (state.items, state.bytes, state.digest & 0xFFFF) != (items, size, low_bits) or (
                        digest not in (None, state.digest)):
                    raise Difference(f"second {second}: the reader's state is not the one recorded")
            compare(root, name, second, expected, history.nearest_exact(instant), folder)
    return len(chosen)


def main(arguments):
    try:
        if len(arguments) in (2, 3) and arguments[0] == "histories":
            count = histories(int(arguments[1]), int(arguments[2]) if arguments[2:] else SEED)
        elif len(arguments) in (4, 5) and arguments[0] == "seconds":
            count = seconds(arguments[1], arguments[2], int(arguments[3]),
                            int(arguments[4]) if arguments[4:] else SEED)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (Difference, reader.Damage) as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{count} seconds are equal")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
