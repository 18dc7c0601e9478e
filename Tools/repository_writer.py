"""A plain, slow writer of repositories for tests, built from the pages of `Spec/` alone.

It shares the encoders of columns with the reader, since the reader needs them to check bytes;
everything else (values, numbers, digests, cut rule, trees, packs, objects) it does in its own,
plainest way.
"""

import base64
import decimal
import hashlib
import os
import shutil
import struct
import zlib

import varve_reader as reader

SECOND = 1_000_000
START = 1_767_225_600  # 2026-01-01T00:00:00Z
MODULUS = 1 << 256


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
        self.checkpoints.append((second, 0, dict(self.rows)))
        self.states[second] = dict(self.rows)
        checkpoint = svarint(second) + varint(0) + self.summary()
        self.commit(flags, instant, instant, [checkpoint], 0, 0,
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
