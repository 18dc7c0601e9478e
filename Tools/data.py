#!/usr/bin/env python3
"""Makes the tables that the demonstration, the benchmark and the tests back up.

    Tools/data.py orders OUT                   the order lines, sorted by key
    Tools/data.py orders OUT --shuffled        the same lines in a seeded random order
    Tools/data.py days OUT_DIRECTORY           the order lines, then 30 days with 1 % changed
    Tools/data.py next-day IN OUT              IN with 1 % of its quantities changed
    Tools/data.py change-one IN OUT            IN with one quantity changed, in the middle
    Tools/data.py movies OUT                   the films, as DynamoDB JSON, sorted by key
    Tools/data.py generated OUT --items N      N made-up items of about 200 bytes, sorted by key
    Tools/data.py generated OUT --items N --shuffled
    Tools/data.py changes OUT --count N        N changes of the order lines, from an empty table on
    Tools/data.py changes OUT --count N --per-second 10 --form streams --table Orders
    Tools/data.py events IN OUT                a stream of events {ts, op, key, new} as changes

Forms of changes: export (as incremental exports hold them), streams, kinesis, envelope.
Every output is DynamoDB JSON, one {"Item":{...}} a line; OUT may be - for standard output.
Equal arguments give equal bytes, on every machine. Python 3.11, standard library only.
"""

import argparse
import array
import csv
import gzip
import json
import random
import re
import sys
from contextlib import contextmanager
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path

import change_data

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures" / "data"
SEED = 2012
QUANTITY = re.compile(rb'"Quantity":\{"N":"([^"]*)"\}')


@contextmanager
def output(path):
    """A binary file to write to; - is standard output."""
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with open(path, "wb", buffering=1 << 20) as file:
            yield file


# Order lines


def orders(source=FIXTURES / "order-lines.csv.gz"):
    """The order lines as lines of DynamoDB JSON (bytes), sorted by (InvoiceNo bytes, Line)."""
    rows = []
    lines_of_invoice = {}
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            invoice = row["InvoiceNo"]
            line = lines_of_invoice.get(invoice, 0)
            lines_of_invoice[invoice] = line + 1
            rows.append((invoice.encode(), line, order_line(row, line)))
    rows.sort()
    return [text for _, _, text in rows]


ORDER_ATTRIBUTES = (
    ("StockCode", "S"), ("Description", "S"), ("Quantity", "N"), ("InvoiceDate", "S"),
    ("UnitPrice", "N"), ("CustomerID", "S"), ("Country", "S"),
)


def order_line(row, line):
    """One line; an attribute without a value is absent."""
    parts = [f'"InvoiceNo":{{"S":{quoted(row["InvoiceNo"])}}},"Line":{{"N":"{line}"}}']
    for name, kind in ORDER_ATTRIBUTES:
        if row[name]:
            parts.append(f'"{name}":{{"{kind}":{quoted(row[name])}}}')
    return ('{"Item":{' + ",".join(parts) + "}}\n").encode()


def shuffled(lines, seed=SEED):
    """The same lines in a seeded random order."""
    lines = list(lines)
    random.Random(seed).shuffle(lines)
    return lines


def with_quantity(line, choose):
    """The line with another Quantity: `choose()` is drawn until it differs from the present one."""
    match = QUANTITY.search(line)
    if match is None:
        raise ValueError(f"a line without Quantity: {line[:120]!r}")
    quantity = choose()
    while quantity == int(match.group(1)):
        quantity = choose()
    return b'%b"Quantity":{"N":"%d"}%b' % (line[: match.start()], quantity, line[match.end():])


def change_day(lines, day, share=0.01, seed=SEED):
    """Changes a share of the lines in place, chosen at random; returns how many."""
    generator = random.Random(f"{seed} day {day}")
    chosen = generator.sample(range(len(lines)), int(len(lines) * share))
    for index in chosen:
        lines[index] = with_quantity(lines[index], lambda: generator.randint(1, 999))
    return len(chosen)


def write_days(directory, days, share, seed):
    directory.mkdir(parents=True, exist_ok=True)
    lines = orders()
    for day in range(days + 1):
        if day > 0:
            change_day(lines, day, share, seed)
        with output(directory / f"day-{day:02}.jsonl") as file:
            file.writelines(lines)


def change_one(source, target, at=None):
    """Copies a file and changes the Quantity of one line: number `at`, else the middle one."""
    if at is None:
        with open(source, "rb") as file:
            at = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")) // 2
    with open(source, "rb", buffering=1 << 20) as file, output(target) as out:
        for number, line in enumerate(file):
            if number == at:
                quantity = int(QUANTITY.search(line).group(1)) + 1
                line = with_quantity(line, lambda: quantity)
            out.write(line)


# Films


class Number(str):
    """A JSON number, kept as it was written."""


def attribute_value(value):
    """Plain JSON as a DynamoDB attribute value."""
    if isinstance(value, Number):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, list):
        return {"L": [attribute_value(element) for element in value]}
    return {"M": {name: attribute_value(element) for name, element in value.items()}}


def movies(source=FIXTURES / "movies.jsonl.gz"):
    """The films as lines of DynamoDB JSON (bytes), sorted by (year, title bytes)."""
    rows = []
    with gzip.open(source, "rt", encoding="utf-8") as file:
        for line in file:
            film = json.loads(line, parse_int=Number, parse_float=Number)
            item = {name: attribute_value(value) for name, value in film.items()}
            text = json.dumps({"Item": item}, separators=(",", ":"), ensure_ascii=False) + "\n"
            rows.append((int(film["year"]), film["title"].encode(), text.encode()))
    rows.sort()
    return [text for _, _, text in rows]


# Generated tables

CITIES = (
    "Amsterdam", "Athens", "Berlin", "Bern", "Dublin", "Helsinki", "Lisbon", "London", "Madrid",
    "Oslo", "Paris", "Prague", "Rome", "Stockholm", "Vienna", "Warsaw",
)
STATES = ("ordered", "paid", "packed", "shipped")
ITEMS_PER_ACCOUNT = 10
ITEM = (
    '{"Item":{"Account":{"S":"A%08d"},"Entry":{"N":"%d"},"City":{"S":"%s"},"State":{"S":"%s"},'
    '"Quantity":{"N":"%d"},"Price":{"N":"%d.%02d"},"At":{"N":"%d"},"Token":{"S":"%016x"}}}\n'
)
MASK = (1 << 64) - 1


def generated_items(indexes, seed=SEED):
    """Items by index, as text. An item depends on its index and the seed alone: order is free.

    Keys are Account (S), Entry (N). Everything else comes from one 64-bit mix of the index.
    """
    start = (seed * 0xD1342543DE82EF95 + 1) & MASK
    for index in indexes:
        # The finisher of SplitMix64.
        mix = (index * 0x9E3779B97F4A7C15 + start) & MASK
        mix = ((mix ^ mix >> 30) * 0xBF58476D1CE4E5B9) & MASK
        mix = ((mix ^ mix >> 27) * 0x94D049BB133111EB) & MASK
        mix ^= mix >> 31
        yield ITEM % (
            index // ITEMS_PER_ACCOUNT, index % ITEMS_PER_ACCOUNT,
            CITIES[mix & 15], STATES[mix >> 4 & 3],
            1 + (mix >> 6 & 127), mix >> 13 & 255, (mix >> 21 & 127) % 100,
            1_600_000_000 + index * 3 + (mix >> 28 & 1), mix,
        )


def generated_order(items, shuffle, seed=SEED):
    if not shuffle:
        return range(items)
    # Four bytes an item: ten million need 40 MB.
    order = array.array("I", range(items))
    random.Random(seed).shuffle(order)
    return order


def write_generated(path, items, shuffle=False, seed=SEED):
    with output(path) as file:
        batch = []
        for text in generated_items(generated_order(items, shuffle, seed), seed):
            batch.append(text)
            if len(batch) == 10_000:
                file.write("".join(batch).encode())
                batch.clear()
        file.write("".join(batch).encode())


def write_changes(arguments):
    if arguments.command == "events":
        stream = change_data.events_of(arguments.source, attribute_value, Number)
    else:
        stream = change_data.changes_of(
            orders()[: arguments.lines], arguments.count, with_quantity, arguments.seed,
            arguments.per_second, arguments.start)
    with output(arguments.out) as file:
        for micros, keys, old, new in stream:
            if arguments.new_images:
                old = None
            file.write(
                change_data.record(arguments.form, micros, keys, old, new, arguments.table))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, *paths):
        sub = commands.add_parser(name)
        for path in paths:
            sub.add_argument(path)
        sub.add_argument("--seed", type=int, default=SEED)
        return sub

    command("orders", "out").add_argument("--shuffled", action="store_true")
    days = command("days", "out")
    days.add_argument("--days", type=int, default=30)
    days.add_argument("--share", type=float, default=0.01)
    next_day = command("next-day", "source", "out")
    next_day.add_argument("--day", type=int, default=1)
    next_day.add_argument("--share", type=float, default=0.01)
    command("change-one", "source", "out").add_argument("--at", type=int)
    command("movies", "out")
    generated = command("generated", "out")
    generated.add_argument("--items", type=int, required=True)
    generated.add_argument("--shuffled", action="store_true")
    changes = command("changes", "out")
    changes.add_argument("--count", type=int, required=True)
    changes.add_argument("--lines", type=int, help="lines that the table can hold; all")
    changes.add_argument("--per-second", type=int, default=100)
    changes.add_argument("--start", type=int, default=change_data.START_SECOND)
    for sub in (changes, command("events", "source", "out")):
        sub.add_argument("--form", choices=change_data.FORMS, default="export")
        sub.add_argument("--table", help="the name of the table, in each record")
        sub.add_argument("--new-images", action="store_true", help="leave the old images out")
    arguments = parser.parse_args()

    if arguments.command in ("changes", "events"):
        write_changes(arguments)
    elif arguments.command == "days":
        write_days(Path(arguments.out), arguments.days, arguments.share, arguments.seed)
    elif arguments.command == "change-one":
        change_one(arguments.source, arguments.out, arguments.at)
    elif arguments.command == "generated":
        write_generated(arguments.out, arguments.items, arguments.shuffled, arguments.seed)
    else:
        if arguments.command == "orders":
            lines = orders()
            if arguments.shuffled:
                lines = shuffled(lines, arguments.seed)
        elif arguments.command == "movies":
            lines = movies()
        else:
            with open(arguments.source, "rb") as file:
                lines = file.readlines()
            change_day(lines, arguments.day, arguments.share, arguments.seed)
        with output(arguments.out) as file:
            file.writelines(lines)


if __name__ == "__main__":
    main()
