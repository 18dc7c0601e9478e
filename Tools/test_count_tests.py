"""Tests of Tools/count_tests.py, with what the runners really print."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from count_tests import counts  # noqa: E402

SWIFT_GOOD = """\
Test Suite 'All tests' passed at 2026-01-01 00:00:00.000.
\t Executed 0 tests, with 0 failures (0 unexpected) in 0.0 (0.0) seconds
◇ Test run started.
✔ Test "a name" passed after 0.001 seconds.
✔ Test run with 2 tests in 1 suite passed after 0.001 seconds.
"""
SWIFT_BAD = """\
✘ Test sums(of:) recorded an issue with 1 argument of → 2 at A.swift:9:5: Expectation failed: 1 == 2
✘ Test sums(of:) with 3 test cases failed after 0.001 seconds with 1 issue.
✘ Test "the whole" failed after 0.002 seconds with 2 issues.
✘ Suite Sums failed after 0.003 seconds with 3 issues.
✘ Test run with 3 tests in 1 suite failed after 0.003 seconds with 3 issues.
"""


class Counts(unittest.TestCase):
    def test_swift_passed(self):
        self.assertEqual(counts("swift", 0, SWIFT_GOOD)[:2], (2, 0))

    def test_swift_failed(self):
        self.assertEqual(counts("swift", 1, SWIFT_BAD)[:2], (1, 2))

    def test_swift_in_colour(self):
        text = "\x1b[92m✔\x1b[0m Test run with 7 tests in 0 suites passed after 1.0 seconds."
        self.assertEqual(counts("swift", 0, text)[:2], (7, 0))

    def test_a_crash_is_a_failure(self):
        self.assertEqual(counts("swift", 1, "error: signal 11")[:2], (0, 1))
        self.assertIsNone(counts("swift", 0, "nothing"))

    def test_an_exit_status_is_believed(self):
        self.assertEqual(counts("swift", 1, SWIFT_GOOD)[1], 1)

    def test_python(self):
        self.assertEqual(counts("python", 0, "....\nRan 4 tests in 0.1s\n\nOK\n")[:2], (4, 0))
        self.assertEqual(
            counts("python", 0, "....\nRan 4 tests in 0.1s\n\nOK (skipped=1)\n")[:2], (3, 0))
        self.assertEqual(
            counts("python", 1, "Ran 4 tests in 0.1s\n\nFAILED (failures=1, errors=2)\n")[:2],
            (1, 3))


if __name__ == "__main__":
    unittest.main()
