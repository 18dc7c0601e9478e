"""A group of processes with a memory limit (Linux cgroups), where this process may make one."""

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
    """A limited group below our own, of version 2 or else of version 1; None if neither may be.

    Everything is read before anything is made: /sys/fs/cgroup may be an ordinary folder, where a
    file called memory.max can be written and limits nothing.
    """
    own = own_group(root)
    if own is not None and "memory" in words(own / "cgroup.subtree_control"):
        return limited(own, {"memory.max": limit, "memory.swap.max": 0})
    own = own_group(root, "memory")
    if own is not None:
        return limited(own, {"memory.limit_in_bytes": limit, "memory.memsw.limit_in_bytes": limit})
    return None


def limited(own, limits):
    """A group with limits; the first of them must be kept, the others where they are offered."""
    path = own / f"varve-bench-{os.getpid()}"
    try:
        path.mkdir()
    except OSError:
        return None
    try:
        # The kernel makes these files; a folder without them is not a group.
        for name, value in limits.items():
            if (path / name).exists():
                (path / name).write_text(str(value))
        first, value = next(iter(limits.items()))
        if words(path / first) != [str(value)]:
            raise OSError("the limit is not kept")
    except OSError:
        path.rmdir()
        return None
    return MemoryGroup(path)


def own_group(root, controller=None):
    """This process's folder in a mounted hierarchy; None if there is no such.

    That of version 2, or that of a controller of version 1. What a container mounts may begin at
    its own group, whose path is told from outside.
    """
    mount = None
    for line in lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2) if after.count(" ") >= 2 else ("", "", "")
        if kind == "cgroup2" if controller is None else (
                kind == "cgroup" and controller in options.split(",")):
            mount = root / before.split()[4].lstrip("/")
    for line in lines(root / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        is_it = number == "0" if controller is None else controller in controllers.split(",")
        if mount and is_it:
            own = mount / path.strip("/")
            return own if own.is_dir() else mount
    return None


def lines(path):
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def words(path):
    return " ".join(lines(path)).split()
