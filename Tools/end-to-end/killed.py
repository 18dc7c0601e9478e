"""Kills a recorder that a pipe feeds, and what compacts and prunes beside it; for killed.sh.

    killed.py VARVE FOLDER KILLS [SEED]

The feeder sends again from somewhere before the end of what is recorded, as a stream does that is
read from its last mark. After each kill what is there must be a beginning of what was sent. In the
end every checkpoint is restored by the independent reader and compared with a replay, some by varve
too, and varve verifies all.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import varve_reader as reader  # noqa: E402

START = 1_758_794_400
SECOND = 1_000_000
ITEMS = 150
SECONDS = 6_000


def stop(message):
    print(f"not ok - {message}", file=sys.stderr)
    sys.exit(1)


def dumped(value):
    return json.dumps(value, separators=(",", ":"))


class Stream:
    """What is sent, and what the table then is."""

    def __init__(self, source):
        self.seconds = []       # the number of a second, and its records
        self.changes = []       # the number of a second, its changes: (key, item or None)
        live = {}
        number = 0
        while number < SECONDS:
            records, changes = [], []
            for place in range(source.choice((1, 1, 2, 5, 20))):
                key = source.randrange(ITEMS)
                keys = {"Id": {"S": f"item {key}"}}
                old, new = live.get(key), None
                if old is None or source.random() < 0.8:
                    new = {**keys, "N": {"N": str(source.randrange(10**6))},
                           "Note": {"S": "x" * source.randrange(100)}}
                micros = (START + number) * SECOND + place
                record = {"Metadata": {"WriteTimestampMicros": {"N": str(micros)}}, "Keys": keys}
                if old:
                    record["OldImage"] = old
                if new:
                    record["NewImage"] = new
                live[key] = new
                records.append(dumped(record) + "\n")
                changes.append((key, new))
            self.seconds.append((START + number, "".join(records).encode()))
            self.changes.append((START + number, changes))
            number += source.choice((1, 1, 1, 3, 40))

    def states(self):
        """Yields each checkpoint's instant and items by key."""
        items = {}
        for second, changes in self.changes:
            before = dict(items)
            items.update(changes)
            items = {key: item for key, item in items.items() if item}
            if items != before:
                yield (second + 1) * SECOND, {f"item {key}": one for key, one in items.items()}


class Killer:
    def __init__(self, varve, folder, kills, seed):
        self.varve, self.root = varve, str(folder / "repository")
        self.kills = kills
        self.source = random.Random(seed)
        self.stream = Stream(self.source)
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}

    def start(self, *arguments, **options):
        return subprocess.Popen(
            [self.varve, *arguments, "-r", self.root], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)

    def done(self, *arguments, statuses=(0,)):
        process = self.start(*arguments, stdin=subprocess.DEVNULL)
        errors = process.communicate()[1].decode()
        if process.returncode not in statuses:
            stop(f"varve {' '.join(arguments)} ended with {process.returncode}: {errors}")
        return process.returncode

    def history(self):
        repository = reader.Repository(self.root)
        found = [one for _, one in reader.open_tables(repository) if one is not None]
        return repository, found[0] if found and found[0].ranges else None

    def recorded(self):
        """The last second that is recorded; checks the state there."""
        repository, history = self.history()
        if history is None:
            return START
        last = max(one.time_to for one in history.ranges) // SECOND * SECOND
        expected = {}
        for instant, items in self.expected:
            if instant > last:
                break
            expected = items
        self.compare(repository, history, last, expected)
        return last // SECOND

    def compare(self, repository, history, instant, expected):
        state = reader.StateReader(repository, history.table, history.state(instant))
        found = {}
        for line in state.lines():
            item = json.loads(line)["Item"]
            found[item["Id"]["S"]] = item
        if found != expected:
            stop(f"at {reader.format_time(instant)} there are {len(found)} items that are not "
                 f"the {len(expected)} of a replay")

    def feed(self, begin, lasts):
        """Feeds from a second on until the time is over or all is sent, then kills."""
        process = self.start(
            "record", "Table", "-", "--flush-seconds", "0", "-q", "--partition-key", "Id:S",
            stdin=subprocess.PIPE)
        end = time.monotonic() + lasts
        try:
            for second, records in self.stream.seconds:
                if second < begin:
                    continue
                if time.monotonic() >= end:
                    break
                process.stdin.write(records)
                process.stdin.flush()
                if self.source.random() < 0.2:
                    time.sleep(0.002)
            time.sleep(max(0, min(0.05, end - time.monotonic())))
        except BrokenPipeError:
            stop(f"the recorder ended by itself: {process.stderr.read().decode()}")
        self.kill(process)

    @staticmethod
    def kill(process):
        process.kill()
        process.communicate()

    def disturb(self, command, *options):
        """Runs a command to its end, or kills it within."""
        if self.source.random() < 0.5:
            self.done(command, *options)
            return
        process = self.start(command, *options, stdin=subprocess.DEVNULL)
        try:
            process.wait(self.source.random() * 0.1)
        except subprocess.TimeoutExpired:
            pass
        self.kill(process)

    def run(self):
        self.expected = list(self.stream.states())
        self.done("init")
        last = START
        for turn in range(self.kills):
            begin = max(START, last - self.source.choice((0, 10, 300, SECONDS)))
            self.feed(begin, 0.05 + self.source.random() * 0.5)
            last = self.recorded()
            if turn % 3 == 2:
                self.disturb("compact")
            if turn % 4 == 3:
                self.disturb("prune", "--grace", "0s")
            last = self.recorded()
        print(f"# killed {self.kills} times; {last - START:,} of {SECONDS:,} seconds were recorded")
        rest = self.start("record", "Table", "-", "-q", stdin=subprocess.PIPE)
        errors = rest.communicate(b"".join(one for _, one in self.stream.seconds))[1].decode()
        if rest.returncode:
            stop(f"recording the rest ended with {rest.returncode}: {errors}")
        self.done("compact")
        self.done("prune", "--grace", "0s")
        self.finish()

    def finish(self):
        repository, history = self.history()
        for instant, items in self.expected:
            if history.checkpoints.at(instant) is None:
                stop(f"there is no checkpoint at {reader.format_time(instant)}")
            self.compare(repository, history, instant, items)
        known = {instant for instant, _ in self.expected}
        for one in history.checkpoints.all():
            # Besides there is the beginning, where the table is empty.
            if one.instant not in known and one.items:
                stop(f"there is a checkpoint at {reader.format_time(one.instant)}, but no change")
        self.done("verify", "--read-data", "--decode", "--restore", "random:20")
        for instant, items in self.source.sample(self.expected, 10):
            target = Path(self.root).parent / f"{instant}.jsonl"
            self.done("restore", "Table", "--at", str(instant // SECOND), "--to", str(target))
            with open(target, encoding="utf-8") as file:
                found = [json.loads(line)["Item"] for line in file]
            if {item["Id"]["S"]: item for item in found} != items:
                stop(f"varve restores {reader.format_time(instant)} otherwise")
            target.unlink()
        print(f"# {len(self.expected):,} checkpoints are equal")


def main():
    varve, folder, kills, seed = sys.argv[1:5]
    seed = int(seed) if seed else random.SystemRandom().randrange(10**9)
    print(f"# seed {seed}")
    Killer(varve, Path(folder), int(kills), seed).run()


if __name__ == "__main__":
    main()
