"""Links between two kinds of nodes: which users will visit which places, learned from sampled neighbourhoods.

    python examples/bipartite.py --root FOLDER       # FOLDER holds gowalla_lightgcn.zip, else it is downloaded
    python examples/bipartite.py --root FOLDER --fast

The check-ins of some users on Gowalla are a graph of users and places without features: both have vectors that are
learned. `LinkNeighborLoader` draws batches of check-ins and as many pairs that are none, with up to 10 and then 5
neighbours of both ends; GraphSAGE, turned into a network for both kinds by `to_hetero`, scores them. A fifth of the
check-ins are learned from and not seen as edges meanwhile. Held-out check-ins are to be told from pairs drawn at
random: the area under the ROC curve and average precision, beside the popularity of places. The recorded run is
`examples/bipartite.json`. (No figure is published for these pairs; recommend.py has one for the ranking of places.)
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor
from torch.nn import functional as F

import grapevine as gv
from grapevine.data import HeteroData
from grapevine.datasets import Gowalla
from grapevine.loader import LinkNeighborLoader
from grapevine.nn import GraphSAGE, to_hetero

VISITS = ("user", "visits", "place")


def few_users(data: HeteroData, num_users: int) -> HeteroData:
    """The check-ins of the first users, at the places where one of them has been to learn from."""
    train, test = (
        pairs[:, pairs[0] < num_users] for pairs in (data[VISITS].edge_index, data[VISITS].edge_label_index)
    )
    places = train[1].unique()
    number = torch.full((data["place"].num_nodes,), -1).scatter(0, places, torch.arange(places.numel()))
    out = HeteroData()
    out["user"].num_nodes, out["place"].num_nodes = num_users, places.numel()
    train, test = (torch.stack([pairs[0], number[pairs[1]]]) for pairs in (train, test))
    out[VISITS].edge_index, out[VISITS].edge_label_index = train, test[:, test[1] >= 0]
    return out


def seen(data: HeteroData, pairs: Tensor) -> HeteroData:
    """The graph with these pairs as edges, in both directions."""
    graph = HeteroData()
    for kind in ("user", "place"):
        graph[kind].num_nodes = data[kind].num_nodes
        graph[kind].node_id = torch.arange(data[kind].num_nodes)
    graph[VISITS].edge_index = pairs
    graph["place", "visited_by", "user"].edge_index = pairs.flip(0)
    return graph


class Network(torch.nn.Module):
    """Vectors of users and places, their neighbourhoods, and the inner product of both ends."""

    def __init__(self, data: HeteroData, hidden: int) -> None:
        super().__init__()
        self.vectors = torch.nn.ModuleDict(
            {kind: torch.nn.Embedding(data[kind].num_nodes, hidden) for kind in ("user", "place")}
        )
        for vectors in self.vectors.values():
            torch.nn.init.normal_(vectors.weight, std=0.1)
        metadata = (["user", "place"], [VISITS, ("place", "visited_by", "user")])
        self.layers = to_hetero(GraphSAGE(hidden, hidden, 2), metadata)

    def forward(self, batch: HeteroData) -> Tensor:
        x = {kind: vectors(batch[kind].node_id) for kind, vectors in self.vectors.items()}
        z = self.layers(x, batch.edge_index_dict)
        z = {kind: z[kind] + x[kind] for kind in x}
        user, place = batch[VISITS].edge_label_index
        return (z["user"][user] * z["place"][place]).sum(-1)


def figures(score: Tensor, truth: Tensor) -> dict[str, float]:
    """Area under the ROC curve, and average precision."""
    s, y = score.numpy(), truth.numpy()
    return {"auc": float(roc_auc_score(y, s)), "ap": float(average_precision_score(y, s))}


def loader(graph: HeteroData, pairs: Tensor, label: Tensor | None, train: bool) -> LinkNeighborLoader:
    """Batches around pairs; in training with as many pairs that are none."""
    return LinkNeighborLoader(
        graph,
        num_neighbors=[10, 5],
        edge_label_index=(VISITS, pairs),
        edge_label=label,
        neg_sampling="binary" if train else None,
        batch_size=2048,
        shuffle=train,
    )


def run(data: HeteroData, epochs: int, hidden: int, seed: int) -> dict[str, dict[str, float]]:
    """The figures of the network and of popularity, from one seed."""
    torch.manual_seed(seed)
    pairs, right = data[VISITS].edge_index, data[VISITS].edge_label_index
    wrong = torch.stack([right[0], torch.randint(data["place"].num_nodes, (right.size(1),))])
    tested = torch.cat([right, wrong], dim=1)
    truth = torch.cat([torch.ones(right.size(1)), torch.zeros(right.size(1))])
    popularity = pairs[1].bincount(minlength=data["place"].num_nodes)[tested[1]]

    model = Network(data, hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    start = time.process_time()
    for _ in range(epochs):
        model.train()
        order = torch.randperm(pairs.size(1))
        fifth = order.numel() // 5
        graph = seen(data, pairs[:, order[fifth:]])
        for batch in loader(graph, pairs[:, order[:fifth]], None, train=True):
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(model(batch), batch[VISITS].edge_label).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        batches = loader(seen(data, pairs), tested, truth, train=False)
        score = torch.cat([model(batch) for batch in batches])
    network = {**figures(score, truth), "seconds": round(time.process_time() - start, 1)}
    return {"network": network, "popularity": figures(popularity, truth)}


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Runs from every seed, prints a line for each way, writes the JSON file and returns its numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data/gowalla")
    parser.add_argument("--users", type=int, default=1500, help="the check-ins of how many users")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--fast", action="store_true", help="300 users, 10 epochs, 1 seed")
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    options = parser.parse_args(arguments)
    if options.fast:
        options.users, options.epochs, options.seeds = 300, 10, 1

    data = few_users(Gowalla(options.root)[0], options.users)
    runs = [run(data, options.epochs, options.hidden, seed) for seed in range(options.seeds)]
    numbers: dict[str, Any] = {}
    for way in ("popularity", "network"):
        numbers[way] = {}
        for metric in ("auc", "ap"):
            values = [run[way][metric] for run in runs]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            numbers[way][metric] = {"mean": statistics.fmean(values), "std": spread}
        text = ", ".join(f"{m} {e['mean']:.4f} +- {e['std']:.4f}" for m, e in numbers[way].items())
        print(f"{way:11} {text}", flush=True)
    if options.json is not None:
        recipe = {name: getattr(options, name) for name in ("users", "epochs", "hidden", "seeds")}
        versions = {"grapevine": gv.__version__, "torch": torch.__version__}
        record = {"figures": numbers, "runs": runs, "recipe": recipe, "versions": versions}
        options.json.write_text(json.dumps(record) + "\n")
    return numbers


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
