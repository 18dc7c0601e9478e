"""Tests of the benchmark's accounting: a wrong figure is worse than none."""

import json
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchmark import measure  # noqa: E402
from benchmark.memory_group import memory_group  # noqa: E402

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
        usage = subprocess.run(
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


class Groups(unittest.TestCase):
    """A folder that is no cgroup limits nothing: it must not be taken for one, nor left behind."""

    def machine(self, folder, mounts, controllers):
        root = Path(folder)
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/mountinfo").write_text(mounts)
        (root / "proc/self/cgroup").write_text("4:memory:/some\n0::/\n")
        for place in ("sys/fs/cgroup", "sys/fs/cgroup/unified"):
            (root / place).mkdir(parents=True, exist_ok=True)
            (root / place / "cgroup.subtree_control").write_text(controllers)
        return root

    def test_none_of_these_is_a_group(self):
        tmpfs = "1 1 0:1 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        second = "2 1 0:2 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        first = "3 1 0:3 / /sys/fs/cgroup rw - cgroup cgroup rw,memory\n"
        for mounts, controllers in (
            (tmpfs, "memory"), (tmpfs + second, ""), (tmpfs + second, "cpu memory"), ("", ""),
            (tmpfs + first, ""), (tmpfs + second + first, ""),
        ):
            with self.subTest(mounts=mounts), tempfile.TemporaryDirectory() as folder:
                root = self.machine(folder, mounts, controllers)
                self.assertIsNone(memory_group(1 << 28, root))
                self.assertEqual(list(root.rglob("varve-bench-*")), [])


class Streams(unittest.TestCase):
    """What is fed to a recorder, and what must come out, are made apart from each other."""

    def lines(self, command, *options):
        done = subprocess.run(
            [sys.executable, Path(measure.__file__).parent / "changes.py", command, "-",
             "--items", "50", "--count", "600", "--per-second", "3", *options],
            capture_output=True, check=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_a_state_is_what_the_changes_make_of_the_table(self):
        items = {json.dumps([line["Item"][name] for name in ("Account", "Entry")]): line["Item"]
                 for line in self.lines("state", "--at", "0")}
        self.assertEqual(len(items), 50)
        deleted = 0
        for ordinal, record in enumerate(self.lines("changes")):
            micros = int(record["Metadata"]["WriteTimestampMicros"]["N"])
            self.assertEqual(micros // 1_000_000, 1_758_794_400 + ordinal // 3)
            key = json.dumps([record["Keys"][name] for name in ("Account", "Entry")])
            self.assertEqual(record.get("OldImage"), items.get(key))
            items[key] = record.get("NewImage")
            deleted += "NewImage" not in record
        self.assertGreater(deleted, 2)
        expected = [line["Item"] for line in self.lines("state", "--at", "2000000000")]
        self.assertCountEqual(filter(None, items.values()), expected)

    def test_the_end_of_a_stream(self):
        self.assertEqual(self.lines("changes", "--skip", "590"), self.lines("changes")[590:])


@unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
class Limits(unittest.TestCase):
    """The floor under verification is read from packs as Spec 08 lays them out."""

    def pack(self):
        def record(codec, stored, plain):
            head = struct.pack("<4sBBBBII", b"VBLB", 1, codec, 0, 0, len(stored), plain)
            return head + bytes(36) + stored

        # An LZ4 block of literals only: a token, the rest of their number, the literals.
        blobs = record(0, b"x" * 100, 100) + record(1, b"\xf0\x05" + b"y" * 20, 20)
        header = b"VARVEPK1" + bytes(40)
        end = len(header) + len(blobs)
        return header + blobs + bytes(96) + struct.pack("<QII", end, 2, 0) + b"VARVEPKE"

    def test_floor(self):
        source = Path(measure.__file__).parent / "limits.c"
        with tempfile.TemporaryDirectory() as folder:
            program, good, bad = (Path(folder, name) for name in ("limits", "good", "bad"))
            subprocess.run(
                ["cc", "-O1", source, "-o", program, "-lcrypto", "-llz4", "-lz"], check=True)
            good.write_bytes(self.pack())
            bad.write_bytes(self.pack().replace(b"\xf0\x05", b"\xf0\x06"))
            floor = subprocess.run(
                [program, "floor", "10", good], capture_output=True, text=True, check=True).stdout
            self.assertIn(f"stored {len(self.pack())}\nplain 120\n", floor)
            refused = subprocess.run(
                [program, "floor", "10", bad], capture_output=True, text=True)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("LZ4 does not unpack", refused.stderr)


if __name__ == "__main__":
    unittest.main()
