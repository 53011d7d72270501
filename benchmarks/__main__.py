"""`python -m benchmarks`: the engine beside torch_geometric (and DGL where it is installed), in one process.

Each row is checked for equal values and gradients first, then timed: forward and backward by
`torch.autograd.grad(out, inputs, g)`, outputs allocated as a user's are, contenders taking turns, medians. The floor
is the time that `copy_` into touched memory needs for (E * F + N * F + E) * 4 bytes per direction.

    python -m benchmarks                 the short form: every row once on the large graph and on a Cora-sized one
    python -m benchmarks --rows gcn max  some rows
    python -m benchmarks --json out.json also written as JSON
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.cases import CASES, Case
from benchmarks.graphs import cora_sized, power_law


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def copy_bandwidth() -> float:
    """Bytes per second that `copy_` into touched memory reads and writes together."""
    source = torch.ones(64 << 20)
    target = torch.ones_like(source)
    return 2 * source.numel() * 4 / min(seconds(lambda: target.copy_(source)) for _ in range(5))


def difference(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> float:
    """The largest difference: of the output relative to its largest entry, of the gradients to the largest of all."""
    scales = [theirs[0].abs().max()] + [max(g.abs().max() for g in theirs[1:])] * (len(theirs) - 1)
    return max(float((a - b).abs().max() / s) for a, b, s in zip(ours, theirs, scales, strict=True))


def measure(case: Case, edge_index: Tensor, num_nodes: int, features: int, rounds: int) -> dict[str, Any]:
    """One row: medians in milliseconds of each contender, and how far apart their results are."""
    contenders = case.build(edge_index, num_nodes, features)
    results = {name: run() for name, run in contenders.items()}
    ours = results.pop("grapevine")
    apart = max((difference(ours, r) for r in results.values()), default=0.0)
    del results, ours
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            times[name].append(seconds(run))
    medians = {name: statistics.median(t) * 1e3 for name, t in times.items()}
    return {"row": case.name, "apart": apart, "ms": medians}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="*", default=None, help="names of rows; all by default")
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3, help="on the large graph")
    parser.add_argument("--small-rounds", type=int, default=100, help="on the Cora-sized graph")
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    unknown = set(args.rows or ()) - {c.name for c in CASES}
    if unknown:
        print(f"unknown rows {sorted(unknown)}; choose among {[c.name for c in CASES]}", file=sys.stderr)
        return 2
    warnings.filterwarnings("ignore")
    cases = [c for c in CASES if args.rows is None or c.name in args.rows]
    console = Console()
    bandwidth = copy_bandwidth()
    console.print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, copy_ {bandwidth / 1e9:.1f} GB/s"
    )
    report: list[dict[str, Any]] = []
    for graph, edge_index, num_nodes, features, rounds in (
        ("power law", power_law(), 169_343, args.features, args.rounds),
        ("Cora-sized", cora_sized(), 2_708, 16, args.small_rounds),
    ):
        num_edges = edge_index.shape[1]
        floor = 2 * (num_edges * features + num_nodes * features + num_edges) * 4 / bandwidth * 1e3
        size = f"{num_nodes} nodes, {num_edges} edges, {features} features"
        title = f"{graph}: {size}, forward + backward; floor {floor:.3g} ms"
        table = Table(
            "row",
            "grapevine ms",
            "torch_geometric ms",
            "times faster",
            "DGL ms",
            "times faster",
            "max rel. diff.",
            title=title,
        )
        for case in cases:
            row = measure(case, edge_index, num_nodes, features, rounds)
            report.append({"graph": graph, "features": features, "floor_ms": floor, **row})
            ms = row["ms"]
            cells = [case.name, f"{ms['grapevine']:.4g}"]
            for peer in ("torch_geometric", "dgl"):
                cells += (
                    [f"{ms[peer]:.4g}", f"{ms[peer] / ms['grapevine']:.2f}"] if peer in ms else ["-", "-"]
                )
            table.add_row(*cells, f"{row['apart']:.1e}")
        console.print(table)
    if args.json:
        with open(args.json, "w") as out:
            json.dump({"bandwidth_bytes_per_s": bandwidth, "rows": report}, out, indent=1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
