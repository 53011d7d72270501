"""Telling shapes by points on their surface: PointNet++ and DGCNN on 40 simple shapes, and on chairs and monitors.

    python examples/point_clouds.py --root FOLDER --picture clouds.png

FOLDER holds `geometric_shapes_raw.zip` (else it is downloaded) and, for `--data voxels`, the chairs and monitors of
ModelNet10 in 32 x 32 x 32 cells, `modelnet10_voxel32_chair.npy.gz` and `modelnet10_voxel32_monitor.npy.gz`.

PointNet++ chooses points that cover the shape, lets each collect what lies within a radius, and does so again on a
larger scale; no neighbour is left out. DGCNN joins each point with those nearest to it, in space and then in what it
has learned. GeometricShapes has one mesh of each class: training and testing draw points from the same meshes, anew
each time. Of the voxels a fifth is kept for testing, another one for each seed. `examples/point_clouds.json` holds the
last recorded run.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import grapevine
from grapevine.data import Data
from grapevine.datasets import GeometricShapes
from grapevine.loader import DataLoader
from grapevine.nn import MLP, DynamicEdgeConv, PointNetConv, fps, global_max_pool, radius
from grapevine.transforms import Compose, FixedPoints, NormalizeScale, RandomJitter, SamplePoints


class SetAbstraction(torch.nn.Module):
    """Some points, each with the strongest features of all points within a radius."""

    def __init__(self, ratio: float, r: float, channels: list[int]) -> None:
        super().__init__()
        self.ratio = ratio
        self.r = r
        self.conv = PointNetConv(MLP(channels), add_self_loops=False)

    def forward(self, x: Tensor | None, pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        chosen = fps(pos, batch, self.ratio, random_start=self.training)
        target, source = radius(pos, pos[chosen], self.r, batch, batch[chosen])
        found = self.conv((x, None), (pos, pos[chosen]), torch.stack([source, target]))
        return found, pos[chosen], batch[chosen]


class PointNet2(torch.nn.Module):
    """Two set abstractions, the strongest features of all that is left, and a classifier."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.near = SetAbstraction(0.5, 0.4, [3, 32, 32, 64])
        self.far = SetAbstraction(0.25, 0.8, [64 + 3, 64, 64, 128])
        self.whole = MLP([128 + 3, 128, 256])
        self.classify = MLP([256, 128, num_classes], norm=None)

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        x, pos, batch = self.near(None, pos, batch)
        x, pos, batch = self.far(x, pos, batch)
        return self.classify(global_max_pool(self.whole(torch.cat([x, pos], dim=1)), batch))


class DGCNN(torch.nn.Module):
    """Two edge convolutions on graphs of nearest points, the second in the space of features, and a classifier."""

    def __init__(self, num_classes: int, k: int = 10) -> None:
        super().__init__()
        self.place = DynamicEdgeConv(MLP([2 * 3, 32, 32]), k)
        self.shape = DynamicEdgeConv(MLP([2 * 32, 64]), k)
        self.whole = MLP([32 + 64, 256])
        self.classify = MLP([256, 128, num_classes], norm=None)

    def forward(self, pos: Tensor, batch: Tensor) -> Tensor:
        first = self.place(pos, batch)
        second = self.shape(first, batch)
        return self.classify(global_max_pool(self.whole(torch.cat([first, second], dim=1)), batch))


MODELS: dict[str, Callable[[int], torch.nn.Module]] = {"pointnet2": PointNet2, "dgcnn": DGCNN}


class Task(NamedTuple):
    """Shapes to learn from, shapes to be told, and how a cloud of points is drawn from one."""

    train: Sequence[Data]
    test: Sequence[Data]
    names: list[str]
    draw: Callable[[Data], Data]
    blur: Callable[[Data], Data]  # in training only
    rounds: int  # how often each shape is drawn in an epoch
    epochs: int


def shapes(root: Path, points: int, seed: int) -> Task:
    """One mesh for each of 40 classes."""
    train, test = (GeometricShapes(str(root), train=part) for part in (True, False))
    draw = Compose([SamplePoints(points), NormalizeScale()])
    return Task(list(train), list(test), train.categories, draw, RandomJitter(0.01), rounds=5, epochs=15)


def voxels(root: Path, points: int, seed: int) -> Task:
    """Chairs and monitors, as the centres of occupied cells."""
    names, graphs = ["chair", "monitor"], []
    for label, name in enumerate(names):
        with gzip.open(root / f"modelnet10_voxel32_{name}.npy.gz") as file:
            filled = torch.from_numpy(np.load(file)[1:, 0] > 0)  # the first entry is empty
        graphs += [Data(pos=cells.nonzero().float(), y=torch.tensor([label])) for cells in filled]
    order = torch.randperm(len(graphs), generator=torch.Generator().manual_seed(seed)).tolist()
    fifth = len(graphs) // 5
    train, test = ([graphs[i] for i in part] for part in (order[fifth:], order[:fifth]))
    draw = Compose([FixedPoints(points, replace=False, allow_duplicates=True), NormalizeScale()])
    return Task(train, test, names, draw, RandomJitter(0.02), rounds=1, epochs=1)


DATA: dict[str, Callable[[Path, int, int], Task]] = {"voxels": voxels, "shapes": shapes}


def predictions(model: torch.nn.Module, clouds: list[Data]) -> Tensor:
    """The class of each cloud."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(b.pos, b.batch).argmax(1) for b in DataLoader(clouds, batch_size=40)])


def labels(clouds: list[Data]) -> Tensor:
    """The class that each cloud is of."""
    return torch.cat([cloud["y"] for cloud in clouds])


def accuracy(model: torch.nn.Module, task: Task, times: int) -> float:
    """The share of the test shapes that are told, each drawn several times."""
    clouds = [task.draw(shape) for shape in task.test for _ in range(times)]
    return float((predictions(model, clouds) == labels(clouds)).float().mean())


def train(name: str, task: Task, epochs: int, batch_size: int) -> tuple[torch.nn.Module, list[float]]:
    """A trained model, and its accuracy five times on the way."""
    model = MODELS[name](len(task.names))
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    steps = epochs * -(-task.rounds * len(task.train) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=8e-3, total_steps=steps)
    curve = []
    for epoch in range(1, epochs + 1):
        model.train()
        clouds = [task.blur(task.draw(shape)) for shape in task.train for _ in range(task.rounds)]
        for batch in DataLoader(clouds, batch_size, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(batch.pos, batch.batch), batch.y).backward()
            optimizer.step()
            schedule.step()
        if epoch * 5 % epochs < 5 or epoch == epochs:
            curve.append(accuracy(model, task, 1 if epoch < epochs else task.rounds))
    return model, curve


def picture(model: torch.nn.Module, task: Task, title: str, path: Path) -> None:
    """Draws the points of some test shapes, with the classes that they are taken for."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    chosen = torch.randperm(len(task.test), generator=torch.Generator().manual_seed(0))[:15].tolist()
    clouds = [task.draw(task.test[i]) for i in chosen]
    figure = plt.figure(figsize=(13, 8.2), layout="constrained")
    figure.suptitle(title)
    for place, (cloud, found, truth) in enumerate(
        zip(clouds, predictions(model, clouds), labels(clouds)), start=1
    ):
        axes: Any = figure.add_subplot(3, 5, place, projection="3d")
        x, y, z = cloud["pos"].t()
        axes.scatter(x, y, z, c=z, cmap="viridis", s=6)
        axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1), box_aspect=(1, 1, 1))
        axes.set_axis_off()
        right = bool(found == truth)
        text = task.names[found] if right else f"{task.names[found]}\n(is {task.names[truth]})"
        axes.set_title(text, fontsize=10, color="black" if right else "crimson")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Trains each model on each data set, prints a line for each seed and pair, and returns the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data/point_clouds"))
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--points", type=int, default=96, help="how many are drawn from a shape")
    parser.add_argument("--epochs", type=int, default=None, help="15 of 200 clouds, 1 of 1,084")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fast", action="store_true", help="fewer points, shapes and epochs, from one seed")
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    parser.add_argument("--picture", type=Path, default=None, help="where to draw clouds of the last pair")
    options = parser.parse_args(arguments)
    points, seeds = (64, 1) if options.fast else (options.points, options.seeds)
    numbers: dict[str, Any] = {}
    for kind in options.data:
        for name in options.models:
            start, curves = time.process_time(), []
            for seed in range(seeds):
                torch.manual_seed(seed)
                task = DATA[kind](options.root, points, seed)
                if options.fast:
                    task = task._replace(train=task.train[:400], test=task.test[:100])
                epochs = 1 if options.fast else options.epochs or task.epochs
                model, curve = train(name, task, epochs, batch_size=20)
                curves.append(curve)
                print(f"  seed {seed}:", *(f"{value:.3f}" for value in curve), flush=True)
            last = [curve[-1] for curve in curves]
            spread = statistics.stdev(last) if seeds > 1 else 0.0
            numbers[f"{kind} {name}"] = {
                "accuracy": statistics.fmean(last),
                "std": spread,
                "seeds": seeds,
                "curve": [statistics.fmean(values) for values in zip(*curves)],
                "processor_seconds": round(time.process_time() - start, 1),
            }
            print(f"{kind:7} {name:10} accuracy {statistics.fmean(last):.4f} +- {spread:.4f}", flush=True)
            if options.json is not None:  # after each pair: Ctrl-C keeps what is done
                versions = {"grapevine": grapevine.__version__, "torch": torch.__version__}
                record = {
                    "results": numbers,
                    "points": points,
                    "versions": versions,
                    "python": sys.version.split()[0],
                }
                options.json.write_text(json.dumps(record, indent=2) + "\n")
            if options.picture is not None:  # the last one stays
                title = f"{points} points of each shape, and what {name} takes it for"
                picture(model, task, title, options.picture)
    return numbers


if __name__ == "__main__":
    main()
