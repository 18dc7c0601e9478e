"""Writes recorded histories for tests, by hand and from the pages of `Spec/` alone.

A `HistoryTable` keeps a plain model of what it wrote (every range with its base and its changes),
so that every second can be compared. Whatever it writes goes through fields that a test may spoil
just before they become bytes: hashes and checksums are right all the same, only a rule is broken.
"""

import os
import shutil

import varve_reader as reader
from repository_writer import (
    MODULUS, SECOND, START, Entry, Table, i64, sized, svarint, varint,
)


class Range:
    """A range of the model; `changes` are Entry objects, `checkpoints` second → rows."""

    def __init__(self, flags, time, base, starts_with_image):
        self.flags = flags
        self.begin = self.end = time
        self.base = base
        self.starts_with_image = starts_with_image
        self.closed = False
        self.changes = []
        self.pieces = []
        self.checkpoints = {}       # second → (changes, rows)
        self.sequences = []
        self.last_hash = None
        self.rows = base

    def state(self, second):
        """The rows at an exact instant; None where the range promises none."""
        if not self.begin <= second * SECOND <= self.end:
            return None
        if self.flags & 2:
            return self.checkpoints[second][1] if second in self.checkpoints else None
        rows = dict(self.base)
        for change in sorted(self.changes, key=lambda one: (one.time, one.sequence)):
            if change.time < second * SECOND:
                apply(rows, change)
        return rows


def apply(rows, change):
    rows.pop(change.key, None)
    if change.item is not None:
        rows[change.key] = change.row


def totals(rows):
    return (len(rows), sum(e.size for e in rows.values()),
            sum(e.known_hash for e in rows.values()) % MODULUS)


class HistoryTable(Table):
    """A table with a recorded history; `spoil[name]` changes the fields of that object."""

    # How full pages over seconds are; tests make them smaller to get higher trees.
    LEAF_CHECKPOINTS = 256
    INDEX_CHILDREN = 1024

    def __init__(self, writer, name, schema, ordinal=0):
        super().__init__(writer, name, schema, ordinal)
        self.ranges = []
        self.end = None
        self.spoil = {}
        self.commits = []
        self.arrivals = 0
        self.tail = []

    def entry(self, item, time=None, gone=False):
        keys, rest = self.split(item)
        if time is not None:
            self.arrivals += 1
        made = Entry(self.schema, keys, None if gone else rest, time,
                     None if time is None else self.arrivals)
        if not gone:
            made.row = Entry(self.schema, keys, rest)
            made.row.known_hash = made.row.item_hash()
        return made

    # Commits

    def begin(self, second, items, flags=1):
        """A commit that begins a range with an image, now or as an older copy."""
        rows = {}
        for item in items:
            entry = self.entry(item, 0)
            rows[entry.key] = entry.row
        time = second * SECOND
        host = next((one for one in self.ranges
                     if flags & 2 and one.flags & 2 and one.begin <= time <= one.end), None)
        if host is None:
            host = Range(flags & 2, time, rows, True)
            self.ranges.append(host)
        host.checkpoints[second] = (0, rows)
        piece = {"kind": 1, "from": time, "to": time, "entries": self.in_order(rows)}
        host.pieces.append(piece)
        if self.end is None or time >= self.end:
            self.rows, self.end, self.tail = rows, time, []
            host.rows = rows
        self.commit_fields({
            "flags": flags, "from": time, "to": time, "checkpoints": [(second, 0, *totals(rows))],
            "changes": 0, "totals": totals(rows), "change digest": 0, "pieces": [piece]}, host)

    def record(self, to, changes=(), flags=0, sealed=True, time_list=False, pack=False):
        """A commit of changes (time, item) or (time, key attributes, None) up to `to`.

        Not sealed, its last second is no checkpoint yet and `to` is just after its last change.
        """
        entries = self.effective([
            self.entry(item, time, bool(gone)) for time, item, *gone in
            sorted(((t, i, *[True for _ in g]) for t, i, *g in changes),
                   key=lambda change: change[0])])
        if not sealed and not entries:
            return
        if not sealed:
            to = max(entry.time for entry in entries) + 1
        going_on = [one for one in self.ranges if one.end == self.end and not one.closed]
        host = max(going_on, key=lambda one: (one.flags == flags & 2, one.begin), default=None)
        if flags & 4:
            flags |= host.flags
        if host is None or host.flags != flags & 2 or host.closed:
            host = Range(flags & 2, self.end, self.rows, False)
            if not host.flags:
                host.checkpoints[self.end // SECOND] = (0, self.rows)
            self.ranges.append(host)
            self.ranges.sort(key=lambda one: (one.begin, one.end))
        pending = self.tail + entries
        due = sorted({e.time // SECOND + 1 for e in pending if e.time // SECOND < to // SECOND})
        if flags & 2 and not flags & 4:
            due = [to // SECOND]
        checkpoints = []
        for second in due:
            mine = [e for e in pending if e.time < second * SECOND]
            pending = pending[len(mine):]
            self.rows = dict(self.rows)
            for change in mine:
                apply(self.rows, change)
            host.checkpoints[second] = (len(mine), self.rows)
            checkpoints.append((second, len(mine), *totals(self.rows)))
        self.tail = pending
        after = dict(self.rows)
        for change in pending:
            apply(after, change)
        piece = {"kind": 2, "from": self.end, "to": to, "time list": time_list,
                 "entries": sorted(entries, key=Entry.place)}
        host.changes += entries
        host.pieces.append(piece)
        host.end = self.end = to
        host.rows = after
        host.closed = bool(flags & 4)
        self.commit_fields({
            "flags": flags, "from": piece["from"], "to": to, "checkpoints": checkpoints,
            "changes": len(entries), "totals": totals(after),
            "change digest": sum(e.hash() for e in entries) % MODULUS, "pieces": [piece],
            "pack": pack}, host)

    def effective(self, entries):
        """The changes that make a difference; others are none (page 10)."""
        rows = dict(self.rows)
        for change in self.tail:
            apply(rows, change)
        kept = []
        for change in entries:
            before = rows.get(change.key)
            if before is None if change.item is None else (
                    before is not None and before.value == change.value):
                continue
            apply(rows, change)
            kept.append(change)
        return kept

    def close(self):
        """Closes the range at the last good second."""
        self.record(self.end, flags=4)

    def fence(self):
        """The empty commit of a collector that drops the newest state (page 11)."""
        self.commit_fields({
            "flags": 3, "from": self.end, "to": self.end, "checkpoints": [], "changes": 0,
            "totals": totals(self.rows), "change digest": 0, "pieces": []}, None)

    def commit_fields(self, fields, host):
        fields = {"table": self.id, "sequence": self.next, "before": self.hash, **fields}
        self.spoil.get(f"commit {self.next}", lambda fields: None)(fields)
        logical = (fields["table"] + varint(fields["sequence"]) + fields["before"]
                   + bytes([fields["flags"]]) + i64(fields["from"]) + i64(fields["to"])
                   + varint(len(fields["checkpoints"])))
        before = 0
        for second, changes, items, size, digest in fields["checkpoints"]:
            logical += svarint(second - before) + varint(changes) + varint(items) + varint(size)
            logical += digest.to_bytes(32, "little")
            before = second
        items, size, digest = fields["totals"]
        logical += varint(fields["changes"]) + varint(items) + varint(size)
        logical += digest.to_bytes(32, "little") + fields["change digest"].to_bytes(32, "little")
        logical += sized("test") + sized(b"")
        pieces = b"".join(self.written_piece(piece) for piece in fields["pieces"])
        if fields.get("pack"):
            self.writer.flush_pack()
        physical = i64(START * SECOND) + varint(len(fields["pieces"])) + pieces
        body = sized(logical) + sized(physical) + sized(self.writer.take_inline())
        self.put(f"commits/{self.next:016x}", self.writer.seal(5, body))
        self.hash = reader.sha256(b"varve commit\0" + logical).digest()
        if host is not None:
            host.sequences.append(self.next)
            host.last_hash = self.hash
        fields["hash"] = self.hash
        self.commits.append(fields)
        self.next += 1

    def written_piece(self, piece):
        return self.piece(piece["kind"], piece["from"], piece["to"], piece["entries"],
                          bool(piece["entries"]) and piece.get("time list", False))

    @staticmethod
    def in_order(rows):
        return [rows[key] for key in sorted(rows)]

    # Layouts

    def compact(self, number, cuts=(), images=(), keep_commits=True, time_lists=False):
        """A layout over all commits: exact ranges in runs that end at `cuts` and at `images`."""
        pieces, ranges, checkpoints = [], [], []
        for one in sorted(self.ranges, key=lambda one: (one.begin, one.end)):
            mine = one.pieces if one.flags else self.runs_of(one, cuts, images, time_lists)
            pieces += mine
            ranges.append({
                "flags": one.flags | (4 if one.closed else 0), "from": one.begin, "to": one.end,
                "first": min(one.sequences), "last": max(one.sequences), "hash": one.last_hash,
                "totals": totals(one.rows), "change digest": sum(
                    e.hash() for piece in mine if piece["kind"] == 2
                    for e in piece["entries"]) % MODULUS})
            for second, (changes, rows) in one.checkpoints.items():
                checkpoints.append((second, changes, *totals(rows)))
        checkpoints = sorted(dict((one[0], one) for one in reversed(checkpoints)).values())
        fields = {
            "table": self.id, "number": number, "next": self.next, "before": self.hash,
            "ranges": ranges, "checkpoints": checkpoints,
            "pieces": sorted(pieces, key=lambda p: (p["to"], p["from"], p["kind"]))}
        self.write_layout(fields)
        if not keep_commits:
            shutil.rmtree(os.path.join(self.writer.root, self.directory, "commits"))
            os.mkdir(os.path.join(self.writer.root, self.directory, "commits"))

    def runs_of(self, one, cuts, images, time_lists):
        """An exact range's pieces, its changes laid out anew."""
        pieces = []
        if one.starts_with_image:
            pieces.append({"kind": 1, "from": one.begin, "to": one.begin,
                           "entries": self.in_order(one.base)})
        stops = {t for t in (*cuts, *images) if one.begin < t < one.end}
        start = one.begin
        for stop in sorted(stops | {one.end}):
            pieces.append({"kind": 2, "from": start, "to": stop, "time list": time_lists,
                           "entries": sorted((e for e in one.changes if start <= e.time < stop),
                                             key=Entry.place)})
            if stop in images:
                pieces.append({"kind": 1, "from": stop, "to": stop,
                               "entries": self.in_order(one.state(stop // SECOND))})
            start = stop
        return pieces

    def write_layout(self, fields):
        name = f"layouts/{fields['number']:016x}"
        self.spoil.get("layout", lambda fields: None)(fields)
        body = (fields["table"] + varint(fields["number"]) + i64(START * SECOND)
                + varint(fields["next"]) + fields["before"] + varint(len(fields["ranges"])))
        for one in fields["ranges"]:
            items, size, digest = one["totals"]
            body += (bytes([one["flags"]]) + i64(one["from"]) + i64(one["to"])
                     + varint(one["first"]) + varint(one["last"]) + one["hash"] + varint(items)
                     + varint(size) + digest.to_bytes(32, "little")
                     + one["change digest"].to_bytes(32, "little"))
        body += varint(len(fields["pieces"]))
        body += b"".join(self.written_piece(piece) for piece in fields["pieces"])
        roots = [self.checkpoint_root(fields["checkpoints"])] if fields["checkpoints"] else []
        body += varint(len(roots)) + b"".join(roots)
        inline = self.writer.take_inline()
        self.put(name, self.writer.seal(6, sized(body) + sized(inline)))

    # Checkpoint pages

    def checkpoint_root(self, checkpoints):
        size = self.LEAF_CHECKPOINTS
        leaves = [checkpoints[i:i + size] for i in range(0, len(checkpoints), size)]
        self.spoil.get("leaves", lambda leaves: None)(leaves)
        nodes = [(leaf[0][0], leaf[-1][0], len(leaf), self.writer.blob(6, self.leaf_page(leaf)))
                 for leaf in leaves]
        level = 0
        while len(nodes) > 1 or (level == 0 and "lone root" in self.spoil):
            level += 1
            groups = [nodes[i:i + self.INDEX_CHILDREN]
                      for i in range(0, len(nodes), self.INDEX_CHILDREN)]
            above = []
            for group in groups:
                node = (group[0][0], group[-1][1], sum(child[2] for child in group))
                fields = {"level": level, "children": group}
                self.spoil.get(f"index {level}", lambda fields: None)(fields)
                above.append((*node, self.writer.blob(7, self.index_page_of(fields))))
            nodes = above
        return nodes[0][3]

    @staticmethod
    def index_page_of(fields):
        return b"\x07" + bytes([fields["level"]]) + varint(len(fields["children"])) + b"".join(
            svarint(first) + svarint(last) + varint(count) + child
            for first, last, count, child in fields["children"])

    @staticmethod
    def leaf_page(leaf):
        second, _, items, size, digest = leaf[0]
        page = (b"\x06" + varint(len(leaf)) + svarint(second) + varint(items) + varint(size)
                + digest.to_bytes(32, "little"))
        page += b"".join(varint(one[1]) for one in leaf)
        pairs = list(zip(leaf, leaf[1:]))
        page += b"".join(varint(b[0] - a[0]) for a, b in pairs)
        page += b"".join(svarint(b[2] - a[2]) for a, b in pairs)
        page += b"".join(svarint(b[3] - a[3]) for a, b in pairs)
        return page + b"".join(one[4].to_bytes(32, "little")[:2] for one in leaf[1:])

    # The model

    def promised(self):
        """Every instant that the archive promises, in seconds, with its rows."""
        found = {}
        for one in self.ranges:
            if one.flags & 2:
                seconds = [s for s in one.checkpoints if one.begin <= s * SECOND <= one.end]
            else:
                seconds = range(-(-one.begin // SECOND), one.end // SECOND + 1)
            for second in seconds:
                found[second] = one.state(second)
        return found

    def expected(self, rows):
        """What a restore must write, as parsed JSON."""
        names = [name for name, _ in self.schema]
        return [{"Item": {**dict(zip(names, entry.keys)), **entry.item}}
                for entry in self.in_order(rows)]


class RandomHistory:
    """Writes a random history: a table, and what a recorder, copies and compaction do to it."""

    def __init__(self, source, writer, name="History", layouts=True):
        self.source = source
        self.layouts = layouts
        schema = [("id", source.choice("SNB"))]
        if source.random() < 0.5:
            schema.append(("at", source.choice("SNB")))
        self.table = HistoryTable(writer, name, schema)
        self.now = START + source.randrange(100)
        self.keys = [self.random_key(ordinal) for ordinal in range(source.choice((1, 4, 20)))]
        self.number = 0
        self.write()

    def random_key(self, ordinal):
        def value(kind):
            if kind == "N":
                return {"N": str(ordinal * 3 - 5)}
            return {"S": f"k{ordinal}"} if kind == "S" else {"B": f"aaa{ordinal % 10}"}

        key = {name: value(kind) for name, kind in self.table.schema}
        name, kind = self.table.schema[-1]
        if kind == "B":
            key[name] = {"B": f"{ordinal:04d}"}
        return key

    def item(self, key):
        made = dict(key)
        for name in self.source.sample("uvwxyz", self.source.randrange(4)):
            made[name] = self.source.choice((
                {"N": str(self.source.randrange(1000))}, {"S": "s" * self.source.randrange(9)},
                {"BOOL": True}, {"NULL": True}, {"L": [{"N": "1"}, {"S": name}]}))
        if self.source.random() < 0.02:
            made["long"] = {"S": self.source.choice("ab") * 17_000}
        return made

    def items(self):
        return [self.item(key) for key in self.source.sample(
            self.keys, self.source.randrange(len(self.keys) + 1))]

    def changes(self, begin, end, most=12):
        """Changes with times in [begin, end), several in one second and at one time."""
        made = []
        for _ in range(self.source.randrange(most)):
            time = self.source.randrange(begin, end)
            time = self.source.choice((time, max(begin, time // SECOND * SECOND),
                                       made[-1][0] if made else time))
            key = self.source.choice(self.keys)
            if self.source.random() < 0.3:
                made.append((time, dict(key), None))
            else:
                made.append((time, self.item(key)))
        return made

    def write(self):
        source, table = self.source, self.table
        table.begin(self.now, [] if source.random() < 0.5 else self.items(),
                    flags=source.choice((1, 1, 3)))
        for _ in range(source.randrange(2, 14)):
            step = source.choices(
                (self.record, self.unsealed, self.window, self.gap, self.older, self.idle,
                 self.compact), (8, 4, 2, 2, 2, 1, 3))[0]
            step()

    def current(self):
        return next((one for one in self.table.ranges if one.end == self.table.end), None)

    def can_go_on(self):
        closed = any(one.closed and one.end == self.table.end for one in self.table.ranges)
        return not closed

    def record(self):
        if not self.can_go_on():
            return self.gap()
        end = (self.table.end // SECOND + self.source.randrange(1, 6)) * SECOND
        self.table.record(end, self.changes(self.table.end, end),
                          time_list=self.source.random() < 0.2, pack=self.source.random() < 0.3)

    def unsealed(self):
        if not self.can_go_on() or self.table.end % SECOND > SECOND // 2:
            return self.record()
        begin = self.table.end
        second = begin // SECOND + self.source.randrange(2)
        changes = self.changes(max(begin, second * SECOND), (second + 1) * SECOND - 2, 5)
        if changes:
            self.table.record(None, changes, sealed=False)

    def window(self):
        """An incremental export: the net changes of a window, exact at its end alone."""
        if not self.can_go_on() or self.table.tail or self.table.end % SECOND:
            return self.record()
        end = self.table.end + self.source.randrange(2, 9) * SECOND
        changes = {str(self.table.split(change[1])[0]): (end - 1, *change[1:])
                   for change in self.changes(self.table.end, end)}
        self.table.record(end, list(changes.values()), flags=2)

    def gap(self):
        if self.can_go_on():
            if self.table.tail:
                self.record()
            current = self.table.ranges[-1]
            if current.end == self.table.end and self.source.random() < 0.8:
                self.table.close()
        second = self.table.end // SECOND + self.source.randrange(1, 8)
        self.table.begin(second, self.items(), flags=self.source.choice((1, 1, 3)))

    def older(self):
        """A full copy of an instant that no exact range covers, brought in late."""
        low = min(one.begin for one in self.table.ranges) // SECOND - 6
        second = self.source.randrange(low, self.table.end // SECOND)
        if not any(one.begin <= second * SECOND <= one.end and (
                not one.flags or second in one.checkpoints) for one in self.table.ranges):
            self.table.begin(second, self.items(), flags=3)
            self.table.ranges.sort(key=lambda one: (one.begin, one.end))

    def idle(self):
        if self.can_go_on():
            self.table.record((self.table.end // SECOND + 3) * SECOND)

    def compact(self):
        if not self.layouts or self.table.end % SECOND:
            return
        self.number += 1
        inside = [one for one in self.table.ranges if not one.flags and one.begin < one.end]
        cuts, images = [], []
        for one in inside:
            cuts += [self.source.randrange(one.begin, one.end)
                     for _ in range(self.source.randrange(3))]
            seconds = range(one.begin // SECOND + 1, one.end // SECOND + 1)
            if seconds and self.source.random() < 0.5:
                images.append(self.source.choice(seconds) * SECOND)
        self.table.compact(self.number, cuts, images, self.source.random() < 0.6,
                           self.source.random() < 0.4)
