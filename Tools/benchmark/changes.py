#!/usr/bin/env python3
"""Makes streams of changes of the generated table: for Tools/bench, in a process of its own.

    changes.py changes OUT --items N --count C --per-second K
                       [--skip S] [--without-old] [--each-alone]
    changes.py pieces OUT_DIRECTORY --items N --count C --per-second K --each E
    changes.py live --items N --rate R --seconds S
    changes.py state OUT --items N --count C --per-second K --at SECOND

The table is that of `Tools/data.py generated`, as it is at the second START. An item's state, its
quantity and its time change; two changes in a hundred delete, and what was deleted comes back when
it is its turn. `state` replays: the items at a second, in order of key. `live` writes to standard
output, with present times, as many changes a second as asked for; `--each-alone` writes each record
by itself, after a pause in which a recorder can commit the one before. Equal arguments give equal
bytes.
"""

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import data  # noqa: E402

START = 1_758_794_400
SECOND = 1_000_000
DELETED_SHARE = 0.02
PAUSE = 0.002
KEYS = '{"Account":{"S":"A%08d"},"Entry":{"N":"%d"}}'
RECORD = '{"Metadata":{"WriteTimestampMicros":{"N":"%d"}},"Keys":%s%s%s}\n'


class Items:
    """The table's items as text. What does not change is kept apart from what does."""

    def __init__(self, count):
        self.parts = []
        self.texts = []
        for line in data.generated_items(range(count)):
            text = line[len('{"Item":'):-2]
            head, _, rest = text.partition('"State":')
            price = rest[rest.index('"Price":'):rest.index('"At":')]
            self.parts.append((head, price, rest[rest.index('"Token":'):]))
            self.texts.append(text)

    def change(self, index, source, second):
        """Changes or deletes an item, or brings it back; returns it before and after, or None."""
        old = self.texts[index]
        new = None
        if old is None or source.random() >= DELETED_SHARE:
            head, price, tail = self.parts[index]
            bits = source.getrandbits(9)
            new = (f'{head}"State":{{"S":"{data.STATES[bits & 3]}"}},'
                   f'"Quantity":{{"N":"{1 + (bits >> 2)}"}},{price}"At":{{"N":"{second}"}},{tail}')
        self.texts[index] = new
        return old, new


def changes(items, count, per_second, seed=data.SEED):
    """Yields (microseconds, index, item before, item after)."""
    source = random.Random(f"{seed} generated changes")
    table = len(items.texts)
    step = SECOND // per_second
    for number in range(count):
        second = START + number // per_second
        index = int(source.random() * table)
        old, new = items.change(index, source, second)
        yield second * SECOND + number % per_second * step, index, old, new


def record(micros, index, old, new, with_old=True):
    per_account = data.ITEMS_PER_ACCOUNT
    return RECORD % (
        micros, KEYS % (index // per_account, index % per_account),
        f',"OldImage":{old}' if old and with_old else "", f',"NewImage":{new}' if new else "")


def write(file, records):
    batch = []
    for text in records:
        batch.append(text)
        if len(batch) == 5_000:
            file.write("".join(batch).encode())
            batch.clear()
    file.write("".join(batch).encode())


def write_changes(arguments):
    stream = changes(Items(arguments.items), arguments.count, arguments.per_second)
    for _ in range(arguments.skip):
        next(stream)
    records = (record(*change, not arguments.without_old) for change in stream)
    with data.output(arguments.out) as file:
        if arguments.each_alone:
            for text in records:
                file.write(text.encode())
                file.flush()
                time.sleep(PAUSE)
        else:
            write(file, records)


def write_pieces(arguments):
    stream = changes(Items(arguments.items), arguments.count, arguments.per_second)
    Path(arguments.out).mkdir(parents=True)
    for piece in range(arguments.count // arguments.each):
        with data.output(Path(arguments.out, f"{piece:06}.jsonl")) as file:
            write(file, (record(*next(stream)) for _ in range(arguments.each)))


def write_live(arguments):
    """Changes with the present time, in as many parts a second as keep the rate even."""
    items = Items(arguments.items)
    source = random.Random(f"{data.SEED} live")
    parts = 100
    each = arguments.rate // parts
    # From the beginning of a second on.
    start = int(time.time()) + 1
    for part in range(arguments.seconds * parts):
        due = start + part / parts
        time.sleep(max(0, due - time.time()))
        now = int(due * SECOND)
        batch = []
        for number in range(each):
            index = source.randrange(arguments.items)
            old, new = items.change(index, source, now // SECOND)
            batch.append(record(now + number, index, old, new))
        sys.stdout.buffer.write("".join(batch).encode())
        sys.stdout.buffer.flush()


def write_state(arguments):
    items = Items(arguments.items)
    before = max(0, min(arguments.count, (arguments.at - START) * arguments.per_second))
    for _ in changes(items, before, arguments.per_second):
        pass
    with data.output(arguments.out) as file:
        write(file, ('{"Item":%s}\n' % text for text in items.texts if text))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("changes", write_changes), ("pieces", write_pieces),
                           ("live", write_live), ("state", write_state)):
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        command.add_argument("--items", type=int, required=True)
        if name == "live":
            command.add_argument("--rate", type=int, required=True)
            command.add_argument("--seconds", type=int, required=True)
            continue
        command.add_argument("out")
        command.add_argument("--count", type=int, required=True)
        command.add_argument("--per-second", type=int, required=True)
        if name == "changes":
            command.add_argument("--skip", type=int, default=0)
            command.add_argument("--without-old", action="store_true")
            command.add_argument("--each-alone", action="store_true")
        elif name == "pieces":
            command.add_argument("--each", type=int, required=True)
        else:
            command.add_argument("--at", type=int, required=True)
    arguments = parser.parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
