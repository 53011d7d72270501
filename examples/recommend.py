"""What to recommend: LightGCN learns from check-ins on Gowalla which places a user will visit next.

    python examples/recommend.py --root FOLDER          # FOLDER holds gowalla_lightgcn.zip, else it is downloaded
    python examples/recommend.py --root FOLDER --fast   # a few seconds, on the same path

Embeddings of users and places are passed along the check-ins three times and averaged; a place scores by the inner
product. Bayesian personalised ranking: a visited place shall score higher than one drawn at random. Recall@20 and
NDCG@20 count the held-out places among the 20 best of all places that a user has not visited (full ranking).
`examples/recommend.json` holds the recorded run with its curve, `examples/recommend.png` draws it.
Published: 0.1830 / 0.1554, after 1,000 epochs with steps of 2,048 pairs (He et al., SIGIR 2020, arXiv:2002.02126).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

import grapevine as gv
from grapevine.data import HeteroData
from grapevine.datasets import Gowalla
from grapevine.metrics import LinkPredMetricCollection, LinkPredNDCG, LinkPredRecall
from grapevine.nn import LightGCN, MIPSKNNIndex

#: Table 3 of the paper, by number of layers.
PUBLISHED = {
    1: {"recall": 0.1755, "ndcg": 0.1492},
    2: {"recall": 0.1777, "ndcg": 0.1524},
    3: {"recall": 0.1830, "ndcg": 0.1554},
    4: {"recall": 0.1830, "ndcg": 0.1550},
}


class CheckIns:
    """One graph of users and places, which are numbered after them.

    `train` and `test` are pairs of a user and a place, both numbered from 0, int64 (2, E).
    """

    def __init__(self, data: HeteroData, num_users: int | None = None) -> None:
        visits = data["user", "visits", "place"]
        train, test = visits.edge_index, visits.edge_label_index
        if num_users is not None:  # the first users, and the places that they visited
            train, test = (pairs[:, pairs[0] < num_users] for pairs in (train, test))
            places, numbers = torch.cat([train[1], test[1]]).unique(return_inverse=True)
            train = torch.stack([train[0], numbers[: train.size(1)]])
            test = torch.stack([test[0], numbers[train.size(1) :]])
            self.num_users, self.num_places = num_users, places.numel()
        else:
            self.num_users, self.num_places = data["user"].num_nodes, data["place"].num_nodes
        self.train, self.test = train, test
        both_ways = torch.stack([train[0], train[1] + self.num_users])
        self.edges = gv.Edges(torch.cat([both_ways, both_ways.flip(0)], dim=1), num_nodes=self.num_nodes)

    @property
    def num_nodes(self) -> int:
        return self.num_users + self.num_places


def of_users(pairs: Tensor, users: Tensor, num_users: int) -> Tensor:
    """The pairs of some users, who are numbered by their place in the list."""
    place = torch.full((num_users,), -1)
    place[users] = torch.arange(users.numel())
    row = place[pairs[0]]
    return torch.stack([row[row >= 0], pairs[1, row >= 0]])


@torch.no_grad()
def evaluate(model: LightGCN, data: CheckIns, users: Tensor, k: int = 20) -> dict[str, float]:
    """Recall@k and NDCG@k of users among all places that they have not visited."""
    embedding = model.get_embedding(data.edges)
    index = MIPSKNNIndex(embedding[data.num_users :])
    metrics = LinkPredMetricCollection({"recall": LinkPredRecall(k), "ndcg": LinkPredNDCG(k)})
    for some in users.split(2048):
        known, truth = (of_users(pairs, some, data.num_users) for pairs in (data.train, data.test))
        metrics.update(index.search(embedding[some], k, exclude_links=known).index, truth)
    return {name: round(float(value), 4) for name, value in metrics.compute().items()}


def train(data: CheckIns, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Trains until epochs or time are up, or Ctrl-C; returns the figures of all users, and the curve of some."""
    torch.manual_seed(seed)
    model = LightGCN(data.num_nodes, options.dim, options.layers)
    torch.nn.init.normal_(model.embedding.weight, std=0.1)  # as the authors' program does
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    tested = data.test[0].unique()
    watched = tested[torch.randperm(tested.numel())[: options.watch]]
    count = data.train.size(1)
    curve: list[dict[str, float]] = []
    spent, epoch = 0.0, 0
    with progress() as bar, contextlib.suppress(KeyboardInterrupt):
        task = bar.add_task(f"seed {seed}", total=options.epochs, note="")
        while epoch < options.epochs and spent < 60 * options.minutes:
            start, losses = time.process_time(), []
            for chosen in torch.randperm(count).split(options.batch_size):
                user, place = data.train[:, chosen]
                place = data.num_users + torch.stack([place, torch.randint(data.num_places, place.shape)])
                optimizer.zero_grad()
                visited, other = model(data.edges, torch.stack([user.repeat(2), place.flatten()])).chunk(2)
                nodes = torch.cat([user, place.flatten()])
                loss = model.recommendation_loss(visited, other, nodes, lambda_reg=options.penalty)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            decay.step()
            epoch += 1
            spent += time.process_time() - start
            if epoch % options.every == 0 or epoch == options.epochs:
                point = {
                    "epoch": epoch,
                    "seconds": round(spent, 1),
                    "loss": round(statistics.fmean(losses), 4),
                }
                curve.append(point | evaluate(model, data, watched))
                note = ", ".join(f"{name} {curve[-1][name]:.4f}" for name in ("loss", "recall", "ndcg"))
                bar.update(task, note=note)
                if options.verbose:
                    print(f"epoch {epoch}, {spent:.0f} s: {note}", flush=True)
            bar.advance(task)
    figures = evaluate(model, data, tested)
    return {**figures, "epochs": epoch, "seconds": round(spent, 1), "seed": seed, "curve": curve}


def progress() -> Progress:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    note = TextColumn("{task.fields[note]}")
    disable = not console.is_terminal
    return Progress(*columns, note, TimeElapsedColumn(), console=console, transient=True, disable=disable)


def draw(runs: list[dict[str, Any]], layers: int, file: Path) -> None:
    """Recall and NDCG of the watched users over processor time, beside the published figures."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for color, name in enumerate(("recall", "ndcg")):
        for run in runs:
            minutes = [point["seconds"] / 60 for point in run["curve"]]
            values = [point[name] for point in run["curve"]]
            label = f"{name}@20, seed {run['seed']}: all users {run[name]:.4f} at the end"
            axis.plot(minutes, values, ".-", color=f"C{color}", label=label)
        if layers in PUBLISHED:
            value = PUBLISHED[layers][name]
            axis.axhline(value, color=f"C{color}", linestyle="--", linewidth=1)
            axis.annotate(f"published {name}@20: {value:.4f}", (0, value), fontsize=7, va="bottom")
    axis.set(xlabel="minutes of one processor", title=f"Gowalla, LightGCN of {layers} layers", xlim=(0, None))
    axis.legend(loc="lower right")
    figure.savefig(file, dpi=90)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Trains from every seed, prints a line for each, writes the JSON file and the picture, returns the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data/gowalla")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32_768)
    parser.add_argument("--lr", type=float, default=0.05, help="at first; falls by half a cosine")
    parser.add_argument("--penalty", type=float, default=5e-5, help="of the embeddings' squares in a batch")
    parser.add_argument("--epochs", type=int, default=75)
    parser.add_argument("--minutes", type=float, default=60.0, help="the most processor time for a seed")
    parser.add_argument("--every", type=int, default=3, help="epochs between points of the curve")
    parser.add_argument("--watch", type=int, default=4096, help="how many users the curve is about")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print the points of the curve")
    parser.add_argument("--fast", action="store_true", help="500 users, and a few epochs")
    parser.add_argument("--json", type=Path, default=None, help="where to record the figures")
    parser.add_argument("--picture", type=Path, default=None, help="where to draw the curve")
    options = parser.parse_args(arguments)
    if options.fast:
        options.epochs, options.batch_size = 6, 4096

    data = CheckIns(Gowalla(options.root)[0], 500 if options.fast else None)
    runs = []
    for seed in range(options.seeds):
        run = train(data, options, seed)
        beside = PUBLISHED.get(options.layers, {})
        goal = " / ".join(f"{value:.4f}" for value in beside.values())
        print(
            f"seed {seed}: recall@20 {run['recall']:.4f}, NDCG@20 {run['ndcg']:.4f}; {run['epochs']} epochs, "
            f"{run['seconds']:.0f} s (published {goal})",
            flush=True,
        )
        runs.append(run)
    names = ("layers", "dim", "batch_size", "lr", "penalty")
    recipe = {name: getattr(options, name) for name in names}
    versions = {"grapevine": gv.__version__, "torch": torch.__version__}
    record = {"runs": runs, "recipe": recipe, "published": beside, "versions": versions}
    if options.json is not None:
        options.json.write_text(json.dumps(record) + "\n")
    if options.picture is not None:
        draw(runs, options.layers, options.picture)
    return record


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
