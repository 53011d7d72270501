"""`python -m benchmarks.point_clouds`: neighbours, farthest points, a step of PointNet++, beside two peers.

Points are drawn uniformly from a cube. fps: a tenth of them; radius: all within a distance that about 20 are; knn: 16.
A step is the forward and backward pass of two set abstractions and a linear map; the peer's is torch_geometric's own
`PointNetConv` on what torch_cluster finds, since torch_geometric has no search for neighbours of its own. Results are
compared first; processor time on one thread, medians, the libraries take turns; MB above what is there, in a process
of its own. What is not installed is left out; torch_cluster's fps, whose time grows with the square, is timed once.

    python -m benchmarks.point_clouds --json out.json
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch_geometric
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree
from torch import Tensor

import grapevine as gv
from benchmarks.resident import MEASURABLE, in_child, peak_above, settled
from grapevine import geometry

RATIO, NEAR, MANY = 0.1, 16, 10_000  # MANY: more neighbours than there are, as torch_cluster wants a number


def found(name: str) -> ModuleType | None:
    """The module, where it is installed."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):
        return None


def reach(points: int, neighbors: int = 20) -> float:
    """The radius of a ball that holds so many of the points in a unit cube."""
    return (neighbors / points * 3 / 4 / torch.pi) ** (1 / 3)


class Step(torch.nn.Module):
    """Two set abstractions and a linear map, of one library's layers and another's searches."""

    def __init__(self, layers: Any, search: Any, near: float, **limit: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.search, self.radii, self.limit = search, (near, near / RATIO ** (1 / 3)), limit
        self.first = layers.PointNetConv(layers.MLP([3, 32, 64]), add_self_loops=False)
        self.second = layers.PointNetConv(layers.MLP([64 + 3, 64, 128]), add_self_loops=False)
        self.lin = torch.nn.Linear(128, 10)

    def forward(self, pos: Tensor) -> Tensor:
        x = None
        for conv, r in zip((self.first, self.second), self.radii):
            chosen = self.search.fps(pos, ratio=RATIO, random_start=False)
            target, source = self.search.radius(pos, pos[chosen], r, **self.limit)
            x = conv((x, None), (pos, pos[chosen]), torch.stack([source, target]))
            pos = pos[chosen]
        assert x is not None
        return self.lin(x).logsumexp(0).sum()

    def run(self, pos: Tensor) -> Tensor:
        """Forward and backward; the gradients replace the last ones."""
        self.zero_grad()
        loss: Tensor = self(pos)
        loss.backward()
        return loss.detach()


def ways(size: int) -> dict[str, dict[str, Callable[[Tensor], Any]]]:
    """What is timed, by row and library."""
    r, cluster = reach(size), found("torch_cluster")
    rows: dict[str, dict[str, Callable[[Tensor], Any]]] = {
        "fps": {"grapevine": lambda x: geometry.fps(x, ratio=RATIO, random_start=False)},
        "radius": {"grapevine": lambda x: geometry.radius(x, x, r), "scipy": lambda x: in_balls(x, r)},
        "knn": {"grapevine": lambda x: geometry.knn(x, x, NEAR), "scipy": nearest},
        "step": {"grapevine": Step(gv.nn, geometry, r).run},
    }
    if cluster is not None:
        rows["fps"]["torch_cluster"] = lambda x: cluster.fps(x, ratio=RATIO, random_start=False)
        rows["radius"]["torch_cluster"] = lambda x: cluster.radius(x, x, r, max_num_neighbors=MANY)
        rows["knn"]["torch_cluster"] = lambda x: cluster.knn(x, x, NEAR)
        rows["step"]["torch_cluster"] = Step(torch_geometric.nn, cluster, r, max_num_neighbors=MANY).run
    return rows


def in_balls(x: Tensor, r: float) -> Any:
    """Every pair within a distance, by scipy alone."""
    tree = cKDTree(x.numpy())
    return tree.query_ball_point(x.numpy(), r, return_sorted=False)


def nearest(x: Tensor) -> Any:
    """The nearest points, by scipy alone."""
    return cKDTree(x.numpy()).query(x.numpy(), k=NEAR)[1]


def agree(row: str, ours: Tensor, theirs: Tensor, size: int) -> bool:
    """Whether both found the same; pairs at the very edge of the radius may differ by rounding."""
    if row == "step":
        return bool(torch.isclose(ours, theirs, rtol=1e-3))
    if row == "fps":
        return torch.equal(ours, theirs)
    keys = [set((pairs[0] * size + pairs[1]).tolist()) for pairs in (ours, theirs)]
    return len(keys[0] ^ keys[1]) <= 1e-4 * len(keys[0])


def points(size: int) -> Tensor:
    return torch.rand(size, 3, generator=torch.Generator().manual_seed(0))


def peak(row: str, library: str, size: int) -> float:
    """MB that a call takes above what was there."""
    run, x = ways(size)[row][library], points(size)
    run(x[:256])  # what is loaded once does not count
    return peak_above(settled(), lambda: run(x))


def measured(size: int, turns: int, rows: list[str]) -> list[dict[str, Any]]:
    """Milliseconds and MB for each row."""
    x = points(size)
    found: list[dict[str, Any]] = []
    for row in rows:
        libraries = ways(size)[row]
        entry: dict[str, Any] = {"points": size, "row": row}
        if MEASURABLE:
            entry["MB"] = {name: in_child(peak, row, name, size) for name in libraries}
        results: dict[str, Any] = {}
        times: dict[str, list[float]] = {name: [] for name in libraries}
        for turn in range(turns):
            for name, run in libraries.items():
                slow = row in ("fps", "step") and name == "torch_cluster" and size > 20_000
                if slow and turn:
                    continue
                start = time.process_time()
                results[name] = run(x)
                times[name].append(1e3 * (time.process_time() - start))
        if "torch_cluster" in results:
            assert agree(row, results["grapevine"], results["torch_cluster"], size), (row, size)
        found.append(entry | {"ms": {name: statistics.median(values) for name, values in times.items()}})
    return found


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """Prints a table and returns its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_024, 10_000, 100_000])
    parser.add_argument("--rows", nargs="+", default=["fps", "radius", "knn", "step"])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for size in options.sizes:
        rows += measured(size, options.turns, options.rows)
    columns = ("grapevine", "torch_cluster", "scipy")
    for unit in ("ms", "MB"):
        table = Table("points", "", *columns, title=f"{unit}, one processor")
        for row in rows:
            numbers = (row.get(unit, {}).get(name) for name in columns)
            cells = ("" if number is None else f"{number:.3g}" for number in numbers)
            table.add_row(f"{row['points']:,}", row["row"], *cells)
        Console().print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return rows


if __name__ == "__main__":
    main()
