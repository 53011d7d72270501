"""Graphs with one answer each, by GIN, PNA and GPS: solubility of molecules (ESOL); MUTAG, PROTEINS, NCI1 in ten folds.

    python examples/molecules.py --root FOLDER --data esol mutag       # FOLDER: delaney-processed.csv, MUTAG.zip, ...

ESOL: molecules from SMILES (needs rdkit), root mean squared error in log mol/l at the best epoch of the validation
molecules, of a random split 80 : 10 : 10 for each seed, as MoleculeNet has it. Others: accuracy over ten stratified
folds, by two rules: `common`, the mean over folds at the epoch at which it is best (Xu et al.; it sees the test folds),
and `held_out`, the epoch that is best on a tenth of each fold's training graphs (Errica et al., without their search
for hyper-parameters). Each fold trains on the other nine tenths. Published figures and their sources: `PUBLISHED`.
`examples/molecules.json` holds the last recorded run.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import BatchNorm1d, Linear, ModuleList, ReLU, Sequential
from torch.nn import functional as F

import grapevine
from grapevine.data import Data
from grapevine.datasets import TUDataset
from grapevine.loader import DataLoader
from grapevine.nn import (
    CategoryEncoder,
    GINConv,
    GINEConv,
    GraphGPS,
    PNAConv,
    global_add_pool,
    global_mean_pool,
)
from grapevine.transforms import AddRandomWalkPE
from grapevine.utils import from_smiles
from grapevine.utils.smiles import e_map, x_map

#: GIN-0 in ten folds: arXiv:1810.00826, table 1; held out: arXiv:1912.09893, table 3; ESOL: arXiv:1703.00564.
PUBLISHED: dict[str, dict[str, Any]] = {
    "esol": {"MPNN": 0.58, "GraphConv": 0.97, "XGBoost": 0.99},
    "mutag": {"GIN, common": 0.894},
    "proteins": {"GIN, common": 0.762, "GIN, held_out": 0.733},
    "nci1": {"GIN, common": 0.827, "GIN, held_out": 0.800},
}
EPOCHS = {"esol": 50, "mutag": 60, "proteins": 15, "nci1": 15}
WALKS = 16


class Messages(torch.nn.Module):
    """GIN or PNA: layers with batch normalisation, and a prediction from the readout of each of them."""

    def __init__(
        self, layers: Sequence[Any], encoder: Any, edge_encoder: Any, hidden: int, out: int, pool: Any
    ) -> None:
        super().__init__()
        self.encoder, self.edge_encoder = encoder, edge_encoder
        self.layers = ModuleList(layers)
        self.norms = ModuleList(BatchNorm1d(hidden) for _ in layers)
        self.heads = ModuleList(Linear(hidden, out) for _ in range(len(layers) + 1))
        self.pool = pool

    def forward(self, batch: Any) -> Tensor:
        h = self.encoder(batch.x)
        of_edges = () if self.edge_encoder is None else (self.edge_encoder(batch.edge_attr),)
        out = self.heads[0](self.pool(h, batch.batch, batch.num_graphs))
        for layer, norm, head in zip(self.layers, self.norms, list(self.heads)[1:]):
            h = norm(layer(h, batch.edge_index, *of_edges)).relu()
            out = out + F.dropout(head(self.pool(h, batch.batch, batch.num_graphs)), 0.3, self.training)
        return out


class Transformer(torch.nn.Module):
    """GPS, with the probabilities that random walks return as structural encoding."""

    def __init__(self, sizes: Any, edge_sizes: Any, hidden: int, out: int, num_layers: int) -> None:
        super().__init__()
        self.gps = GraphGPS(
            *(sizes, hidden, num_layers, out),
            edge_dim=edge_sizes,
            pe_dim=WALKS,
            pe_channels=8,
            dropout=0.1,
        )

    def forward(self, batch: Any) -> Tensor:
        edge_attr = None if self.gps.edge_encoder is None else batch.edge_attr
        out: Tensor = self.gps(batch.x, batch.edge_index, edge_attr, batch.pe, batch.batch, batch.num_graphs)
        return out


def build(name: str, graphs: Sequence[Data], out: int) -> torch.nn.Module:
    """A network for graphs like these: with categories of atoms and bonds, or with one-hot labels of nodes."""
    molecules = not graphs[0].x.is_floating_point()
    sizes: Any = [len(entries) for entries in x_map.values()] if molecules else graphs[0].num_features
    edge_sizes = [len(entries) for entries in e_map.values()] if molecules else None
    hidden = 64 if molecules else 32
    if name == "gps":
        return Transformer(sizes, edge_sizes, hidden, out, 4)
    encoder = CategoryEncoder(sizes, hidden) if molecules else Linear(sizes, hidden)
    edge_encoder = CategoryEncoder(edge_sizes, hidden) if edge_sizes is not None else None
    layers: list[Any] = []
    for _ in range(4):
        if name == "pna":
            scaling = {
                "aggregators": ["mean", "min", "max", "std"],
                "scalers": ["identity", "amplification", "attenuation"],
                "deg": PNAConv.get_degree_histogram(graphs),
            }
            layers.append(PNAConv(hidden, hidden, edge_dim=hidden if molecules else None, **scaling))
        else:
            mlp = Sequential(Linear(hidden, hidden), BatchNorm1d(hidden), ReLU(), Linear(hidden, hidden))
            layers.append((GINEConv if molecules else GINConv)(mlp))
    pool = global_add_pool if name == "gin" else global_mean_pool
    return Messages(layers, encoder, edge_encoder, hidden, out, pool)


def fit(
    model: torch.nn.Module,
    parts: Sequence[Sequence[Data]],
    epochs: int,
    loss: Callable[[Tensor, Any], Tensor],
    score: Callable[[Tensor, Any], Tensor],
) -> list[list[float]]:
    """Trains on the first of three parts; for each epoch, the mean score of graphs of the second and of the third."""
    batch_size = 32 if len(parts[0]) < 2_000 else 64
    training = DataLoader(parts[0], batch_size, shuffle=True, drop_last=len(parts[0]) > batch_size)
    checks = [list(DataLoader(part, batch_size=256)) for part in parts[1:]]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 4e-3, epochs=epochs, steps_per_epoch=len(training)
    )
    curve = []
    for _ in range(epochs):
        model.train()
        for batch in training:
            optimizer.zero_grad()
            loss(model(batch), batch.y).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            curve.append([float(torch.cat([score(model(b), b.y) for b in check]).mean()) for check in checks])
    return curve


def split(count: int, seed: int, shares: Sequence[float]) -> list[list[int]]:
    """Numbers 0 to count - 1 at random in parts of these shares; the rest is the first part."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
    parts = []
    for share in shares:
        size = round(share * count)
        parts.append(order[:size])
        order = order[size:]
    return [order, *parts]


def folds(labels: Tensor, num_folds: int, seed: int) -> list[list[int]]:
    """Numbers of graphs in folds, each with every class as often as the others, but for one graph."""
    draw = torch.Generator().manual_seed(seed)
    dealt: list[int] = []
    for label in labels.unique():
        members = (labels == label).nonzero().view(-1)
        dealt += members[torch.randperm(len(members), generator=draw)].tolist()
    return [dealt[fold::num_folds] for fold in range(num_folds)]


def summary(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": round(statistics.fmean(values), digits), "std": round(spread, digits)}


def solubility(name: str, graphs: list[Data], epochs: int, repeats: int) -> dict[str, Any]:
    """Root mean squared errors over random splits."""
    found, curves = [], []
    for seed in range(repeats):
        torch.manual_seed(seed)
        parts = [[graphs[i] for i in part] for part in split(len(graphs), seed, (0.1, 0.1))]
        y = torch.cat([graph.y for graph in parts[0]])
        mean, std = y.mean(), y.std()

        def loss(out: Tensor, y: Tensor, mean: Tensor = mean, std: Tensor = std) -> Tensor:
            return F.mse_loss(out.view(-1), (y - mean) / std)

        def score(out: Tensor, y: Tensor, mean: Tensor = mean, std: Tensor = std) -> Tensor:
            return (out.view(-1) * std + mean - y) ** 2

        curve = fit(build(name, parts[0], 1), parts, epochs, loss, score)
        found.append(min(curve)[1] ** 0.5)
        curves.append([test**0.5 for _, test in curve])
    return {"rmse": summary(found), "seeds": repeats, "curve": mean_curve(curves)}


def mean_curve(curves: Sequence[Sequence[float]]) -> list[float]:
    return [round(statistics.fmean(at), 4) for at in zip(*curves)]


def classes(name: str, graphs: list[Data], epochs: int, repeats: int) -> dict[str, Any]:
    """Accuracies over folds, by both rules."""
    labels = torch.cat([graph.y for graph in graphs])
    tests, held_out = [], []
    parted = folds(labels, 10, seed=0)
    for fold in range(repeats):
        torch.manual_seed(fold)
        rest = [i for other in range(10) if other != fold for i in parted[other]]
        inner = folds(labels[rest], 10, seed=fold)
        validation = {rest[i] for i in inner[0]}
        numbers = [[i for i in rest if i not in validation], sorted(validation), parted[fold]]
        parts = [[graphs[i] for i in part] for part in numbers]
        curve = fit(
            build(name, parts[0], int(labels.max()) + 1),
            parts,
            epochs,
            F.cross_entropy,
            lambda out, y: (out.argmax(1) == y).float(),
        )
        tests.append([test for _, test in curve])
        held_out.append(max(curve, key=lambda pair: pair[0])[1])
    curve = mean_curve(tests)
    best = curve.index(max(curve))
    common = summary([test[best] for test in tests])
    return {"common": common, "held_out": summary(held_out), "folds": repeats, "curve": curve}


def read(name: str, root: Path, few: bool) -> list[Data]:
    """The graphs, with encodings of their structure."""
    if name == "esol":
        with (root / "delaney-processed.csv").open() as file:
            rows = list(csv.DictReader(file))
        graphs = []
        for row in rows[: 100 if few else None]:
            graph = from_smiles(row["smiles"])
            graph.y = torch.tensor([float(row["measured log solubility in mols per litre"])])
            graphs.append(graph)
    else:
        graphs = list(TUDataset(str(root), name.upper()))
    return [AddRandomWalkPE(WALKS, attr_name="pe")(graph) for graph in graphs]


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Trains, prints a line for each data set and model, adds them to the JSON file, and returns its numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data/molecules"))
    parser.add_argument("--data", nargs="+", default=list(EPOCHS), choices=list(EPOCHS))
    parser.add_argument("--models", nargs="+", default=["gin", "pna", "gps"], choices=["gin", "pna", "gps"])
    parser.add_argument("--epochs", type=int, default=None, help=f"by default {EPOCHS}")
    parser.add_argument("--repeats", type=int, default=None, help="seeds (by default 3), or folds (10)")
    parser.add_argument(
        "--fast", action="store_true", help="few epochs, folds and molecules, on the same path"
    )
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    options = parser.parse_args(arguments)

    numbers: dict[str, Any] = {}
    for data in options.data:
        graphs = read(data, options.root, options.fast)
        epochs = options.epochs or (3 if options.fast else EPOCHS[data])
        repeats = options.repeats or (1 if options.fast else 3 if data == "esol" else 10)
        for model in options.models:
            start = time.process_time()
            run = solubility if data == "esol" else classes
            entry = run(model, graphs, epochs, repeats)
            numbers.setdefault(data, {})[model] = entry | {
                "epochs": epochs,
                "seconds": round(time.process_time() - start, 1),
            }
            found = {key: value for key, value in entry.items() if isinstance(value, dict)}
            text = ", ".join(
                f"{key} {value['mean']:.3f} +- {value['std']:.3f}" for key, value in found.items()
            )
            print(f"{data:9} {model:4} {text}  (published: {PUBLISHED[data]})", flush=True)
            if options.json is not None:
                record(options.json, numbers)
    return numbers


def record(path: Path, numbers: dict[str, Any]) -> None:
    """Adds the numbers to those that the file holds."""
    known = json.loads(path.read_text())["results"] if path.exists() else {}
    results = {data: known.get(data, {}) | numbers.get(data, {}) for data in known | numbers}
    versions = {"grapevine": grapevine.__version__, "torch": torch.__version__}
    full = {"results": results, "versions": versions, "python": sys.version.split()[0]}
    path.write_text(json.dumps(full, indent=1) + "\n")


if __name__ == "__main__":
    main()
