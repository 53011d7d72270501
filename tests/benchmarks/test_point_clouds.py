"""The benchmark of point clouds runs, and its rows agree with each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

point_clouds = pytest.importorskip("benchmarks.point_clouds")
pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own


def test_every_row(tmp_path: Path) -> None:
    record = tmp_path / "rows.json"
    rows = point_clouds.main(["--sizes", "300", "--turns", "1", "--json", str(record)])
    assert [row["row"] for row in rows] == ["fps", "radius", "knn", "step"] and json.loads(
        record.read_text()
    ) == rows
    assert all(number > 0 for row in rows for number in row["ms"].values())


def test_what_scipy_finds_is_what_is_compared_with() -> None:
    x = torch.rand(300, 3)
    rows = point_clouds.ways(300)
    pairs = rows["radius"]["grapevine"](x)
    assert [sorted(near) for near in rows["radius"]["scipy"](x)] == [
        sorted(pairs[1][pairs[0] == i].tolist()) for i in range(300)
    ]
    near = torch.from_numpy(rows["knn"]["scipy"](x))
    assert torch.equal(rows["knn"]["grapevine"](x)[1].view(300, -1), near)
    assert point_clouds.agree("radius", pairs, pairs.flip(1), 300)
    assert not point_clouds.agree("radius", pairs, pairs[:, 1:], 300)
