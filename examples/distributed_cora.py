"""Training on several processes: GraphSAGE on Cora, cut into parts, with sampled neighbours.

    grapevine train --nproc 2 examples/distributed_cora.py --root FOLDER       # FOLDER: Cora's raw files or zip
    torchrun --nproc-per-node 2 examples/distributed_cora.py --root FOLDER
    python examples/distributed_cora.py --root FOLDER                          # alone: the same losses

Batch b goes to rank b % W, and an update takes as many batches on any number of ranks: so losses and accuracy do not
depend on it. With `--checkpoint FOLDER` a killed job goes on where it stood (`--restarts 3`). `--ddp` shows the
loaders in a loop of one's own with `DistributedDataParallel`. `examples/distributed_cora.json` holds the recorded runs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from grapevine.datasets import Planetoid
from grapevine.distributed import DistGraph, World, inference, init, partition, train
from grapevine.loader import NeighborLoader
from grapevine.nn import GraphSAGE
from grapevine.transforms import NormalizeFeatures

PER_UPDATE = 2  # batches, on all ranks together, or one on each if there are more ranks


def loss(model: nn.Module, batch: Any) -> tuple[Tensor, int]:
    """The sum over the seeds of a batch, which come first among its nodes, and how many they are."""
    out = model(batch.x, batch.edge_index)[: batch.batch_size]
    return F.cross_entropy(out, batch.y[: batch.batch_size], reduction="sum"), batch.batch_size


def opened(options: argparse.Namespace, world: World) -> DistGraph:
    """Cora in parts; rank 0 writes them."""
    folder = Path(options.parts or Path(options.root) / "parts")
    if world.rank == 0 and not (folder / "manifest.json").exists():
        data = Planetoid(options.root, "Cora", transform=NormalizeFeatures())[0]
        partition(data, folder, parts=max(4, world.size))
    world.barrier()
    return DistGraph(folder, world, topology=options.topology)


def own_loop(
    model: nn.Module, loader: Any, optimizer: torch.optim.Optimizer, epochs: int, world: World
) -> list[float]:
    """The same in PyTorch's own terms: every rank takes as many steps, some without seeds; gradients are averaged."""
    parallel = DistributedDataParallel(model) if world.size > 1 else model
    losses = []
    for epoch in range(epochs):
        loader.set_epoch(epoch)
        sums = torch.zeros(2)
        for batch in loader:
            value, count = loss(parallel, batch)
            seeds = sum(world.gather(count))
            optimizer.zero_grad()
            (value * world.size / seeds).backward()
            optimizer.step()
            sums += torch.tensor([value.item(), count])
        total, seen = torch.stack(world.gather(sums)).sum(0).tolist()
        losses.append(total / seen)
    return losses


def accuracy(model: GraphSAGE, graph: DistGraph) -> float:
    """On the test nodes, layer by layer with all neighbours; every rank for its own nodes."""
    out = inference(model.eval(), graph)
    mask = graph.local("test_mask")
    right = int((out.argmax(1) == graph.local("y"))[mask].sum())
    hits, seen = torch.tensor(graph.world.gather([right, int(mask.sum())])).sum(0).tolist()
    return hits / seen


def run(options: argparse.Namespace, world: World) -> dict[str, Any]:
    """What every rank does."""
    start = time.perf_counter()
    graph = opened(options, world)
    torch.manual_seed(options.seed)
    model = GraphSAGE(1433, 16, 2, 7, dropout=0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    loader = NeighborLoader(
        graph, [10, 10], "train_mask", batch_size=35, shuffle=True, seed=options.seed, even=options.ddp
    )
    if options.ddp:
        losses = own_loop(model, loader, optimizer, options.epochs, world)
    else:
        accumulate = max(PER_UPDATE // world.size, 1)
        losses = train(
            model, loader, loss, optimizer, epochs=options.epochs, accumulate=accumulate, seed=options.seed,
            checkpoint=options.checkpoint, world=world,
        ).losses  # fmt: skip
    numbers = {
        "ranks": world.size,
        "losses": losses,
        "test accuracy": accuracy(model, graph),
        "seconds": time.perf_counter() - start,
    }
    table = loader.metrics.table(world)
    loader.close()
    if world.rank == 0:
        if options.metrics:
            from rich import print as show

            show(table)
        print(
            f"{world.size} ranks, loss {losses[0]:.6f} ... {losses[-1]:.6f}, test accuracy "
            f"{numbers['test accuracy']:.4f}, {numbers['seconds']:.1f} s",
            flush=True,
        )
        if options.json is not None:
            known = json.loads(options.json.read_text()) if options.json.exists() else {}
            known[f"{world.size} ranks{', ddp' if options.ddp else ''}"] = numbers
            options.json.write_text(json.dumps(known, indent=1) + "\n")
    return numbers


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data/planetoid")
    parser.add_argument("--parts", default=None, help="where the parts lie, or go; ROOT/parts by default")
    parser.add_argument("--topology", default="replicated", choices=("replicated", "partitioned"))
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", default=None, help="a folder for states to go on from")
    parser.add_argument("--ddp", action="store_true", help="a loop of one's own with DistributedDataParallel")
    parser.add_argument("--metrics", action="store_true", help="show what every rank sent and waited for")
    parser.add_argument("--fast", action="store_true", help="few epochs")
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    options = parser.parse_args(arguments)
    options.epochs = 3 if options.fast else options.epochs
    return options


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Joins the other processes, trains, and returns the numbers."""
    return run(parsed(arguments), init())


if __name__ == "__main__":
    main()
