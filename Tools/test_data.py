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
