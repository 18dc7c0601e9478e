#!/usr/bin/env python3
"""A real change stream, recorded by varve; the reader and varve restore each of its versions.

The data are not part of the project, so this runs only when asked for:

    VARVE_STREAM=/path/fema-shelters VARVE=.build/release/varve python3 Tools/test_recorded_stream.py

`<VARVE_STREAM>.events.jsonl.gz` has lines {ts, op, key, new}; the changes of one `ts` are one version
of the table. `<VARVE_STREAM>.versions.jsonl.gz` has for each `ts` the count of rows and the SHA-256 of
the rows (JSON with sorted names), in order of key, joined with newlines. VARVE_STREAM_STEP=n takes
every n-th version only; VARVE_STREAM_REPOSITORY names a repository that holds the table already.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import varve_reader as reader  # noqa: E402
from repository_writer import normal_number  # noqa: E402

STREAM = os.environ.get("VARVE_STREAM")
SECOND = 1_000_000


def lines_of(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def typed(value):
    """Plain JSON as DynamoDB JSON."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return {"N": repr(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [typed(element) for element in value]}
    return {"M": {name: typed(element) for name, element in value.items()}}


def normal(value):
    """DynamoDB JSON with numbers in one form, as hashable data."""
    (kind, inner), = value.items()
    if kind == "N":
        return "N", normal_number(inner)
    if kind == "L":
        return "L", tuple(map(normal, inner))
    if kind == "M":
        return "M", normal_item(inner)
    return kind, inner


def normal_item(item):
    return tuple(sorted((name, normal(value)) for name, value in item.items()))


def item_of(event):
    return {"key": {"S": event["key"]}, "row": typed(event["new"])}


def record_of(event, before):
    """A line of an incremental export."""
    time = str(event["ts"] * SECOND)
    record = {"Metadata": {"WriteTimestampMicros": {"N": time}},
              "Keys": {"key": {"S": event["key"]}}}
    if before is not None:
        record["OldImage"] = before
    if event["op"] != "REMOVE":
        record["NewImage"] = item_of(event)
    return record


def replay(events):
    """Yields (second, rows by key) after the changes of each second."""
    rows = {}
    second = None
    for event in events:
        if second not in (None, event["ts"]):
            yield second, rows
        second = event["ts"]
        if event["op"] == "REMOVE":
            rows.pop(event["key"], None)
        else:
            rows[event["key"]] = event["new"]
    yield second, rows


def sha256_of(rows):
    written = "\n".join(json.dumps(rows[key], sort_keys=True, ensure_ascii=False)
                        for key in sorted(rows))
    return hashlib.sha256(written.encode("utf-8")).hexdigest()


class KeptPage(reader.LeafPage):
    """A leaf page that decodes its rows once: thousands of states are made of few pages."""

    pages = {}

    def __new__(cls, data, where):
        return cls.pages.get(where) or super().__new__(cls)

    def __init__(self, data, where):
        if where not in self.pages:
            self.pages[where] = self
            super().__init__(data, where)
            self.kept = {}

    def rows(self, fetch_value, with_json=True):
        if "rows" not in self.kept:
            self.kept["rows"] = [
                row and (row[0], row[1], list(row[2])) for row in super().rows(fetch_value)]
        return iter(self.kept["rows"])

    def key_jsons(self, table):
        if "keys" not in self.kept:
            self.kept["keys"] = super().key_jsons(table)
        return self.kept["keys"]


@unittest.skipUnless(STREAM, "VARVE_STREAM names no stream")
class StreamTests(unittest.TestCase):
    def setUp(self):
        self.events = list(lines_of(f"{STREAM}.events.jsonl.gz"))
        # By id: that holds as long as the events do, so each test has its own.
        self.normal_rows = {}
        self.addCleanup(setattr, reader, "LeafPage", reader.LeafPage)
        reader.LeafPage = KeptPage
        folder = tempfile.TemporaryDirectory(prefix="varve-stream-")
        self.addCleanup(folder.cleanup)
        self.root = os.environ.get("VARVE_STREAM_REPOSITORY")
        if self.root is None:
            self.root = os.path.join(folder.name, "repository")
            self.record(os.path.join(folder.name, "changes.jsonl"))

    def record(self, path):
        varve = os.environ.get("VARVE", ".build/release/varve")
        before = {}
        with open(path, "w", encoding="utf-8") as file:
            for event in self.events:
                file.write(json.dumps(record_of(event, before.get(event["key"]))) + "\n")
                before[event["key"]] = None if event["op"] == "REMOVE" else item_of(event)
        subprocess.run([varve, "init", "-q", "-r", self.root], check=True)
        subprocess.run([varve, "record", "Shelters", path, "-r", self.root,
                        "--partition-key", "key:S"], check=True)

    def versions(self):
        """Yields each (or each n-th) version's second and rows, which are checked."""
        step = int(os.environ.get("VARVE_STREAM_STEP", "1"))
        versions = {line["ts"]: line for line in lines_of(f"{STREAM}.versions.jsonl.gz")}
        compared = 0
        states, rows, ahead = replay(self.events), {}, None
        for ordinal, second in enumerate(sorted(versions)):
            # Of a version in which nothing changed there is no event.
            ahead = ahead or next(states, None)
            if ahead and ahead[0] == second:
                rows, ahead = dict(ahead[1]), None
            if ordinal % step:
                continue
            self.assertEqual(sha256_of(rows), versions[second]["state_sha256"], second)
            self.assertEqual(len(rows), versions[second]["rows"])
            yield second, rows
            compared += 1
            if compared % 500 == 0:
                print(f"{compared} versions are equal", file=sys.stderr, flush=True)
        self.assertEqual(compared, -(-len(versions) // step))
        print(f"{compared} versions are equal", file=sys.stderr)

    def test_every_version_by_varve(self):
        varve = os.environ.get("VARVE", ".build/release/varve")
        target = self.root + "-restored.jsonl"
        self.addCleanup(lambda: os.path.exists(target) and os.unlink(target))
        known = {}
        for second, rows in self.versions():
            subprocess.run([varve, "restore", "Shelters", "-r", self.root, "--at", str(second + 1),
                            "--to", target, "-q"], check=True)
            found = {}
            with open(target, encoding="utf-8") as file:
                for line in file:
                    if line not in known:
                        item = json.loads(line)["Item"]
                        known[line] = item["key"]["S"], normal(item["row"])
                    key, row = known[line]
                    found[key] = row
            os.unlink(target)
            self.assertEqual(found, {key: self.normal_row(row) for key, row in rows.items()})

    def test_every_version_by_the_reader(self):
        repository = reader.Repository(self.root)
        history = next(found for _, found in reader.open_tables(repository))
        self.assertEqual(history.table.name, "Shelters")
        known = {}
        for second, rows in self.versions():
            instant = (second + 1) * SECOND
            self.assertTrue(history.is_exact(instant), second)
            state = reader.StateReader(repository, history.table, history.state(instant))
            found = {}
            for line in state.lines():
                if line not in known:
                    item = json.loads(line)["Item"]
                    known[line] = item["key"]["S"], normal(item["row"])
                key, row = known[line]
                found[key] = row
            self.assertEqual(found, {key: self.normal_row(row) for key, row in rows.items()})
            self.assertEqual((state.items, state.bytes), history.expectation(instant)[:2])

    def normal_row(self, row):
        """The normal form of a row; the same row is not worked out twice."""
        if id(row) not in self.normal_rows:
            self.normal_rows[id(row)] = normal(typed(row))
        return self.normal_rows[id(row)]


if __name__ == "__main__":
    unittest.main()
