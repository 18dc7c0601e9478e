"""A group of processes with a memory limit (Linux cgroup v2), where this process may make one."""

import os
from pathlib import Path


class MemoryGroup:
    def __init__(self, path):
        self.path = path

    def enter(self):
        """Moves the calling process in; its children follow."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        self.path.rmdir()


def memory_group(limit, root=Path("/")):
    """A limited group below our own, or None.

    Everything is read before anything is made: /sys/fs/cgroup may be an ordinary folder that holds
    version 1 hierarchies, where a file called memory.max can be written and limits nothing.
    """
    own = own_group(root)
    if own is None or "memory" not in words(own / "cgroup.subtree_control"):
        return None
    path = own / f"varve-bench-{os.getpid()}"
    try:
        path.mkdir()
    except OSError:
        return None
    try:
        # The kernel makes these files; a folder without them is not a group.
        for name, value in (("memory.max", limit), ("memory.swap.max", 0)):
            if (path / name).exists():
                (path / name).write_text(str(value))
            elif name == "memory.max":
                raise OSError("no memory controller")
        if words(path / "memory.max") != [str(limit)]:
            raise OSError("the limit is not kept")
    except OSError:
        path.rmdir()
        return None
    return MemoryGroup(path)


def own_group(root):
    """This process's folder in the mounted version 2 hierarchy; None if there is no such."""
    mount = None
    for line in lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            mount = before.split()[4]
    for line in lines(root / "proc/self/cgroup"):
        if line.startswith("0::") and mount:
            return root / mount.lstrip("/") / line[3:].strip("/")
    return None


def lines(path):
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def words(path):
    return " ".join(lines(path)).split()
