"""Tests of Tools/data.py: its outputs are fixed, since measurements are compared over time."""

import hashlib
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import data  # noqa: E402


def sha256(lines):
    return hashlib.sha256(b"".join(lines)).hexdigest()


class Orders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lines = data.orders()

    def test_bytes(self):
        self.assertEqual(len(self.lines), 541_909)
        self.assertEqual(
            sha256(self.lines), "b3520200998d3b0041e4b6a6f4fbef27c4bb5297cc330d831f4b06ddf267762e")

    def test_sorted_by_key(self):
        def key(line):
            item = json.loads(line)["Item"]
            return item["InvoiceNo"]["S"].encode(), int(item["Line"]["N"])

        keys = [key(line) for line in self.lines[:20_000] + self.lines[-20_000:]]
        self.assertEqual(keys, sorted(set(keys)))

    def test_shuffled_holds_the_same_lines(self):
        mixed = data.shuffled(self.lines)
        self.assertNotEqual(mixed[:100], self.lines[:100])
        self.assertEqual(sorted(mixed), sorted(self.lines))

    def test_a_day_changes_one_percent(self):
        lines = list(self.lines)
        self.assertEqual(data.change_day(lines, 1), 5_419)
        self.assertEqual(sum(a != b for a, b in zip(lines, self.lines)), 5_419)
        self.assertEqual(
            sha256(lines), "8e8143fc74bf43148c979721037bd31dd53c4f25ab49204d75332f19e100baa0")

    def test_one_change(self):
        with tempfile.TemporaryDirectory() as directory:
            source, target = Path(directory, "a"), Path(directory, "b")
            source.write_bytes(b"".join(self.lines[:11]))
            data.change_one(source, target)
            changed = target.read_bytes().splitlines(keepends=True)
        different = [i for i, line in enumerate(changed) if line != self.lines[i]]
        self.assertEqual((len(changed), different), (11, [5]))


class Changes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stream = list(data.change_data.changes_of(
            data.orders()[:300], 2_000, data.with_quantity, data.SEED, per_second=3))

    def test_replays(self):
        """Old images are what was there; times ascend; every kind of change occurs."""
        table, kinds = {}, set()
        for micros, keys, old, new in self.stream:
            self.assertEqual(table.get(keys), old)
            kinds.add((old is None, new is None))
            if new is None:
                del table[keys]
            else:
                table[keys] = new
                self.assertEqual(json.loads(new) | json.loads(keys), json.loads(new))
        times = [change[0] for change in self.stream]
        self.assertEqual(times, sorted(set(times)))
        self.assertEqual(kinds, {(True, False), (False, False), (False, True)})
        self.assertEqual(times[3] - times[0], 1_000_000)

    def test_bytes(self):
        lines = [
            data.change_data.record(form, *change, table="Orders")
            for form in data.change_data.FORMS for change in self.stream]
        for line in lines[::97]:
            json.loads(line)
        self.assertEqual(
            sha256(lines), "953aaf0f8d0ad8a35ed168b50b78833a9b91af61b9da3f7cc5fe8e91fc67e17a")


class Others(unittest.TestCase):
    def test_movies(self):
        lines = data.movies()
        self.assertEqual(len(lines), 4_609)
        self.assertEqual(
            sha256(lines), "3643bca9af5ddb79416d546391bd9e38c00c7454052a1588199193a0e68eea3a")

    def test_generated(self):
        def bytes_of(shuffle):
            order = data.generated_order(10_000, shuffle)
            return [text.encode() for text in data.generated_items(order)]

        ordered, mixed = bytes_of(False), bytes_of(True)
        self.assertEqual(
            sha256(ordered), "4c3ae8f7d9400474135f66d6a20efd76824699d93a6ad155322e5fd6e5bffe9e")
        self.assertEqual(
            sha256(mixed), "e6b74de705ff2c27e9f483fb4e9fc0d02ade2f5f230d43bda99e71764c6a0b28")
        self.assertEqual(sorted(ordered), sorted(mixed))

    def test_attribute_values(self):
        self.assertEqual(
            data.attribute_value({"a": [data.Number("1.0"), None, True, "x"]}),
            {"M": {"a": {"L": [{"N": "1.0"}, {"NULL": True}, {"BOOL": True}, {"S": "x"}]}}})


if __name__ == "__main__":
    unittest.main()
