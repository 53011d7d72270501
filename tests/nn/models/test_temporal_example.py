"""The example of messages over time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from tests.test_examples import FOLDER, example


def test_temporal(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    shutil.copy(shared_data / "temporal" / "CollegeMsg.txt.gz", tmp_path)
    record, picture = tmp_path / "temporal.json", tmp_path / "temporal.png"
    arguments = ["--root", tmp_path, "--fast", "--json", record, "--picture", picture]
    numbers = example("temporal").main([str(a) for a in arguments])
    assert json.loads(record.read_text()) == numbers
    assert picture.read_bytes()[1:4] == b"PNG"
    assert min(numbers["figures"][name]["ap"]["mean"] for name in ("tgn", "edgebank")) > 0.6  # chance: 0.5


def test_edgebank() -> None:
    bank = example("temporal").EdgeBank()
    told = torch.tensor([[0, 1, 2], [1, 2, 0]])

    class Batch:
        src, dst = told[0, :2], told[1, :2]

    bank.notice(Batch())
    assert bank(*told, told[0], None).tolist() == [1.0, 1.0, 0.0]


def test_the_recorded_messages() -> None:
    """EdgeBank's figures are the published ones: the messages, the split and the negatives are the same."""
    record = json.loads((FOLDER / "temporal.json").read_text())
    published, found = record["published"], record["figures"]
    for metric in ("ap", "auc"):
        assert abs(found["edgebank"][metric]["mean"] - published["edgebank"][metric]) < 0.01
        assert found["tgn"][metric]["mean"] > found["edgebank"][metric]["mean"] + 0.05
