"""Five charged particles: EGNN predicts where they are 1,000 steps later.

    python examples/nbody.py                          # 3,000 training systems, one seed, about four minutes
    python examples/nbody.py --seeds 1 2 3 --json examples/nbody.json --picture examples/nbody.png

The simulator, the split and the recipe are those of the EGNN paper (arXiv:2102.09844, section 5.1); systems are
simulated side by side, with the numbers that the published generator draws one system after the other.
`examples/nbody.json` holds the last recorded run: the mean squared error on the test systems at the best validation
epoch, and the whole curve.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import grapevine as gv
from grapevine.nn.equivariant import EGNN_vel

BODIES, STEPS, EVERY, DT = 5, 5_000, 100, 1e-3
FIRST, LAST = 30, 40  # frames: the state that is given, and the one to predict
GOAL = 0.0075
LINEAR = 0.0841  # what x + t v reaches with the best t, in published runs


class Trajectories(NamedTuple):
    """`loc`, `vel`: (S, frames, 3, 5); `edges`: products of charges, (S, 5, 5); `charges`: (S, 5, 1)."""

    loc: np.ndarray
    vel: np.ndarray
    edges: np.ndarray
    charges: np.ndarray


def simulate(systems: int, seed: int = 43, frames: tuple[int, ...] | None = None) -> Trajectories:
    r"""Charged particles under Coulomb's law, by symplectic Euler steps of 0.001.

    .. math:: F_i = \sum_j q_i q_j (x_i - x_j) / |x_i - x_j|^3, \text{ every component within } \pm 0.1 / dt

    Frame k is the state after step 100 (k + 1).

    Args:
        systems: how many, drawn one after the other from one seed.
        seed: of numpy's legacy generator.
        frames: which ones to keep; all 49 by default. Nothing is computed beyond the last.
    """
    saved = STEPS // EVERY - 1
    keep = tuple(range(saved)) if frames is None else frames
    draw = np.random.RandomState(seed)
    charges = np.empty((systems, BODIES, 1))
    x, v = np.empty((2, systems, 3, BODIES))
    for s in range(systems):
        charges[s] = draw.choice(np.array([-1.0, 0.0, 1.0]), size=(BODIES, 1), p=[0.5, 0, 0.5])
        x[s] = draw.randn(3, BODIES) * (BODIES / 5.0) ** (1 / 3)
        direction = draw.randn(3, BODIES)
        v[s] = direction * 0.5 / np.sqrt((direction**2).sum(axis=0))
        draw.randn(2 * saved, 3, BODIES)  # the noise of observations, whose scale is zero
    for side in (1, -1):  # reflected once at the walls of a box of +-5
        outside = side * x > 5
        x, v = np.where(outside, side * 10 - x, x), np.where(outside, -side * np.abs(v), v)
    products = charges @ charges.transpose(0, 2, 1)
    shape = (systems, len(keep), 3, BODIES)
    found = Trajectories(np.empty(shape), np.empty(shape), products, charges)
    for start in range(0, systems, 200):  # as many as fit a core's cache
        part = slice(start, start + 200)
        _integrate(x[part], v[part], products[part], keep, found.loc[part], found.vel[part])
    return found


def _integrate(
    x: np.ndarray,
    v: np.ndarray,
    products: np.ndarray,
    keep: tuple[int, ...],
    loc: np.ndarray,
    vel: np.ndarray,
) -> None:
    v = v + DT * force(x, products)
    for step in range(1, EVERY * (max(keep) + 1) + 1):
        x = x + DT * v
        if step % EVERY == 0 and step // EVERY - 1 in keep:
            k = keep.index(step // EVERY - 1)
            loc[:, k], vel[:, k] = x, v
        v = v + DT * force(x, products)


def force(x: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Forces (S, 3, 5) at positions (S, 3, 5); |a - b|^2 is computed as |a|^2 + |b|^2 - 2ab."""
    at = x.transpose(0, 2, 1)
    length = (at**2).sum(axis=2)
    squared = length[:, :, None] + length[:, None, :] - 2 * np.matmul(at, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = products / np.power(squared, 3.0 / 2.0)
    size[:, range(BODIES), range(BODIES)] = 0
    pull = (size[:, None] * (x[:, :, :, None] - x[:, :, None, :])).sum(axis=-1)
    return np.clip(pull, -0.1 / DT, 0.1 / DT)


class Systems(NamedTuple):
    """S systems: `x`, `v`, `target` (S, 5, 3), `charges` (S, 5)."""

    x: Tensor
    v: Tensor
    target: Tensor
    charges: Tensor

    def rows(self, index: Tensor | slice) -> Systems:
        return Systems(*(t[index] for t in self))


def load(folder: Path, train: int = 3_000) -> dict[str, Systems]:
    """The data set `nbody_small`: 10,000, 2,000 and 2,000 systems, `train` of the first part; kept in `folder`."""
    file = folder / "nbody_small.npz"
    if not file.exists():
        made = simulate(14_000, frames=(FIRST, LAST))
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(file, **made._asdict())
    with np.load(file) as z:
        loc, vel = (
            torch.tensor(z[k], dtype=torch.float32).transpose(2, 3).contiguous() for k in ("loc", "vel")
        )
        charges = torch.tensor(z["charges"], dtype=torch.float32).squeeze(2)
    whole = Systems(loc[:, 0], vel[:, 0], loc[:, 1], charges)
    parts = {"train": slice(0, train), "valid": slice(10_000, 12_000), "test": slice(12_000, 14_000)}
    return {name: whole.rows(part) for name, part in parts.items()}


def complete(systems: int) -> gv.Edges:
    """All ordered pairs within each system."""
    i, j = torch.nonzero(~torch.eye(BODIES, dtype=torch.bool), as_tuple=True)
    first = BODIES * torch.arange(systems).unsqueeze(1)
    return gv.Edges(((first + j).flatten(), (first + i).flatten()), num_nodes=systems * BODIES)


def predict(model: EGNN_vel, edges: gv.Edges, batch: Systems) -> Tensor:
    """Positions (S, 5, 3): features are speeds; edges know the product of charges and the squared distance."""
    x, v, q = batch.x.flatten(0, 1), batch.v.flatten(0, 1), batch.charges.flatten()
    i, j = edges.dst_index, edges.src_index
    attributes = torch.stack([q[i] * q[j], (x[i] - x[j]).square().sum(1)], dim=1)
    out: Tensor = model(v.norm(dim=1, keepdim=True), x, edges, v, attributes)
    return out.view_as(batch.x)


def fit(data: dict[str, Systems], seed: int, epochs: int = 320, every: int = 5) -> dict[str, Any]:
    """The paper's recipe; returns the test error at the best validation epoch, and the curve."""
    torch.manual_seed(seed)
    start = time.perf_counter()
    model = EGNN_vel(in_node_nf=1, in_edge_nf=2, hidden_nf=64, n_layers=4, recurrent=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=1e-12)
    edges = complete(100)
    curve = []
    best = {"valid": float("inf")}
    for epoch in range(epochs):
        losses = []
        for chosen in torch.randperm(len(data["train"].x)).split(100):
            if len(chosen) < 100:
                continue
            batch = data["train"].rows(chosen)
            loss = F.mse_loss(predict(model, edges, batch), batch.target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        if epoch % every == 0 or epoch == epochs - 1:
            point = {"epoch": epoch, "train": float(np.mean(losses))}
            point |= {part: error(model, edges, data[part]) for part in ("valid", "test")}
            curve.append({k: round(p, 6) for k, p in point.items()})
            if point["valid"] < best["valid"]:
                best = point
    seconds = round(time.perf_counter() - start, 1)
    return {"seed": seed, **best, "epochs": epochs, "seconds": seconds, "curve": curve, "model": model}


@torch.no_grad()
def error(model: EGNN_vel, edges: gv.Edges, systems: Systems) -> float:
    """Mean squared error over all coordinates, in batches of 100 systems."""
    starts = range(0, len(systems.x) - 99, 100)
    parts = [systems.rows(slice(s, s + 100)) for s in starts]
    return float(np.mean([F.mse_loss(predict(model, edges, b), b.target).item() for b in parts]))


def linear(data: dict[str, Systems]) -> float:
    """Test error of x + t v with the t that is best on the training systems: a check of the data."""
    moved = data["train"].target - data["train"].x
    t = (moved * data["train"].v).sum() / data["train"].v.square().sum()
    test = data["test"]
    return float(F.mse_loss(test.x + t * test.v, test.target))


def draw(model: EGNN_vel, file: Path, systems: int = 4) -> None:
    """A picture: true trajectories of systems no model has seen, and where each prediction from frame 30 ends."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    made = simulate(systems, seed=7)
    loc, vel = (torch.tensor(t, dtype=torch.float32).transpose(2, 3) for t in (made.loc, made.vel))
    charges = torch.tensor(made.charges, dtype=torch.float32).squeeze(2)
    known = Systems(loc[:, FIRST], vel[:, FIRST], loc[:, LAST], charges)
    with torch.no_grad():
        guess = predict(model, complete(systems), known)
    figure, axes = plt.subplots(1, systems, figsize=(4 * systems, 4), layout="constrained")
    for s, axis in enumerate(axes):
        for body in range(BODIES):
            colour = "tab:red" if charges[s, body] > 0 else "tab:blue"
            axis.plot(*loc[s, FIRST : LAST + 1, body, :2].T, color=colour, linewidth=1)
            axis.plot(*loc[s, FIRST, body, :2], "o", color=colour, markersize=4)
            axis.plot(*loc[s, LAST, body, :2], "o", color=colour, markersize=9, fillstyle="none")
            axis.plot(*guess[s, body, :2], "x", color="black", markersize=7)
        axis.set_aspect("equal", "datalim")
    figure.suptitle(
        "paths (red: positive, blue: negative), true end (circle) and prediction (cross); x and y"
    )
    figure.savefig(file, dpi=80)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Trains one model per seed, prints a line for each, writes what was asked for and returns the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--root", type=Path, default=Path("data/nbody"), help="where the simulated systems are kept"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, default=320)
    parser.add_argument("--train", type=int, default=3_000, help="number of training systems, at most 10,000")
    parser.add_argument("--json", type=Path, default=None, help="where to record the numbers")
    parser.add_argument(
        "--picture", type=Path, default=None, help="where to draw the first model's predictions"
    )
    options = parser.parse_args(arguments)

    data = load(options.root, options.train)
    base = linear(data)
    print(f"linear baseline {base:.4f} (published {LINEAR})", flush=True)
    runs = []
    for seed in options.seeds:
        runs.append(fit(data, seed, options.epochs))
        model = runs[-1].pop("model")
        print(
            f"seed {seed}: test {runs[-1]['test']:.4f} at epoch {runs[-1]['epoch']}, {runs[-1]['seconds']} s",
            flush=True,
        )
        if options.picture is not None and seed == options.seeds[0]:
            draw(model, options.picture)
    mean = float(np.mean([r["test"] for r in runs]))
    print(f"mean of {len(runs)} seeds: {mean:.4f} (goal {GOAL})")
    numbers = {"linear": base, "mean": mean, "train": options.train, "runs": runs}
    if options.json is not None:
        versions = {"grapevine": gv.__version__, "torch": torch.__version__}
        options.json.write_text(json.dumps({**numbers, "versions": versions}) + "\n")
    return numbers


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
