"""`python -m benchmarks.scale`: what distributed training takes, from constants measured here to graphs of any size.

Measured: processor seconds and memory of partitioning, bytes of the parts, processor seconds of sampling and of
gathering features, the latency of an exchange. Assumed: the network's bandwidth and what each further rank adds to the
latency. The simulated run samples the batches of W ranks for real, on a graph that is cut into W parts, counts the
bytes of every exchange between every two ranks, and adds up how long the exchanges of a step take: latency, and the
busiest rank's bytes over the bandwidth.

    python -m benchmarks.scale --json benchmarks/scale.json
    python -m benchmarks.scale --fast

`docs/scale.md` explains the tables.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor

from benchmarks.resident import MEASURABLE, peak_above, settled
from benchmarks.sampling import FANOUTS
from grapevine.data import Data
from grapevine.distributed import (
    DistGraph,
    DistNeighborSampler,
    Manifest,
    load_manifest,
    load_part,
    partition,
)
from grapevine.distributed.exchange import HEADER, INLINE
from grapevine.ops import gather_rows
from grapevine.sampler import NeighborSampler, SamplerOutput

BATCH = 1024
SCRATCH = 48  # bytes on disk per edge while LDG runs: both directions of it, then the order of destinations


def planted(num_nodes: int, num_edges: int, communities: int, seed: int = 0) -> tuple[Tensor, np.ndarray]:
    """A power law with planted communities: four of five edges stay within one. Returns edges and communities."""
    rng = np.random.default_rng(seed)
    weight = np.minimum((1 - rng.random(num_nodes)) ** (-1 / 1.5), num_nodes**0.5)
    community = rng.integers(communities, size=num_nodes)
    order = np.argsort(community, kind="stable")
    total, inner = np.cumsum(weight), np.concatenate([[0], np.cumsum(weight[order])])
    first = np.searchsorted(community[order], np.arange(communities + 1))
    src, far = (np.searchsorted(total, rng.random(num_edges) * total[-1]) for _ in range(2))
    low, high = inner[first[community[src]]], inner[first[community[src] + 1]]
    near = order[np.searchsorted(inner, low + rng.random(num_edges) * (high - low), side="right") - 1]
    dst = np.where(rng.random(num_edges) < 0.8, near, np.minimum(far, num_nodes - 1))
    return torch.from_numpy(np.stack([src, dst])), community


def seconds(run: Callable[[], object], times: int = 3) -> float:
    """Processor seconds, those of child processes included: the median over some runs."""

    def spent() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    found = []
    for _ in range(times):
        start = spent()
        run()
        found.append(spent() - start)
    return float(np.median(found))


# Measuring ---------------------------------------------------------------------------------------------------------


def measure(
    num_nodes: int, num_edges: int, folder: Path, nodes_per_community: int = 1000
) -> dict[str, float]:
    """Constants of this machine, one thread."""
    edge_index, _ = planted(num_nodes, num_edges, max(num_nodes // nodes_per_community, 2))
    np.save(folder / "edges.npy", edge_index.numpy())
    out: dict[str, float] = {"nodes": num_nodes, "edges": num_edges}
    bare, data = Data(num_nodes=num_nodes), Data(edge_index=edge_index, num_nodes=num_nodes)
    memory = 64 * max(num_edges // 8, 1)  # so that edges go through files
    for method in ("hash", "ldg", "metis"):
        options: Any = {"method": method, "edges": folder / "edges.npy", "memory": memory}
        took = seconds(lambda: partition(bare, folder / options["method"], 8, **options), 1)  # noqa: B023
        manifest = load_manifest(folder / method)
        out[f"{method}, s per million edges"] = took / num_edges * 1e6
        out[f"{method}, share of edges cut into 8"] = manifest.cut
    out |= _on_disk(manifest)
    if MEASURABLE:
        out["bytes of memory per node"] = _per_node(folder, num_nodes)

    sampler = NeighborSampler(data, FANOUTS)
    seeds = torch.randperm(num_nodes)[:BATCH]
    sample: Any = sampler.sample({None: seeds}, None, 1)
    found = sample.row.numel()
    out["nodes per seed"] = sample.node.numel() / len(seeds)
    out["edges per seed"] = found / len(seeds)
    out["sampling, ns per edge"] = seconds(lambda: sampler.sample({None: seeds}, None, 1), 7) / found * 1e9
    graph = DistGraph(folder / "hash", topology="partitioned", verify=False)
    shared: Any = DistNeighborSampler(graph, FANOUTS)
    found = shared.sample({None: seeds}, None, 1).row.numel()
    name = "sampling by owner, ns per edge"
    out[name] = seconds(lambda: shared.sample({None: seeds}, None, 1), 7) / found * 1e9
    rows, ids = torch.rand(num_nodes, 100), torch.randint(num_nodes, (sample.node.numel(),))
    gathered = seconds(lambda: gather_rows(rows, ids), 7)
    out["gathering, GB/s"] = rows.element_size() * 100 * len(ids) / gathered / 1e9
    return out | gloo(folder)


def _on_disk(manifest: Manifest) -> dict[str, float]:
    """Bytes of the parts' arrays per node and edge, features apart."""
    sums = {"nodes": 0, "edges": 0}
    for file, entry in manifest.arrays.items():
        kind = "nodes" if file.split("/")[1] == "nodes" or file.endswith("/ptr.npy") else "edges"
        sums[kind] += entry["bytes"]
    part = load_part(manifest, 0, verify=False)
    return {
        "bytes on disk per node": sums["nodes"] / manifest.node_offsets[None][-1],
        "bytes on disk per edge": sums["edges"] / manifest.edge_offsets[None][-1],
        "bytes per id": part.edges[None]["index"].itemsize,
    }


def _per_node(folder: Path, num_nodes: int) -> float:
    """By how much the memory of partitioning grows with the number of nodes, at the same number of edges."""
    np.save(folder / "few.npy", np.zeros((2, 1000), np.int64))

    def used(count: int) -> float:
        data, start = Data(num_nodes=count), settled()
        return peak_above(
            start, lambda: partition(data, folder / "few", 8, edges=folder / "few.npy", passes=1)
        )

    return (used(4 * num_nodes) - used(num_nodes)) * 1e6 / (3 * num_nodes)


def gloo(folder: Path) -> dict[str, float]:
    """Latency of the smallest exchange between two processes of this machine, and the rate of a large one."""
    store, answer = folder / "store", folder / "gloo.json"
    store.unlink(missing_ok=True)
    mp.spawn(_gloo, (str(store), str(answer)), nprocs=2)
    return dict(json.loads(answer.read_text()))


def _gloo(rank: int, store: str, answer: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    times = {}
    for size in (8, 1 << 24):
        parts = torch.zeros(2 * size, dtype=torch.uint8)
        out = torch.empty_like(parts)
        times[size] = float("inf")
        for _ in range(1000 if size == 8 else 30):  # the quickest: others may be at work on this machine
            start = time.perf_counter()
            dist.all_to_all_single(out, parts)
            times[size] = min(times[size], time.perf_counter() - start)
    if rank == 0:
        found = {"latency, us": times[8] * 1e6, "loopback, GB/s": (1 << 24) / times[1 << 24] / 1e9}
        Path(answer).write_text(json.dumps(found))
    dist.destroy_process_group()


# Traffic -----------------------------------------------------------------------------------------------------------


@dataclass
class Asked:
    """What one batch asks of the owners.

    Args:
        nodes: for each hop, `(W,)` nodes to expand.
        edges: for each hop, `(W,)` edges that come back.
        rows: `(W,)` rows of features.
    """

    nodes: list[np.ndarray]
    edges: list[np.ndarray]
    rows: np.ndarray


def asked(sample: SamplerOutput, owner: Tensor, size: int, cached: Tensor | None = None) -> Asked:
    """Counts what a batch asks of every owner.

    Args:
        sample: the batch.
        owner: `(N,)` the rank that owns each node.
        size: W.
        cached: `(N,)` bools: whose rows every rank has.
    """

    def count(ids: Tensor) -> np.ndarray:
        return torch.bincount(owner[ids], minlength=size).numpy()

    assert sample.num_sampled_nodes is not None and sample.num_sampled_edges is not None
    target = sample.node[sample.col]
    nodes = [count(ids) for ids in sample.node.split(sample.num_sampled_nodes)[:-1]]
    edges = [count(ids) for ids in target.split(sample.num_sampled_edges)]
    wanted = sample.node if cached is None else sample.node[~cached[sample.node]]
    return Asked(nodes, edges, count(wanted))


def exchanges(
    batches: Sequence[Asked], row_bytes: int, wide: bool, replicated: bool
) -> list[tuple[str, np.ndarray]]:
    """The bytes of every exchange of a step, `(W, W)` from rank to rank.

    Args:
        batches: what each rank's batch asks.
        row_bytes: of the features of a node.
        wide: whether ids need 64 bits.
        replicated: whether ranks sample by themselves.
    """
    size, out = len(batches), [("step", np.zeros((len(batches),) * 2))]
    number = 8 if wide else 4
    hops = 0 if replicated else len(batches[0].nodes)
    for hop in range(hops):
        nodes = np.stack([batch.nodes[hop] for batch in batches]).astype(float)
        edges = np.stack([batch.edges[hop] for batch in batches]).astype(float)
        out.append(("nodes", 8 + number * (1 + nodes)))
        out.append(("edges", number * (nodes + 2 * edges).T))
    rows = np.stack([batch.rows for batch in batches]).astype(float)
    out += [("ids", 8 * (1 + rows)), ("rows", row_bytes * rows.T)]
    for _, table in out:
        table += HEADER
        np.fill_diagonal(table, 0)
    assert all(table.shape == (size, size) for _, table in out)
    return out


def simulate(
    batches: Sequence[Asked], constants: dict[str, float], row_bytes: int, replicated: bool,
    gigabits: float, per_rank: float,
) -> dict[str, float]:  # fmt: skip
    """How long a step of all ranks takes, where all wait for the last in every exchange.

    Args:
        batches: what each rank's batch asks.
        constants: from `measure`.
        row_bytes: of the features of a node.
        replicated: whether ranks sample by themselves.
        gigabits: bandwidth of a rank, per second and direction.
        per_rank: microseconds that each further rank adds to the latency.
    """
    size = len(batches)
    tables = exchanges(batches, row_bytes, False, replicated)
    latency = (constants["latency, us"] + per_rank * (size - 2)) / 1e6
    network = 0.0
    for _, table in tables:
        busiest = max(table.sum(0).max(), table.sum(1).max())
        collectives = 2 if table.max() > INLINE else 1  # many rows come after what announces them
        network += collectives * latency + busiest / (gigabits / 8 * 1e9)
    edges = np.array([sum(hop.sum() for hop in batch.edges) for batch in batches])
    served = np.sum([np.sum(batch.edges, axis=0) for batch in batches], axis=0)
    if replicated:
        sampling = edges.max() * constants["sampling, ns per edge"] / 1e9
    else:  # half of the work is numbering what comes, half is drawing for others
        sampling = (edges + served).max() / 2 * constants["sampling by owner, ns per edge"] / 1e9
    rows = np.stack([batch.rows for batch in batches])
    gathered = (rows.sum(1) + rows.sum(0)).max() * row_bytes / constants["gathering, GB/s"] / 1e9
    sent = dict.fromkeys(("nodes", "edges", "ids", "rows", "step"), 0.0)
    for name, table in tables:
        sent[name] += float(table.sum(1).mean())
    total = sum(table.sum(1) for _, table in tables)
    seeds = float(sum(batch.nodes[0].sum() for batch in batches))
    return {
        "ranks": size,
        "asked topology, MB": (sent["nodes"] + sent["edges"] + sent["step"]) / 1e6,
        "asked features, MB": (sent["ids"] + sent["rows"]) / 1e6,
        "largest / mean": float(total.max() / total.mean()) if total.any() else 1.0,
        "network, ms": network * 1e3,
        "step, ms": (network + sampling + gathered) * 1e3,
        "seeds per second": seeds / (network + sampling + gathered),
    }


def simulated(
    num_nodes: int, num_edges: int, sizes: Sequence[int], constants: dict[str, float], folder: Path,
    gigabits: float, per_rank: float, row_bytes: int = 400,
) -> list[dict[str, Any]]:  # fmt: skip
    """The simulated run: rows of the table, for each number of ranks and each way to share out the graph."""
    edge_index, _ = planted(num_nodes, num_edges, max(num_nodes // 1000, 2))
    data = Data(edge_index=edge_index, num_nodes=num_nodes)
    sampler = NeighborSampler(data, FANOUTS)
    hot = torch.zeros(num_nodes, dtype=torch.bool)
    hot[torch.bincount(edge_index[0], minlength=num_nodes).topk(num_nodes // 20).indices] = True
    out = []
    for size in sizes:
        ways: list[tuple[Any, str]] = [("hash", "all"), ("ldg", "own")]
        for method, seeds_of in ways:
            manifest = partition(data, folder / "simulated", size, method)
            owner = torch.empty(num_nodes, dtype=torch.int64)
            batches_of: list[Any] = []
            for part in range(size):
                ids = torch.from_numpy(load_part(manifest, part, verify=False).nodes[None]["node_id"].copy())
                owner[ids] = part
                pool = ids if seeds_of == "own" else torch.arange(num_nodes)
                order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(part))
                batches_of.append(sampler.sample({None: pool[order[:BATCH]]}, None, part))
            for how, cached in (("partitioned", None), ("replicated", None), ("replicated, hot rows", hot)):
                batches = [asked(sample, owner, size, cached) for sample in batches_of]
                row = simulate(batches, constants, row_bytes, how != "partitioned", gigabits, per_rank)
                out.append(
                    {"topology": how, "parts": method, "seeds of": seeds_of, "cut": manifest.cut, **row}
                )
    return out


# Tables ------------------------------------------------------------------------------------------------------------


def projection(constants: dict[str, float], degree: float = 20, features: int = 100) -> list[dict[str, Any]]:
    """Bytes, time and memory for 10^8 to 10^11 edges."""
    out = []
    for exponent in (8, 9, 10, 11):
        edges = 10.0**exponent
        nodes = edges / degree
        wide = 4 if edges < 2**31 else 8  # bytes of an id in memory
        disk = nodes * constants["bytes on disk per node"] + edges * constants["bytes on disk per edge"]
        out.append(
            {
                "edges": f"10^{exponent}",
                "nodes": f"{nodes:.0e}".replace("e+0", " x 10^"),
                "parts on disk, GB": disk / 1e9,
                "features, GB": nodes * features * 4 / 1e9,
                "topology in memory, GB": (wide * (nodes + edges)) / 1e9,
                "hash, h": edges / 1e6 * constants["hash, s per million edges"] / 3600,
                "LDG, h": edges / 1e6 * constants["ldg, s per million edges"] / 3600,
                # METIS counts neighbours, two per edge, in 32 bits.
                "METIS, h": edges / 1e6 * constants["metis, s per million edges"] / 3600
                if edges < 2**30
                else "-",
                "partitioning: memory, GB": nodes * constants.get("bytes of memory per node", 0) / 1e9 + 1,
                "and scratch on disk, GB": edges * SCRATCH / 1e9,
            }
        )
    return out


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A table of rows that have the same columns."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_written(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _written(value: Any) -> str:
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measures, projects, simulates, prints the tables and returns the numbers."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=2_000_000)
    parser.add_argument("--ranks", type=int, nargs="+", default=[4, 16, 64, 256])
    parser.add_argument("--gigabits", type=float, default=25.0, help="of a rank, per second and direction")
    parser.add_argument(
        "--per-rank", type=float, default=10.0, help="microseconds of latency per further rank"
    )
    parser.add_argument("--fast", action="store_true", help="a small graph and few ranks")
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    parser.add_argument(
        "--constants", type=Path, default=None, help="a recorded run to take the constants of"
    )
    options = parser.parse_args(arguments)
    if options.fast:
        options.nodes, options.edges, options.ranks = 5_000, 50_000, [4, 8]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    memory = Path("/dev/shm")  # where nothing waits for a disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        if options.constants is None:
            constants = measure(options.nodes, options.edges, folder)
        else:
            constants = json.loads(options.constants.read_text())["constants"]
        runs = simulated(
            options.nodes, options.edges, options.ranks, constants, folder, options.gigabits, options.per_rank
        )
    numbers: dict[str, Any] = {"constants": constants, "projection": projection(constants), "simulated": runs}
    print(markdown([{"constant": key, "value": value} for key, value in constants.items()]), end="\n\n")
    print(markdown(numbers["projection"]), end="\n\n")
    print(markdown(runs))
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")
    return numbers


if __name__ == "__main__":
    main()
