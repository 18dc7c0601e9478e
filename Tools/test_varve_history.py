#!/usr/bin/env python3
"""Tests of what the independent reader knows of recorded history.

    python3 Tools/test_varve_history.py
"""

import json
import os
import random
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import varve_reader as reader  # noqa: E402
from history_writer import HistoryTable, RandomHistory  # noqa: E402
from repository_writer import SECOND, START, Writer  # noqa: E402
from test_varve_reader import RepositoryTest, canonical, run  # noqa: E402

SEED = 20_261_121
HISTORIES = int(os.environ.get("VARVE_HISTORIES", "40"))


class EverySecondTests(RepositoryTest):
    """Random histories: clean, and every second as the model has it."""

    def test_random_histories(self):
        print(f"seed {SEED}, {HISTORIES} histories", file=sys.stderr)
        for ordinal in range(HISTORIES):
            with self.subTest(history=ordinal):
                shutil.rmtree(self.root)
                source = random.Random(SEED + ordinal)
                table = RandomHistory(source, Writer(self.root)).table
                self.assert_clean()
                self.assert_every_second(table)

    def assert_clean(self):
        self.assertEqual(run("verify", self.root), (0, "", ""))

    def assert_every_second(self, table):
        repository = reader.Repository(self.root)
        history = reader.History(repository, table.id.hex())
        promised = table.promised()
        low = min(one.begin for one in table.ranges) // SECOND - 2
        high = max(one.end for one in table.ranges) // SECOND + 3
        for second in range(low, high):
            instant = second * SECOND
            self.assertEqual(history.is_exact(instant), second in promised, second)
            if second in promised:
                self.assert_state(history, instant, table.expected(promised[second]))
            else:
                before = max((s for s in promised if s < second), default=None)
                after = min((s for s in promised if s > second), default=None)
                self.assertEqual(history.nearest_exact(instant), tuple(
                    None if found is None else found * SECOND for found in (before, after)))

    def assert_state(self, history, instant, expected):
        state = reader.StateReader(history.repository, history.table, history.state(instant))
        found = [json.loads(line) for line in state.lines()]
        self.assertEqual(canonical(found), canonical(expected))
        items, size, digest, low = history.expectation(instant)
        self.assertEqual((state.items, state.bytes, state.digest & 0xFFFF), (items, size, low))
        if digest is not None:
            self.assertEqual(state.digest, digest)


if __name__ == "__main__":
    unittest.main()
