"""Tests of the benchmark's accounting: a wrong figure is worse than none."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchmark import measure  # noqa: E402

# In a process of its own: the peak of a test runner that has made tables would be carried over.
PROBE = """
import sys
sys.path.insert(0, sys.argv[1])
from benchmark.measure import MIB, run
allocate = "b = bytearray(%d << 20)\\nfor i in range(0, len(b), 4096): b[i] = 1"
large = run([sys.executable, "-c", allocate % 96])
small = run([sys.executable, "-c", "pass"])
noisy = run([sys.executable, "-c", "print('x' * (40 << 20))"])
after = run([sys.executable, "-c", "pass"])
slow = run([sys.executable, "-c", "import time; time.sleep(0.3)"])
print(large.peak // MIB, small.peak // MIB, after.peak // MIB, len(noisy.output))
print(slow.wall, slow.cpu)
"""


class Accounting(unittest.TestCase):
    def test_peaks_and_times(self):
        folder = str(Path(__file__).resolve().parent)
        usage = measure.subprocess.run(
            [sys.executable, "-c", PROBE, folder], capture_output=True, text=True)
        self.assertEqual(usage.returncode, 0, usage.stderr)
        large, small, after, kept, wall, cpu = map(float, usage.stdout.split())
        self.assertTrue(96 <= large < 140, large)
        self.assertLess(small, 40)
        self.assertLess(after, 40)
        self.assertEqual(kept, measure.OUTPUT_KEPT)
        self.assertGreaterEqual(wall, 0.3)
        self.assertLess(cpu, 0.3)

    def test_a_failing_program_fails(self):
        with self.assertRaisesRegex(measure.Failed, "exit status 3"):
            measure.run([sys.executable, "-c", "raise SystemExit(3)"])

    def test_size_of_counts_every_file(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").mkdir()
            Path(folder, "a", "b").write_bytes(b"12345")
            Path(folder, "c").write_bytes(b"123")
            self.assertEqual(measure.size_of(folder), 8)

    def test_median_of_each_figure(self):
        usages = [measure.Usage(1, 9, 5), measure.Usage(2, 8, 4), measure.Usage(3, 1, 9)]
        self.assertEqual(measure.median(usages), measure.Usage(2, 8, 5))

    def test_verdicts(self):
        report = measure.Report()
        report.begin("x", "X")
        report.at_least("speed", 2, 1.999)
        report.at_least("speed", 2, 2.0)
        report.at_most("size", 10e6, 10.1e6, measure.megabytes)
        self.assertEqual([v["met"] for v in report.verdicts], [False, True, False])


if __name__ == "__main__":
    unittest.main()
