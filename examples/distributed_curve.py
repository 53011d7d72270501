"""The same loss curve on any number of processes: GraphSAGE on a graph of a million nodes, update by update.

    python examples/distributed_curve.py --folder PARTS --plain                  # one process, a plain PyTorch loop
    python examples/distributed_curve.py --folder PARTS                          # one process, `train`
    grapevine train --nproc 2 examples/distributed_curve.py --folder PARTS --topology partitioned
    grapevine train --nproc 3 examples/distributed_curve.py --folder PARTS

Ten classes; four of five edges stay within one, and features are the class's centre in much noise. The first run writes
six parts to the folder. An update takes six batches, shared out among the ranks, in double precision: so curves are
equal up to rounding. `--plain` knows nothing of ranks: `NeighborLoader` on the whole graph, six batches, one step of
Adam. `examples/distributed_curve.json` holds the recorded runs; `--compare` prints how far each is from the first.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from grapevine.data import Data
from grapevine.distributed import DistGraph, World, init, load_whole, partition, train
from grapevine.distributed.steps import pass_seed
from grapevine.loader import NeighborLoader
from grapevine.nn import GraphSAGE
from grapevine.training import Progress

CLASSES, FEATURES, PER_UPDATE = 10, 16, 6
SEED = 1


def graph_of(nodes: int, edges: int) -> Data:
    """Classes, features around their centres, and edges that mostly stay within a class; a tenth is for training."""
    g = torch.Generator().manual_seed(0)
    y = torch.randint(CLASSES, (nodes,), generator=g)
    order, first = torch.argsort(y), torch.bincount(y, minlength=CLASSES).cumsum(0)
    source = torch.randint(nodes, (edges,), generator=g)
    size = torch.bincount(y, minlength=CLASSES)[y[source]]
    near = order[first[y[source]] - 1 - (torch.rand(edges, generator=g) * size).long()]
    far = torch.randint(nodes, (edges,), generator=g)
    target = torch.where(torch.rand(edges, generator=g) < 0.8, near, far)
    x = torch.randn(CLASSES, FEATURES, generator=g)[y] / 2 + torch.randn(nodes, FEATURES, generator=g)
    mask = torch.rand(nodes, generator=g) < 0.1
    return Data(x=x, y=y, edge_index=torch.stack([source, target]), train_mask=mask, num_nodes=nodes)


def loss(model: nn.Module, batch: Any) -> tuple[Tensor, int]:
    """The sum over the seeds of a batch, which come first among its nodes, and how many they are."""
    out = model(batch.x.double(), batch.edge_index)[: batch.batch_size]
    return F.cross_entropy(out, batch.y[: batch.batch_size], reduction="sum"), batch.batch_size


def fresh_model() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(SEED)
    model = GraphSAGE(FEATURES, 32, 2, CLASSES).double()
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


def plain(options: argparse.Namespace) -> list[float]:
    """The curve of one process, in PyTorch's own terms."""
    data = load_whole(options.folder)
    model, adam = fresh_model()
    curve = []
    for epoch in range(options.epochs):
        order = torch.Generator().manual_seed(pass_seed(SEED, epoch))
        stream = iter(
            NeighborLoader(
                data, [10, 5], data.train_mask, batch_size=options.batch, shuffle=True, generator=order
            )
        )
        while batches := list(islice(stream, PER_UPDATE)):
            adam.zero_grad()
            sums, counts = zip(*(loss(model, batch) for batch in batches))
            mean = sum(sums) / sum(counts)
            mean.backward()
            adam.step()
            curve.append(mean.item())
    return curve


def together(options: argparse.Namespace, world: World) -> list[float]:
    """The curve of all ranks."""
    graph = DistGraph(options.folder, world, topology=options.topology)
    loader = NeighborLoader(graph, [10, 5], "train_mask", batch_size=options.batch, shuffle=True, seed=SEED)
    model, adam = fresh_model()
    curve, before = [], [0, 0.0, 0.0]

    def on_step(now: Progress) -> None:
        if now.epoch != before[0]:
            before[:] = [now.epoch, 0.0, 0.0]
        curve.append((now.loss - before[1]) / (now.count - before[2]))
        before[1:] = [now.loss, now.count]

    train(
        model, loader, loss, adam, epochs=options.epochs, accumulate=PER_UPDATE // world.size, on_step=on_step,
        world=world,
    )  # fmt: skip
    loader.close()
    return curve


def run(options: argparse.Namespace, world: World) -> list[float]:
    """What every rank does."""
    start = time.perf_counter()
    if world.rank == 0 and not (options.folder / "manifest.json").exists():
        partition(graph_of(options.nodes, options.edges), options.folder, PER_UPDATE, method="hash")
    world.barrier()
    curve = plain(options) if options.plain else together(options, world)
    if world.rank == 0:
        name = "one process, plain loop" if options.plain else f"{world.size} ranks, {options.topology}"
        seconds = time.perf_counter() - start
        print(
            f"{name}: loss {curve[0]:.6f} ... {curve[-1]:.6f} in {len(curve)} updates, {seconds:.0f} s",
            flush=True,
        )
        if options.json is not None:
            known = json.loads(options.json.read_text()) if options.json.exists() else {}
            known[name] = {"seconds": round(seconds, 1), "losses": curve}
            options.json.write_text(json.dumps(known) + "\n")
    return curve


def compare(record: Path) -> dict[str, float]:
    """The largest relative difference of each recorded curve from the first."""
    known = json.loads(record.read_text())
    first, *_ = (torch.tensor(each["losses"], dtype=torch.float64) for each in known.values())
    out = {}
    for name, each in known.items():
        curve = torch.tensor(each["losses"], dtype=torch.float64)
        out[name] = float(((curve - first) / first).abs().max())
        print(
            f"{name}: {len(curve)} updates, {curve[0]:.6f} ... {curve[-1]:.6f}, at most {out[name]:.1e} away"
        )
    return out


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("data/curve"), help="where the parts lie, or go")
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=20_000_000)
    parser.add_argument("--batch", type=int, default=1024, help="seeds per batch")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--topology", default="replicated", choices=("replicated", "partitioned"))
    parser.add_argument("--plain", action="store_true", help="one process, a loop of its own")
    parser.add_argument("--fast", action="store_true", help="a small graph, two epochs")
    parser.add_argument("--json", type=Path, default=None, help="where to record the curve")
    parser.add_argument("--compare", action="store_true", help="only compare the recorded curves")
    options = parser.parse_args(arguments)
    if options.fast:
        options.nodes, options.edges, options.batch, options.epochs = 2_000, 20_000, 20, 2
    return options


def main(arguments: list[str] | None = None) -> Any:
    """Joins the other processes and trains, or compares what was recorded."""
    options = parsed(arguments)
    if options.compare:
        return compare(options.json or Path(__file__).with_suffix(".json"))
    return run(options, init())


if __name__ == "__main__":
    main()
