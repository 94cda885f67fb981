"""One run of one program: wall time, processor time and peak memory, and whether what it fetched is right."""

import contextlib
import hashlib
import os
import shutil
import signal
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

GNU_TIME = shutil.which("time") or "/usr/bin/time"


@dataclass
class Run:
    """What a run took."""

    wall: float  # seconds
    cpu: float  # seconds, of the program and all that it started
    peak: float  # MiB resident


def run(command, scratch, limit=600.0, memory=True):
    """Runs a command to its end.

    Memory is read by GNU time, because a child of this interpreter begins with the interpreter's own size as its peak.
    """
    peak_file = Path(scratch) / "peak"
    if memory:
        command = [GNU_TIME, "-f", "%M", "-o", str(peak_file), *command]
    messages = open(Path(scratch) / "messages", "wb")
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, process_group=0)
    timer = threading.Timer(limit, _kill, [child.pid])
    timer.daemon = True
    timer.start()
    try:
        _, status, used = os.wait4(child.pid, 0)
    except BaseException:
        _kill(child.pid)
        raise
    finally:
        timer.cancel()
        messages.close()
    wall = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        said = (Path(scratch) / "messages").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command[:12])} ... ended with {child.returncode}:\n{said}")
    peak = int(peak_file.read_text().split()[-1]) / 1024 if memory else 0.0
    return Run(wall, used.ru_utime + used.ru_stime, peak)


def _kill(group):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def sha256(path):
    """Returns a file's sum."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(folder, sums):
    """Fails unless a folder holds every file with its right sum, and nothing else."""
    there = {entry.name for entry in os.scandir(folder) if entry.is_file()}
    missing, strange = sorted(set(sums) - there), sorted(there - set(sums))
    wrong = [name for name in sums if name in there and sha256(Path(folder) / name) != sums[name]]
    if missing or strange or wrong:
        raise RuntimeError(f"missing {missing[:3]}, not asked for {strange[:3]}, wrong bytes in {wrong[:3]}")


def median(values):
    """Returns the middle, or nothing of nothing."""
    values = list(values)
    return statistics.median(values) if values else None
