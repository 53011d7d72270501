"""`python -m benchmarks.sampling`: the neighbour sampler beside DGL's, contenders taking turns in one process.

A power-law graph (1 M nodes, 20 M edges, both ends drawn with weight rank^(-2/3)), batches of 1024 random seeds,
fan-outs [15, 10, 5] without replacement, one thread; medians per batch. DGL takes part where it is installed.
Then whole loaders beside the sampler alone, on free cores and with one core kept busy by another process.

    python -m benchmarks.sampling
    python -m benchmarks.sampling --parts loaders --nodes 100000 --edges 2000000 --json out.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.loader import NeighborLoader
from grapevine.sampler import NeighborSampler

FANOUTS = [15, 10, 5]
Run = Callable[[Tensor, int], tuple[int, int]]  # seeds and a key -> nodes and edges sampled


def power_law(num_nodes: int, num_edges: int) -> Tensor:
    """Both ends of every edge, drawn with weight rank^(-2/3); ids are permuted."""
    g = np.random.default_rng(0)
    sums = np.cumsum(np.arange(1, num_nodes + 1) ** (-2 / 3))
    names = g.permutation(num_nodes)
    ends = [
        names[np.minimum(np.searchsorted(sums, g.random(num_edges) * sums[-1]), num_nodes - 1)] for _ in "ab"
    ]
    return torch.from_numpy(np.stack(ends))


def ours(data: Data, seed_time: Tensor | None = None, **options: Any) -> Run:
    sampler = NeighborSampler(data, FANOUTS, **options)

    def run(seeds: Tensor, key: int) -> tuple[int, int]:
        times = None if seed_time is None else {None: seed_time[seeds]}
        out: Any = sampler.sample({None: seeds}, times, key)
        return out.node.numel(), out.row.numel()

    return run


def several_types(edge_index: Tensor, num_nodes: int, kinds: int = 3) -> Run:
    """The same edges, dealt to `kinds` edge types of one node type, whose fan-outs add up to those of one type."""
    data = HeteroData()
    data["n"].num_nodes = num_nodes
    which = torch.arange(edge_index.shape[1]) % kinds
    for i in range(kinds):
        data["n", f"r{i}", "n"].edge_index = edge_index[:, which == i]
    shares = {("n", f"r{i}", "n"): [k // kinds + (i < k % kinds) for k in FANOUTS] for i in range(kinds)}
    sampler = NeighborSampler(data, shares)

    def run(seeds: Tensor, key: int) -> tuple[int, int]:
        out: Any = sampler.sample({"n": seeds}, None, key)
        return out.node["n"].numel(), sum(row.numel() for row in out.row.values())

    return run


def dgl_sampler(edge_index: Tensor, num_nodes: int) -> Run:
    os.environ.setdefault("DGLBACKEND", "pytorch")
    import dgl

    graph = dgl.graph((edge_index[0], edge_index[1]), num_nodes=num_nodes).formats("csc")
    graph.create_formats_()
    sampler = dgl.dataloading.NeighborSampler(FANOUTS[::-1])

    def run(seeds: Tensor, key: int) -> tuple[int, int]:
        nodes, _, blocks = sampler.sample_blocks(graph, seeds)
        return nodes.numel(), sum(block.num_edges() for block in blocks)

    return run


def measure(
    contenders: dict[str, Run], batches: list[Tensor], warm_up: int = 3
) -> dict[str, dict[str, float]]:
    """Medians of each contender, batch by batch in turns."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    sizes: dict[str, list[tuple[int, int]]] = {name: [] for name in contenders}
    for number, seeds in enumerate(batches):
        for name, run in contenders.items():
            start = time.perf_counter()
            size = run(seeds, number)
            if number >= warm_up:
                times[name].append(time.perf_counter() - start)
                sizes[name].append(size)
    report = {}
    for name in contenders:
        seconds = statistics.median(times[name])
        nodes, edges = (statistics.fmean(size[i] for size in sizes[name]) for i in (0, 1))
        report[name] = {
            "ms": seconds * 1e3,
            "nodes": nodes,
            "edges": edges,
            "Medges/s": edges / seconds / 1e6,
        }
    return report


def epochs(data: Data, batches: int, rounds: int = 3) -> dict[str, float]:
    """Milliseconds per batch of whole loaders without features, and of the sampler alone on the same seeds."""
    seeds = torch.randint(data.num_nodes, (batches * 1024,))
    sampler = NeighborSampler(data, FANOUTS)

    def alone() -> None:
        for key, chunk in enumerate(seeds.split(1024)):
            sampler.sample({None: chunk}, None, key)

    def loader(threads: int) -> Callable[[], None]:
        made = NeighborLoader(
            data, FANOUTS, seeds, neighbor_sampler=sampler, batch_size=1024, prefetch_threads=threads
        )

        def run() -> None:
            for _ in made:
                pass

        return run

    contenders = {"sampler alone": alone, **{f"loader, {n} threads": loader(n) for n in (0, 1, 2)}}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) / batches * 1e3)
    return {name: statistics.median(t) for name, t in times.items()}


def samplers(data: Data, batches: int) -> dict[str, dict[str, float]]:
    """Medians of all ways of sampling, and of DGL."""
    num_nodes, num_edges = data.num_nodes or 0, data.num_edges
    data = Data(edge_index=data.edge_index, num_nodes=num_nodes)
    data.edge_weight = torch.rand(num_edges)
    data.edge_time = torch.randint(1000, (num_edges,))
    limit = torch.full((num_nodes,), 600)
    contenders = {
        "uniform (PyG's hops)": ours(data),
        "uniform (DGL's hops)": ours(data, expand="all"),
        "with replacement": ours(data, replace=True),
        "weighted": ours(data, weight_attr="edge_weight"),
        "disjoint": ours(data, disjoint=True),
        "temporal, uniform": ours(data, limit, time_attr="edge_time"),
        "temporal, last": ours(data, limit, time_attr="edge_time", temporal_strategy="last"),
        "3 edge types": several_types(data.edge_index, num_nodes),
    }
    if importlib.util.find_spec("dgl") is not None:
        contenders["DGL"] = dgl_sampler(data.edge_index, num_nodes)
    return measure(contenders, [torch.randperm(num_nodes)[:1024] for _ in range(batches)])


def with_one_core_busy(run: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What `run` measures while another process spins on one of the cores."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.5)
        return run()
    finally:
        busy.kill()
        busy.wait()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=20_000_000)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument(
        "--parts", nargs="+", default=["samplers", "loaders"], choices=["samplers", "loaders"]
    )
    parser.add_argument("--graph", type=Path, default=None, help="a file *.npy to keep the graph in")
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    console = Console()
    if args.graph is not None and args.graph.exists():
        edge_index = torch.from_numpy(np.load(args.graph))
    else:
        edge_index = power_law(args.nodes, args.edges)
        if args.graph is not None:
            np.save(args.graph, edge_index.numpy())
    data = Data(edge_index=edge_index, num_nodes=args.nodes)
    report: dict[str, dict[str, Any]] = {}
    if "samplers" in args.parts:
        report["samplers"] = samplers(data, args.batches)
        table = Table(
            "sampler", "ms / batch", "nodes", "edges", "M edges / s", "against uniform", "against DGL"
        )
        uniform, peer = report["samplers"]["uniform (PyG's hops)"], report["samplers"].get("DGL")
        for name, row in report["samplers"].items():
            rate = row["Medges/s"]
            ratio = "-" if peer is None else f"{rate / peer['Medges/s']:.2f}"
            sizes = (f"{row['nodes']:.0f}", f"{row['edges']:.0f}", f"{rate:.1f}")
            table.add_row(name, f"{row['ms']:.1f}", *sizes, f"{rate / uniform['Medges/s']:.2f}", ratio)
        console.print(table)
    if "loaders" in args.parts:
        parts = {"cores free": epochs, "one core busy": lambda *a: with_one_core_busy(lambda: epochs(*a))}
        for name, run in parts.items():
            report[name] = run(data, args.batches)
            for loader, ms in report[name].items():
                alone = report[name]["sampler alone"]
                console.print(f"{name}: {loader}: {ms:.2f} ms / batch ({ms / alone:.2f})")
    if args.json:
        with open(args.json, "w") as out:
            json.dump(report, out, indent=1)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
