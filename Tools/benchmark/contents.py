#!/usr/bin/env python3
"""Counts what a repository holds, from its bytes: for Tools/bench, in a process of its own.

    contents.py REPOSITORY
    contents.py REPOSITORY --commits

Prints "name value" lines: objects and bytes of all; of the blobs in packs, commits and layouts the
stored bytes by kind; what the one table's newest layout says of it. `--commits` prints of each
commit its name, changes and checkpoints' ends in seconds instead.
Read by Spec 08 and 09, through the independent reader.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import varve_reader as reader  # noqa: E402

KINDS = {"image_bytes": (1, 3), "run_bytes": (2, 4), "checkpoint_bytes": (6, 7),
         "time_list_bytes": (8, 9), "value_bytes": (5,)}


class Contents:
    def __init__(self, root):
        self.repository = reader.Repository(root)
        self.values = {name: 0 for name in KINDS}
        self.values.update(objects=0, bytes=0)

    def blob(self, record):
        size = record.stored_length + reader.RECORD_HEADER_BYTES
        for name, kinds in KINDS.items():
            if record.type in kinds:
                self.values[name] += size

    def packs(self):
        for name in self.repository.pack_names():
            data = self.repository.map(self.repository.pack_path(name), 1 << 31)
            place = reader.PACK_HEADER_BYTES
            end = int.from_bytes(data[-24:-16], "little")
            while place < end:
                record = reader.Record(data, place, end, "a pack")
                self.blob(record)
                place = record.start + record.stored_length

    def table(self, history):
        commits = layouts = 0
        for sequence in history.commit_sequences():
            commit = history.read_commit(sequence)
            commits += 1
            for record in commit.inline.values():
                self.blob(record)
        for number in history.layout_numbers():
            layout = history.read_layout(number)
            layouts += 1
            for record in layout.inline.values():
                self.blob(record)
        self.values.update(commits=commits, layouts=layouts, pieces=len(history.pieces))

    def count(self):
        for path in Path(self.repository.root).rglob("*"):
            if path.is_file():
                self.values["objects"] += 1
                self.values["bytes"] += path.stat().st_size
        self.packs()
        for table_id in self.repository.table_ids():
            self.table(reader.History(self.repository, table_id))
        return self.values


def print_commits(root):
    repository = reader.Repository(root)
    for table_id in repository.table_ids():
        history = reader.History(repository, table_id)
        for sequence in history.commit_sequences():
            commit = history.read_commit(sequence)
            ends = [one.second for one in commit.checkpoints] if commit.pieces[0].is_run else []
            print(f"{sequence:016x}", commit.changes if ends else 0, *ends)


def main():
    if sys.argv[2:] == ["--commits"]:
        return print_commits(sys.argv[1])
    for name, value in Contents(sys.argv[1]).count().items():
        print(name, value)


if __name__ == "__main__":
    main()
