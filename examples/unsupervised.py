"""Learning without labels: Node2Vec, deep graph infomax, and graph autoencoders on Cora.

    python examples/unsupervised.py --root FOLDER        # FOLDER: raw files or cora.zip, else they are downloaded

Node2Vec and DGI learn embeddings; a logistic regression then reads the classes off them, with the 140 labels of the
public split. GAE and VGAE predict links that were taken out of the graph (5 % for validation, 10 % for the test).
Published: DGI 82.3 % (arXiv:1809.10341, table 2); GAE 91.0 / 92.0 and VGAE 91.4 / 92.6 (AUC / AP, arXiv:1611.07308).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import grapevine
from grapevine.datasets import Planetoid
from grapevine.nn import GAE, VGAE, DeepGraphInfomax, GCNConv, Node2Vec
from grapevine.transforms import NormalizeFeatures, RandomLinkSplit

PUBLISHED = {
    "dgi": {"accuracy": 0.823},
    "gae": {"auc": 0.910, "ap": 0.920},
    "vgae": {"auc": 0.914, "ap": 0.926},
}


class Infomax(torch.nn.Module):
    """The encoder of DGI."""

    def __init__(self, in_channels: int, out_channels: int = 512) -> None:
        super().__init__()
        self.conv = GCNConv(in_channels, out_channels)
        self.prelu = torch.nn.PReLU(out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.prelu(self.conv(x, edge_index))


class Encoder(torch.nn.Module):
    """The encoder of the autoencoders: as many last layers as the model needs (VGAE: mean and deviation)."""

    def __init__(self, in_channels: int, num_heads: int) -> None:
        super().__init__()
        self.conv = GCNConv(in_channels, 32)
        self.heads = torch.nn.ModuleList(GCNConv(32, 16) for _ in range(num_heads))

    def forward(self, x: Tensor, edge_index: Tensor) -> Any:
        x = self.conv(x, edge_index).relu()
        outs = [head(x, edge_index) for head in self.heads]
        return outs[0] if len(outs) == 1 else tuple(outs)


def readable(model: Any, z: Tensor, data: Any) -> dict[str, float]:
    """Accuracy of a logistic regression on the embeddings."""
    train, test = data.train_mask, data.test_mask
    return {"accuracy": model.test(z[train], data.y[train], z[test], data.y[test], max_iter=300)}


def node2vec(data: Any, fast: bool) -> dict[str, float]:
    # a batch visits most of so few nodes, so that dense gradients take less time than sparse ones
    model = Node2Vec(data.edge_index, 128, walk_length=20, context_size=10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(1 if fast else 40):
        for pos_rw, neg_rw in model.loader(batch_size=128, shuffle=True):
            optimizer.zero_grad()
            model.loss(pos_rw, neg_rw).backward()
            optimizer.step()
    return readable(model, model().detach(), data)


def dgi(data: Any, fast: bool) -> dict[str, float]:
    data = NormalizeFeatures()(data)
    model = DeepGraphInfomax(
        hidden_channels=512,
        encoder=Infomax(data.num_features),
        summary=lambda z, *args: z.mean(dim=0).sigmoid(),
        corruption=lambda x, edge_index: (x[torch.randperm(x.size(0))], edge_index),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for _ in range(20 if fast else 300):
        optimizer.zero_grad()
        model.loss(*model(data.x, data.edge_index)).backward()
        optimizer.step()
    model.eval()
    return readable(model, model(data.x, data.edge_index)[0].detach(), data)


def autoencoder(data: Any, fast: bool, variational: bool) -> dict[str, float]:
    split = RandomLinkSplit(
        0.05, 0.1, is_undirected=True, split_labels=True, add_negative_train_samples=False
    )
    train, val, test = split(data)
    model = VGAE(Encoder(data.num_features, 2)) if variational else GAE(Encoder(data.num_features, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    best, found = 0.0, (0.0, 0.0)
    for _ in range(20 if fast else 200):
        model.train()
        optimizer.zero_grad()
        z = model.encode(train.x, train.edge_index)
        loss = model.recon_loss(z, train.pos_edge_label_index)
        if variational:
            loss = loss + model.kl_loss() / train.num_nodes
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            z = model.encode(val.x, val.edge_index)
            score = sum(model.test(z, val.pos_edge_label_index, val.neg_edge_label_index))
            if score > best:
                z = model.encode(test.x, test.edge_index)
                best, found = score, model.test(z, test.pos_edge_label_index, test.neg_edge_label_index)
    return {"auc": float(found[0]), "ap": float(found[1])}


MODELS: dict[str, Callable[[Any, bool], dict[str, float]]] = {
    "node2vec": node2vec,
    "dgi": dgi,
    "gae": lambda data, fast: autoencoder(data, fast, variational=False),
    "vgae": lambda data, fast: autoencoder(data, fast, variational=True),
}


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Trains every model, prints a line for each, writes the JSON file and returns its numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data/planetoid")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--fast", action="store_true", help="a few epochs, on the same path")
    parser.add_argument(
        "--json", type=Path, default=None, help="where to record the numbers, among those there"
    )
    options = parser.parse_args(arguments)

    data = Planetoid(options.root, "Cora")[0]
    numbers: dict[str, Any] = {}
    for name in options.models:
        start, results = time.process_time(), []
        for seed in range(options.seeds):
            torch.manual_seed(seed)
            results.append(MODELS[name](data, options.fast))
        entry: dict[str, Any] = {}
        for metric in results[0]:
            values = [result[metric] for result in results]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            entry[metric] = {"mean": statistics.fmean(values), "std": spread}
        numbers[name] = entry | {"seeds": options.seeds, "seconds": round(time.process_time() - start, 1)}
        text = ", ".join(f"{m} {e['mean']:.3f} +- {e['std']:.3f}" for m, e in entry.items())
        goal = ", ".join(f"{value:.3f}" for value in PUBLISHED.get(name, {}).values())
        print(f"{name:9} {text}" + (f" (published {goal})" if goal else ""), flush=True)
        if options.json is not None:
            known = json.loads(options.json.read_text())["models"] if options.json.exists() else {}
            versions = {"grapevine": grapevine.__version__, "torch": torch.__version__}
            record = {"models": known | numbers, "versions": versions, "python": sys.version.split()[0]}
            options.json.write_text(json.dumps(record, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    main()
