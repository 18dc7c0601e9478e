#!/usr/bin/env python3
"""Tests of the independent reader, with repositories of a small writer of their own.

    python3 Tools/test_varve_reader.py
"""

import base64
import contextlib
import decimal
import glob
import hashlib
import io
import json
import os
import random
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import repository_writer  # noqa: E402
import varve_reader as reader  # noqa: E402
from repository_writer import (  # noqa: E402
    SECOND, START, Entry, Table, Writer, cut, normal_number, number_bytes, number_key, siphash,
    varint,
)

SEED = 20_260_102


# ------------------------------------------------------------------------------------------------
# Helpers of the tests
# ------------------------------------------------------------------------------------------------


class RawOutput(io.TextIOWrapper):
    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)


def run(*arguments):
    """Runs the reader in this process: exit code, output, errors."""
    out, errors = RawOutput(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = reader.main(list(arguments))
    return code, out.buffer.getvalue().decode("utf-8"), errors.getvalue()


def canonical(value):
    """DynamoDB JSON with sets in one order and numbers in one form."""
    if isinstance(value, dict):
        if len(value) == 1:
            (kind, inner), = value.items()
            if kind == "N":
                return {"N": normal_number(inner)}
            if kind == "NS" and isinstance(inner, list):
                return {"NS": sorted(map(normal_number, inner))}
            if kind in ("SS", "BS") and isinstance(inner, list):
                return {kind: sorted(inner)}
        return {name: canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    return value


ALL_TYPES = {
    "text": {"S": "čau \u0001\U0001F600"}, "count": {"N": "-12.50"}, "big": {"N": "1E125"},
    "small": {"N": "1E-130"}, "blob": {"B": "AAEC/w=="}, "yes": {"BOOL": True},
    "none": {"NULL": True}, "empty": {"S": ""},
    "map": {"M": {"b": {"L": [{"N": "1"}, {"M": {}}, {"BOOL": False}]}, "a": {"S": "x"}}},
    "list": {"L": []}, "words": {"SS": ["b", "a"]}, "numbers": {"NS": ["10", "-3", "0.5"]},
    "blobs": {"BS": ["/w==", "AA=="]},
}


def write_tiny(root, compress=True):
    """A table with an image, runs, tombstones, an outlined value and a backup."""
    writer = Writer(root, compress)
    table = Table(writer, "Tiny", [("id", "S")])
    table.image_commit(START, [
        {"id": {"S": "a"}, **ALL_TYPES}, {"id": {"S": "b"}, "n": {"N": "1"}}, {"id": {"S": "c"}},
        {"id": {"S": "d"}, "long": {"S": "x" * 20_000}}])
    base = START * SECOND
    table.run_commit(START, START + 10, [
        (base + 100, {"id": {"S": "b"}, "n": {"N": "2"}}),
        (base + 200, {"id": {"S": "b"}, "n": {"N": "3"}}),
        (base + 3 * SECOND, {"id": {"S": "a"}}, None),
        (base + 3 * SECOND + 5, {"id": {"S": "e"}, "m": {"L": [{"S": "y"}]}}),
        (base + 5 * SECOND, {"id": {"S": "c"}}, None)], pack=True, time_list=True)
    table.run_commit(START + 10, START + 20, [
        (base + 12 * SECOND, {"id": {"S": "a"}, "again": {"BOOL": False}}),
        (base + 13 * SECOND, {"id": {"S": "d"}, "long": {"S": "y" * 16_384}, "t": {"S": "z"}})])
    table.backup("last", START + 14)
    return table


class RepositoryTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="varve-reader-")
        self.addCleanup(shutil.rmtree, self.root)

    def assert_verifies(self):
        for quick in ([], ["--quick"]):
            code, _, errors = run("verify", self.root, *quick)
            self.assertEqual(errors, "")
            self.assertEqual(code, 0)

    def assert_restores(self, table, second, *arguments):
        code, out, errors = run("restore", self.root, table.name, *arguments)
        self.assertEqual((code, errors), (0, ""))
        found = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(canonical(found), canonical(table.expected_lines(second)))
        for line in found:
            names = list(line["Item"])
            keys = [name for name, _ in table.schema]
            self.assertEqual(names[:len(keys)], keys)
            rest = [name.encode() for name in names[len(keys):]]
            self.assertEqual(rest, sorted(rest))

    def assert_all_states(self, table):
        for second in table.states:
            self.assert_restores(table, second, "--at", str(second))
        self.assert_restores(table, max(table.states), "--latest")

    def assert_damaged(self, message=None):
        code, _, errors = run("verify", self.root)
        self.assertEqual(code, 1, "the damage was not found")
        self.assertNotEqual(errors, "")
        self.assertNotIn("Traceback", errors)
        self.assertNotIn("cannot be read (", errors.replace("cannot be read (No such file", ""))
        if message:
            self.assertIn(message, errors)


# ------------------------------------------------------------------------------------------------
# Tests
# ------------------------------------------------------------------------------------------------


class NotationTests(unittest.TestCase):
    def test_examples_of_the_specification(self):
        for written, encoded in (("1", "0002"), ("1.0", "0002"), ("6", "000c"), ("0", "0000")):
            self.assertEqual(number_bytes(written).hex(), encoded)
            self.assertEqual(reader.NUMBER_BYTES[normal_number(written)].hex(), encoded)
        keys = {"1": "808314", "6": "808378", "12": "808418", "123": "8085193c", "-1": "7f7ceb",
                "0": "8000"}
        for written, encoded in keys.items():
            self.assertEqual(reader.encode_number_key(normal_number(written)).hex(), encoded)
            self.assertEqual(number_key(written).hex(), encoded)
        entry = Entry([("id", "S")], {"id": {"S": "k"}}, {"a": {"BOOL": True},
                                                        "b": {"L": [{"NULL": True}]}})
        self.assertEqual(entry.value.hex(), "020161040101620701" + "05")

    def test_number_keys_sort_by_value_and_decode(self):
        source = random.Random(SEED)
        numbers = {(0, 0)}
        for _ in range(2_000):
            digits = source.randint(1, 38)
            coefficient = source.randint(1, 10 ** digits - 1) * source.choice((1, -1))
            number = reader.normalize(coefficient, source.randint(-130, 126 - 38))
            if reader.number_problem(*number) is None:
                numbers.add(number)
        by_value = sorted(numbers, key=lambda n: decimal.Decimal(n[0]).scaleb(n[1]))
        self.assertEqual(by_value, sorted(numbers, key=reader.encode_number_key))
        for number in numbers:
            key = reader.encode_number_key(number)
            self.assertEqual(reader.decode_number_key(key, 0, ""), (number, len(key)))
            self.assertEqual(normal_number(reader.number_text(number)), number)

    def test_keys_decode(self):
        for partition in (b"a", b"\x00", b"a\x00b\x00", "\U0001F600".encode()):
            for sort in ((5, 0), b"s\x00"):
                kind = 2 if isinstance(sort, tuple) else 3
                last = reader.encode_number_key(sort) if kind == 2 else sort
                key = reader.escape_key(partition) + last
                self.assertEqual(reader.decode_key(key, 3, kind, ""), (partition, sort))

    def test_varints_are_minimal_and_bounded(self):
        for bad in (b"\x80\x00", b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x01", b"\x80", b""):
            with self.assertRaises(reader.Damage):
                reader.Cursor(bad, "").varint()
            with self.assertRaises(reader.Damage):
                reader.read_varints(bad + b"", 0, 1, "")
        greatest = b"\xff" * 9 + b"\x01"
        self.assertEqual(reader.Cursor(greatest, "").varint(), 2 ** 64 - 1)
        self.assertEqual(reader.read_varints(greatest, 0, 1, ""), ([2 ** 64 - 1], 10))

    def test_siphash(self):
        key = bytes(range(16))
        self.assertEqual(siphash(key, bytes(range(15))), 0xA129CA6149BE45E5)
        source = random.Random(SEED)
        messages = [source.randbytes(source.randint(0, 70)) for _ in range(500)]
        self.assertEqual(reader.siphash_many(key, messages), [siphash(key, m) for m in messages])

    def test_lz4_without_the_package(self):
        if reader.lz4_block is None:
            self.skipTest("lz4 is not installed")
        source = random.Random(SEED)
        for length in (1, 12, 13, 300, 5_000, 70_000):
            plain = bytes(source.choice(b"abcd") for _ in range(length)) + b"z" * (length // 2)
            stored = reader.lz4_block.compress(plain, store_size=False)
            self.assertEqual(reader.decompress_lz4_slowly(stored, len(plain), ""), plain)
            for _ in range(100):
                broken = bytearray(stored)
                broken[source.randrange(len(broken))] ^= 1 << source.randrange(8)
                with contextlib.suppress(reader.Damage):
                    reader.decompress_lz4_slowly(bytes(broken), len(plain), "")

    def test_cut_rule_against_its_words(self):
        source = random.Random(SEED)
        for case in range(300):
            window = source.choice((10, 50, 200))
            count = source.randint(1, 200)
            weights = [source.randint(1, 40) for _ in range(count)]
            if case % 3 == 0:  # rising hashes leave nothing but forced cuts
                hashes = list(range(count))
            else:
                hashes = [source.randrange(20 if case % 3 == 1 else 1 << 64) for _ in range(count)]
            pages = cut(weights, hashes, window)
            self.assertEqual(self.problems(weights, hashes, window, pages), [])
            wrong = sorted(set(pages) ^ {source.randrange(count)} | {count - 1})
            if wrong != pages:
                self.assertNotEqual(self.problems(weights, hashes, window, wrong), [])

    @staticmethod
    def problems(weights, hashes, window, pages):
        rule = reader.CutRule(window)
        start = 0
        for end in pages:
            rule.feed(weights[start:end + 1], hashes[start:end + 1])
            start = end + 1
        return list(rule.problems())

    def test_instants(self):
        self.assertEqual(reader.parse_instant("2026-01-01T00:00:00Z"), START * SECOND)
        self.assertEqual(reader.parse_instant("2026-01-01T02:00:00.000+02:00"), START * SECOND)
        self.assertEqual(reader.parse_instant(str(START)), START * SECOND)
        for bad in ("2026-01-01T00:00:00", "2026-01-01T00:00:00.5Z", "now", "2026-13-01T00:00:00Z"):
            with self.assertRaises(reader.Damage):
                reader.parse_instant(bad)


class ColumnTests(unittest.TestCase):
    """Every encoding comes back; bytes that differ from the one right form are refused."""

    def round_trip(self, encode, decode, values):
        encoded = encode(values)
        self.assertEqual(decode(encoded, len(values), ""), values)
        return encoded[0]

    def test_integers(self):
        codes = set()
        for values in ([5], [0], [1, 1, 1, 1], [1, 300, 1, 300, 1, 1, 300] * 9, [7, 9, 3],
                       [1 << 40, (1 << 40) + 1, (1 << 40) + 5], [0, 2 ** 64 - 1, 0],
                       [i * i % 1_000_003 for i in range(600)], list(range(1000, 1300)) * 9):
            codes.add(self.round_trip(reader.encode_integers, reader.decode_integers, values))
        self.assertEqual(codes, {0, 1, 2, 4})

    def test_numbers(self):
        codes = set()
        for values in ([(5, 0)], [(0, 0)] * 3, [(1, 0), (123456789, -2)] * 40,
                       [(1000001, -2), (1000002, -2), (1000003, -2), (0, 0), (100001, -1)],
                       [(100000 + i, -3) for i in range(1, 9)],
                       [(i * 7919 % 9973 * 10 + 3, -2) for i in range(1, 50)],
                       [(1, 100), (1, -100)], [(1, 0)] * 300 + [(12345, -2)] * 3,
                       [(1, 0), (1, 1), (1, 2), (3, 7), (-4, -2)]):
            codes.add(self.round_trip(reader.encode_numbers, reader.decode_numbers, values))
        self.assertEqual(codes, {0, 1, 2, 3, 4})

    def test_strings(self):
        codes = set()
        for values in ([b""], [b"abc", b"xyz", b"q"], [b"x" * 9, b"y" * 9] * 20,
                       [b"prefix%05d" % i for i in range(50)], [b"same" * 5] * 30 + [b"other"]):
            codes.add(self.round_trip(reader.encode_strings, reader.decode_strings, values))
        self.assertEqual(codes, {0, 1, 3, 4})

    def test_exact_bytes(self):
        self.assertEqual(reader.encode_integers([1, 2, 3]).hex(), "00010203")
        self.assertEqual(reader.encode_integers([9, 9, 9, 9]).hex(), "04010903")
        self.assertEqual(reader.encode_integers([1000, 1001, 1002]).hex(), "02e8070202")
        # 0.85 and 0.5: exponent -2, 85, then -35; as long as 85 and 50, so the lower code
        self.assertEqual(reader.encode_numbers([(85, -2), (5, -1)]).hex(), "0203aa0145")
        self.assertEqual(reader.encode_strings([b"ab", b"abc", b"abd"]).hex(),
                         "03" + "0002" + "0201" + "0201" + "6162" + "63" + "64")
        self.assertEqual(reader.encode_strings([]), b"")

    def test_wrong_forms_are_refused(self):
        strings = ("01" "02" "0101" "61" "62" "0100",     # not in order of first appearance
                   "01" "02" "0101" "61" "61" "0001",     # not distinct
                   "03" "0002" "0101" "6162" "62",        # shares less than it could
                   "04" "02" "0101" "0000" "61" "61",     # equal runs
                   "02" "0000", "", "00" "0101" "616263")
        for column in strings:
            with self.assertRaises(reader.Damage):
                reader.decode_strings(bytes.fromhex(column), 2, "")
        good = bytes.fromhex("03" "01" "02" "04")
        self.assertEqual(reader.decode_numbers(good, 2, ""), [(1, -1), (2, -1)])
        for column in ("03" "01" "14" "14", "00" "0014" "0002", "02" "d80f" "02" "02"):
            with self.assertRaises(reader.Damage):
                reader.decode_numbers(bytes.fromhex(column), 2, "")

    def test_hostile_counts_take_no_memory(self):
        huge = varint(1 << 40)
        for data in (b"\x01\x01\x00" + huge, b"\x02\x01\x00" + huge,
                     b"\x01\x01\x00" + varint(1_048_576) + b"\x00" * 20):
            with self.assertRaises(reader.Damage):
                reader.LeafPage(data, "")
        with self.assertRaises(reader.Damage):
            reader.decompress_lz4(b"\x00" * 20, 1 << 26, "")


class HistoryTests(RepositoryTest):
    def test_image_alone(self):
        table = Table(Writer(self.root), "Alone", [("id", "S")])
        table.image_commit(START, [{"id": {"S": "a"}, **ALL_TYPES}, {"id": {"S": "b"}}])
        self.assert_verifies()
        self.assert_all_states(table)

    def test_empty_table(self):
        table = Table(Writer(self.root), "Empty", [("id", "N")])
        table.image_commit(START, [])
        table.run_commit(START, START + 5, [])
        table.backup("nothing", START)
        self.assert_verifies()
        self.assert_all_states(table)
        self.assert_restores(table, START, "--backup", "nothing")

    def test_repository_without_tables(self):
        Writer(self.root)
        self.assert_verifies()

    def test_changes(self):
        for compress in (True, False):
            with self.subTest(compress=compress):
                shutil.rmtree(self.root)
                table = write_tiny(self.root, compress)
                self.assert_verifies()
                self.assert_all_states(table)
                self.assert_restores(table, START + 14, "--backup", "last")
                code, out, errors = run("restore", self.root, "Tiny", "--at", str(START + 9))
                self.assertEqual((code, errors), (0, ""))
                self.assertEqual(len(out.splitlines()), len(table.states[START + 6]))
                code, out, errors = run("restore", self.root, "Tiny", "--at", str(START + 21))
                self.assertEqual((code, out), (1, ""))
                self.assertIn("does not promise", errors)

    def test_every_key_type(self):
        values = {
            "S": [{"S": s} for s in ("a", "a\u0000", "a\u0000b", "ab", "ž")],
            "N": [{"N": n} for n in ("-100", "-1.5", "0", "0.001", "7", "70", "1E40")],
            "B": [{"B": base64.b64encode(b).decode()}
                  for b in (b"\0", b"\0\0", b"\0\1", b"\0\xff", b"\xff")],
        }
        writer = Writer(self.root)
        tables = []
        for one in "SNB":
            for two in "SNB":
                table = Table(writer, f"Keys-{one}{two}", [("p", one), ("s", two)])
                items = [{"p": p, "s": s, "v": {"N": str(i)}} for i, (p, s) in enumerate(
                    (p, s) for p in values[one] for s in values[two])]
                random.Random(SEED).shuffle(items)
                table.image_commit(START, items)
                changes = [(START * SECOND + i, {"p": item["p"], "s": item["s"]}, None)
                           for i, item in enumerate(items[::3])]
                table.run_commit(START, START + 1, changes)
                tables.append(table)
        self.assert_verifies()
        for table in tables:
            self.assert_all_states(table)

    def test_layout_instead_of_commits(self):
        table = write_tiny(self.root)
        table.layout()
        self.assert_verifies()
        self.assert_all_states(table)
        self.assert_restores(table, START + 14, "--backup", "last")
        base = START * SECOND
        table.run_commit(START + 20, START + 30, [(base + 22 * SECOND, {"id": {"S": "new"}})])
        self.assert_verifies()
        self.assert_all_states(table)

    def test_layout_beside_commits(self):
        table = write_tiny(self.root)
        table.layout(keep_commits=True)
        self.assert_verifies()
        self.assert_all_states(table)

    def test_many_checkpoints(self):
        table = Table(Writer(self.root), "Many", [("id", "N")])
        table.image_commit(START, [])
        base = START * SECOND
        for block in range(3):
            low = block * 100
            table.run_commit(START + low, START + low + 100, [
                (base + i * SECOND, {"id": {"N": str(i % 17)}, "v": {"N": str(i)}})
                for i in range(low, low + 100)])
        table.layout()
        self.assert_verifies()
        self.assert_restores(table, START + 150, "--at", str(START + 150))
        self.assert_restores(table, START + 300, "--latest")

    def test_exact_at_checkpoints_only(self):
        table = Table(Writer(self.root), "Copies", [("id", "S")])
        table.image_commit(START, [{"id": {"S": "a"}}], flags=3)
        end = START + 3600
        table.run_commit(START, end, [(end * SECOND - 1, {"id": {"S": "b"}})], flags=2)
        self.assert_verifies()
        self.assert_all_states(table)
        code, _, errors = run("restore", self.root, "Copies", "--at", str(START + 60))
        self.assertEqual(code, 1)
        self.assertIn("does not promise", errors)

    def test_outlined_values(self):
        table = Table(Writer(self.root), "Outlined", [("id", "S")])
        mixed = {f"m{i}": {"S": chr(97 + i) * 15_000} for i in range(8)}
        table.image_commit(START, [
            {"id": {"S": "edge"}, "v": {"S": "x" * 16_380}},
            {"id": {"S": "below"}, "v": {"S": "x" * 16_379}},
            {"id": {"S": "mixed"}, **mixed},
            {"id": {"S": "map"},
             "v": {"M": {"a": {"B": base64.b64encode(bytes(30_000)).decode()}}}},
            {"id": {"S": "same"}, "v": {"S": "x" * 16_380}}])
        self.assert_verifies()
        self.assert_all_states(table)

    def test_large_trees(self):
        writer = Writer(self.root)
        source = random.Random(SEED)
        table = Table(writer, "Large", [("id", "S")])
        items = [{"id": {"S": f"{i:06d}" + "k" * 1_900}, "v": {"N": str(source.randint(0, 999))}}
                 for i in range(7_000)]
        for item in items[::7]:
            item["w"] = {"S": source.randbytes(40).hex()}
        source.shuffle(items)
        table.image_commit(START, items)
        base = START * SECOND
        chosen = source.sample(items, 900)
        changes = [(base + source.randrange(9 * SECOND), {**item, "v": {"N": "-1"}})
                   for item in chosen[:700]]
        changes += [(base + source.randrange(9 * SECOND), {"id": item["id"]}, None)
                    for item in chosen[700:]]
        table.run_commit(START, START + 9, changes, pack=True)
        self.assert_verifies()
        self.assert_restores(table, START, "--at", str(START))
        self.assert_restores(table, START + 5, "--at", str(START + 5))
        self.assert_restores(table, START + 9, "--latest")
        history = reader.History(reader.Repository(self.root), table.id.hex())
        self.assertEqual([piece.tree.height for piece in history.pieces][:1], [2])

    def test_packs_without_an_index(self):
        table = write_tiny(self.root)
        shutil.rmtree(os.path.join(self.root, "indexes"))
        self.assert_verifies()
        self.assert_all_states(table)

    def test_names_of_backups_and_incarnations(self):
        table = write_tiny(self.root)
        first = table.backup("twice", START + 13, 2)
        second = table.backup("twice", START + 14, 3)
        code, _, errors = run("restore", self.root, "Tiny", "--backup", "twice")
        self.assertEqual(code, 1)
        self.assertIn(first, errors)
        self.assertIn(second, errors)
        self.assert_restores(table, START + 13, "--backup", first)
        self.assert_restores(table, START + 13, "--backup", first[:9])
        self.assert_restores(table, START + 14, "--backup",
                             f"{table.arn}/backup/{3:014d}-00000001")
        again = Table(table.writer, "Tiny", [("id", "S")], ordinal=1)
        again.image_commit(START + 50, [{"id": {"S": "new"}}])
        self.assert_verifies()
        self.assert_restores(again, START + 50, "--latest")
        self.assert_restores(table, START + 13, "--backup", first)
        self.assert_restores(table, START + 13, "--at", str(START + 13))
        code, out, _ = run("list", self.root, "--json")
        self.assertEqual(code, 0)
        listed = json.loads(out)["tables"]
        self.assertEqual([(one["name"], one["incarnation"]) for one in listed],
                         [("Tiny", 0), ("Tiny", 1)])
        newest = run("restore", self.root, "Tiny", "--latest")
        oldest = run("restore", self.root, "Tiny (1)", "--at", str(START + 14))
        self.assertEqual((newest[0], oldest[0]), (0, 0))
        self.assertNotEqual(newest[1], oldest[1])
        ids = [one["directory"].removeprefix("tables/") for one in listed]
        for name in (ids[1], ids[1][:8], "Tiny (2)"):
            self.assertEqual(run("restore", self.root, name, "--latest"), newest, name)
        for name in (ids[0], ids[0][:8].upper()):
            self.assertEqual(run("restore", self.root, name, "--at", str(START + 14)), oldest)
        for name in ("Tiny (0)", "Tiny (3)", "tiny (1)", ids[0][:1]):
            code, _, errors = run("restore", self.root, name, "--latest")
            self.assertEqual(code, 1, name)
            self.assertIn("there is no table", errors)
        self.assertEqual(len(listed[0]["backups"]), 3)
        code, out, _ = run("list", self.root)
        self.assertEqual(code, 0)
        self.assertIn("backup   twice", out)

    def test_dump(self):
        write_tiny(self.root).layout(keep_commits=True)
        for directory, _, names in os.walk(self.root):
            for name in names:
                path = os.path.relpath(os.path.join(directory, name), self.root)
                code, out, errors = run("dump", self.root, path)
                self.assertEqual((code, errors), (0, ""), path)
                found = json.loads(out)
                if path.startswith("packs/"):
                    for blob in found["blobs"]:
                        code, out, errors = run("dump", self.root, blob["id"])
                        self.assertEqual((code, errors), (0, ""))
                        json.loads(out)

    def test_wrong_usage(self):
        for arguments in (("verify", "/nonexistent"), ("restore", self.root, "x", "--latest"),
                          ("list", self.root)):
            code, _, errors = run(*arguments)
            self.assertEqual(code, 1)
            self.assertEqual(len(errors.splitlines()), 1)


class CorruptionTests(RepositoryTest):
    def setUp(self):
        super().setUp()
        self.table = write_tiny(self.root)
        self.files = sorted(
            os.path.join(directory, name)
            for directory, _, names in os.walk(self.root) for name in names)

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def write(self, path, data):
        with open(path, "wb") as file:
            file.write(data)

    def test_flipped_bytes(self):
        source = random.Random(SEED)
        for path in self.files:
            data = self.read(path)
            offsets = range(len(data)) if len(data) < 40 else sorted(
                source.sample(range(len(data)), 24) + [0, len(data) - 1, len(data) - 33])
            for offset in offsets:
                broken = bytearray(data)
                broken[offset] ^= 1 << source.randrange(8)
                self.write(path, broken)
                with self.subTest(path=os.path.relpath(path, self.root), offset=offset):
                    self.assert_damaged()
            self.write(path, data)
        self.assert_verifies()

    def test_truncated_files(self):
        for path in self.files:
            data = self.read(path)
            for length in {0, 1, 47, 56, len(data) // 2, len(data) - 1}:
                self.write(path, data[:length])
                with self.subTest(path=os.path.relpath(path, self.root), length=length):
                    self.assert_damaged()
            self.write(path, data + b"\x00")
            self.assert_damaged()
            self.write(path, data)

    def test_deleted_files(self):
        for path in self.files:
            name = os.path.relpath(path, self.root)
            if name.startswith("indexes/") or "/backups/" in name:
                continue  # an index may be missing, and a backup may have been deleted
            data = self.read(path)
            os.unlink(path)
            with self.subTest(path=name):
                self.assert_damaged()
            self.write(path, data)

    def reseal(self, data, offset, value):
        broken = bytearray(data[:-32])
        broken[offset] = value
        return bytes(broken) + hashlib.sha256(broken).digest()

    def test_hostile_objects_with_right_checksums(self):
        """Whatever a body says, it is refused or reported; nothing else goes wrong."""
        self.table.layout(keep_commits=True)
        source = random.Random(SEED)
        files = [os.path.join(d, n) for d, _, names in os.walk(self.root) for n in names]
        sealed = sorted(p for p in files if self.read(p)[:4] == b"VRVO")
        for path in sealed:
            data = self.read(path)
            for offset in source.sample(range(56, len(data) - 32), min(40, len(data) - 88)):
                value = source.choice((0, 1, 0x7F, 0x80, 0xFF, data[offset] ^ 1))
                if value == data[offset]:
                    continue
                self.write(path, self.reseal(data, offset, value))
                code, _, errors = run("verify", self.root, "--quick")
                with self.subTest(path=os.path.relpath(path, self.root), offset=offset):
                    self.assertNotIn("cannot be read (", errors)
                for arguments in (("list", self.root),
                                  ("restore", self.root, "Tiny", "--latest")):
                    code, _, errors = run(*arguments)
                    self.assertIn(code, (0, 1))
                    with self.subTest(path=path, offset=offset):
                        self.assertNotIn("cannot be read (", errors)
            self.write(path, data)

    def test_hostile_pages(self):
        """Every decoder of blobs refuses or accepts, and raises nothing but Damage."""
        source = random.Random(SEED)
        repository = reader.Repository(self.root)
        self.table.layout(keep_commits=True)
        plains = []
        for index in repository.indexes():
            for ordinal in range(index.count):
                plains.append(reader.find_any_blob(repository, index.id_at(ordinal)))
        history = reader.History(repository, self.table.id.hex())
        for owner in [history.layout, *history.commits]:
            for record in owner.inline.values():
                plains.append((record.plain(owner.data, ""), record.type))
        self.assertEqual({kind for _, kind in plains}, {1, 2, 5, 6, 8})
        for plain, kind in plains:
            for _ in range(400):
                broken = bytearray(plain[:source.randint(1, len(plain))]
                                   if source.random() < 0.1 else plain)
                for _ in range(source.randint(1, 3)):
                    place = source.randrange(min(len(broken), 4_000))
                    broken[place] = source.choice((0, 1, 0x7F, 0x80, 0xFF, source.randrange(256)))
                with contextlib.suppress(reader.Damage):
                    self.decode(bytes(broken), kind)

    @staticmethod
    def decode(plain, kind):
        reader.dump_blob(plain, kind, "")
        if kind in (1, 2):
            page = reader.LeafPage(plain, "")

            def fetch(blob_id):
                raise reader.Damage("no blobs here")

            list(page.rows(fetch))
            list(page.encoding_problems())
            list(page.outline_problems())

    def commit_with(self, change, sequence=2):
        """Writes a commit again with its body changed by `change`, checksums right."""
        path = os.path.join(self.root, self.table.directory, f"commits/{sequence:016x}")
        data = self.read(path)
        self.write(path, Writer.seal(5, change(data[56:-32])))

    def test_wrong_digest_of_a_commit(self):
        digest = self.table.digest().to_bytes(32, "little")
        self.commit_with(lambda body: body.replace(digest, bytes(32)))
        self.assert_damaged("not the one recorded")

    def test_a_commit_that_is_not_in_the_chain(self):
        self.commit_with(lambda body: body.replace(b"\x04test\x02", b"\x04tess\x02"), 1)
        self.assert_damaged("hash before")

    def test_pages_cut_or_encoded_otherwise(self):
        """Pages that decode to the right rows, but are not the bytes that the rules give."""
        root = tempfile.mkdtemp(prefix="varve-reader-")
        self.addCleanup(shutil.rmtree, root)
        table = Table(Writer(root), "T", [("id", "S")])
        items = [{"id": {"S": f"{i:04d}" + "k" * 1_000}, "v": {"N": "5"}} for i in range(400)]
        self.root = root
        original = repository_writer.cut
        repository_writer.cut = lambda weights, hashes, window: (
            [len(weights) // 2, len(weights) - 1] if len(weights) > 2 else original(
                weights, hashes, window))
        try:
            table.image_commit(START, items)
        finally:
            repository_writer.cut = original
        self.assertEqual(run("verify", root, "--quick")[0], 0)
        self.assert_damaged("cut rule does not cut")

    def test_columns_encoded_otherwise(self):
        root = tempfile.mkdtemp(prefix="varve-reader-")
        self.addCleanup(shutil.rmtree, root)
        self.root = root
        table = Table(Writer(root), "T", [("id", "S")])
        original = reader.encode_integers
        reader.encode_integers = lambda values: (
            b"\x00" + b"".join(map(varint, values)) if values else b"")
        try:
            table.image_commit(START, [{"id": {"S": str(i)}, "v": {"NULL": True}}
                                       for i in range(9)])
        finally:
            reader.encode_integers = original
        self.assertEqual(run("verify", root, "--quick")[0], 0)
        self.assert_damaged("not the encoding that the rules give")


class VectorTests(unittest.TestCase):
    """Vectors that the engine made: every field must be what this reader decodes."""

    ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Fixtures")

    # What a decoded object is in the terms of Fixtures/vectors/objects

    @staticmethod
    def digest(value):
        return value.to_bytes(32, "little").hex()

    def configuration(self, data):
        found = reader.Configuration(data, "")
        return {"repositoryID": found.repository_id.hex(), "created": found.created,
                "idScheme": 0, "cutKey": found.cut_key.hex(), "packBytes": found.pack_bytes}

    def table(self, data):
        found = reader.TableRecord(data, "")
        return {"name": found.name, "ordinal": found.ordinal, "arn": found.arn,
                "serviceID": found.table_id, "created": found.created, "hash": found.hash.hex(),
                "keyAttributes": [{"name": n, "type": t} for n, t in found.key_attributes]}

    def settings(self, data):
        found = reader.Settings(data, "")
        return {"time": found.time, "documents": [
            {"kind": kind, "json": json_text} for kind, json_text in found.texts.items()]}

    def backup(self, data):
        found = reader.Backup(data, "")
        return {"id": found.id, "name": found.name, "arn": found.arn, "kind": found.kind,
                "created": found.created, "instant": found.instant,
                "keepUntil": found.keep_until, "commitSequence": found.sequence,
                "commitHash": found.commit_hash.hex(), "digest": self.digest(found.digest),
                "items": found.items, "bytes": found.bytes, "source": found.source}

    def pieces(self, pieces):
        return [{"kind": 2 if piece.is_run else 1, "from": piece.time_from, "to": piece.time_to,
                 "timeLists": [root.hex() for root in piece.time_lists],
                 "tree": {"entries": piece.tree.entries, "height": piece.tree.height,
                          "root": (piece.tree.root or bytes(32)).hex(),
                          "weight": piece.tree.weight, "digest": self.digest(piece.tree.digest),
                          "storedBytes": piece.tree.stored_bytes}} for piece in pieces]

    @staticmethod
    def inline(owner):
        """The bytes of the records in line, from where the reader found them."""
        return b"".join(
            owner.data[r.start - reader.RECORD_HEADER_BYTES:r.start + r.stored_length]
            for r in owner.inline.values()).hex()

    def commit(self, data):
        found = reader.Commit(data, "")
        return {"table": found.table_id, "sequence": found.sequence,
                "before": found.before.hex(), "flags": found.flags, "from": found.time_from,
                "to": found.time_to, "changes": found.changes, "items": found.items,
                "bytes": found.bytes, "digest": self.digest(found.digest),
                "changeDigest": self.digest(found.changes_digest),
                "sourceKind": found.source_kind, "sourcePosition": found.source_position.hex(),
                "written": found.written, "pieces": self.pieces(found.pieces),
                "inline": self.inline(found), "hash": found.hash.hex(),
                "checkpoints": [
                    {"second": c.second, "changes": c.changes, "items": c.items,
                     "bytes": c.bytes, "digest": self.digest(c.digest)}
                    for c in found.checkpoints]}

    def layout(self, data):
        found = reader.Layout(data, "")
        return {"table": found.table_id, "number": found.number, "written": found.written,
                "nextSequence": found.next_sequence, "before": found.before.hex(),
                "ranges": [
                    {"flags": (2 * one.checkpoints_only + 4 * one.closed
                               + 8 * (one.sound_to is not None)),
                     **({} if one.sound_to is None else {"soundTo": one.sound_to}), "from": one.time_from,
                     "to": one.time_to, "firstSequence": one.first, "lastSequence": one.last,
                     "lastHash": one.last_hash.hex(), "items": one.items, "bytes": one.bytes,
                     "digest": self.digest(one.digest),
                     "changeDigest": self.digest(one.changes_digest)} for one in found.ranges],
                "pieces": self.pieces(found.pieces),
                "checkpointRoots": [root.hex() for root in found.checkpoint_roots],
                "inline": self.inline(found)}

    def intent(self, data):
        found = reader.decode_intent(data, "")
        return {"id": found["id"], "written": found["written"], "purpose": found["purpose"],
                "process": found["holder"]}

    def condemned(self, data):
        found = reader.decode_condemned(data, "")
        return {"written": found["written"],
                "packs": [reader.plain_data(n) for n in found["packs"]],
                "indexes": [reader.plain_data(n) for n in found["indexes"]]}

    def retention(self, data):
        return reader.decode_retention(data, "")

    def lease(self, data):
        found = reader.decode_lease(data, "")
        return {"holder": found["id"], "written": found["written"],
                "seconds": found["seconds"], "process": found["holder"]}

    def key_slot(self, data):
        found = reader.decode_key_slot(data, "")
        return {"logarithmN": found["log2 N"], "blockSize": found["r"],
                "parallelism": found["p"], "salt": found["salt"], "nonce": found["nonce"],
                "wrapped": found["wrapped"], "label": found["label"]}

    def blob_record(self, data):
        found = reader.Record(data, 0, len(data), "")
        self.assertEqual(found.start + found.stored_length, len(data))
        return {"type": found.type, "codec": found.codec, "id": found.id.hex(),
                "storedBytes": found.stored_length, "plain": found.plain(data, "").hex()}

    def pack(self, data):
        entries = reader.PackFooter(data, "").entries
        ordered = sorted(entries, key=lambda entry: entry[1])
        records = [data[e[1]:e[1] + reader.RECORD_HEADER_BYTES + e[2]].hex() for e in ordered]
        return {"name": hashlib.sha256(data).hexdigest(), "records": records, "entries": [
            {"id": e[0].hex(), "offset": e[1], "storedBytes": e[2], "plainBytes": e[3],
             "type": e[4], "codec": e[5]} for e in entries]}

    def check_pack_index(self, data, fields):
        index = reader.PackIndex(data, "")
        self.assertEqual(list(index.problems()), [])
        self.assertEqual(hashlib.sha256(data).hexdigest(), fields["name"])
        packs = [bytes.fromhex(pack["bytes"]) for pack in fields["packs"]]
        self.assertEqual([index.pack_at(i) for i in range(index.pack_count)],
                         [(hashlib.sha256(pack).digest(), len(pack)) for pack in packs])
        wanted = sorted((entry[0], ordinal, *entry[1:]) for ordinal, pack in enumerate(packs)
                        for entry in reader.PackFooter(pack, "").entries)
        self.assertEqual([(index.id_at(i), *index.entry(i)) for i in range(index.count)], wanted)

    def test_objects(self):
        names = {"configuration", "table", "settings", "backup", "commit", "layout", "intent",
                 "condemned", "retention", "lease", "key-slot", "blob-record", "pack"}
        paths = glob.glob(os.path.join(self.ROOT, "vectors", "objects", "*.json"))
        found = {os.path.basename(path)[:-5] for path in paths}
        self.assertEqual(found, names | {"pack-index", "table-id"})
        for name in sorted(found):
            for case in self.cases("objects", name):
                with self.subTest(vector=name, case=case["name"]):
                    data, fields = bytes.fromhex(case["hex"]), case["fields"]
                    if name == "pack-index":
                        self.check_pack_index(data, fields)
                    elif name == "table-id":
                        message = (b"varve table name\0" + bytes.fromhex(fields["repositoryID"])
                                   + reader.text(fields["name"].encode())
                                   + reader.varint(fields["ordinal"]))
                        self.assertEqual(hashlib.sha256(message).digest()[:16], data)
                    else:
                        decode = getattr(self, name.replace("-", "_"))
                        self.assertEqual(decode(data), fields)

    def cases(self, folder, name):
        path = os.path.join(self.ROOT, "vectors", folder, name + ".json")
        with open(path, encoding="utf-8") as file:
            cases = json.load(file)["cases"]
        self.assertGreater(len(cases), 0)
        return cases

    # Fixtures/vectors/pages

    def pages(self, name):
        for case in self.cases("pages", name):
            yield case, bytes.fromhex(case.get("page", ""))

    def test_leaf_pages(self):
        for case, data in self.pages("leaf-pages"):
            page = reader.LeafPage(data, "")
            self.assertEqual((page.kind, page.partition_type, page.sort_type),
                             (case["kind"], case["partition"], case.get("sort", 0)))
            self.assertEqual([key.hex() for key in page.keys], [r["key"] for r in case["rows"]])
            self.assertEqual(list(page.encoding_problems()), [])
            if page.is_run:
                self.assertEqual(
                    list(zip(page.times, page.sequences, page.kinds)),
                    [(r["time"], r["sequence"], int(r["put"])) for r in case["rows"]])
            self.assertEqual([value.hex() for value in self.in_line_values(page)],
                             [r["value"] for r in case["rows"] if r.get("put", True)])

    @staticmethod
    def in_line_values(page):
        """Values as leaf entries hold them: an outlined one as 0b, its length and its blob's id."""
        encodings = []
        for column in page.columns:
            if column.is_outlined:
                encodings.append([
                    reader.text(column.name) + b"\x0b" + reader.varint(length) + blob_id
                    for length, blob_id in column.values])
            else:
                encodings.append(column.encodings())
        for shape, parts in zip(page.shape_of_put, page.by_row(encodings)):
            yield reader.varint(len(page.shapes[shape])) + b"".join(parts)

    def test_index_pages(self):
        for case, data in self.pages("index-pages"):
            page = reader.IndexPage(data, "")
            self.assertEqual((page.kind, page.level), (case["kind"], case["level"]))
            found = []
            for child in page.children:
                fields = {"lastKey": child.key.hex(), "id": child.id.hex(),
                          "entries": child.entries, "weight": child.weight,
                          "digest": self.digest(child.digest)}
                if page.is_run:
                    fields |= {"lastTime": child.time, "lastSequence": child.sequence,
                               "leastTime": child.least, "greatestTime": child.greatest}
                found.append(fields)
            self.assertEqual(found, case["children"])

    def test_checkpoint_pages(self):
        for case, data in self.pages("checkpoints"):
            page = reader.decode_checkpoint_leaf(data, "")
            self.assertEqual(self.digest(page[0].digest), case["firstDigest"])
            self.assertEqual(
                [{"second": c.second, "items": c.items, "bytes": c.bytes, "changes": c.changes,
                  "digestLow": c.low} for c in page], case["checkpoints"])

    def test_span_indexes(self):
        for case, data in self.pages("span-indexes"):
            level, children = reader.decode_second_index(data, "", case["kind"])
            self.assertEqual(level, case["level"])
            self.assertEqual(
                [{"first": first, "last": last, "entries": count, "id": child.hex()}
                 for first, last, count, child in children], case["children"])

    def test_time_lists(self):
        for case, data in self.pages("time-lists"):
            self.assertEqual(list(reader.decode_time_list(data, "", True)),
                             list(zip(case["seconds"], case["ordinals"])))

    def test_siphash(self):
        for case, _ in self.pages("siphash"):
            found = reader.siphash_many(bytes.fromhex(case["key"]), [bytes.fromhex(case["input"])])
            self.assertEqual([f"{value:016x}" for value in found], [case["hash"]])

    def test_cut_hashes(self):
        for case, _ in self.pages("cut-hash"):
            messages = reader.cut_messages(
                case["level"], case["kind"] == 2, [bytes.fromhex(case["key"])],
                [case.get("time")], [case.get("sequence")])
            found = reader.siphash_many(bytes.fromhex(case["cutKey"]), messages)
            self.assertEqual([f"{value:016x}" for value in found], [case["hash"]])

    def test_cut_rule(self):
        """The ends of the vectors are right, and others, each moved or left out, are not."""
        for case, _ in self.pages("cut-rule"):
            hashes = [int(value, 16) for value in case["hashes"]]
            ends = case["ends"]
            self.assertEqual(self.cut_problems(case, hashes, ends), [])
            if len(ends) > 1:
                self.assertNotEqual(self.cut_problems(case, hashes, ends[1:]), [])

    @staticmethod
    def cut_problems(case, hashes, ends):
        rule = reader.CutRule(case["window"])
        start = 0
        for end in ends:
            rule.feed(case["weights"][start:end], hashes[start:end])
            start = end
        return list(rule.problems())

    def test_golden_repositories(self):
        here = os.path.dirname(os.path.abspath(__file__))
        roots = glob.glob(os.path.join(here, "..", "Fixtures", "golden", "**", "config"),
                          recursive=True)
        if not roots:
            self.fail("there are no golden repositories")
        for config in roots:
            with self.subTest(repository=config):
                self.assertEqual(run("verify", os.path.dirname(config))[::2], (0, ""))

    def test_golden_states(self):
        """Every state beside a golden repository is the one restored, item by item."""
        golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Fixtures",
                              "golden")
        count = 0
        for path in sorted(glob.glob(os.path.join(golden, "*", "expected", "*.jsonl"))):
            title = os.path.basename(path).removesuffix(".jsonl")
            root = os.path.join(os.path.dirname(os.path.dirname(path)), "repository")
            if "@" in title:
                table, instant = title.split("@")
                which = ("--latest",) if instant == "newest" else ("--at", instant)
            elif title.startswith("key-"):
                table, backup = title.rsplit("-", 1)
                which = ("--backup", backup)
            else:
                table, backup = title.split("-", 1)
                which = ("--backup", backup)
            with self.subTest(state=path), open(path, encoding="utf-8") as file:
                code, out, errors = run("restore", root, table, *which)
                self.assertEqual((code, errors), (0, ""))
                self.assertEqual([canonical(json.loads(line)) for line in out.splitlines()],
                                 [canonical(json.loads(line)) for line in file])
            count += 1
        self.assertGreater(count, 40)

    def test_hashes_of_the_specification(self):
        """The table of examples in Spec 06, and its cuts of five entries."""
        spec = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Spec",
                            "06-cut-rule.md")
        with open(spec, encoding="utf-8") as file:
            text = file.read()
        rows = re.findall(r"^\| [^|]+ \| `([0-9a-f ]+)` \| `([0-9a-f]{16})` \|$", text, re.M)
        self.assertEqual(len(rows), 3)
        messages = [bytes.fromhex(message) for message, _ in rows]
        self.assertEqual([f"{h:016x}" for h in reader.siphash_many(bytes(range(16)), messages)],
                         [h for _, h in rows])
        weights, hashes = (
            [int(cell) for cell in re.search(rf"^\| {name} \|(.*)\|$", text, re.M)[1].split("|")]
            for name in ("weight", "`h`"))
        for ends in ([3, 5], [2, 5], [5]):
            case = {"window": 100, "weights": weights}
            self.assertEqual(self.cut_problems(case, hashes, ends) == [], ends == [3, 5])


if __name__ == "__main__":
    print(f"seed {SEED}", file=sys.stderr)
    unittest.main()
