"""The cases of the table: what each program does in one round, and what counts of it."""

import ctypes
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from measure import Run, check, run, sha256
from tools import Job

MIB = 1 << 20
# Files that share one sync in the bare calls.
GROUP = 256


@dataclass
class Case:
    """One line of the table."""

    name: str
    title: str
    prepare: object  # (server) -> names of files
    round: object  # (bench, case, tool, names) -> {measure: value}
    ratios: tuple = ("wall", "cpu")  # measures that are shown as ratios to the base
    values: tuple = ("cpu s/GB", "peak MiB")  # measures that are shown as they are
    tools: tuple = ("curl", "wget2", "aria2", "haul")
    base: str = "curl"
    options: dict = field(default_factory=dict)


def fetch(bench, case, tool, names):
    """Fetches all files into an empty folder and compares every sum."""
    options = dict(case.options)
    port = options.pop("port", "plain")
    on_disk = options.pop("disk", False)
    folder, scratch = (anew(bench.disk), anew(bench.disk)) if on_disk else (fresh(bench.tmpfs / "to"), fresh(bench.tmpfs / "scratch"))
    job = Job([bench.server.url(name, port) for name in names], folder, scratch, **options)
    if port == "tls":
        job.ca = bench.server.ca
    took = run(bench.command(tool, job), scratch)
    check(folder, {name: bench.server.sums[name] for name in names})
    size = sum((folder / name).stat().st_size for name in names)
    if not on_disk:
        shutil.rmtree(folder)
    return measured(took, size, len(names))


def measured(took, size, files):
    """Returns the measures of a run."""
    return {
        "wall": took.wall,
        "cpu": took.cpu,
        "cpu s/GB": took.cpu / size * 1e9,
        "cpu µs/file": took.cpu / files * 1e6,
        "peak MiB": took.peak,
    }


def one_byte(bench, case, tool, names):
    """Fetches a file of one byte a few times: the whole process, from start to end."""
    folder, scratch = bench.tmpfs / "to", fresh(bench.tmpfs / "scratch")
    runs = []
    for _ in range(10):
        fresh(folder)
        shutil.rmtree(scratch / "haul-state", ignore_errors=True)
        job = Job([bench.server.url(names[0])], folder, scratch)
        runs.append(run(bench.command(tool, job), scratch, memory=False))
        check(folder, {names[0]: bench.server.sums[names[0]]})
    runs.sort(key=lambda one: one.wall)
    middle = runs[len(runs) // 2]
    return {"wall ms": middle.wall * 1e3, "cpu ms": sorted(one.cpu for one in runs)[len(runs) // 2] * 1e3}


def kills(bench, case, tool, names):
    """Kills the program five times, lets the sixth run end, and counts the bytes that were fetched twice."""
    name, server = names[0], bench.server
    folder, scratch = fresh(bench.tmpfs / "to"), fresh(bench.tmpfs / "scratch")
    connections = case.options["connections"]
    url = server.url(name, "single" if connections == 1 else "split")
    dice = random.Random(bench.turn)
    for _ in range(5):
        job = Job([url], folder, scratch, connections=connections, resume=True)
        with open(scratch / "messages", "wb") as messages:
            child = subprocess.Popen(bench.command(tool, job), stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
            time.sleep(dice.uniform(1.2, 2.2))
            child.send_signal(signal.SIGKILL)
            child.wait()
    job = Job([url], folder, scratch, connections=connections, resume=True)
    run(bench.command(tool, job), scratch)
    size = (folder / name).stat().st_size
    if sha256(folder / name) != server.sums[name]:
        raise RuntimeError("the bytes are wrong after the kills")
    shutil.rmtree(folder)
    return {"twice MB": (server.fetched(name) - size) / 1e6}


def queued(bench, case, tool, names):
    """Queues ten thousand links: adds them from a list, lists them, and holds them while the first one trickles."""
    scratch, folder = fresh(bench.tmpfs / "scratch"), fresh(bench.tmpfs / "to")
    urls = [bench.server.url(f"{names[0]}?{number}", "trickle") for number in range(10_000)]
    (scratch / "urls").write_text("".join(f"{url}\n" for url in urls))
    if tool != "haul":
        return {"queued MiB": _held(bench.command(tool, Job(urls, folder, scratch)), scratch)}
    haul = [bench.haul, "--here", "--state", str(scratch / "state")]
    listed = ["--input", str(scratch / "urls"), "--dir", str(folder)]
    added = run([*haul, "add", "--quiet", *listed], scratch)
    lists = [run([*haul, "list"], scratch, memory=False) for _ in range(5)]
    shown = min(lists, key=lambda one: one.wall)
    shutil.rmtree(scratch / "state")
    held = _held([*haul, "get", "--quiet", "--parallel", "1", *listed], scratch)
    return {"add s": added.wall, "add cpu s": added.cpu, "list ms": shown.wall * 1e3, "list cpu ms": shown.cpu * 1e3, "queued MiB": held}


def _held(command, scratch):
    """Returns the peak of a process that is busy with its first download, in MiB."""
    with open(scratch / "messages", "wb") as messages:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
    try:
        time.sleep(4)
        if child.poll() is not None:
            raise RuntimeError((scratch / "messages").read_text(errors="replace")[-2000:])
        status = Path(f"/proc/{child.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
    finally:
        child.kill()
        child.wait()


def durable(bench, case, tool, names):
    """Small files on a disk, each safe against a power cut when the program ends."""
    if tool != "bare":
        return fetch(bench, case, tool, names)
    folder = anew(bench.disk)
    contents = [(folder / name, (bench.server.at / "files" / name).read_bytes()) for name in names]
    opened = os.open(folder, os.O_RDONLY)
    begun, cpu = time.perf_counter(), time.process_time()
    for at in range(0, len(contents), GROUP):
        group = contents[at : at + GROUP]
        for path, content in group:
            with open(f"{path}.part", "xb", buffering=0) as file:
                file.write(content)
        synced = ctypes.CDLL(None, use_errno=True).syncfs(opened)
        if synced != 0:
            raise OSError(ctypes.get_errno(), "syncfs")
        for path, _ in group:
            os.rename(f"{path}.part", path)
        os.fsync(opened)
    took = Run(time.perf_counter() - begun, time.process_time() - cpu, 0.0)
    os.close(opened)
    return measured(took, sum(len(content) for _, content in contents), len(names))


def fresh(folder):
    """Returns an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def anew(place):
    """Returns a folder that never was. ext4 takes long to find free inodes where many were freed within the last minutes, so what is
    on the disk stays until the end, and nobody pays for another's files."""
    return Path(tempfile.mkdtemp(dir=place))


def one(size, name):
    """Prepares one file."""
    return lambda server: [server.put(name, size)]


def many(count, size, prefix):
    """Prepares many files of one size."""
    return lambda server: [server.put(f"{prefix}{number:05}", size) for number in range(count)]


PER_FILE = ("cpu µs/file", "peak MiB")
SPLITTERS = ("aria2", "haul")
CASES = [
    Case("http", "1 GiB, http, one connection", one(1024 * MIB, "big"), fetch),
    Case("https", "1 GiB, https, one connection", one(1024 * MIB, "big"), fetch, options={"port": "tls"}),
    Case(
        "small", "10,000 files of 10 KiB, 16 at a time", many(10_000, 10 << 10, "small"), fetch,
        values=PER_FILE, options={"parallel": 16},
    ),
    Case(
        "medium", "1,000 files of 1 MiB, 16 at a time", many(1000, MIB, "medium"), fetch,
        values=PER_FILE, options={"parallel": 16},
    ),
    Case(
        "durable", "10,000 files of 10 KiB to a disk, each durable", many(10_000, 10 << 10, "small"), durable,
        ratios=("wall",), values=PER_FILE, tools=("bare", "haul"), base="bare", options={"parallel": 16, "disk": True},
    ),
    Case(
        "limited", "512 MiB, 5 MiB/s a connection, 16 connections", one(512 * MIB, "half"), fetch,
        ratios=(), values=("wall", "cpu s/GB", "peak MiB"), tools=SPLITTERS, options={"port": "limited", "connections": 16},
    ),
    Case(
        "split", "1 GiB, http, 16 connections", one(1024 * MIB, "big"), fetch,
        values=("cpu s/GB", "peak MiB"), tools=SPLITTERS, base="aria2", options={"connections": 16},
    ),
    Case(
        "kill", "five kill -9 at 50 MB/s, one connection", one(512 * MIB, "half"), kills,
        ratios=(), values=("twice MB",), options={"connections": 1},
    ),
    Case(
        "kill16", "five kill -9 at 50 MB/s, 16 connections", one(512 * MIB, "half"), kills,
        ratios=(), values=("twice MB",), tools=SPLITTERS, options={"connections": 16},
    ),
    Case(
        "byte", "a file of 1 byte, the whole process", one(1, "byte"), one_byte,
        ratios=("wall ms", "cpu ms"), values=("wall ms", "cpu ms"),
    ),
    Case(
        "queue", "10,000 queued", one(MIB, "slow"), queued, ratios=(),
        values=("add s", "add cpu s", "list ms", "list cpu ms", "queued MiB"), tools=SPLITTERS,
    ),
]
