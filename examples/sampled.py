"""Training on parts of a graph: Amazon Computers (13,752 nodes, 491,722 edges), in batches instead of as a whole.

    python examples/sampled.py --root FOLDER      # FOLDER: the raw file, else it is downloaded

GraphSAGE is trained in four ways: on the whole graph, on sampled neighbourhoods (`NeighborLoader`), on clusters
(`ClusterLoader`), and, to predict who is bought together, on sampled links with fresh negatives
(`LinkNeighborLoader`). `examples/sampled.json` holds the numbers of the last recorded run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from grapevine.data import Data
from grapevine.datasets import Amazon
from grapevine.loader import ClusterData, ClusterLoader, LinkNeighborLoader, NeighborLoader
from grapevine.nn import GraphSAGE
from grapevine.transforms import RandomLinkSplit, RandomNodeSplit

WAYS = ("full", "neighbors", "clusters", "links")


def accuracy(model: GraphSAGE, data: Data, batch_size: int = 2048) -> float:
    """On the test nodes, layer by layer with all neighbours."""
    model.eval()
    out = model.inference(NeighborLoader(data, [-1], batch_size=batch_size))
    return float((out.argmax(1) == data.y)[data.test_mask].float().mean())


def nodes(data: Data, way: str, epochs: int, hidden: int) -> float:
    """Trains a classifier of nodes and returns its test accuracy."""
    model = GraphSAGE(data.num_features, hidden, 2, int(data.y.max()) + 1, dropout=0.5, norm="batch_norm")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if way == "neighbors":
        loader = NeighborLoader(data, [10, 10], data.train_mask, batch_size=512, shuffle=True)
    elif way == "clusters":
        loader = ClusterLoader(ClusterData(data, num_parts=200), batch_size=20, shuffle=True)
    else:
        loader = [data]
    for _ in range(epochs * {"full": 5, "neighbors": 1, "clusters": 3}[way]):  # about as much work
        model.train()
        for batch in loader:
            out = model(batch.x, batch.edge_index)
            if way == "neighbors":
                loss = F.cross_entropy(out[: batch.batch_size], batch.y[: batch.batch_size])
            else:
                loss = F.cross_entropy(out[batch.train_mask], batch.y[batch.train_mask])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return accuracy(model, data)


def area(score: Tensor, label: Tensor) -> float:
    """Area under the ROC curve: how often a positive scores higher than a negative; ties count half."""
    positive, negative = score[label > 0], score[label <= 0].sort()[0]
    below = sum(torch.searchsorted(negative, positive, right=right).double() for right in (False, True))
    return float(below.mean() / (2 * len(negative)))


def links(data: Data, epochs: int, hidden: int) -> float:
    """Trains node embeddings whose products tell edges, and returns the area under the ROC curve on test edges."""
    split = RandomLinkSplit(0.05, 0.1, is_undirected=True, add_negative_train_samples=False)
    train, _, test = split(Data(x=data.x, edge_index=data.edge_index))
    model = GraphSAGE(data.num_features, hidden, 2, norm="batch_norm")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    seeds = train.edge_label_index
    train = Data(x=train.x, edge_index=train.edge_index)
    loader = LinkNeighborLoader(train, [10, 5], seeds, batch_size=8192, shuffle=True, neg_sampling="binary")
    for _ in range(epochs):
        model.train()
        for batch in loader:
            z = model(batch.x, batch.edge_index)
            src, dst = batch.edge_label_index
            loss = F.binary_cross_entropy_with_logits((z[src] * z[dst]).sum(1), batch.edge_label)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    z = model.inference(NeighborLoader(train, [-1], batch_size=2048))
    src, dst = test.edge_label_index
    return area((z[src] * z[dst]).sum(1), test.edge_label)


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Trains in every way, prints a line for each, and returns the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data/amazon")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--fast", action="store_true", help="few epochs of a small model from one seed")
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    options = parser.parse_args(arguments)

    if options.fast:
        options.epochs, options.hidden, options.seeds = 8, 16, 1
    graph = Amazon(options.root, "Computers")[0]
    numbers = {}
    for way in options.ways:
        start, name, found = time.perf_counter(), "accuracy", []
        for seed in range(options.seeds):
            torch.manual_seed(seed)  # the split too is the same for all ways
            data = RandomNodeSplit(num_val=0.1, num_test=0.2)(graph)
            if way == "links":
                name = "area under ROC curve"
                found.append(links(data, max(options.epochs // 2, 1), options.hidden))
            else:
                found.append(nodes(data, way, options.epochs, options.hidden))
        numbers[way] = {
            name: statistics.fmean(found),
            "std": statistics.stdev(found) if len(found) > 1 else 0.0,
            "seeds": len(found),
            "seconds": (time.perf_counter() - start) / len(found),
        }
        entry = numbers[way]
        print(f"{way:9} {name} {entry[name]:.4f} +- {entry['std']:.4f}, {entry['seconds']:.0f} s", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    main()
