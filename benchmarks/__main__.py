"""`python -m benchmarks`: Grapevine beside torch_geometric, DGL and torch.sparse, in one process.

Each row is checked first: outputs and gradients are the peers'. Then it is timed, forward and forward + backward by
`torch.autograd.grad(out, inputs, g)`, outputs allocated as a user's are, libraries taking turns, medians; and its peak
memory is measured in processes of its own, on Linux. The floor is the time that `copy_` into touched memory needs for
the bytes that the row has to move. torch_geometric uses torch-scatter where that is installed.

    python -m benchmarks                        the short form, some minutes
    python -m benchmarks --full                 every figure of every row
    python -m benchmarks --growth               some rows over the number of edges, and of features
    python -m benchmarks --rows sum GATConv     some rows
    python -m benchmarks --json out.json --png out.png
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from rich.console import Console

from benchmarks import report
from benchmarks.cases import CASES, Case
from benchmarks.measure import Effort, copy_bandwidth, disagreements, measure
from benchmarks.memory import Meter
from benchmarks.resident import MEASURABLE

#: Rows whose growth is shown.
GROWING = ("sum", "scaled", "own message", "GATConv")
EDGES = (10_000, 100_000, 1_000_000, 10_000_000)
FEATURES = (8, 16, 32, 64, 128, 256, 512)

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--full", action="store_true", help="more turns, the memory of every row, torch.sparse")
    form.add_argument("--growth", action="store_true", help="over edges (1e4 to 1e7) and features (8 to 512)")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="names of rows; all by default")
    parser.add_argument("--list", action="store_true", help="the names of the rows, and nothing else")
    parser.add_argument("--features", type=int, help="F of every row, instead of its own")
    parser.add_argument("--seconds", type=float, help="of timing per row, beyond its first turns")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="processor: the work of all threads")
    parser.add_argument("--no-memory", action="store_true", help="time only")
    parser.add_argument("--max-edges", type=int, default=EDGES[-1], help="where growth ends")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", metavar="FILE", help="all figures, written after every row")
    parser.add_argument("--png", metavar="FILE", help="a picture; needs matplotlib")
    return parser.parse_args(given)


def plan(args: argparse.Namespace, cases: list[Case]) -> list[tuple[Case, dict[str, Any]]]:
    """What to measure: rows, and how."""
    clock = CLOCKS[args.clock]
    if args.growth:
        over = [
            ("edges", e, 64) for e in EDGES if e <= args.max_edges
        ] + [("features", min(500_000, args.max_edges), f) for f in FEATURES]  # fmt: skip
        effort = Effort(args.seconds or 2.0, least=3, clock=clock)
        return [
            (case, {"graph": edges, "features": features, "effort": effort, "over": what, "memory": True})
            for case in cases for what, edges, features in over
        ]  # fmt: skip
    todo = []
    for case in cases:
        large = case.graph == "power law"
        short = Effort(args.seconds or 0.3, clock=clock)
        todo.append((case, {
            "graph": case.graph,
            "features": args.features or case.features,
            "effort": Effort(args.seconds or 8.0, least=5, clock=clock) if args.full else short,
            "memory": args.full or bool(args.rows) or (large and case.features == 64 and case.goal[0] is not None),
            "peers": None if args.full or args.rows else {"torch_geometric", "dgl"},
        }))  # fmt: skip
    return todo


def main(given: list[str] | None = None) -> int:
    args = arguments(given)
    names = [case.name for case in CASES]
    if args.list:
        print("\n".join(names))
        return 0
    unknown = set(args.rows or ()) - set(names)
    if unknown:
        print(f"unknown rows {sorted(unknown)}; choose among: {', '.join(names)}", file=sys.stderr)
        return 2
    wanted = args.rows or (GROWING if args.growth else names)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(args.threads)
    console = Console(width=None if sys.stdout.isatty() else 170)
    bandwidth = copy_bandwidth(CLOCKS[args.clock])
    machine = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": args.threads,
        "clock": args.clock,
        "bandwidth_gb_per_s": round(bandwidth / 1e9, 1),
    }
    title = f"torch {torch.__version__}, threads: {args.threads}, {args.clock} clock, copy_ {bandwidth / 1e9:.1f} GB/s"
    console.print(title)
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        meter = stack.enter_context(Meter(args.threads)) if MEASURABLE and not args.no_memory else None
        say: Callable[[str], None] = partial(print, file=sys.stderr)
        if console.is_terminal:
            say = stack.enter_context(console.status("starting")).update
        for case, how in plan(args, [c for c in CASES if c.name in wanted]):
            over, memory = how.pop("over", None), how.pop("memory")
            row = measure(case, bandwidth=bandwidth, meter=meter if memory else None, say=say, **how)
            rows.append(row | ({"over": over} if over else {}))
            if args.json:
                with open(args.json, "w") as out:
                    json.dump({"machine": machine, "rows": rows}, out, indent=1)
    console.print(report.times(rows))
    if (table := report.memory(rows)) is not None:
        console.print(table)
    for line in report.summary(rows):
        console.print(line)
    if args.png:
        picture = report.growth_picture if args.growth else report.ratios_picture
        picture(rows, args.png, f"Grapevine beside its peers ({title})")
    wrong = [f"{row['row']}: {', '.join(who)}" for row in rows if (who := disagreements(row))]
    for line in wrong:
        console.print(f"[bold red]results differ[/] {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
