"""`python -m benchmarks.knowledge_graphs`: ranking, and a layer with 100 relations, beside torch_geometric.

Ranking: all answers to questions of a graph as large as FB15k-237 (14,541 entities, 237 relations), milliseconds per
question; torch_geometric ranks tails without a filter, so Grapevine is measured that way, and with the filter in both
directions. Layer: `RGCNConv` on a random graph, forward and both passes, and its peak memory in a process of its own,
above that of graph, inputs and weights. Results are compared first; processor time on one thread, medians; the
libraries take turns.

    python -m benchmarks.knowledge_graphs --json out.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch_geometric
from rich.console import Console
from rich.table import Table
from torch import Tensor

import grapevine as gv
from benchmarks.resident import MEASURABLE, in_child, peak_above, settled
from grapevine.nn.kge import KnownTriplets

ENTITIES, RELATIONS, FACTS = 14_541, 237, 310_116
LIBRARIES: dict[str, Any] = {"grapevine": gv.nn, "torch_geometric": torch_geometric.nn}


def seconds(run: Callable[..., Any], *arguments: Any) -> float:
    """Processor time of one call."""
    start = time.process_time()
    run(*arguments)
    return time.process_time() - start


def ranking(models: list[str], turns: int) -> list[dict[str, Any]]:
    """Milliseconds per question."""
    draw = torch.Generator().manual_seed(0)
    h, t = torch.randint(ENTITIES, (2, FACTS), generator=draw)
    r = torch.randint(RELATIONS, (FACTS,), generator=draw)
    known = KnownTriplets(h, r, t, ENTITIES, RELATIONS)
    few, many = (h[:8], r[:8], t[:8]), (h[:300], r[:300], t[:300])
    rows = []
    for name in models:
        theirs = getattr(torch_geometric.nn, name)(ENTITIES, RELATIONS, 100)
        ours = getattr(gv.nn, name)(ENTITIES, RELATIONS, 100)
        ours.load_state_dict(theirs.state_dict())
        ranks = [model.test(*few, batch_size=20_000, log=False)[0] for model in (ours, theirs)]
        assert abs(ranks[0] - ranks[1]) < 1e-3 * ENTITIES, (
            ranks
        )  # equal but for scores that rounding reorders
        ways: dict[str, tuple[int, Callable[[], Any]]] = {
            "torch_geometric": (8, partial(theirs.test, *few, batch_size=20_000, log=False)),
            "grapevine": (300, partial(ours.test, *many, batch_size=20_000, log=False)),
            "grapevine, filtered": (600, partial(ours.rank, *many, known=known)),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(turns):
            for way, (questions, run) in ways.items():
                found[way].append(1e3 * seconds(run) / questions)
        rows.append({"row": name, **{way: statistics.median(values) for way, values in found.items()}})
    return rows


def layer(library: str, nodes: int, edges: int, relations: int, features: int) -> tuple[Any, list[Tensor]]:
    """A layer and its inputs, the same for both libraries."""
    draw = torch.Generator().manual_seed(0)
    edge_index = torch.randint(nodes, (2, edges), generator=draw)
    edge_type = torch.randint(relations, (edges,), generator=draw)
    x = torch.randn(nodes, features, generator=draw).requires_grad_()
    torch.manual_seed(0)
    return LIBRARIES[library].RGCNConv(features, features, relations), [x, edge_index, edge_type]


def peak(library: str, sizes: tuple[int, int, int, int]) -> float:
    """MB that forward and backward take above what was there."""
    conv, inputs = layer(library, *sizes)
    out = conv(*inputs)  # Grapevine keeps the sorted edges with the graph
    seed = torch.ones_like(out)
    del out
    return peak_above(settled(), lambda: conv(*inputs).backward(seed))


def layers(turns: int, sizes: tuple[int, int, int, int]) -> list[dict[str, Any]]:
    """Milliseconds of a layer, and MB."""
    memory = {library: in_child(peak, library, sizes) for library in LIBRARIES} if MEASURABLE else {}
    made = {library: layer(library, *sizes) for library in LIBRARIES}
    outs = [conv(*inputs) for conv, inputs in made.values()]
    torch.testing.assert_close(*outs, rtol=1e-4, atol=1e-4)
    ways: dict[str, Callable[[Any, list[Tensor]], Any]] = {
        "forward": lambda conv, inputs: conv(*inputs),
        "both passes": lambda conv, inputs: conv(*inputs).sum().backward(),
    }
    rows = []
    for way, run in ways.items():
        found: dict[str, list[float]] = {library: [] for library in LIBRARIES}
        for _ in range(turns):
            for library, (conv, inputs) in made.items():
                found[library].append(1e3 * seconds(run, conv, inputs))
        rows.append({"row": f"RGCNConv, {way}", **{lib: statistics.median(v) for lib, v in found.items()}})
    return [*rows, {"row": "RGCNConv, peak MB", **memory}] if memory else rows


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """Prints a table and returns its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="*", default=["TransE", "DistMult", "ComplEx", "RotatE"])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs=4, default=(10_000, 200_000, 100, 64), metavar="N")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = layers(
        options.turns, tuple(options.sizes)
    )  # first: a child that measures should find a small parent
    rows += ranking(options.models, options.turns)
    table = Table("", *list(LIBRARIES), "ratio", "grapevine, filtered", title="milliseconds of one processor")
    for row in rows:
        numbers = [row["grapevine"], row["torch_geometric"]]
        filtered = f"{row['grapevine, filtered']:.3f}" if "grapevine, filtered" in row else ""
        table.add_row(row["row"], *(f"{n:.3f}" for n in numbers), f"{numbers[1] / numbers[0]:.1f}", filtered)
    Console().print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return rows


if __name__ == "__main__":
    main()
