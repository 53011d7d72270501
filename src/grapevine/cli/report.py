"""What a training leaves behind: a table on the screen, and a folder with numbers, pictures and the model."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

import grapevine
from grapevine.data import Data
from grapevine.errors import GraphValueError, MissingDependencyError, require
from grapevine.training import PARTS, FitResult, Recipe, embed, save_model

_COLORS = {"train": "#4c72b0", "val": "#dd8452", "test": "#55a868"}
_NAMES = {"train": "training", "val": "validation", "test": "test"}
_MOST_EDGES, _MOST_CLASSES = 2_000, 20


def check_place(folder: Path) -> None:
    """Raises before the training if a report cannot be written there; makes nothing yet."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        what = "a folder" if place == folder else f"in a folder, and not below the file {str(place)!r}"
        raise GraphValueError(f"expected --out to be {what}, got {str(folder)!r}")
    if not os.access(place, os.W_OK | os.X_OK):
        raise GraphValueError(f"expected --out to be where you may write, got {str(folder)!r}")


def best(results: list[FitResult]) -> FitResult:
    """The result with the highest validation accuracy (without validation nodes: the first)."""
    return max(results, key=lambda r: r.accuracy.get("val", 0.0))


def spread(results: list[FitResult], part: str) -> tuple[float, float]:
    """Mean and standard deviation of a part's accuracy over the seeds."""
    values = [r.accuracy[part] for r in results]
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def table(data: str, recipe: Recipe, results: list[FitResult]) -> Table:
    """The accuracies, mean and spread over the seeds."""
    title = f"{recipe.model} on {data}, {len(results)} seed{'s' * (len(results) > 1)}"
    out = Table(title=title, caption=f"{sum(r.seconds for r in results):.1f} s of training")
    out.add_column("nodes")
    for name in ("mean accuracy", "spread", "lowest", "highest"):
        out.add_column(name, justify="right")
    for part in (part for part in PARTS if part in results[0].accuracy):
        mean, deviation = spread(results, part)
        values = [r.accuracy[part] for r in results]
        row = [f"{mean:.2%}", f"{deviation:.2%}", f"{min(values):.2%}", f"{max(values):.2%}"]
        out.add_row(_NAMES[part], *row, style="bold" if part == "test" else "")
    return out


def write(folder: Path, name: str, data: Data, recipe: Recipe, results: list[FitResult]) -> list[str]:
    """Writes `metrics.json`, `model.safetensors`, `loss.png` and `embedding.png`, all of them or none.

    Returns:
        Lines that tell of them.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".report-") as unfinished:
        lines = _write_files(Path(unfinished), name, data, recipe, results)
        files = sorted(Path(unfinished).iterdir())
        folder.mkdir(exist_ok=True)
        for file in files:
            file.replace(folder / file.name)
    return [f"report: {folder}/ ({', '.join(file.name for file in files)})", *lines]


def _write_files(folder: Path, name: str, data: Data, recipe: Recipe, results: list[FitResult]) -> list[str]:
    shown = best(results)
    (folder / "metrics.json").write_text(json.dumps(metrics(name, data, recipe, results), indent=2) + "\n")
    save_model(shown.model, recipe, folder / "model.safetensors", data=name, seed=shown.seed)
    try:
        require("matplotlib")
    except MissingDependencyError:
        return ["no pictures: matplotlib is not installed; do this: pip install 'grapevine-gnn[report]'"]
    title = f"{recipe.model} on {name}"
    draw_curves(results, title, folder / "loss.png")
    draw_embedding(embed(shown.model, data), data, shown, title, folder / "embedding.png")
    return []


def metrics(name: str, data: Data, recipe: Recipe, results: list[FitResult]) -> dict[str, Any]:
    """Everything that was measured, as plain values."""
    summary = {}
    for part in results[0].accuracy:
        mean, deviation = spread(results, part)
        summary[part] = {"mean": mean, "std": deviation}
    return {
        "data": {"name": name, "num_nodes": data.num_nodes, "num_edges": data.num_edges},
        "recipe": asdict(recipe),
        "accuracy": summary,
        "seeds": [
            {
                "seed": r.seed,
                "accuracy": r.accuracy,
                "best_epoch": r.best_epoch,
                "epochs": len(r.history["loss"]),
                "seconds": round(r.seconds, 3),
                "history": r.history,
            }
            for r in results
        ],
        "versions": {"grapevine": grapevine.__version__, "torch": torch.__version__},
    }


def draw_curves(results: list[FitResult], title: str, path: Path) -> None:
    """Draws loss and accuracy over the epochs: a thin line per seed, a thick one for their mean.

    Where training stopped early, the mean ends with the first seed that did; a dot marks the weights that were kept.
    """
    figure = _figure(10, 4)
    left, right = figure.subplots(1, 2)
    for part, key in (("train", "loss"), ("val", "val_loss")):
        _curve(left, results, key, _COLORS[part], _NAMES[part])
    for part in PARTS:
        _curve(right, results, part, _COLORS[part], _NAMES[part])
    if "val_loss" in results[0].history:
        kept = [(r.best_epoch, r.history["val_loss"][r.best_epoch - 1]) for r in results]
        style = {"s": 22, "color": "black", "linewidths": 0, "zorder": 3}
        left.scatter(*zip(*kept), label="weights kept", **style)
    left.set(title=f"{title}: loss", xlabel="epoch", ylabel="cross entropy", ylim=(0, None))
    right.set(title=f"{title}: accuracy", xlabel="epoch", ylabel="share of nodes", ylim=(0, 1.02))
    for axes in (left, right):
        _tidy(axes)
        axes.margins(x=0.01)
        axes.grid(alpha=0.25, linewidth=0.6)
    left.legend(frameon=False)
    right.legend(frameon=False, loc="lower right")
    if len(results) > 1:
        note = f"thin: {len(results)} seeds, thick: their mean"
        left.set_xlabel(f"epoch ({note})")
    figure.savefig(path, dpi=150)


def _curve(axes: Any, results: list[FitResult], key: str, color: str, label: str) -> None:
    curves = [r.history[key] for r in results if key in r.history]
    if not curves:
        return
    if len(curves) > 1:
        for curve in curves:
            axes.plot(range(1, len(curve) + 1), curve, color=color, alpha=0.25, linewidth=0.7)
    mean = [statistics.fmean(values) for values in zip(*curves)]
    axes.plot(range(1, len(mean) + 1), mean, color=color, linewidth=1.8, label=label)


def draw_embedding(hidden: Tensor, data: Data, result: FitResult, title: str, path: Path) -> None:
    """Draws the nodes by the two directions in which their hidden features vary most, coloured by class."""
    points, share = principal_plane(hidden)
    figure = _figure(7.5, 6)
    axes = figure.subplots()
    if data.num_edges <= _MOST_EDGES:
        from matplotlib.collections import LineCollection

        ends = points[data["edge_index"].cpu()].transpose(0, 1).tolist()
        axes.add_collection(LineCollection(ends, colors="#888888", linewidths=0.5, alpha=0.3, zorder=1))
    size = max(6.0, min(70.0, 4_000 / max(1, points.size(0)) ** 0.85))
    for label, name, color in _classes(data):
        nodes = (data["y"].cpu() == label).nonzero().view(-1)
        x, y = points[nodes].unbind(1)
        axes.scatter(
            x, y, s=size, color=color, label=name, alpha=0.85, linewidths=0.3, edgecolors="white", zorder=2
        )
    if "train_mask" in data:
        x, y = points[data.train_mask.cpu().nonzero().view(-1)].unbind(1)
        axes.scatter(
            x,
            y,
            s=size * 1.6,
            facecolors="none",
            edgecolors="black",
            linewidths=0.8,
            label="training node",
            zorder=3,
        )
    facts = [] if result.seed is None else [f"seed {result.seed}"]
    facts += [f"test accuracy {result.accuracy['test']:.1%}"] if "test" in result.accuracy else []
    axes.set_title(
        f"{title}: hidden features of every node, in two dimensions\n{', '.join(facts)}", fontsize=11
    )
    axes.set(
        xlabel=f"first direction ({share[0]:.0%} of the variance)",
        ylabel=f"second direction ({share[1]:.0%} of the variance)",
    )
    axes.set(xticks=[], yticks=[])
    axes.margins(0.06)
    _tidy(axes)
    handles, _ = axes.get_legend_handles_labels()
    if len(handles) <= _MOST_CLASSES:
        axes.legend(
            frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=max(1, 6 / size**0.5)
        )
    figure.savefig(path, dpi=150)


def principal_plane(hidden: Tensor) -> tuple[Tensor, list[float]]:
    """The two principal components of the directions of `(N, F)` features, and their shares of the variance.

    Rows are brought to unit length first: how sure a model is stretches them, and would hide what it is sure of.
    """
    directions = torch.nn.functional.normalize(hidden.double().cpu(), dim=-1)
    centred = directions - directions.mean(0)
    left, singular, _ = torch.linalg.svd(centred, full_matrices=False)
    plane = torch.zeros(centred.size(0), 2)
    count = min(2, singular.numel())
    plane[:, :count] = (left[:, :count] * singular[:count]).float()
    share = singular.square() / singular.square().sum().clamp(min=1e-12)
    return plane, [*share[:2].tolist(), 0.0, 0.0][:2]


def _classes(data: Data) -> list[tuple[int, str, Any]]:
    """Labels with their names and colours; grey for nodes without a label."""
    from matplotlib import colormaps

    y: Tensor = data["y"]
    count = int(y.max()) + 1
    palette = colormaps["tab10" if count <= 10 else "turbo"]
    names = data.to_dict().get("class_names", [])
    names = [*names, *(f"class {i}" for i in range(len(names), count))]
    colors = [palette(i if count <= 10 else i / (count - 1)) for i in range(count)]
    unknown = [(-1, "no label", "#cccccc")] if bool((y < 0).any()) else []
    return [*unknown, *((i, str(names[i]), colors[i]) for i in range(count))]


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
