"""`python -m benchmarks.heterogeneous`: layers with 100 types of edges, beside torch_geometric.

Ten types of nodes, and one relation from each to each: random edges, the same for both libraries, same weights.
Forward and both passes in milliseconds of one processor (medians; the libraries take turns), and the peak memory of
both passes in a process of its own, above that of graph, inputs and weights. Outputs and gradients are compared first.

    python -m benchmarks.heterogeneous --json out.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch_geometric
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils._pytree import tree_leaves

import grapevine as gv
from benchmarks.resident import MEASURABLE, in_child, peak_above, settled

LIBRARIES: dict[str, Any] = {"grapevine": gv.nn, "torch_geometric": torch_geometric.nn}
TYPES = [f"n{i}" for i in range(10)]
RELATIONS = [(source, "to", target) for source in TYPES for target in TYPES]
METADATA = (TYPES, RELATIONS)

#: What a layer takes, and the layer, from a library and F: features and edges by type ("hetero"), all nodes in one
#: graph with typed edges ("typed"), or features by key ("keys").
CASES: dict[str, tuple[str, Callable[[Any, int], torch.nn.Module]]] = {
    "HGTConv": ("hetero", lambda nn, f: nn.HGTConv(f, f, METADATA, heads=4)),
    "HANConv": ("hetero", lambda nn, f: nn.HANConv(f, f, METADATA, heads=4)),
    "HeteroConv of SAGEConv": (
        "hetero",
        lambda nn, f: nn.HeteroConv({r: nn.SAGEConv((f, f), f) for r in RELATIONS}),
    ),
    "HeteroConv of GATConv": (
        "hetero",
        lambda nn, f: nn.HeteroConv(
            {r: nn.GATConv((f, f), f // 4, heads=4, add_self_loops=False) for r in RELATIONS}
        ),
    ),
    "RGCNConv": ("typed", lambda nn, f: nn.RGCNConv(f, f, len(RELATIONS))),
    "RGATConv": ("typed", lambda nn, f: nn.RGATConv(f, f, len(RELATIONS))),
    "HeteroDictLinear": (
        "keys",
        lambda nn, f: nn.HeteroDictLinear(f, f, types=[str(i) for i in range(len(RELATIONS))]),
    ),
}


def made(case: str, library: str, nodes: int, edges: int, features: int) -> Callable[[], Any]:
    """A layer with its inputs, the same for both libraries; `nodes` of each type, `edges` of each relation."""
    draw = torch.Generator().manual_seed(0)
    kind, build = CASES[case]
    torch.manual_seed(0)
    layer = build(LIBRARIES[library], features)
    index = [torch.randint(nodes, (2, edges), generator=draw) for _ in RELATIONS]

    def rows(number: int) -> Tensor:
        return torch.randn(number, features, generator=draw).requires_grad_()

    inputs: Any
    if kind == "keys":
        inputs = ({str(i): rows(nodes) for i in range(len(RELATIONS))},)
    elif kind == "hetero":
        inputs = ({key: rows(nodes) for key in TYPES}, dict(zip(RELATIONS, index)))
    else:
        start = {key: nodes * i for i, key in enumerate(TYPES)}
        ends = [
            pair + torch.tensor([[start[key[0]]], [start[key[-1]]]]) for key, pair in zip(RELATIONS, index)
        ]
        types = torch.arange(len(RELATIONS)).repeat_interleave(edges)
        inputs = (rows(nodes * len(TYPES)), torch.cat(ends, dim=1), types)

    def run(backward: bool = True) -> list[Tensor]:
        outs = [out for out in tree_leaves(layer(*inputs)) if out is not None]
        if backward:
            torch.autograd.backward(outs, [torch.ones_like(out) for out in outs])
        return outs

    run.leaves = lambda: [leaf for leaf in tree_leaves(inputs) if leaf.requires_grad]  # type: ignore[attr-defined]
    return run


def compare(runs: Sequence[Any], case: str) -> None:
    """The same outputs, and gradients of features."""
    outs = [[out.detach() for out in run()] for run in runs]
    found = [outs[i] + [leaf.grad for leaf in run.leaves()] for i, run in enumerate(runs)]
    for ours, theirs in zip(*found, strict=True):
        scale = float(theirs.abs().max())
        torch.testing.assert_close(
            ours, theirs, rtol=1e-4, atol=1e-4 * scale, msg=lambda text: f"{case}: {text}"
        )


def peak(case: str, library: str, sizes: tuple[int, int, int]) -> float:
    """MB that both passes take above what was there."""
    run = made(case, library, *sizes)
    run()  # gradients are there, and the sorted edges, which Grapevine keeps with the graph
    return peak_above(settled(), run)


def measure(case: str, turns: int, sizes: tuple[int, int, int]) -> dict[str, Any]:
    """One row."""
    row: dict[str, Any] = {"row": case, "sizes": sizes}
    if MEASURABLE:
        row["peak_mb"] = {library: in_child(peak, case, library, sizes) for library in LIBRARIES}
    runs = {library: made(case, library, *sizes) for library in LIBRARIES}
    compare(list(runs.values()), case)
    for name, backward in (("forward_ms", False), ("ms", True)):
        found: dict[str, list[float]] = {library: [] for library in LIBRARIES}
        for _ in range(turns):
            for library, run in runs.items():
                start = time.process_time()
                run(backward)  # type: ignore[call-arg]
                found[library].append(1e3 * (time.process_time() - start))
        row[name] = {library: statistics.median(times) for library, times in found.items()}
    return row


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """Prints a table and returns its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument(
        "--sizes",
        type=int,
        nargs=3,
        default=(1_000, 2_000, 64),
        metavar="N",
        help="nodes of each type, edges of each relation, features",
    )
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = [measure(case, options.turns, tuple(options.sizes)) for case in options.cases]
    table = Table(
        "", *(f"{what}, {lib}" for what in ("forward", "both", "peak MB") for lib in ("ours", "PyG"))
    )
    for row in rows:
        numbers = [
            f"{value:.3g}" for name in ("forward_ms", "ms", "peak_mb") for value in row.get(name, {}).values()
        ]
        table.add_row(row["row"], *numbers)
    Console().print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return rows


if __name__ == "__main__":
    main()
