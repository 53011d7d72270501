"""The n-body example: its simulator is the published one, number for number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from tests.nn.equivariant.golden import FOLDER, golden
from tests.test_examples import example


def test_trajectories_are_those_of_the_published_generator() -> None:
    golden("nbody.pt")  # skips without the folder
    nbody = example("nbody")
    made = nbody.simulate(6)
    with np.load(FOLDER / "nbody_traj.npz") as expected:
        for name, values in made._asdict().items():
            assert np.array_equal(values, expected[name]), name
    some = nbody.simulate(6, frames=(0, 2))
    assert np.array_equal(some.loc, made.loc[:, [0, 2]])


def test_training_runs(tmp_path: Path, monkeypatch) -> None:
    nbody = example("nbody")
    monkeypatch.setattr(nbody, "STEPS", 300)
    monkeypatch.setattr(nbody, "FIRST", 0)
    monkeypatch.setattr(nbody, "LAST", 1)
    made = nbody.simulate(200, frames=(0, 1))
    x, v = (torch.tensor(t, dtype=torch.float32).transpose(2, 3) for t in (made.loc, made.vel))
    charges = torch.tensor(made.charges, dtype=torch.float32).squeeze(2)
    systems = nbody.Systems(x[:, 0], v[:, 0], x[:, 1], charges)
    result = nbody.fit(dict.fromkeys(("train", "valid", "test"), systems), seed=1, epochs=6)
    curve = result["curve"]
    assert curve[-1]["train"] < curve[0]["train"]
    assert result["test"] == min(p["test"] for p in curve) or result["valid"] <= curve[0]["valid"]
    nbody.draw(result["model"], tmp_path / "picture.png", systems=2)
    assert (tmp_path / "picture.png").stat().st_size > 1000
    assert json.dumps(curve)
