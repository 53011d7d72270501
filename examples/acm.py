"""A graph of several types, by seven networks, on the whole and in batches: papers, authors and subjects of ACM.

    python examples/acm.py --root FOLDER        # FOLDER holds ACM_HeCo.zip, of the HeCo repository

The field of a paper is to be told from its words, its authors and its subject. Each network is trained on the 60
labelled papers of each class:

    full, neighbors   GraphSAGE, turned into a network for all types by `to_hetero`: on the whole graph, and on
                      neighbourhoods of 64 papers: up to 8 authors and the subject of each, then up to 8 of their papers
    hgt               two HGTConv
    rgcn, rgat        two RGCNConv or RGATConv, on all nodes in one graph with typed edges
    gcn               two HeteroConv of a GCNConv for each metapath: papers that share an author, or a subject
    han               HANConv on these metapaths

Authors and subjects have no features but a vector of their own, which is learned. The results are those of the epoch
that is best on the validation papers. Published, for the same files and split: HAN micro F1 0.881, macro F1 0.884;
HeCo, which learns without labels, 0.887 and 0.890 (arXiv:2105.09111, table 2). `examples/acm.json` holds the last
recorded run.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor
from torch.nn import functional as F

from grapevine.data import HeteroData
from grapevine.loader import NeighborLoader
from grapevine.nn import GCNConv, GraphSAGE, HANConv, HeteroConv, HGTConv, RGATConv, RGCNConv, to_hetero
from grapevine.transforms import AddMetaPaths, ToUndirected

MODELS = ["full", "neighbors", "hgt", "rgcn", "rgat", "gcn", "han"]
PUBLISHED = {"han": {"micro_f1": 0.881, "macro_f1": 0.884}, "heco": {"micro_f1": 0.887, "macro_f1": 0.890}}


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


def with_metapaths(data: HeteroData) -> HeteroData:
    """The papers alone, joined where they share an author or a subject: with about 30 of those of one subject."""
    paths: Any = [[("paper", "to", kind), (kind, "rev_to", "paper")] for kind in ("author", "subject")]
    return AddMetaPaths(paths, drop_orig_edge_types=True, drop_unconnected_node_types=True, max_sample=30)(
        data.clone()
    )


class Typed(torch.nn.Module):
    """Two layers on all nodes in one graph, with typed edges."""

    def __init__(self, layers: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)

    def forward(self, x: dict[str, Tensor], edges: dict[Any, Tensor]) -> dict[str, Tensor]:
        start, total = {}, 0
        for kind, value in x.items():
            start[kind], total = total, total + len(value)
        pairs = [index + torch.tensor([[start[key[0]]], [start[key[-1]]]]) for key, index in edges.items()]
        types = torch.arange(len(pairs)).repeat_interleave(torch.tensor([pair.shape[1] for pair in pairs]))
        edge_index, h = torch.cat(pairs, dim=1), torch.cat(list(x.values()))
        h = F.dropout(self.layers[0](h, edge_index, types).relu(), 0.5, self.training)
        h = self.layers[1](h, edge_index, types)
        return dict(zip(x, h.split([len(value) for value in x.values()])))


class Stacked(torch.nn.Module):
    """Layers for several types, one after the other, then a linear map of the papers."""

    def __init__(self, layers: Sequence[torch.nn.Module], hidden: int, classes: int) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)
        self.last = torch.nn.Linear(hidden, classes)

    def forward(self, x: dict[str, Tensor], edges: dict[Any, Tensor]) -> dict[str, Tensor]:
        for layer in self.layers:
            x = {key: F.dropout(h.relu(), 0.5, self.training) for key, h in layer(x, edges).items()}
        return {"paper": self.last(x["paper"])}


def layers(name: str, data: HeteroData, hidden: int, classes: int) -> torch.nn.Module:
    """The network between the input vectors and the classes."""
    metadata, relations = data.metadata(), len(data.edge_types)
    match name:
        case "hgt":
            return Stacked([HGTConv(hidden, hidden, metadata, heads=4) for _ in range(2)], hidden, classes)
        case "han":
            return Stacked([HANConv(hidden, hidden, metadata, heads=8, dropout=0.5)], hidden, classes)
        case "gcn":
            convs = [
                HeteroConv({key: GCNConv(hidden, hidden) for key in metadata[1]}, "mean") for _ in range(2)
            ]
            return Stacked(convs, hidden, classes)
        case "rgcn":
            return Typed([RGCNConv(hidden, size, relations) for size in (hidden, classes)])
        case "rgat":
            sizes = (hidden // 4, 4), (classes, 1)
            return Typed([RGATConv(hidden, size, relations, heads=heads) for size, heads in sizes])
    return to_hetero(GraphSAGE(hidden, hidden, 2, classes, dropout=0.5), metadata, aggr="sum")


class Network(torch.nn.Module):
    """Vectors for the nodes of all types, those without features learn theirs, and layers."""

    def __init__(self, data: HeteroData, hidden: int, name: str) -> None:
        super().__init__()
        self.words = torch.nn.Linear(data["paper"].num_features, hidden)
        self.vectors = torch.nn.ModuleDict(
            {
                kind: torch.nn.Embedding(data[kind].num_nodes, hidden)
                for kind in data.node_types
                if kind != "paper"
            }
        )
        self.layers = layers(name, data, hidden, int(data["paper"].y.max()) + 1)

    def forward(self, batch: HeteroData) -> Tensor:
        x = {"paper": F.dropout(self.words(batch["paper"].x).relu(), 0.5, self.training)}
        for kind, vectors in self.vectors.items():
            nodes = batch[kind].n_id if "n_id" in batch[kind] else torch.arange(batch[kind].num_nodes)
            x[kind] = F.dropout(vectors(nodes), 0.5, self.training)
        return self.layers(x, batch.edge_index_dict)["paper"]


def scores(found: Tensor, y: Tensor) -> dict[str, float]:
    """Micro F1, which is the accuracy where each paper has one class, and macro F1, the mean of the classes' F1."""
    of_class = [
        float(2 * ((found == c) & (y == c)).sum() / ((found == c).sum() + (y == c).sum())) for c in y.unique()
    ]
    return {"accuracy": float((found == y).float().mean()), "macro_f1": statistics.fmean(of_class)}


def train(data: HeteroData, name: str, epochs: int, hidden: int) -> dict[str, float]:
    """The scores of the test papers at the epoch that was best on the validation papers."""
    model = Network(data, hidden, name)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, weight_decay=1e-3)
    sampled = name == "neighbors"
    batches: Any = [data]
    if sampled:
        fanouts = {key: [8, 8] if "author" in key else [1, 8] for key in data.edge_types}
        labelled = ("paper", data["paper"].train_mask)
        batches = NeighborLoader(data, fanouts, labelled, batch_size=64, shuffle=True)
    y, masks = data["paper"].y, (data["paper"].val_mask, data["paper"].test_mask)
    best, result = 0.0, {"accuracy": 0.0, "macro_f1": 0.0}
    for _ in range(epochs if sampled else 3 * epochs):  # as many steps
        model.train()
        for batch in batches:
            paper = batch["paper"]
            seeds = slice(paper.batch_size) if sampled else paper.train_mask
            optimizer.zero_grad()
            F.cross_entropy(model(batch)[seeds], paper.y[seeds]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            found = model(data).argmax(1)
        val, test = (scores(found[mask], y[mask]) for mask in masks)
        if val["accuracy"] > best:
            best, result = val["accuracy"], test
    return result


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Trains every network, prints a line for each, and returns the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data/acm"))
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fast", action="store_true", help="a few epochs from one seed")
    parser.add_argument("--json", type=Path, default=None, help="where to add the numbers")
    options = parser.parse_args(arguments)
    seeds = 1 if options.fast else options.seeds
    data = read(options.root / "ACM_HeCo.zip")
    torch.manual_seed(0)  # of metapaths, some are drawn
    joined = with_metapaths(data)
    numbers: dict[str, dict[str, float]] = {}
    for name in options.models:
        epochs = options.epochs if not options.fast else 14 if name in ("full", "neighbors") else 4
        found, start = [], time.process_time()
        for seed in range(seeds):
            torch.manual_seed(seed)
            found.append(train(joined if name in ("gcn", "han") else data, name, epochs, options.hidden))
        entry: dict[str, float] = {"seeds": seeds, "seconds": round(time.process_time() - start, 1)}
        for metric, spread in (("accuracy", "std"), ("macro_f1", "macro_f1_std")):
            values = [result[metric] for result in found]
            entry[metric] = statistics.fmean(values)
            entry[spread] = statistics.stdev(values) if seeds > 1 else 0.0
        numbers[name] = entry
        print(
            f"{name:9} micro F1 {entry['accuracy']:.4f} +- {entry['std']:.4f}, "
            f"macro F1 {entry['macro_f1']:.4f} +- {entry['macro_f1_std']:.4f}",
            flush=True,
        )
        if options.json is not None:
            known = json.loads(options.json.read_text()) if options.json.exists() else {}
            options.json.write_text(json.dumps(known | numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    main()
