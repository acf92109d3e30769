"""The folder in which the processes of an installation count together, one file per kind and process.

What a process that has ended counted goes on counting: its files are folded into one, so that sums never
fall and there are never more files than a few per running process. Only one process folds (the
supervisor); a lock keeps who reads from seeing a file and what it was folded into.
"""

import fcntl
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

LOCK = "lock"
LOCK_WITHIN_S = 1.0
ENDED = "0"
"""Stands for all processes that ended where a file's name has a process id."""


def make_empty(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in folder.glob("*.db*"):
        path.unlink()


def is_running(pid: int) -> bool:
    """As far as can be told without knowing when it started: a pid may have become another's."""
    return Path(f"/proc/{pid}").exists()


def fold_ended(folder: Path, is_running: Callable[[int], bool]) -> list[int]:
    """Fold the files of processes that ended; answers their ids. What they were (gauges) is forgotten."""
    ended: dict[str, list[Path]] = defaultdict(list)
    for path in folder.glob("*.db"):
        kind, pid = _kind_and_pid(path)
        if pid != ENDED and not is_running(int(pid)):
            ended[kind].append(path)
    if ended:
        with locked(folder, fcntl.LOCK_EX):
            for kind, paths in ended.items():
                _fold(folder, kind, paths)
    return sorted({int(_kind_and_pid(path)[1]) for paths in ended.values() for path in paths})


def _kind_and_pid(path: Path) -> tuple[str, str]:
    """`counter_17.db` and `gauge_livesum_17.db` end with the process id."""
    kind, _underscore, pid = path.stem.rpartition("_")
    return kind, pid


def _fold(folder: Path, kind: str, paths: list[Path]) -> None:
    if not kind.startswith("gauge"):
        into = folder / f"{kind}_{ENDED}.db"
        sums: dict[str, float] = defaultdict(float)
        for path in (*paths, into):
            for key, value in _values_of(path):
                sums[key] += value
        _write(into, sums)
    for path in paths:
        path.unlink()


def _values_of(path: Path) -> Iterator[tuple[str, float]]:
    """Nothing of a file that is not there, or that its process did not live to begin."""
    if path.exists() and path.stat().st_size:
        for key, value, _at, _place in MmapedDict.read_all_values_from_file(str(path)):
            yield key, value


def _write(path: Path, sums: dict[str, float]) -> None:
    draft = path.with_suffix(".db.draft")
    draft.unlink(missing_ok=True)
    written = MmapedDict(str(draft))
    for key, value in sums.items():
        written.write_value(key, value, 0.0)
    written.close()
    draft.replace(path)


@contextmanager
def locked(folder: Path, how: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Hold the folder's lock, or, where its holder hangs, go on without it after a second."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_WITHIN_S
        while not _take(descriptor, how) and time.monotonic() < deadline:
            time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
