"""The example of the explainers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.test_examples import FOLDER, example


def test_explain(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    torch.set_default_dtype(torch.float32)
    picture, record = tmp_path / "explained.png", tmp_path / "explain.json"
    numbers = example("explain").main(["--fast", "--picture", str(picture), "--json", str(record)])
    assert picture.read_bytes()[1:4] == b"PNG"
    assert json.loads(record.read_text())["explainers"] == numbers
    assert numbers["GNNExplainer"]["auc"] > numbers["random"]["auc"] + 0.2


def test_the_recorded_explanations() -> None:
    recorded = json.loads((FOLDER / "explain.json").read_text())["explainers"]
    assert recorded["GNNExplainer"]["auc"] > 0.8
    assert 0.4 < recorded["random"]["auc"] < 0.6
