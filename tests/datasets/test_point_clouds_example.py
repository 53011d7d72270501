"""The example that learns shapes from points."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.test_examples import example


@pytest.mark.filterwarnings("ignore::DeprecationWarning:matplotlib")
def test_point_clouds(shared_data: Path, tmp_path: Path) -> None:
    for path in (shared_data / "pointcloud").glob("*.gz"):
        (tmp_path / path.name).symlink_to(path)
    shutil.copy(shared_data / "pointcloud" / "geometric_shapes_raw.zip", tmp_path)
    record, picture = tmp_path / "clouds.json", tmp_path / "clouds.png"
    arguments = ["--root", tmp_path, "--fast", "--json", record, "--picture", picture]
    numbers = example("point_clouds").main([str(a) for a in arguments])
    pairs = {f"{data} {model}" for data in ("voxels", "shapes") for model in ("dgcnn", "pointnet2")}
    assert set(numbers) == pairs and json.loads(record.read_text())["results"] == numbers
    assert numbers["voxels dgcnn"]["accuracy"] > 0.75  # 0.66 are chairs
    assert picture.stat().st_size > 10_000
