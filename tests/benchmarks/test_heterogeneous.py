"""The benchmark of layers with many types of edges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("torch_geometric")


def test_heterogeneous(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.heterogeneous import CASES, LIBRARIES, main

    from benchmarks import heterogeneous

    monkeypatch.setattr(heterogeneous, "MEASURABLE", False)  # memory is measured in processes of their own

    path = tmp_path / "out.json"
    cases = ["HANConv", "RGCNConv", "HeteroDictLinear"]
    threads = torch.get_num_threads()
    try:
        rows = main(
            ["--turns", "1", "--sizes", "6", "9", "8", "--cases", *cases, "--json", str(path)]
        )  # compares
    finally:
        torch.set_num_threads(threads)
    assert [row["row"] for row in rows] == cases and set(cases) < set(CASES)
    assert [row["ms"].keys() for row in json.loads(path.read_text())] == [LIBRARIES.keys()] * 3
    assert "HANConv" in capsys.readouterr().out
