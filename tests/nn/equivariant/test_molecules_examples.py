"""The examples on molecules run, and their recorded results are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.test_examples import FOLDER, example


def test_aspirin_forces_are_gradients(shared_data: Path) -> None:
    aspirin = example("aspirin_forces")
    root = shared_data / "molecules" / "rmd17"
    frames, charges, _ = aspirin.load(root / "rmd17_aspirin_train_01.npz")
    model = aspirin.Potential(charges, hidden=8, layers=2).double()
    edges = aspirin.complete(1, len(charges))
    x = frames.x[:1].double()
    _, force = aspirin.predict(model, x, edges)
    step = torch.zeros_like(x)
    step[0, 3, 1] = 1e-5
    with torch.no_grad():
        numeric = (model(x - step, edges) - model(x + step, edges)) / 2e-5
    torch.testing.assert_close(force[0, 3, 1], numeric[0], rtol=1e-6, atol=1e-8)
    numbers = aspirin.main(["--root", str(root), "--frames", "40", "--epochs", "1", "--hidden", "8"])
    assert numbers["test"]["force"] < 2 * numbers["mean_as_prediction"]["force"]


def test_qm9_learns(shared_data: Path) -> None:
    root = str(shared_data / "molecules")
    arguments = ["--root", root, "--molecules", "300", "--epochs", "2", "--hidden", "8", "--layers", "1"]
    numbers = example("qm9").main(arguments)
    assert numbers["test"] < 2 * numbers["composition_alone"]


def test_batches_of_molecules_join_all_pairs(shared_data: Path) -> None:
    qm9 = example("qm9")
    data = qm9.load(shared_data / "molecules" / "qm9_20k.npz", "alpha")
    b = qm9.batch(data, torch.tensor([5, 2]))
    sizes = [int(data.ptr[g + 1] - data.ptr[g]) for g in (5, 2)]
    assert b.edges.num_edges == sum(n * (n - 1) for n in sizes)
    assert torch.equal(b.batch[b.edges.src_index], b.batch[b.edges.dst_index])
    assert torch.equal(b.pos[: sizes[0]], data.pos[data.ptr[5] : data.ptr[6]])


def test_the_recorded_nbody_run_reached_its_goal() -> None:
    recorded = json.loads((FOLDER / "nbody.json").read_text())
    nbody = example("nbody")
    assert recorded["mean"] <= nbody.GOAL and len(recorded["runs"]) == 3
    assert recorded["linear"] == pytest.approx(nbody.LINEAR, abs=5e-4)
    assert all(run["test"] <= 0.009 for run in recorded["runs"])


def test_the_recorded_runs_on_molecules_learned() -> None:
    qm9 = json.loads((FOLDER / "qm9.json").read_text())
    assert qm9["test"] < qm9["composition_alone"] / 2
    aspirin = json.loads((FOLDER / "aspirin_forces.json").read_text())
    assert aspirin["test"]["force"] < aspirin["mean_as_prediction"]["force"] / 4
