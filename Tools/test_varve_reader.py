#!/usr/bin/env python3
"""Tests of the independent reader, with a small writer built from the specification.

The writer shares the encoders of columns with the reader, since the reader needs them to check
bytes; everything else (values, numbers, digests, cut rule, trees, packs, objects) it does in its
own, slowest and plainest way.

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
import shutil
import struct
import sys
import tempfile
import unittest
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import varve_reader as reader  # noqa: E402

SEED = 20_260_102
SECOND = 1_000_000
START = 1_767_225_600  # 2026-01-01T00:00:00Z
MODULUS = 1 << 256


# ------------------------------------------------------------------------------------------------
# A plain writer of the format
# ------------------------------------------------------------------------------------------------


def varint(value):
    out = b""
    while True:
        low, value = value & 0x7F, value >> 7
        if not value:
            return out + bytes([low])
        out += bytes([low | 0x80])


def svarint(value):
    return varint(2 * value if value >= 0 else -2 * value - 1)


def sized(content):
    if isinstance(content, str):
        content = content.encode("utf-8")
    return varint(len(content)) + content


def i64(value):
    return struct.pack("<q", value)


def normal_number(written):
    sign, digits, exponent = decimal.Decimal(written).as_tuple()
    coefficient = int("".join(map(str, digits)))
    if coefficient == 0:
        return 0, 0
    while coefficient % 10 == 0:
        coefficient //= 10
        exponent += 1
    return (-coefficient if sign else coefficient), exponent


def number_bytes(written):
    coefficient, exponent = normal_number(written)
    return svarint(exponent) + svarint(coefficient)


def payload(kind, value):
    """The canonical payload of a value of DynamoDB JSON."""
    if kind == "S":
        return sized(value)
    if kind == "N":
        return number_bytes(value)
    if kind == "B":
        return sized(base64.b64decode(value))
    if kind == "BOOL":
        return b"\x01" if value else b"\x00"
    if kind == "NULL":
        return b""
    if kind == "M":
        names = sorted(value, key=lambda name: name.encode("utf-8"))
        return varint(len(names)) + b"".join(sized(n) + encoding(value[n]) for n in names)
    if kind == "L":
        return varint(len(value)) + b"".join(map(encoding, value))
    if kind == "NS":
        elements = sorted(set(value), key=decimal.Decimal)
    elif kind == "SS":
        elements = sorted(set(value), key=lambda element: element.encode("utf-8"))
    else:
        elements = sorted(set(value), key=base64.b64decode)
    return varint(len(elements)) + b"".join(payload(kind[:-1], e) for e in elements)


TAGS = {"S": 1, "N": 2, "B": 3, "BOOL": 4, "NULL": 5, "M": 6, "L": 7, "SS": 8, "NS": 9, "BS": 10}


def encoding(typed):
    (kind, value), = typed.items()
    return bytes([TAGS[kind]]) + payload(kind, value)


def billed(typed):
    (kind, value), = typed.items()
    if kind == "S":
        return len(value.encode("utf-8"))
    if kind == "B":
        return len(base64.b64decode(value))
    if kind == "N":
        coefficient, exponent = normal_number(value)
        if not coefficient:
            return 1
        digits = len(str(abs(coefficient))) + exponent % 2
        return -(-digits // 2) + 1 + (1 if coefficient < 0 else 0)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "L":
        return 3 + sum(1 + billed(element) for element in value)
    if kind == "M":
        return 3 + sum(1 + len(n.encode("utf-8")) + billed(v) for n, v in value.items())
    return sum(billed({kind[:-1]: element}) for element in value)


def number_key(written):
    coefficient, exponent = normal_number(written)
    if not coefficient:
        return b"\x80\x00"
    digits = str(abs(coefficient))
    out = struct.pack(">H", 0x8000 + exponent + len(digits) + 130)
    digits += "0" * (len(digits) % 2)
    for i in range(0, len(digits), 2):
        out += bytes([2 * int(digits[i:i + 2]) + (1 if i + 2 < len(digits) else 0)])
    return bytes(255 - byte for byte in out) if coefficient < 0 else out


def raw_key(typed):
    (kind, value), = typed.items()
    return value.encode("utf-8") if kind == "S" else base64.b64decode(value)


def last_key(typed):
    return number_key(typed["N"]) if "N" in typed else raw_key(typed)


def first_key(typed):
    if "N" in typed:
        return number_key(typed["N"])
    return raw_key(typed).replace(b"\x00", b"\x00\xff") + b"\x00\x01"


def siphash(key, message):
    def rotate(x, b):
        return (x << b | x >> (64 - b)) & (1 << 64) - 1

    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261,
         k1 ^ 0x7465646279746573]

    def turn():
        m = (1 << 64) - 1
        v[0] = (v[0] + v[1]) & m
        v[1] = rotate(v[1], 13) ^ v[0]
        v[0] = rotate(v[0], 32)
        v[2] = (v[2] + v[3]) & m
        v[3] = rotate(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) & m
        v[3] = rotate(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) & m
        v[1] = rotate(v[1], 17) ^ v[2]
        v[2] = rotate(v[2], 32)

    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) % 256])
    for m, in struct.iter_unpack("<Q", padded):
        v[3] ^= m
        turn()
        turn()
        v[0] ^= m
    v[2] ^= 0xFF
    for _ in range(4):
        turn()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def cut(weights, hashes, window):
    """The ordinals of entries that end a page, straight from the words of the rule."""
    ends = []
    for weight in weights:
        ends.append(weight + (ends[-1] if ends else 0))
    total = ends[-1]
    natural = []
    for i, end in enumerate(ends):
        if end < window or total - end < window:
            continue
        low, high = i, i + 1
        while low > 0 and end - ends[low - 1] <= window:
            low -= 1
        while high < len(ends) and ends[high] - end <= window:
            high += 1
        if all(hashes[i] > hashes[j] for j in range(low, high) if j != i):
            natural.append(i)
    stops = natural + [len(ends) - 1]
    cuts = []
    start = 0
    for stop in stops:
        since = 0
        for i in range(start, stop):
            since += weights[i]
            if since >= 16 * window:
                cuts.append(i)
                since = 0
        cuts.append(stop)
        start = stop + 1
    return sorted(set(cuts))


class Entry:
    """A row or a change: `item` None is a tombstone."""

    def __init__(self, schema, keys, item, time=None, sequence=None):
        self.keys = [keys[name] for name, _ in schema]
        self.item = item
        self.time = time
        self.sequence = sequence
        if len(self.keys) == 1:
            self.key = last_key(self.keys[0])
        else:
            self.key = first_key(self.keys[0]) + last_key(self.keys[1])
        self.size = 0
        if item is None:
            self.value = None
            return
        names = sorted(item, key=lambda name: name.encode("utf-8"))
        self.attributes = [
            (name.encode("utf-8"), encoding(item[name]), next(iter(item[name]))) for name in names]
        self.value = varint(len(names)) + b"".join(sized(n) + e for n, e, _ in self.attributes)
        whole = {**dict(zip([name for name, _ in schema], self.keys)), **item}
        self.size = sum(len(n.encode("utf-8")) + billed(v) for n, v in whole.items())
        self.outlined = set()
        for name, encoded, _ in self.attributes:
            if len(encoded) >= 16_384:
                self.outlined.add(name)
        while True:
            left = [(n, e) for n, e, _ in self.attributes if n not in self.outlined]
            if sum(len(sized(n)) + len(e) for n, e in left) <= 65_536:
                break
            longest = max(len(e) for _, e in left)
            self.outlined.add(min(n for n, e in left if len(e) == longest))

    def place(self):
        return (self.key,) if self.time is None else (self.key, self.time, self.sequence)

    def weight(self):
        weight = 32 + len(self.key) + (0 if self.time is None else 8)
        if self.item is not None:
            for name, encoded, _ in self.attributes:
                weight += 1 + len(name) // 8 + (40 if name in self.outlined else len(encoded))
        return weight

    def item_hash(self):
        return int.from_bytes(
            hashlib.sha256(b"\x01" + sized(self.key) + self.value).digest(), "little")

    def hash(self):
        if self.time is None:
            return self.item_hash()
        head = b"\x02" + sized(self.key) + i64(self.time)
        message = head + (b"\x00" if self.item is None else b"\x01" + self.value)
        return int.from_bytes(hashlib.sha256(message).digest(), "little")


class Writer:
    """Writes one repository."""

    def __init__(self, root, compress=True):
        self.root = root
        self.compress = compress and reader.lz4_block is not None
        self.repository_id = hashlib.sha256(b"id").digest()[:16]
        self.cut_key = bytes(range(16))
        self.blobs = {}
        self.put("config", self.seal(1, self.repository_id + i64(START * SECOND) + b"\x00"
                                     + sized(self.cut_key) + varint(16_777_216)))

    def put(self, name, data):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    @staticmethod
    def seal(kind, body):
        head = b"VRVO" + bytes([1, kind, 0, 0]) + bytes(40) + struct.pack("<Q", len(body))
        return head + body + hashlib.sha256(head + body).digest()

    def blob(self, kind, plain):
        blob_id = hashlib.sha256(plain).digest()
        codec, stored = 0, plain
        if self.compress:
            squeezed = reader.lz4_block.compress(plain, store_size=False)
            if len(squeezed) < len(plain):
                codec, stored = 1, squeezed
        head = (b"VBLB" + bytes([kind, codec, 0, 0]) + struct.pack("<II", len(stored), len(plain))
                + blob_id)
        self.blobs[blob_id] = (head + struct.pack("<I", zlib.crc32(head)) + stored)
        return blob_id

    def take_inline(self):
        inline = b"".join(self.blobs.values())
        self.blobs = {}
        return inline

    def flush_pack(self, with_index=True):
        """All blobs collected go to a pack; nothing is left to stand inline."""
        if not self.blobs:
            return
        data = b"VARVEPK1" + bytes([1]) + bytes(39)
        entries = []
        for blob_id, record in self.blobs.items():
            stored, plain = struct.unpack_from("<II", record, 8)
            entries.append((blob_id, len(data), stored, plain, record[4], record[5]))
            data += record
        entries.sort()
        index = b"".join(i + struct.pack("<IIIBBBB", o, s, p, t, c, 0, 0)
                         for i, o, s, p, t, c in entries)
        data += index + struct.pack("<QII", len(data), len(entries), zlib.crc32(index))
        data += b"VARVEPKE"
        name = hashlib.sha256(data).digest()
        self.put(f"packs/{name.hex()[:2]}/{name.hex()}", data)
        self.blobs = {}
        if with_index:
            self.write_index(name, len(data), entries)

    def write_index(self, pack, size, entries):
        data = b"VARVEIX1" + bytes([1, 0, 0, 0]) + struct.pack("<III", 1, len(entries), 0)
        for byte in range(256):
            data += struct.pack("<I", sum(1 for entry in entries if entry[0][0] <= byte))
        data += b"".join(entry[0] for entry in entries)
        data += struct.pack("<I", 0) * len(entries)
        for column in (1, 2, 3):
            data += b"".join(struct.pack("<I", entry[column]) for entry in entries)
        data += b"".join(bytes([entry[4], entry[5], 0, 0]) for entry in entries)
        data += pack + struct.pack("<Q", size)
        data += hashlib.sha256(data).digest()
        self.put(f"indexes/{hashlib.sha256(data).hexdigest()}", data)

    # Pages and trees

    def leaf(self, schema, entries, is_run):
        types = [TAGS[kind] for _, kind in schema] + [0]
        out = bytes([2 if is_run else 1, types[0], types[1]]) + varint(len(entries))
        if is_run:
            out += sized(reader.encode_integers([e.time & (1 << 64) - 1 for e in entries]))
            out += sized(reader.encode_integers([e.sequence for e in entries]))
            out += sized(reader.encode_integers([int(e.item is not None) for e in entries]))
        for ordinal, (_, kind) in enumerate(schema):
            if kind == "N":
                out += sized(reader.encode_numbers(
                    [normal_number(e.keys[ordinal]["N"]) for e in entries]))
            else:
                out += sized(reader.encode_strings([raw_key(e.keys[ordinal]) for e in entries]))
        columns, shapes, shape_of_put = {}, {}, []
        for entry in entries:
            if entry.item is None:
                continue
            shape = []
            for name, encoded, kind in entry.attributes:
                code = 11 if name in entry.outlined else TAGS[kind]
                shape.append((name, code))
                column = columns.setdefault((name, code), [])
                if code == 11:
                    column.append(varint(len(encoded)) + self.blob(5, encoded))
                elif kind == "N":
                    column.append(normal_number(entry.item[name.decode()]["N"]))
                elif kind == "BOOL":
                    column.append(int(entry.item[name.decode()]["BOOL"]))
                elif kind in "SB":
                    column.append(raw_key(entry.item[name.decode()]))
                else:
                    column.append(encoded[1:])
            shape_of_put.append(shapes.setdefault(tuple(shape), len(shapes)))
        ordinals = {column: i for i, column in enumerate(columns)}
        out += varint(len(columns)) + b"".join(sized(n) + bytes([t]) for n, t in columns)
        out += varint(len(shapes))
        for shape in shapes:
            out += varint(len(shape)) + b"".join(varint(ordinals[column]) for column in shape)
        out += sized(reader.encode_integers(shape_of_put))
        for (_, code), values in columns.items():
            encode = {2: reader.encode_numbers, 4: reader.encode_integers,
                      5: lambda _: b""}.get(code, reader.encode_strings)
            out += sized(encode(values))
        return out

    def tree(self, schema, entries, is_run):
        """Writes a tree's blobs; returns its reference."""
        if not entries:
            return varint(0)
        digest = sum(entry.hash() for entry in entries) % MODULUS
        weight = sum(entry.weight() for entry in entries)
        nodes = []
        for group in self.pages(entries, [e.weight() for e in entries], 0, is_run):
            blob_id = self.blob(2 if is_run else 1, self.leaf(schema, group, is_run))
            nodes.append((group[-1], blob_id, group))
        level = 0
        while len(nodes) > 1:
            level += 1
            lasts = [node[0] for node in nodes]
            groups = self.pages(lasts, [96 + len(e.key) for e in lasts], level, is_run)
            above, position = [], 0
            for group in groups:
                mine = nodes[position:position + len(group)]
                position += len(group)
                blob_id = self.blob(4 if is_run else 3, self.index_page(mine, level, is_run))
                covered = [entry for node in mine for entry in node[2]]
                above.append((mine[-1][0], blob_id, covered))
            nodes = above
        return (varint(len(entries)) + bytes([level]) + nodes[0][1] + varint(weight)
                + digest.to_bytes(32, "little") + varint(1))

    def pages(self, entries, weights, level, is_run):
        hashes = []
        for entry in entries:
            message = bytes([level, 2 if is_run else 1]) + entry.key
            if is_run:
                message += struct.pack(">QQ", (entry.time & (1 << 64) - 1) ^ (1 << 63),
                                       entry.sequence)
            hashes.append(siphash(self.cut_key, message))
        out, start = [], 0
        for end in cut(weights, hashes, 196_608 if level == 0 else 16_384):
            out.append(entries[start:end + 1])
            start = end + 1
        return out

    @staticmethod
    def index_page(nodes, level, is_run):
        out = bytes([4 if is_run else 3, level]) + varint(len(nodes))
        before = b""
        for last, blob_id, covered in nodes:
            shared = len(os.path.commonprefix([before, last.key]))
            before = last.key
            out += varint(shared) + sized(last.key[shared:])
            if is_run:
                out += i64(last.time) + varint(last.sequence)
            out += blob_id + varint(len(covered)) + varint(sum(e.weight() for e in covered))
            out += (sum(e.hash() for e in covered) % MODULUS).to_bytes(32, "little")
            if is_run:
                out += i64(min(e.time for e in covered)) + i64(max(e.time for e in covered))
        return out


class Table:
    """A table under test: writes commits, and keeps every state it went through."""

    def __init__(self, writer, name, schema, ordinal=0):
        self.writer = writer
        self.name = name
        self.schema = schema
        self.arn = f"arn:aws:dynamodb:local:000000000000:table/{name}"
        message = b"varve table name\0" + writer.repository_id + sized(name) + varint(ordinal)
        self.id = hashlib.sha256(message).digest()[:16]
        self.directory = f"tables/{self.id.hex()}"
        body = sized(name) + varint(ordinal) + sized(self.arn) + sized("") + i64(START * SECOND)
        body += bytes([len(schema)])
        body += b"".join(sized(n) + bytes([TAGS[kind]]) for n, kind in schema)
        writer.put(f"{self.directory}/table", writer.seal(2, body))
        self.hash = hashlib.sha256(b"varve table\0" + body).digest()
        self.next = 0
        self.rows = {}      # key → Entry
        self.states = {}    # second → {key: Entry}
        self.pieces = []    # (kind, from, to, entries)
        self.checkpoints = []
        self.first_hash = None
        self.sequence_counter = 0

    def digest(self, rows=None):
        rows = self.rows if rows is None else rows
        return sum(e.item_hash() for e in rows.values()) % MODULUS

    def summary(self, rows=None):
        rows = self.rows if rows is None else rows
        return (varint(len(rows)) + varint(sum(e.size for e in rows.values()))
                + self.digest(rows).to_bytes(32, "little"))

    def split(self, item):
        names = [name for name, _ in self.schema]
        keys = {name: item[name] for name in names}
        return keys, {name: value for name, value in item.items() if name not in names}

    def tree(self, entries, is_run):
        return self.writer.tree(self.schema, entries, is_run)

    def piece(self, kind, time_from, time_to, entries, time_list=False):
        out = bytes([kind]) + i64(time_from) + i64(time_to) + self.tree(entries, kind == 2)
        if not time_list:
            return out + varint(0)
        ordered = sorted((e.time // SECOND, i) for i, e in enumerate(entries))
        steps = [0] + [b[0] - a[0] for a, b in zip(ordered, ordered[1:])]
        page = (b"\x08" + varint(len(ordered)) + svarint(ordered[0][0])
                + sized(reader.encode_integers(steps))
                + sized(reader.encode_integers([i for _, i in ordered])))
        return out + varint(1) + self.writer.blob(8, page)

    def image_commit(self, second, items, flags=1):
        """A commit that begins a range with an image."""
        for item in items:
            entry = Entry(self.schema, *self.split(item))
            self.rows[entry.key] = entry
        entries = [self.rows[key] for key in sorted(self.rows)]
        instant = second * SECOND
        self.pieces.append((1, instant, instant, entries))
        self.checkpoints.append((second, len(entries), dict(self.rows)))
        self.states[second] = dict(self.rows)
        checkpoint = svarint(second) + varint(len(entries)) + self.summary()
        self.commit(flags, instant, instant, [checkpoint], len(entries), 0,
                    [self.piece(1, instant, instant, entries)])

    def run_commit(self, second_from, second_to, changes, flags=0, pack=False, time_list=False):
        """A commit of changes: (time in microseconds, item) or (time, {key attributes}, None)."""
        entries = []
        for time, item, *gone in sorted(changes, key=lambda change: change[0]):
            keys, rest = self.split(item)
            self.sequence_counter += 1
            entries.append(Entry(self.schema, keys, None if gone else rest, time,
                                 self.sequence_counter))
        checkpoints, before, position = [], 0, 0
        seconds = sorted({e.time // SECOND + 1 for e in entries})
        if flags & 2:
            seconds = [second_to]
        for second in seconds:
            count = 0
            while position < len(entries) and entries[position].time < second * SECOND:
                entry = entries[position]
                position += 1
                count += 1
                self.rows.pop(entry.key, None)
                if entry.item is not None:
                    self.rows[entry.key] = Entry(
                        self.schema, dict(zip([n for n, _ in self.schema], entry.keys)),
                        entry.item)
            self.states[second] = dict(self.rows)
            self.checkpoints.append((second, count, dict(self.rows)))
            checkpoints.append(svarint(second - before) + varint(count) + self.summary())
            before = second
        ordered = sorted(entries, key=Entry.place)
        span = (second_from * SECOND, second_to * SECOND)
        self.pieces.append((2, *span, ordered))
        piece = self.piece(2, *span, ordered, time_list)
        if pack:
            self.writer.flush_pack()
        digest = sum(e.hash() for e in ordered) % MODULUS
        self.commit(flags, *span, checkpoints, len(ordered), digest, [piece])

    def commit(self, flags, time_from, time_to, checkpoints, changes, digest, pieces):
        logical = self.id + varint(self.next) + self.hash + bytes([flags])
        logical += i64(time_from) + i64(time_to) + varint(len(checkpoints))
        logical += b"".join(checkpoints) + varint(changes) + self.summary()
        logical += digest.to_bytes(32, "little") + sized("test") + sized(b"\x01\x02")
        physical = i64(time_to) + varint(len(pieces)) + b"".join(pieces)
        body = sized(logical) + sized(physical) + sized(self.writer.take_inline())
        self.put(f"commits/{self.next:016x}", self.writer.seal(5, body))
        self.hash = hashlib.sha256(b"varve commit\0" + logical).digest()
        self.next += 1

    def put(self, name, data):
        self.writer.put(f"{self.directory}/{name}", data)

    def backup(self, name, second, ordinal=1):
        backup_id = hashlib.sha256(f"{self.name} {name} {ordinal}".encode()).digest()[:16]
        body = backup_id + sized(name) + sized(f"{self.arn}/backup/{ordinal:014d}-00000001")
        body += b"\x00" + i64(START * SECOND) + i64(second * SECOND) + i64(0)
        body += varint(self.next - 1) + self.hash
        rows = self.states[second]
        body += (self.digest(rows).to_bytes(32, "little") + varint(len(rows))
                 + varint(sum(e.size for e in rows.values())) + sized("a test"))
        self.put(f"backups/{backup_id.hex()}", self.writer.seal(4, body))
        return backup_id.hex()

    def layout(self, number=1, keep_commits=False):
        """A layout that covers everything so far."""
        first, last = self.checkpoints[0], self.checkpoints[-1]
        pieces = sorted(self.pieces, key=lambda piece: (piece[2], piece[1], piece[0]))
        digest = sum(e.hash() for p in pieces if p[0] == 2 for e in p[3]) % MODULUS
        written = [self.piece(*piece) for piece in pieces]
        root = self.checkpoint_tree()
        body = self.id + varint(number) + i64(pieces[-1][2]) + varint(self.next) + self.hash
        body += varint(1) + b"\x00" + i64(first[0] * SECOND) + i64(pieces[-1][2])
        body += varint(0) + varint(self.next - 1) + self.hash
        body += self.summary(last[2]) + digest.to_bytes(32, "little")
        body += varint(len(written)) + b"".join(written) + varint(1) + root
        inline = self.writer.take_inline()
        self.put(f"layouts/{number:016x}", self.writer.seal(6, sized(body) + sized(inline)))
        if not keep_commits:
            shutil.rmtree(os.path.join(self.writer.root, self.directory, "commits"))

    def checkpoint_tree(self):
        leaves = []
        for start in range(0, len(self.checkpoints), 256):
            group = self.checkpoints[start:start + 256]
            sums = [(len(rows), sum(e.size for e in rows.values()), self.digest(rows))
                    for _, _, rows in group]
            page = (b"\x06" + varint(len(group)) + svarint(group[0][0])
                    + self.summary(group[0][2]))
            page += b"".join(varint(count) for _, count, _ in group)
            page += b"".join(varint(b[0] - a[0]) for a, b in zip(group, group[1:]))
            for column in (0, 1):
                page += b"".join(
                    svarint(b[column] - a[column]) for a, b in zip(sums, sums[1:]))
            page += b"".join(s[2].to_bytes(32, "little")[:2] for s in sums[1:])
            leaves.append((group[0][0], group[-1][0], len(group), self.writer.blob(6, page)))
        if len(leaves) == 1:
            return leaves[0][3]
        page = b"\x07\x01" + varint(len(leaves)) + b"".join(
            svarint(a) + svarint(b) + varint(n) + i for a, b, n, i in leaves)
        return self.writer.blob(7, page)

    def expected_lines(self, second):
        """What a restore must write, as parsed JSON."""
        rows = self.states[second]
        names = [name for name, _ in self.schema]
        return [{"Item": {**dict(zip(names, rows[key].keys)), **rows[key].item}}
                for key in sorted(rows)]


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
        (base + 5 * SECOND, {"id": {"S": "zz"}}, None)], pack=True, time_list=True)
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
        changes = [(base + source.randrange(9 * SECOND), {**item, "v": {"N": "-1"}})
                   for item in source.choices(items, k=700)]
        changes += [(base + source.randrange(9 * SECOND), {"id": item["id"]}, None)
                    for item in source.sample(items, 200)]
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
        code, out, _ = run("list", self.root, "--json")
        self.assertEqual(code, 0)
        listed = json.loads(out)["tables"]
        self.assertEqual([(one["name"], one["incarnation"]) for one in listed],
                         [("Tiny", 0), ("Tiny", 1)])
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
        original = globals()["cut"]
        globals()["cut"] = lambda weights, hashes, window: (
            [len(weights) // 2, len(weights) - 1] if len(weights) > 2 else original(
                weights, hashes, window))
        try:
            table.image_commit(START, items)
        finally:
            globals()["cut"] = original
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
                    {"flags": 2 if one.checkpoints_only else 0, "from": one.time_from,
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
        return {"written": found["written"], "packs": [reader.plain_data(n) for n in found["packs"]],
                "indexes": [reader.plain_data(n) for n in found["indexes"]]}

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
                 "condemned", "lease", "key-slot", "blob-record", "pack"}
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


if __name__ == "__main__":
    print(f"seed {SEED}", file=sys.stderr)
    unittest.main()
