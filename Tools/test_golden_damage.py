"""Damage to the golden repositories, as the reader sees it: always told of, and never other items.

Of the small repository every byte is flipped and every length cut. Of the one with recorded history
every 11th byte is, and every 23rd length, in each object from another byte on; with VARVE_EXHAUSTIVE=1
all of them, which takes some minutes.
"""

import json
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from test_varve_reader import canonical, run

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Fixtures", "golden")
IS_EXHAUSTIVE = os.environ.get("VARVE_EXHAUSTIVE") == "1"


class GoldenDamageTests(unittest.TestCase):
    def copy(self, name):
        """Sets the root of a copy, its files, and the states that it must give."""
        directory = tempfile.mkdtemp(prefix="varve-damage-")
        self.addCleanup(shutil.rmtree, directory)
        self.root = os.path.join(directory, "repository")
        shutil.copytree(os.path.join(GOLDEN, name, "repository"), self.root)
        self.files = sorted(os.path.join(d, n) for d, _, names in os.walk(self.root) for n in names)
        self.states = []
        expected = os.path.join(GOLDEN, name, "expected")
        for state in sorted(os.listdir(expected)):
            with open(os.path.join(expected, state), encoding="utf-8") as file:
                items = [canonical(json.loads(line)) for line in file]
            title = state.removesuffix(".jsonl")
            if "@" in title:
                table, instant = title.split("@")
                which = ("--latest",) if instant == "newest" else ("--at", instant)
                self.states.append((table, which, items))
            else:
                table, backup = title.split("-", 1)
                self.states.append((table, ("--backup", backup), items))

    def assert_told(self, path, data, number):
        """The file holding these bytes is found damaged; a state comes out right or not at all."""
        with open(path, "wb") as file:
            file.write(data)
        code, _, errors = run("verify", self.root)
        self.assertEqual(code, 1, "the damage was not found")
        self.assertNotEqual(errors, "")
        self.assertNotIn("Traceback", errors)
        table, which, items = self.states[number % len(self.states)]
        code, out, errors = run("restore", self.root, table, *which)
        self.assertIn(code, (0, 1))
        self.assertNotIn("Traceback", errors)
        found = [canonical(json.loads(line)) for line in out.splitlines()]
        if code == 0 or found:
            self.assertEqual(found, items)

    def damage(self, name, flips, cuts):
        self.copy(name)
        if IS_EXHAUSTIVE:
            flips = cuts = 1
        number = 0
        for order, path in enumerate(self.files):
            with open(path, "rb") as file:
                data = file.read()
            place = os.path.relpath(path, self.root)
            for offset in range(order % flips, len(data), flips):
                broken = bytearray(data)
                broken[offset] ^= 1 << offset % 8
                number += 1
                with self.subTest(path=place, flipped=offset):
                    self.assert_told(path, bytes(broken), number)
            for length in range(order % cuts, len(data), cuts):
                number += 1
                with self.subTest(path=place, length=length):
                    self.assert_told(path, data[:length], number)
            with open(path, "wb") as file:
                file.write(data)
        self.assertEqual(run("verify", self.root)[::2], (0, ""))

    def test_marks(self):
        """The bytes of a copy's mark are its name; what is no mark is ignored."""
        self.copy("kept")
        marks = [path for path in self.files if f"{os.sep}copied{os.sep}" in path]
        self.assertNotEqual(marks, [])
        for name in ("notes", "AB" * 32):
            with open(os.path.join(os.path.dirname(marks[0]), name), "wb") as file:
                file.write(b"123")
        self.assertEqual(run("verify", self.root)[::2], (0, ""))
        with open(marks[0], "rb") as file:
            data = file.read()
        self.assert_told(marks[0], data[:3] + b"\x00" + data[4:], 0)
        self.assert_told(marks[0], data[:31], 1)

    def test_small(self):
        self.damage("small", flips=1, cuts=1)

    def test_recorded(self):
        self.damage("recorded", flips=11, cuts=23)


if __name__ == "__main__":
    unittest.main()
