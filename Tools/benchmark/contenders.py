"""The programs that are compared, behind one interface.

Each makes a repository (`init`), stores one file in it under a name (`backup`) and gives it back
(`restore`). `init` is never timed. restic always encrypts; borg and Varve are run without.
"""

import shutil
from pathlib import Path

from .measure import Failed, run

# Backups of Varve are of instants: day k is this many days after the first.
FIRST_DAY = "2024-01-{:02}T00:00:00Z"


class Contender:
    """A program with a repository in `home` of its own."""

    def __init__(self, name, home):
        self.name = name
        self.home = Path(home)
        self.repository = self.home / "repository"

    def fresh(self):
        """Forgets everything: repository, caches."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.init()

    def drop(self):
        shutil.rmtree(self.home, ignore_errors=True)


class Table:
    """How a source is read: a table's name and key schema, and one of its keys."""

    def __init__(self, name, partition, sort, key):
        self.name, self.partition, self.sort, self.key = name, partition, sort, key


ORDERS = Table(
    "Orders", "InvoiceNo:S", "Line:N", '{"InvoiceNo":{"S":"560000"},"Line":{"N":"0"}}')


def generated_table(items):
    account = items // 2 // 10
    return Table(
        "Generated", "Account:S", "Entry:N",
        '{"Account":{"S":"A%08d"},"Entry":{"N":"%d"}}' % (account, items // 2 % 10))


class Varve(Contender):
    def __init__(self, home, binary, table=ORDERS):
        super().__init__("varve", home)
        self.binary = binary
        self.table = table

    @property
    def version(self):
        try:
            return "varve " + run([self.binary, "--version"]).output.strip()
        except Failed:
            return "varve (tells no version)"

    def init(self):
        run([self.binary, "init", "-r", self.repository])

    def backup(self, source, day=0, prepare=None):
        return run(
            [self.binary, "backup", self.table.name, source, "-r", self.repository,
             "--name", self.name_of(day), "--partition-key", self.table.partition,
             "--sort-key", self.table.sort, "--time", FIRST_DAY.format(day + 1)], prepare=prepare)

    def restore(self, target, day=0, prepare=None):
        """Restores to a file in the directory `target`; returns the usage and the file."""
        file = Path(target) / "restored.jsonl"
        usage = run(
            [self.binary, "restore", self.table.name, "-r", self.repository,
             "--backup", self.name_of(day), "--to", file], prepare=prepare)
        return usage, file

    def get(self, day=0):
        return run(
            [self.binary, "get", self.table.name, self.table.key, "-r", self.repository,
             "--backup", self.name_of(day)])

    def verify(self):
        return run([self.binary, "verify", "-r", self.repository, "--read-data"])

    @staticmethod
    def name_of(day):
        return f"day-{day:02}"


class Restic(Contender):
    def __init__(self, home, binary="restic"):
        super().__init__("restic", home)
        self.binary = binary

    @property
    def version(self):
        return run([self.binary, "version"]).output.split(" compiled")[0].strip()

    @property
    def environment(self):
        return {
            "RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": "benchmark",
            "RESTIC_CACHE_DIR": str(self.home / "cache"),
        }

    def init(self):
        run([self.binary, "init", "-q"], environment=self.environment)

    def backup(self, source, day=0):
        source = Path(source)
        return run(
            [self.binary, "backup", "-q", source.name], cwd=source.parent,
            environment=self.environment)

    def restore(self, target, day=0):
        usage = run(
            [self.binary, "restore", "-q", "latest", "--target", target],
            environment=self.environment)
        return usage, only_file(target)


class Borg(Contender):
    def __init__(self, home, binary, label, compression):
        super().__init__(f"{label} {compression}", home)
        self.binary = binary
        self.label = label
        self.compression = compression

    @property
    def version(self):
        return run([self.binary, "--version"]).output.strip()

    @property
    def environment(self):
        return {
            "BORG_REPO": str(self.repository), "BORG_BASE_DIR": str(self.home / "base"),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }

    def init(self):
        run([self.binary, "init", "-e", "none"], environment=self.environment)

    def backup(self, source, day=0):
        source = Path(source)
        return run(
            [self.binary, "create", "-C", self.compression, f"::day-{day:02}", source.name],
            cwd=source.parent, environment=self.environment)

    def restore(self, target, day=0):
        usage = run(
            [self.binary, "extract", f"::day-{day:02}"], cwd=target, environment=self.environment)
        return usage, only_file(target)


def only_file(directory):
    files = [path for path in Path(directory).rglob("*") if path.is_file()]
    if len(files) != 1:
        raise Failed(f"restored {len(files)} files instead of one in {directory}")
    return files[0]
