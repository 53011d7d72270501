"""Energies and forces of aspirin: a potential whose forces are the true gradient of its energy (rMD17).

    python examples/aspirin_forces.py --root FOLDER      # FOLDER holds rmd17_aspirin_{train,test}_01.npz

Layers of EGNN on all pairs of atoms, distances as Gaussians, one energy per atom; forces by autograd, trained
through their own derivative. 950 frames to learn from, 50 to choose the epoch, 1,000 to test.
`examples/aspirin_forces.json` holds the last
recorded run: mean absolute errors in kcal/mol and kcal/mol/A, next to those of predicting the mean.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import grapevine as gv
from grapevine.nn.equivariant import E_GCL


class Frames(NamedTuple):
    """F frames of A atoms: positions (F, A, 3), energies (F,), forces (F, A, 3)."""

    x: Tensor
    energy: Tensor
    force: Tensor

    def rows(self, index: Tensor | slice) -> Frames:
        return Frames(*(t[index] for t in self))


class Potential(nn.Module):
    """The energy of each frame, from atoms that tell one another who and how far they are."""

    def __init__(self, charges: Tensor, hidden: int = 64, layers: int = 4, gaussians: int = 20) -> None:
        super().__init__()
        kinds, index = charges.unique(return_inverse=True)
        self.register_buffer("index", index)
        self.register_buffer("centres", torch.linspace(0.5, 7.0, gaussians))
        self.embedding = nn.Embedding(len(kinds), hidden)
        self.layers = nn.ModuleList(
            E_GCL(hidden, hidden, hidden, gaussians, attention=True, moves=False) for _ in range(layers)
        )
        self.energy = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def forward(self, x: Tensor, edges: gv.Edges) -> Tensor:
        frames = x.shape[0]
        pos = x.flatten(0, 1)
        distance = (pos[edges.dst_index] - pos[edges.src_index]).norm(dim=1, keepdim=True)
        attributes = torch.exp(-4 * (distance - self.centres).square())
        h = self.embedding(self.index.repeat(frames))
        for layer in self.layers:
            h, _, _ = layer(h, edges, 0.3 * pos, attributes)  # the layer sees small squared distances
        return self.energy(h).view(frames, -1).sum(1)


def complete(frames: int, atoms: int) -> gv.Edges:
    """All ordered pairs of atoms within each frame."""
    i, j = torch.nonzero(~torch.eye(atoms, dtype=torch.bool), as_tuple=True)
    first = atoms * torch.arange(frames).unsqueeze(1)
    return gv.Edges(((first + j).flatten(), (first + i).flatten()), num_nodes=frames * atoms)


def predict(model: Potential, x: Tensor, edges: gv.Edges, train: bool = False) -> tuple[Tensor, Tensor]:
    """Energies, and forces as minus their gradient."""
    x = x.detach().requires_grad_()
    energy = model(x, edges)
    (gradient,) = torch.autograd.grad(energy.sum(), x, create_graph=train)
    return energy, -gradient


def errors(model: Potential, data: Frames, edges: gv.Edges, batch: int) -> dict[str, float]:
    """Mean absolute errors of energies and forces."""
    sums, count = np.zeros(2), 0
    for start in range(0, len(data.x) - batch + 1, batch):
        part = data.rows(slice(start, start + batch))
        energy, force = predict(model, part.x, edges)
        energy, force = (energy - part.energy).detach(), (force - part.force).detach()
        sums += float(energy.abs().mean()), float(force.abs().mean())
        count += 1
    return {"energy": sums[0] / count, "force": sums[1] / count}


def load(file: Path, mean: float | None = None) -> tuple[Frames, Tensor, float]:
    """Frames in float32, energies less their mean."""
    with np.load(file) as z:
        mean = float(z["energies"].mean()) if mean is None else mean
        parts = (z["coords"], z["energies"] - mean, z["forces"])
        charges = torch.tensor(z["nuclear_charges"], dtype=torch.int64)
    return Frames(*(torch.tensor(p, dtype=torch.float32) for p in parts)), charges, mean


def fit(
    train: Frames,
    valid: Frames,
    charges: Tensor,
    epochs: int,
    batch: int = 10,
    hidden: int = 64,
    layers: int = 4,
) -> tuple[Potential, list[dict[str, float]]]:
    """Adam with a cosine schedule on forces and, a hundred times less, energies; the weights of the best epoch
    come back."""
    model = Potential(charges, hidden, layers)
    edges = complete(batch, len(charges))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs, eta_min=1e-5)
    best, weights, curve = float("inf"), {}, []
    for epoch in range(epochs):
        for chosen in torch.randperm(len(train.x)).split(batch):
            if len(chosen) < batch:
                continue
            part = train.rows(chosen)
            energy, force = predict(model, part.x, edges, train=True)
            loss = (force - part.force).square().mean() + 0.01 * (energy - part.energy).square().mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimiser.step()
        schedule.step()
        found = errors(model, valid, edges, batch)
        curve.append({"epoch": epoch, **{k: round(e, 4) for k, e in found.items()}})
        if found["force"] < best:
            best, weights = found["force"], {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(weights)
    return model, curve


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Trains, prints and returns the errors on the test frames."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("data/rmd17"))
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--frames", type=int, default=1000, help="training and validation frames together")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    options = parser.parse_args(arguments)

    torch.manual_seed(0)
    start = time.perf_counter()
    known, charges, mean = load(options.root / "rmd17_aspirin_train_01.npz")
    test, _, _ = load(options.root / "rmd17_aspirin_test_01.npz", mean)
    known, test = known.rows(slice(0, options.frames)), test.rows(slice(0, options.frames))
    held = max(10, options.frames // 20)
    train, valid = known.rows(slice(held, None)), known.rows(slice(0, held))
    model, curve = fit(train, valid, charges, options.epochs, hidden=options.hidden)
    numbers: dict[str, Any] = {
        "test": errors(model, test, complete(10, len(charges)), 10),
        "mean_as_prediction": {
            "energy": float(test.energy.abs().mean()),
            "force": float(test.force.abs().mean()),
        },
        "epochs": options.epochs,
        "seconds": round(time.perf_counter() - start, 1),
        "curve": curve,
    }
    print(
        f"aspirin, {len(test.x)} frames: energy {numbers['test']['energy']:.3f} kcal/mol, "
        f"force {numbers['test']['force']:.3f} kcal/mol/A (predicting the mean: "
        f"{numbers['mean_as_prediction']['energy']:.2f}, {numbers['mean_as_prediction']['force']:.2f})"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(numbers) + "\n")
    return numbers


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
