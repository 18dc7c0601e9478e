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
from repository_writer import SECOND, START, Writer, sized, svarint, varint  # noqa: E402
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
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))

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


def put(second, name, value="1"):
    """A change at a second of the sample (fractions allowed)."""
    return (START * SECOND + round(second * SECOND), {"id": {"S": name}, "v": {"N": value}})


def gone(second, name):
    return (START * SECOND + round(second * SECOND), {"id": {"S": name}}, None)


def at(second):
    return START * SECOND + round(second * SECOND)


def write_sample(root, spoil=None, layout=False):
    """A history with a tail, a closed range, a window, an older copy; commits 0 to 9."""
    table = HistoryTable(Writer(root), "Sample", [("id", "S")])
    table.spoil = spoil or {}
    table.begin(START, [put(0, name)[1] for name in "ab"])
    table.record(at(4), [put(0.1, "a", "2"), put(0.1, "c"), gone(2.5, "b")])
    table.record(None, [put(4.3, "d"), put(4.6, "a", "3")], sealed=False)
    table.record(at(7), [put(4.8, "b"), put(6.2, "c", "4")])
    table.close()
    table.begin(START + 20, [put(0, name)[1] for name in "ae"], flags=3)
    table.record(at(30), [put(29.999999, "b", "5"), gone(29.999999, "e")], flags=2)
    table.record(at(34), [put(31.5, "a", "6"), put(33, "f")])
    table.begin(START + 10, [put(0, "x")[1]], flags=3)
    table.ranges.sort(key=lambda one: (one.begin, one.end))
    if layout:
        table.compact(1, cuts=[at(2.5)], images=[at(32)])
    table.record(at(36), [put(34.5, "a", "7")])
    return table


class RefusalTests(RepositoryTest):
    """What the commands say of instants and keys."""

    def setUp(self):
        super().setUp()
        self.table = write_sample(self.root)

    def restore(self, second):
        return run("restore", self.root, "Sample", "--at", str(START + second))

    def test_sample_is_clean(self):
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))
        shutil.rmtree(self.root)
        write_sample(self.root, layout=True)
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))

    def test_refusals_name_the_nearest(self):
        for second, nearest in (
                (-1, "2026-01-01T00:00:00Z (after)"),
                (8, "2026-01-01T00:00:07Z (before) and 2026-01-01T00:00:10Z (after)"),
                (25, "2026-01-01T00:00:20Z (before) and 2026-01-01T00:00:30Z (after)"),
                (37, "2026-01-01T00:00:36Z (before)")):
            code, out, errors = self.restore(second)
            self.assertEqual((code, out), (1, ""))
            self.assertIn(f"nearest that it does are {nearest}\n", errors)

    def test_times(self):
        expected = self.restore(33)
        self.assertEqual(expected[0], 0)
        for written in ("2026-01-01T00:00:33Z", "2026-01-01t01:00:33.000+01:00"):
            self.assertEqual(run("restore", self.root, "Sample", "--at", written), expected)
        for written in ("2026-01-01T00:00:33", "2026-01-01T00:00:33.5Z", "yesterday"):
            self.assertEqual(run("restore", self.root, "Sample", "--at", written)[0], 1)

    def test_list_shows_gaps_and_closed_ranges(self):
        for layout in (False, True):
            shutil.rmtree(self.root)
            write_sample(self.root, layout=layout)
            code, out, _ = run("list", self.root)
            self.assertEqual(code, 0)
            lines = [line.strip() for line in out.splitlines()]
            wanted = [
                "range    2026-01-01T00:00:00Z to 2026-01-01T00:00:07Z, exact at every second, "
                "closed, 5 checkpoints, 4 items",
                "gap      2026-01-01T00:00:07Z to 2026-01-01T00:00:10Z",
                "range    2026-01-01T00:00:10Z to 2026-01-01T00:00:10Z, exact at checkpoints, "
                "1 checkpoints, 1 items",
                "gap      2026-01-01T00:00:10Z to 2026-01-01T00:00:20Z",
                "range    2026-01-01T00:00:20Z to 2026-01-01T00:00:30Z, exact at checkpoints, "
                "2 checkpoints, 2 items",
                "range    2026-01-01T00:00:30Z to 2026-01-01T00:00:36Z, exact at every second, "
                "4 checkpoints, 3 items",
                "last     2026-01-01T00:00:35Z is the last checkpoint"]
            for line, text in zip(lines[3:], wanted):
                self.assertTrue(line.startswith(text), (line, text))

    def test_latest_has_the_tail(self):
        self.table.record(None, [put(36.2, "tail")], sealed=False)
        code, out, errors = run("restore", self.root, "Sample", "--latest")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn('"tail"', out)
        self.assertNotIn('"tail"', self.restore(36)[1])
        self.assertEqual(self.restore(37)[0], 1)
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))

    def test_versions_of_an_item(self):
        for layout in (False, True):
            shutil.rmtree(self.root)
            write_sample(self.root, layout=layout)
            code, out, errors = run("history", self.root, "Sample", '{"id":{"S":"a"}}')
            self.assertEqual((code, errors), (0, ""))
            found = [json.loads(line) for line in out.splitlines()]
            self.assertEqual(
                [(v["time"][17:], v["kind"], v["Item"]["v"]["N"] if "Item" in v else None)
                 for v in found],
                [("00Z", "image", "1"), ("00.100000Z", "put", "2"), ("04.600000Z", "put", "3"),
                 ("10Z", "absent", None), ("20Z", "image", "1"), ("31.500000Z", "put", "6"),
                 ("34.500000Z", "put", "7")])
            code, out, _ = run("history", self.root, "Sample", "b")
            self.assertEqual(
                [json.loads(line)["kind"] for line in out.splitlines()],
                ["image", "delete", "put", "absent", "put"])
        for key in ("nobody", '{"x":{"S":"a"}}', '{"id":{"N":"1"}}'):
            self.assertEqual(run("history", self.root, "Sample", key)[:2], (1, ""))


class DamageTests(RepositoryTest):
    """Objects that cannot be read are told of; what does not need them comes out (page 11)."""

    def damage(self, table, name):
        path = os.path.join(self.root, table.directory, name)
        with open(path, "r+b") as file:
            file.seek(100)
            file.write(b"!!!")

    def restore(self, *arguments):
        code, out, errors = run("restore", self.root, "Sample", *arguments)
        return code, len(out.splitlines()), errors

    def test_a_lost_commit(self):
        table = write_sample(self.root)
        whole = {second: self.restore("--at", str(START + second)) for second in (0, 2, 6, 33)}
        self.damage(table, "commits/0000000000000003")
        for second in (0, 2, 33):
            code, lines, errors = self.restore("--at", str(START + second))
            self.assertEqual((code, lines), (1, whole[second][1]))
            self.assertIn("the SHA-256 at the object's end is wrong", errors)
        self.assertIn("does not promise", self.restore("--at", str(START + 6))[2])
        self.assertEqual(self.restore("--latest")[1], 3)
        self.assert_damaged("SHA-256 at the object's end")
        code, out, _ = run("list", self.root)
        self.assertEqual(code, 1)
        self.assertIn("2026-01-01T00:00:04.600001Z", out)

    def test_the_newest_state(self):
        table = write_sample(self.root)
        self.damage(table, "commits/0000000000000009")
        code, lines, errors = self.restore("--latest")
        self.assertEqual((code, lines), (1, 0))
        self.assertIn("may hold the newest state", errors)
        self.assertEqual(self.restore("--at", str(START + 34))[1], 3)

    def test_a_lost_layout(self):
        for number, keep in ((1, True), (2, False)):
            shutil.rmtree(self.root)
            table = write_sample(self.root, layout=True)
            if number == 2:
                table.compact(2, keep_commits=keep)
            table.record(at(40), [put(37, "z")])
            self.damage(table, f"layouts/{number:016x}")
            self.assertEqual(self.restore("--at", str(START + 33))[1], 2)
            self.assert_damaged("SHA-256 at the object's end")

    def test_a_record_alone_is_no_table_yet(self):
        table = HistoryTable(Writer(self.root), "Sample", [("id", "S")])
        self.assertEqual(run("list", self.root), (0, "", ""))
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))
        table.begin(START, [])
        os.unlink(os.path.join(self.root, table.directory, "table"))
        self.assertEqual(run("list", self.root)[0], 1)
        self.assert_damaged()


class BrokenRuleTests(RepositoryTest):
    """Each rule, broken with all hashes right, is found and named."""

    def assert_found(self, message, spoil=None, layout=False, write=write_sample):
        shutil.rmtree(self.root, ignore_errors=True)
        write(self.root, spoil, layout)
        code, _, errors = run("verify", self.root)
        self.assertEqual(code, 1, "nothing was found")
        self.assertIn(message, errors)
        self.assertNotIn("cannot be read (", errors)

    def assert_all_found(self, broken, layout=False):
        for name, (where, change, message) in broken.items():
            with self.subTest(rule=name):
                self.assert_found(message, {where: change}, layout)

    def test_commits(self):
        def set_to(**values):
            named = {name.replace("_", " "): value for name, value in values.items()}
            named = {{"start": "from"}.get(name, name): value for name, value in named.items()}
            return lambda fields: fields.update(named)

        def piece(**values):
            named = {{"start": "from"}.get(name, name): value for name, value in values.items()}
            return lambda fields: fields.update(
                pieces=[{**one, **named} for one in fields["pieces"]])

        def checkpoint(place, **values):
            columns = ("second", "changes", "items", "bytes", "digest")

            def change(fields):
                one = dict(zip(columns, fields["checkpoints"][place]))
                one.update(values)
                fields["checkpoints"] = list(fields["checkpoints"])
                fields["checkpoints"][place] = tuple(one.values())
            return change

        def without_checkpoint(place):
            return lambda fields: fields.update(checkpoints=[
                one for ordinal, one in enumerate(fields["checkpoints"]) if ordinal != place])

        def moved_change(fields):
            entries = fields["pieces"][0]["entries"]
            entries[0].time -= SECOND
            fields["change digest"] = sum(e.hash() for e in entries) % (1 << 256)

        def swapped(fields):
            fields["pieces"][0]["entries"].reverse()

        def doubled(fields):
            fields["pieces"] = fields["pieces"] * 2

        self.assert_all_found({
            "a beginning without changes": ("commit 0", set_to(changes=5),
                                            "begins a range, and counts changes"),
            "the first begins": ("commit 0", set_to(flags=0), "does not begin a range"),
            "hash before": ("commit 3", set_to(before=bytes(32)), "hash before"),
            "table": ("commit 3", set_to(table=bytes(16)), "table or sequence"),
            "sequence": ("commit 3", set_to(sequence=7), "table or sequence"),
            "reserved flags": ("commit 3", set_to(flags=8), "reserved flags"),
            "begins and closes": ("commit 4", set_to(flags=5), "both begins and closes"),
            "goes on at the end": ("commit 3", set_to(start=at(5)), "does not go on where"),
            "ends before it starts": ("commit 3", set_to(to=at(4)), "ends before it starts"),
            "begins with one time": ("commit 5", set_to(start=at(19)), "no image of one instant"),
            "begins with an image": ("commit 5", set_to(pieces=[
                {"kind": 2, "from": at(20), "to": at(20), "entries": []}]),
                "no image of one instant"),
            "begins outside exact ranges": ("commit 8", lambda fields: (
                fields.update({"from": at(3), "to": at(3), "checkpoints": [
                    (START + 3, *fields["checkpoints"][0][1:])]}), piece(start=at(3), to=at(3))(
                        fields)), "exact at every second covers it"),
            "one piece": ("commit 3", doubled, "2 pieces instead of one"),
            "no piece": ("commit 3", set_to(pieces=[]), "0 pieces instead of one"),
            "the piece's beginning": ("commit 3", piece(start=at(4)), "begins at another time"),
            "the piece's end": ("commit 3", piece(to=at(8)), "ends at another time"),
            "times within the run": ("commit 3", moved_change, "outside the run's times"),
            "order of the run": ("commit 3", swapped, "not in order"),
            "change digest": ("commit 3", set_to(change_digest=5), "change digest"),
            "count of changes": ("commit 3", set_to(changes=3), "counts other changes"),
            "count of a checkpoint": ("commit 1", checkpoint(0, changes=3), "there are 2"),
            "count with the tail": ("commit 3", checkpoint(0, changes=1), "there are 3"),
            "items of a checkpoint": ("commit 1", checkpoint(0, items=9), "not the one recorded"),
            "bytes of a checkpoint": ("commit 1", checkpoint(0, bytes=9), "not the one recorded"),
            "digest of a checkpoint": ("commit 1", checkpoint(0, digest=9), "not the one recorded"),
            "checkpoints ascend": ("commit 1", checkpoint(1, second=START + 1), "do not ascend"),
            "checkpoint too early": ("commit 3", checkpoint(0, second=START + 1),
                                     "outside the commit's times"),
            "checkpoint too late": ("commit 3", checkpoint(1, second=START + 8),
                                    "outside the commit's times"),
            "a second without checkpoint": ("commit 1", without_checkpoint(0),
                                            "has changes but is no checkpoint"),
            "the last second without one": ("commit 9", without_checkpoint(0),
                                            "has changes but is no checkpoint"),
            "a beginning without one": ("commit 0", without_checkpoint(0), "is no checkpoint"),
            "one checkpoint of net changes": ("commit 1", set_to(flags=2),
                                              "exact at its end alone"),
            "the state at the end": ("commit 2", set_to(totals=(4, 5, 6)), "not the one recorded"),
            "closing at the end": ("commit 4", set_to(to=at(8)), "ends at another time"),
            "closing without checkpoints": ("commit 4", set_to(checkpoints=[
                (START + 7, 0, 1, 2, 3)]), "closes a range and has changes"),
        })

    def test_closing(self):
        def closes_with_changes(fields):
            fields["flags"] = 4

        self.assert_all_found({
            "without changes": ("commit 3", closes_with_changes, "has changes or checkpoints"),
            "nothing goes on": ("commit 6", lambda f: f.update(flags=6), "goes on where a range"),
        })

        def write(root, spoil, layout):
            table = write_sample(root)
            table.close()
            if layout:
                table.compact(1)
                table.ranges[-1].closed = False
            table.ranges[-1].closed = False
            table.record(at(40), [put(38, "a", "8")])

        for layout in (False, True):
            self.assert_found("goes on where a range was closed", None, layout, write)

    def test_a_complete_second_at_the_end(self):
        def write(root, spoil, layout):
            table = write_sample(root)
            table.spoil = {"commit 10": lambda fields: fields.update(checkpoints=[])}
            table.record(at(40), [put(39.5, "a", "8")])

        self.assert_found("has changes but is no checkpoint", None, False, write)

    def test_changes_that_change_nothing(self):
        def write(root, spoil, layout):
            table = write_sample(root)
            table.effective = lambda entries: entries
            table.record(at(40), [put(38, "a", "7"), gone(38.5, "nobody")])
            if layout:
                table.compact(1)

        for layout in (False, True):
            self.assert_found("2 changes change nothing", None, layout, write)

    def test_fences(self):
        table = write_sample(self.root)
        table.fence()
        table.record(at(40), [put(38, "a", "8")])
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))

        def write(root, spoil, layout):
            table = write_sample(root)
            table.spoil = {"commit 10": lambda fields: fields.update({"from": at(35)})}
            table.fence()

        self.assert_found("has two times and no pieces", None, False, write)

        def write_other_state(root, spoil, layout):
            table = write_sample(root)
            table.spoil = {"commit 10": lambda fields: fields.update(totals=(7, 7, 7))}
            table.fence()

        self.assert_found("has another state than before it", None, False, write_other_state)

    def test_lost_records(self):
        table = write_sample(self.root)
        directory = os.path.join(self.root, table.directory, "settings")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, f"{7:016x}"), "wb"):
            pass
        code, _, errors = run("verify", self.root)
        self.assertEqual(code, 1)
        self.assertIn("a record before it is missing", errors)

    def test_missing_commits(self):
        for layout in (False, True):
            shutil.rmtree(self.root)
            table = write_sample(self.root, layout=layout)
            if layout:
                table.record(at(37))
            path = os.path.join(self.root, table.directory,
                                f"commits/{9 if layout else 6:016x}")
            os.unlink(path)
            code, _, errors = run("verify", self.root)
            self.assertEqual(code, 1)
            self.assertIn("a commit before it is missing", errors)

    def test_layouts(self):
        def one_of(name, place, **values):
            named = {{"start": "from"}.get(n, n.replace("_", " ")): v for n, v in values.items()}
            return lambda fields: fields[name][place].update(named)

        def without(name, place):
            return lambda fields: fields[name].pop(place)

        def swap(fields):
            fields["pieces"][0], fields["pieces"][1] = fields["pieces"][1], fields["pieces"][0]

        def overlapping(fields):
            fields["ranges"][0]["to"] = at(11)

        def crossing(fields):
            one = [p for p in fields["pieces"] if p["kind"] == 2 and p["to"] == at(34)][0]
            before = [p for p in fields["pieces"] if p["kind"] == 2 and p["to"] == at(32)][0]
            window = [p for p in fields["pieces"] if p["kind"] == 2 and p["to"] == at(30)][0]
            one["from"] = window["from"]
            one["entries"] = sorted(
                window["entries"] + before["entries"] + one["entries"],
                key=lambda entry: entry.place())
            fields["pieces"] = [p for p in fields["pieces"] if p not in (before, window)
                                and (p["kind"] == 2 or p["to"] != at(32))]

        def lost_change(fields):
            runs = [p for p in fields["pieces"] if p["kind"] == 2 and p["entries"]]
            lost = runs[0]["entries"].pop()
            fields["ranges"][0]["change digest"] -= lost.hash()
            fields["ranges"][0]["change digest"] %= 1 << 256

        def wrong_image(fields):
            image = [p for p in fields["pieces"] if p["kind"] == 1 and p["to"] == at(32)][0]
            image["entries"] = image["entries"][1:]

        def checkpoint(place, column, value):
            def change(fields):
                one = list(fields["checkpoints"][place])
                one[column] = value
                fields["checkpoints"][place] = tuple(one)
            return change

        def added(fields):
            first = fields["checkpoints"][0]
            fields["checkpoints"].insert(0, (START - 5, *first[1:]))

        where = "layout"
        self.assert_all_found({
            "table": (where, lambda f: f.update(table=bytes(16)), "table or number"),
            "number": (where, lambda f: f.update(number=4), "table or number"),
            "hash before": (where, lambda f: f.update(before=bytes(32)), "hash before"),
            "next sequence": (where, lambda f: f.update(next=8), "does not cover"),
            "last hash": (where, one_of("ranges", 0, hash=bytes(32)), "last hash"),
            "reserved flags": (where, one_of("ranges", 0, flags=1), "reserved flags"),
            "the range's end": (where, one_of("ranges", 2, to=at(19)), "ends before it starts"),
            "sequences": (where, one_of("ranges", 0, first=5), "last commit comes before"),
            "overlap": (where, overlapping, "overlap"),
            "an end within a second": (where, one_of("ranges", 3, to=at(34) + 1),
                                       "ends within a second"),
            "the state at the end": (where, one_of("ranges", 0, totals=(1, 2, 3)),
                                     "not the one recorded"),
            "change digest": (where, one_of("ranges", 0, change_digest=1),
                              "is not that of its runs"),
            "closed": (where, one_of("ranges", 3, flags=4), "goes on where a range was closed"),
            "a beginning too early": (where, one_of("ranges", 0, start=at(-3)), "no pieces lead"),
            "order of pieces": (where, swap, "pieces of the layout are not in order"),
            "a missing image": (where, without("pieces", 0), "no image and no run leads to"),
            "a missing run": (where, without("pieces", 1), "no run holds what follows"),
            "a crossing run": (where, crossing, "crosses it"),
            "a lost change": (where, lost_change, "is not that of its commits"),
            "another image": (where, wrong_image, "two pieces give different states"),
            "a lost checkpoint": (where, without("checkpoints", 1), "lacks the checkpoint"),
            "another count": (where, checkpoint(1, 1, 7), "is not that of"),
            "another digest": (where, checkpoint(2, 4, 7), "not the one recorded"),
            "other items": (where, checkpoint(2, 2, 7), "not the one recorded"),
            "a checkpoint of no range": (where, added, "it is in no range"),
        }, layout=True)

    def test_overlapping_runs(self):
        def change(fields):
            runs = [p for p in fields["pieces"] if p["kind"] == 2]
            runs[1]["from"] -= SECOND
        self.assert_found("overlaps", {"layout": change}, True)


class HostileTests(RepositoryTest):
    """Bytes changed with right checksums: refused or reported, and nothing else goes wrong."""

    def test_hostile_objects(self):
        table = write_sample(self.root, layout=True)
        source = random.Random(SEED)
        directory = os.path.join(self.root, table.directory)
        paths = [os.path.join(folder, name)
                 for folder, _, names in os.walk(directory) for name in sorted(names)]
        for path in sorted(paths):
            with open(path, "rb") as file:
                data = file.read()
            for _ in range(25):
                body = bytearray(data[:-32])
                for _ in range(source.randint(1, 2)):
                    body[source.randrange(56, len(body))] = source.choice(
                        (0, 1, 4, 0x7F, 0x80, 0xFF, source.randrange(256)))
                with open(path, "wb") as file:
                    file.write(body + reader.sha256(body).digest())
                for arguments in (
                        ("verify", self.root), ("list", self.root),
                        ("restore", self.root, "Sample", "--at", str(START + 33)),
                        ("history", self.root, "Sample", "a")):
                    code, _, errors = run(*arguments)
                    with self.subTest(path=path, bytes=body.hex()):
                        self.assertIn(code, (0, 1))
                        self.assertNotIn("cannot be read (", errors)
            with open(path, "wb") as file:
                file.write(data)
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))


class CheckpointPageTests(RepositoryTest):
    """Trees of checkpoints, kept low by small pages."""

    def setUp(self):
        super().setUp()
        for name, value in (("LEAF_CHECKPOINTS", 4), ("INDEX_CHILDREN", 3)):
            self.addCleanup(setattr, HistoryTable, name, getattr(HistoryTable, name))
            setattr(HistoryTable, name, value)

    def write(self, spoil=None, seconds=30):
        shutil.rmtree(self.root, ignore_errors=True)
        table = HistoryTable(Writer(self.root), "Pages", [("id", "S")])
        table.spoil = spoil or {}
        table.begin(START, [])
        table.record(at(2 * seconds), [put(2 * i, "abc"[i % 3], str(i)) for i in range(seconds)])
        table.compact(1)
        return table

    def test_every_size(self):
        for seconds in (1, 2, 3, 4, 7, 11, 12, 35, 36, 40):
            table = self.write(seconds=seconds)
            self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))
            history = reader.History(reader.Repository(self.root), table.id.hex())
            known = sorted(table.ranges[0].checkpoints)
            self.assertEqual([one.second for one in history.checkpoints.all()], known)
            for second in range(START - 2, START + 2 * seconds + 3):
                for method, wanted in (
                        ("at", [s for s in known if s == second]),
                        ("at_or_before", [s for s in known if s <= second][-1:]),
                        ("at_or_after", [s for s in known if s >= second][:1])):
                    found = getattr(history.checkpoints, method)(second * SECOND)
                    self.assertEqual([found.second] if found else [], wanted)
                self.assertEqual(history.checkpoints.count(second * SECOND, at(40)),
                                 sum(second <= s <= START + 40 for s in known))

    def test_few_pages_are_read_to_find_one(self):
        table = self.write(seconds=200)
        history = reader.History(reader.Repository(self.root), table.id.hex())
        read = []
        original = history.repository.blob
        history.repository.blob = lambda *rest: read.append(rest[0]) or original(*rest)
        self.assertTrue(history.is_exact(at(101)))
        self.assertIsNotNone(history.expectation(at(101)))
        self.assertLess(len(set(read)), 10)

    def test_broken_pages(self):
        def child(place, column, value):
            def change(fields):
                children = [list(one) for one in fields["children"]]
                children[place][column] += value
                fields["children"] = children
            return change

        def unordered(leaves):
            leaves[0], leaves[1] = leaves[1], leaves[0]

        def level(fields):
            fields["level"] += 1

        def shortened(fields):
            fields["children"] = fields["children"][:1] if len(fields["children"]) == 3 else (
                fields["children"])

        for name, spoil, message in (
                ("first", {"index 1": child(0, 0, -1)}, "not what its parent says"),
                ("last", {"index 1": child(0, 1, 1)}, "not what its parent says"),
                ("count", {"index 1": child(0, 2, 1)}, "not what its parent says"),
                ("count above", {"index 2": child(0, 2, 1)}, "not what its parent says"),
                ("empty child", {"index 1": child(0, 2, -4)}, "is empty or ends before it starts"),
                ("ends first", {"index 2": child(0, 1, -99)}, "is empty or ends before it starts"),
                ("level", {"index 1": level}, "wrong level"),
                ("full index pages", {"index 1": shortened}, "not what its parent says"),
                ("order", {"leaves": unordered}, "not in order")):
            with self.subTest(rule=name):
                self.write(spoil)
                self.assert_damaged(message)

    def test_leaves_need_not_be_full(self):
        self.write({"leaves": lambda leaves: leaves.__setitem__(
            slice(0, 2), [leaves[0][:3], leaves[0][3:] + leaves[1]])})
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))

    def test_a_root_has_two_children(self):
        self.write({"lone root": None}, seconds=2)
        self.assert_damaged("a root has one child")


class TimeListTests(RepositoryTest):
    """Time lists of runs."""

    def write(self, change):
        shutil.rmtree(self.root, ignore_errors=True)
        writer = Writer(self.root)
        original = writer.blob

        def blob(kind, plain):
            if kind == 8:
                entries = reader.decode_time_list(plain, "")
                plain = write_time_list(*change(entries))
            return original(kind, plain)

        writer.blob = blob
        table = HistoryTable(writer, "Times", [("id", "S")])
        table.begin(START, [])
        table.record(at(9), [put(i / 2, "abc"[i % 3], str(i)) for i in range(14)], time_list=True)

    def test_right_and_broken(self):
        self.write(lambda entries: (entries,))
        self.assertEqual(
            run("verify", self.root), (0, f"{self.root}: no problems found\n", ""))
        for change in (
                lambda entries: (entries[:-1],),
                lambda entries: (entries + [(START + 9, 14)],),
                lambda entries: ([(second + 1, o) for second, o in entries],),
                lambda entries: ([(second, 13 - o) for second, o in entries],)):
            self.write(change)
            self.assert_damaged("time list")
        self.write(lambda entries: (entries, True))
        self.assert_damaged("not the encoding that the rules give")


def write_time_list(entries, as_deltas=False):
    steps = [0] + [b[0] - a[0] for a, b in zip(entries, entries[1:])]
    columns = [steps, [ordinal for _, ordinal in entries]]
    page = b"\x08" + varint(len(entries)) + svarint(entries[0][0])
    for column in columns:
        deltas = [b - a for a, b in zip(column, column[1:])]
        page += sized(b"\x02" + varint(column[0]) + b"".join(map(svarint, deltas)) if as_deltas
                      else reader.encode_integers(column))
    return page


if __name__ == "__main__":
    unittest.main()
