"""The example of learning without labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.test_examples import example


def test_unsupervised(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    shutil.copy(shared_data / "planetoid" / "cora.zip", tmp_path)
    record = tmp_path / "unsupervised.json"
    arguments = [
        "--root",
        tmp_path,
        "--fast",
        "--seeds",
        "1",
        "--models",
        "dgi",
        "gae",
        "vgae",
        "--json",
        record,
    ]
    numbers = example("unsupervised").main([str(a) for a in arguments])
    assert json.loads(record.read_text())["models"] == numbers
    assert numbers["dgi"]["accuracy"]["mean"] > 0.5
    assert min(numbers[name]["auc"]["mean"] for name in ("gae", "vgae")) > 0.6
