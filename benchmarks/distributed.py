"""`python -m benchmarks.distributed`: sampling and loading over two ranks on one machine, beside one process.

A power-law graph (1 M nodes, 20 M edges, as in `benchmarks.sampling`, 100 float32 features) in two parts by hash, so
that half of all edges are cut. Batches of 1,024 random seeds, fan-outs [15, 10, 5] without replacement, one thread per
rank, exchanges over the loopback device; ranks that exchange sample two batches at once, as loaders do. Rates are
totals over all ranks; medians over repetitions that take turns.
Where ranks need nothing of each other, each also samples alone, in turns with both at once: "times one rank" compares
what happened within a second; "two processes that share nothing" shows what the machine's memory allows.

    python -m benchmarks.distributed --folder /tmp/parts --json distributed.json
    python -m benchmarks.distributed --folder /tmp/parts --nodes 100000 --edges 2000000 --batches 20
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.sampling import FANOUTS, power_law
from grapevine.data import Data
from grapevine.distributed import (
    DistGraph,
    DistNeighborLoader,
    DistNeighborSampler,
    Exchange,
    Metrics,
    World,
    init,
    partition,
)

BATCH = 1024
#: What is measured: name, ranks, topology, where features are ("apart": as on two hosts), whether features are loaded.
ROWS = (
    ("sampling, one process", 1, "replicated", "host", False),
    ("sampling, two processes that share nothing", 2, "replicated", "apart", False),
    ("sampling, replicated", 2, "replicated", "host", False),
    ("sampling, partitioned", 2, "partitioned", "host", False),
    ("with features, one process", 1, "replicated", "host", True),
    ("with features, replicated, shared mapping", 2, "replicated", "host", True),
    ("with features, partitioned, shared mapping", 2, "partitioned", "host", True),
    ("with features, partitioned, by owner", 2, "partitioned", "owner", True),
)


def prepare(folder: Path, nodes: int, edges: int, features: int) -> None:
    """Writes the parts, unless they are there."""
    if (folder / "manifest.json").exists():
        return
    g = torch.Generator().manual_seed(0)
    data = Data(
        x=torch.randn(nodes, features, generator=g), edge_index=power_law(nodes, edges), num_nodes=nodes
    )
    start = time.perf_counter()
    partition(data, folder, 2, method="hash")
    print(f"partitioned in {time.perf_counter() - start:.1f} s")


def rank(folder: Path, batches: int, rows: list[int]) -> None:
    """What each rank does; rank 0 prints a line of JSON for each row."""
    torch.set_num_threads(1)
    world = init(timeout=100.0, init_method=os.environ.get("STORE"))
    for number in rows:
        _, _, topology, features, loads = ROWS[number]
        graph = DistGraph(
            folder,
            topology=topology,
            features="owner" if features == "owner" else "host",
            verify=False,
            attributes=None if loads else [],
        )
        found = (loading if loads else sampling)(world, graph, batches)
        totals = world.gather(found)
        if world.rank == 0:
            print(json.dumps({"row": number, "ranks": totals}), flush=True)
        del graph
    world.close()


def in_turns(world: World, batches: int, step: Callable[[int], tuple[int, int]]) -> list[dict[str, float]]:
    """Seconds and edges of this rank in some batches, alone and with all others, turn by turn."""
    turns, each = [], 6
    for first in range(0, batches, each):
        found = {}
        for who in (*range(world.size), None):
            world.barrier()
            if who is None or who == world.rank:
                start, name = time.perf_counter(), "together" if who is None else "alone"
                found[f"{name}, edges"] = sum(step(k)[1] for k in range(first, min(first + each, batches)))
                found[f"{name}, s"] = time.perf_counter() - start
        turns.append(found)
    return turns


def timed(world: World, batches: int, *steps: Callable[[int], tuple[int, int]]) -> dict[str, Any]:
    """Seeds and edges per second of this rank, from a common start to its own end; a thread for each of `steps`."""
    for step in steps:
        for k in range(5):
            step(-1 - k)
    world.barrier()
    start = time.perf_counter()
    with ThreadPoolExecutor(len(steps)) as pool:
        turns = pool.map(lambda n: [steps[n](k) for k in range(n, batches, len(steps))], range(len(steps)))
        seeds, edges = map(sum, zip(*itertools.chain(*turns)))
    return {"seconds": time.perf_counter() - start, "seeds": seeds, "edges": edges}


def sampling(world: World, graph: DistGraph, batches: int) -> dict[str, Any]:
    """The sampler alone."""
    sampler, metrics = DistNeighborSampler(graph, FANOUTS), Metrics()
    g = torch.Generator().manual_seed(world.rank)
    chosen = torch.randint(graph.num_nodes[None], (batches, BATCH), generator=g)
    exchanges: list[Any] = (
        [None] if graph.replicated else [Exchange(world, f"lane {n}", metrics=metrics) for n in (0, 1)]
    )

    def stepping(exchange: Exchange | None) -> Callable[[int], tuple[int, int]]:
        mine = sampler.over(exchange)

        def step(k: int) -> tuple[int, int]:
            out: Any = mine.sample({None: chosen[k]}, None, 1000 * world.rank + k)
            return chosen[k].numel(), out.row.numel()

        return step

    steps = [stepping(exchange) for exchange in exchanges]
    out = timed(world, batches, *steps)
    if graph.replicated and world.size > 1:
        out["turns"] = in_turns(world, batches, steps[0])
    else:
        found = metrics.dict()
        out |= {name: found[key] / (batches + 5 * len(steps))
                for name, key in (("sent", "sent_bytes"), ("waited", "wait_seconds"))}  # fmt: skip
    return out


def loading(world: World, graph: DistGraph, batches: int) -> dict[str, Any]:
    """Whole batches with their features, from a loader that prepares them in its thread."""
    seeds = torch.randint(
        graph.num_nodes[None], (world.size * (batches + 5) * BATCH,), generator=torch.Generator()
    )
    loader = DistNeighborLoader(graph, FANOUTS, input_nodes=seeds, batch_size=BATCH)
    source = iter(loader)

    def step(k: int) -> tuple[int, int]:
        batch = next(source)
        return batch.batch_size, batch.num_edges

    out = timed(world, batches, step)
    found = loader.metrics.dict()
    out |= {"sent": found["sent_bytes"] / (batches + 5), "waited": found["wait_seconds"] / (batches + 5)}
    source.close()
    loader.close()
    return out


def launch(size: int, arguments: list[str], apart: bool = False) -> list[dict[str, Any]]:
    """Runs the ranks and reads what rank 0 prints."""
    with tempfile.TemporaryDirectory() as folder:
        env = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "WORLD_SIZE": str(size),
            "STORE": f"file://{folder}/store",
        }
        command = [sys.executable, "-m", "benchmarks.distributed", *arguments]
        ranks = [
            subprocess.Popen(
                command,
                env={**env, "RANK": str(r), **({"GRAPEVINE_HOST": str(r)} if apart else {})},
                stdout=subprocess.PIPE,
                text=True,
            )
            for r in range(size)
        ]
        said = [each.communicate()[0] for each in ranks]
    if any(each.returncode for each in ranks):
        raise SystemExit(f"ranks ended with {[each.returncode for each in ranks]}")
    return [json.loads(line) for line in said[0].splitlines() if line.startswith("{")]


def times_one(ranks: list[list[dict[str, float]]]) -> float:
    """Edges per second of all ranks at once over those of one that is alone; medians over turns. 0: not measured."""
    if not ranks:
        return 0.0
    alone = [turn["alone, edges"] / turn["alone, s"] for turns in ranks for turn in turns]
    together = [
        sum(turn["together, edges"] for turn in turns) / max(turn["together, s"] for turn in turns)
        for turns in zip(*ranks)
    ]
    return statistics.median(together) / statistics.median(alone)


def main(argv: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the parts are, or shall be")
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=20_000_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--batches", type=int, default=60, help="per rank and repetition")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs="+", default=list(range(len(ROWS))))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--as-rank", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.as_rank:
        rank(args.folder, args.batches, args.rows)
        return []
    prepare(args.folder, args.nodes, args.edges, args.features)
    found: dict[int, list[dict[str, float]]] = {row: [] for row in args.rows}
    for _ in range(args.repeat):
        for size, apart in ((1, False), (2, True), (2, False)):
            rows = [row for row in args.rows if ROWS[row][1] == size and (ROWS[row][3] == "apart") == apart]
            if not rows:
                continue
            shared = ["--folder", str(args.folder), "--batches", str(args.batches), "--as-rank", "--rows"]
            for each in launch(size, [*shared, *map(str, rows)], apart):
                slowest = max(one["seconds"] for one in each["ranks"])
                found[each["row"]].append(
                    {
                        "seeds_per_second": sum(one["seeds"] for one in each["ranks"]) / slowest,
                        "edges_per_second": sum(one["edges"] for one in each["ranks"]) / slowest,
                        "sent_per_batch": max(one.get("sent", 0) for one in each["ranks"]),
                        "waited_per_batch": max(one.get("waited", 0) for one in each["ranks"]),
                        "times_one_rank": times_one(
                            [one["turns"] for one in each["ranks"] if "turns" in one]
                        ),
                    }
                )
    table = Table(title=f"{args.nodes:,} nodes, {args.edges:,} edges, batches of {BATCH}, {FANOUTS}")
    for column in (
        "",
        "ranks",
        "seeds/s",
        "Medges/s",
        "times one process",
        "times one rank",
        "MB sent per batch",
        "ms in exchanges",
    ):
        table.add_column(column, justify="left" if not column else "right")
    out = []
    for row in args.rows:
        medians = {key: statistics.median(one[key] for one in found[row]) for key in found[row][0]}
        out.append({"name": ROWS[row][0], "ranks": ROWS[row][1], **medians, "runs": found[row]})
        base = next(
            (one for one in out if one["ranks"] == 1 and ("features" in one["name"]) == ROWS[row][4]), None
        )
        ratio = "" if base is None else f"{medians['edges_per_second'] / base['edges_per_second']:.2f}"
        table.add_row(
            ROWS[row][0], str(ROWS[row][1]), f"{medians['seeds_per_second']:,.0f}",
            f"{medians['edges_per_second'] / 1e6:.1f}", ratio,
            f"{medians['times_one_rank']:.2f}" if medians["times_one_rank"] else "",
            f"{medians['sent_per_batch'] / 1e6:.2f}",
            f"{medians['waited_per_batch'] * 1e3:.1f}",
        )  # fmt: skip
    Console(width=140).print(table)
    if args.json:
        args.json.write_text(json.dumps(out, indent=1) + "\n")
    return out


if __name__ == "__main__":
    main()
