"""A graph of several types in batches: papers, authors and subjects of ACM, with numbers of neighbours for each type.

    python examples/acm.py --root FOLDER        # FOLDER holds ACM_HeCo.zip, of the HeCo repository

The field of a paper is to be told from its words, its authors and its subject. GraphSAGE, turned into a network for all
types by `to_hetero`, is trained on the 60 labelled papers of each class, once on the whole graph and once on
neighbourhoods of 64 papers: up to 8 authors and the subject of each, then up to 8 of their papers. Authors and subjects
have no features but a vector of their own, which is learned. `examples/acm.json` holds the last recorded run.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import zipfile
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from torch import Tensor
from torch.nn import functional as F

from grapevine.data import HeteroData
from grapevine.loader import NeighborLoader
from grapevine.nn import GraphSAGE, to_hetero
from grapevine.transforms import ToUndirected


def read(archive: Path) -> HeteroData:
    """The graph, with edges in both directions."""
    with zipfile.ZipFile(archive) as files:

        def part(name: str) -> io.BytesIO:
            return io.BytesIO(files.read(f"acm/{name}"))

        data = HeteroData()
        words = scipy.sparse.load_npz(part("p_feat.npz"))
        data["paper"].x = torch.from_numpy(words.toarray() > 0).float()
        data["paper"].y = torch.from_numpy(np.load(part("labels.npy"))).long()
        for name in ("train", "val", "test"):
            mask = torch.zeros(len(data["paper"].y), dtype=torch.bool)
            mask[torch.from_numpy(np.load(part(f"{name}_60.npy")))] = True
            data["paper"][f"{name}_mask"] = mask
        for kind, name in (("author", "pa.txt"), ("subject", "ps.txt")):
            pairs = torch.from_numpy(np.loadtxt(part(name), dtype=np.int64))
            data[kind].num_nodes = int(pairs[:, 1].max()) + 1
            data["paper", "to", kind].edge_index = pairs.t().contiguous()
    return ToUndirected()(data)


class Network(torch.nn.Module):
    """GraphSAGE for all types; types without features get vectors that are learned."""

    def __init__(self, data: HeteroData, hidden: int) -> None:
        super().__init__()
        self.words = torch.nn.Linear(data["paper"].num_features, hidden)
        self.vectors = torch.nn.ModuleDict(
            {kind: torch.nn.Embedding(data[kind].num_nodes, hidden) for kind in ("author", "subject")}
        )
        classes = int(data["paper"].y.max()) + 1
        self.layers = to_hetero(
            GraphSAGE(hidden, hidden, 2, classes, dropout=0.5), data.metadata(), aggr="sum"
        )

    def forward(self, batch: HeteroData) -> Tensor:
        x = {"paper": F.dropout(self.words(batch["paper"].x).relu(), 0.5, self.training)}
        for kind, vectors in self.vectors.items():
            nodes = batch[kind].n_id if "n_id" in batch[kind] else torch.arange(batch[kind].num_nodes)
            x[kind] = F.dropout(vectors(nodes), 0.5, self.training)
        return self.layers(x, batch.edge_index_dict)["paper"]


def accuracies(model: Network, data: HeteroData) -> tuple[float, float]:
    """On the validation and test papers, with the whole graph."""
    model.eval()
    with torch.no_grad():
        right = (model(data).argmax(1) == data["paper"].y).float()
    return float(right[data["paper"].val_mask].mean()), float(right[data["paper"].test_mask].mean())


def train(data: HeteroData, sampled: bool, epochs: int, hidden: int) -> float:
    """The test accuracy of the epoch that was best on the validation papers."""
    model = Network(data, hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, weight_decay=1e-3)
    batches = [data]
    if sampled:
        fanouts = {key: [8, 8] if "author" in key else [1, 8] for key in data.edge_types}
        seeds = ("paper", data["paper"].train_mask)
        batches = NeighborLoader(data, fanouts, seeds, batch_size=64, shuffle=True)
    best = (0.0, 0.0)
    for _ in range(epochs if sampled else 3 * epochs):  # as many steps
        model.train()
        for batch in batches:
            paper = batch["paper"]
            seeds = slice(paper.batch_size) if sampled else paper.train_mask
            optimizer.zero_grad()
            F.cross_entropy(model(batch)[seeds], paper.y[seeds]).backward()
            optimizer.step()
        best = max(best, accuracies(model, data))
    return best[1]


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Trains in both ways, prints a line for each, and returns the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data/acm"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fast", action="store_true", help="a few epochs from one seed")
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    options = parser.parse_args(arguments)
    epochs, seeds = (14, 1) if options.fast else (options.epochs, options.seeds)
    data = read(options.root / "ACM_HeCo.zip")
    numbers = {}
    for way in ("full", "neighbors"):
        found = []
        for seed in range(seeds):
            torch.manual_seed(seed)
            found.append(train(data, way == "neighbors", epochs, options.hidden))
        spread = statistics.stdev(found) if seeds > 1 else 0.0
        numbers[way] = {"accuracy": statistics.fmean(found), "std": spread, "seeds": seeds}
        print(f"{way:9} accuracy {numbers[way]['accuracy']:.4f} +- {spread:.4f}", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    main()
