"""haul beside curl, wget2 and aria2: one nginx, interleaved rounds, every SHA-256 checked, ratios as a table.

    cargo build --release && python3 tests/bench/peers [--rounds 5] [--cases http,small] [--haul PROGRAM]

Needs Debian's nginx, curl, wget2, aria2, openssl and time. Ratios are medians over the rounds of what two programs took in the
same round, because a machine that is busy with other things slows both.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import tools
from cases import CASES
from measure import median
from server import Server

ROOT = Path(__file__).resolve().parents[3]


class Bench:
    """What the cases share."""

    def __init__(self, args, server, tmpfs, disk):
        self.server, self.tmpfs, self.disk, self.turn = server, tmpfs, disk, 0
        self.haul = str(args.haul)
        self._commands = {"curl": tools.curl, "wget2": tools.wget2, "aria2": tools.aria2, "haul": tools.haul(args.haul)}

    def command(self, tool, job):
        """Returns a tool's command line for a job."""
        return self._commands[tool](job)


def measure(bench, case, rounds):
    """Runs a case round by round, each beginning with another tool. Returns what was measured, by tool."""
    names = case.prepare(bench.server)
    seen = {tool: [] for tool in case.tools}
    for turn in range(rounds):
        bench.turn = turn
        order = case.tools[turn % len(case.tools) :] + case.tools[: turn % len(case.tools)]
        for tool in order:
            seen[tool].append(case.round(bench, case, tool, names))
        print(f"{case.name}: round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    return seen


def lines(case, seen, shown):
    """Returns the case's lines of the table."""
    for measure_name in case.ratios:
        cells = []
        for tool in shown:
            pairs = zip(seen.get(tool, ()), seen[case.base])
            cells.append(_number(median(own[measure_name] / base[measure_name] for own, base in pairs)))
        yield case.title, f"{measure_name}, {case.base} = 1", cells
    for measure_name in case.values:
        cells = [
            _number(median(run[measure_name] for run in seen.get(tool, ()) if measure_name in run)) for tool in shown
        ]
        yield case.title, measure_name, cells


def _number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--haul", type=Path, default=ROOT / "target/release/haul", help="the program to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default="http", help=f"all, or some of {', '.join(case.name for case in CASES)}")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"), help="a folder in memory")
    parser.add_argument("--disk", type=Path, default=Path("/var/tmp"), help="a folder on a disk")
    args = parser.parse_args()
    args.haul = args.haul.resolve()
    wanted = [case.name for case in CASES] if args.cases == "all" else args.cases.split(",")
    chosen = [case for case in CASES if case.name in wanted]
    needed = {"nginx", "openssl", "time", *("aria2c" if tool == "aria2" else tool for case in chosen for tool in case.tools)}
    path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    missing = [tool for tool in sorted(needed - {"haul", "bare"}) if not shutil.which(tool, path=path)]
    if missing or len(chosen) != len(wanted) or not args.haul.is_file():
        parser.error(f"missing programs: {missing}; cases: {wanted}; haul: {args.haul}")
    with tempfile.TemporaryDirectory(dir=args.tmpfs) as tmpfs, tempfile.TemporaryDirectory(dir=args.disk) as disk:
        with Server(tmpfs) as server:
            bench = Bench(args, server, Path(tmpfs), Path(disk))
            _show(chosen, {case.name: measure(bench, case, args.rounds) for case in chosen})


def _show(chosen, seen):
    shown = [tool for tool in ("bare", "curl", "wget2", "aria2", "haul") if any(tool in case.tools for case in chosen)]
    print(f"| Case | | {' | '.join(shown)} |\n| --- | --- |{' ---: |' * len(shown)}")
    for case in chosen:
        for title, what, cells in lines(case, seen[case.name], shown):
            print(f"| {title} | {what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
