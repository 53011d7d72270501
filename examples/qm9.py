"""A property of small molecules: EGNN on 20,000 molecules of QM9.

    python examples/qm9.py --root FOLDER --target alpha      # FOLDER holds qm9_20k.npz

The model and its inputs are those of the EGNN paper (arXiv:2102.09844, section 5.3): one-hot element times powers
of the charge, all pairs of atoms, attention, no movement of coordinates; it is smaller, and learns from 16,000
molecules instead of 100,000. `examples/qm9.json` holds the last recorded run: the mean absolute error on 2,000
test molecules, next to that of a linear model in the numbers of atoms.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import grapevine as gv
from grapevine.nn.equivariant import EGNN_QM9

ELEMENTS = torch.tensor([1, 6, 7, 8, 9])


class Molecules(NamedTuple):
    """Atoms of all molecules one after the other: `ptr` (G + 1,), `z` (N,), `pos` (N, 3), `y` (G,)."""

    ptr: Tensor
    z: Tensor
    pos: Tensor
    y: Tensor


class Batch(NamedTuple):
    """Some molecules as one graph, all pairs of atoms joined."""

    features: Tensor
    pos: Tensor
    edges: gv.Edges
    batch: Tensor
    y: Tensor


def load(file: Path, target: str) -> Molecules:
    with np.load(file) as z:
        column = [str(name) for name in z["prop_names"]].index(target)
        y = torch.tensor(z["props"][:, column], dtype=torch.float64)
        return Molecules(*(torch.tensor(z[k]) for k in ("ptr", "z", "pos")), y)


def batch(data: Molecules, chosen: Tensor) -> Batch:
    sizes = (data.ptr[1:] - data.ptr[:-1])[chosen].long()
    of = torch.repeat_interleave(torch.arange(len(chosen)), sizes)
    first = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)[:-1]])
    atoms = data.ptr[chosen].long()[of] + torch.arange(len(of)) - first[of]
    z, partners = data.z[atoms].long(), sizes[of]
    i = torch.repeat_interleave(torch.arange(len(of)), partners)
    j = torch.arange(len(i)) - (partners.cumsum(0) - partners)[i] + first[of][i]
    edges = gv.Edges((j[i != j], i[i != j]), num_nodes=len(of))
    powers = (z.float() / 9).unsqueeze(1) ** torch.arange(3)
    features = ((z.unsqueeze(1) == ELEMENTS).float().unsqueeze(2) * powers.unsqueeze(1)).flatten(1)
    return Batch(features, data.pos[atoms].float(), edges, of, data.y[chosen])


def composition(data: Molecules) -> Tensor:
    """How many atoms of each element a molecule has, and a one."""
    of = torch.repeat_interleave(torch.arange(len(data.y)), (data.ptr[1:] - data.ptr[:-1]).long())
    counts = torch.zeros(len(data.y), 5, dtype=torch.float64)
    counts.index_add_(0, of, (data.z.long().unsqueeze(1) == ELEMENTS).double())
    return torch.cat([counts, torch.ones(len(counts), 1, dtype=torch.float64)], dim=1)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Trains, prints and returns the error on the test molecules."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data/molecules"))
    parser.add_argument(
        "--target", default="alpha", help="a column: mu, alpha, homo, lumo, gap, r2, zpve, U0, ..."
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--molecules", type=int, default=20_000, help="to train (4/5), choose and test on")
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    options = parser.parse_args(arguments)

    torch.manual_seed(0)
    start = time.perf_counter()
    data = load(options.root / "qm9_20k.npz", options.target)
    order = torch.randperm(len(data.y))[: options.molecules]
    tenth = len(order) // 10
    test, valid, train = order.split([tenth, tenth, len(order) - 2 * tenth])
    # What the numbers of atoms explain is subtracted; the network learns the rest.
    atoms = composition(data)
    linear = atoms @ torch.linalg.lstsq(atoms[train], data.y[train].unsqueeze(1), driver="gelsd").solution
    rest = data.y - linear.squeeze(1)
    scale = float(rest[train].abs().mean())
    data = data._replace(y=(rest / scale).float())

    model = EGNN_QM9(15, 0, options.hidden, n_layers=options.layers, attention=True, node_attr=False)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-16)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.epochs)

    def error(chosen: Tensor) -> float:
        with torch.no_grad():
            parts = [batch(data, c) for c in chosen.split(96)]
            apart = [(model(b.features, b.pos, b.edges, batch=b.batch) - b.y).abs() for b in parts]
        return scale * float(torch.cat(apart).mean())

    best: dict[str, Any] = {"valid": float("inf")}
    curve = []
    for epoch in range(options.epochs):
        for chosen in train[torch.randperm(len(train))].split(96):
            b = batch(data, chosen)
            loss = (model(b.features, b.pos, b.edges, batch=b.batch) - b.y).abs().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
        point = {"epoch": epoch, "valid": error(valid), "test": error(test)}
        curve.append(point)
        best = min(best, point, key=lambda p: p["valid"])
        print(
            f"epoch {epoch}: {options.target} valid {point['valid']:.4f}, test {point['test']:.4f}",
            flush=True,
        )
    numbers = {
        "target": options.target,
        **best,
        "composition_alone": float(rest[test].abs().mean()),
        "train_molecules": len(train),
        "epochs": options.epochs,
        "seconds": round(time.perf_counter() - start, 1),
        "curve": curve,
    }
    print(
        f"{options.target}: test {best['test']:.4f}; numbers of atoms alone {numbers['composition_alone']:.4f}"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(numbers) + "\n")
    return numbers


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
