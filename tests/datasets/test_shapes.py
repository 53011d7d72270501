"""Data sets of meshes and clouds: real ones, and small ones in the official layout, beside the peer's reading."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from grapevine import transforms as T
from grapevine.data import Data
from grapevine.datasets import (
    FAUST,
    SHREC2016,
    TOSCA,
    CoMA,
    GeometricShapes,
    MNISTSuperpixels,
    ModelNet,
    PCPNetDataset,
    ShapeNet,
)
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError, write_off
from tests.datasets.test_datasets import assert_same


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, into: object, url: str) -> Path:
        raise DownloadError(f"could not download {name!r} from {url}: no network in tests")

    monkeypatch.setattr("grapevine.datasets._parts.download_file", refuse)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)


def peer(name: str) -> Any:
    return getattr(pytest.importorskip("torch_geometric.datasets"), name)


def mesh(seed: int) -> Data:
    generator = torch.Generator().manual_seed(seed)
    pos = torch.randn(4 + seed % 3, 3, generator=generator)
    return Data(pos=pos, face=torch.tensor([[0, 1], [1, 2], [2, 3]]))


def packed(folder: Path, archive: Path) -> None:
    """A zip of the contents of a folder, with what macOS adds to zips."""
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, path.relative_to(folder))
        out.writestr("__MACOSX/._trash.off", "no mesh")
    shutil.rmtree(folder)


def meshes(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_off(mesh(seed), folder / name)


def equal_datasets(mine: Any, peer: Any, in_order: bool = True) -> None:
    assert repr(mine) == repr(peer) and len(mine) == len(peer) and mine.num_classes == peer.num_classes
    key = (lambda data: 0) if in_order else (lambda data: (int(data.y), data.pos.flatten().tolist()))
    for a, b in zip(sorted(mine, key=key), sorted(peer, key=key), strict=True):
        assert_same(a, b)


def test_geometric_shapes(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    for train in (True, False):
        mine = GeometricShapes(str(tmp_path), train)
        assert (len(mine), mine.num_classes) == (40, 40)
        equal_datasets(mine, peer("GeometricShapes")(str(tmp_path), train))
    assert sum(data.num_nodes for data in mine) == 5951  # 148.8 each, as published
    assert mine.categories[0] == "2d_circle" and mine.categories[-1] == "3d_wedge_long"
    points = GeometricShapes(str(tmp_path), transform=T.SamplePoints(64))[3]
    assert points.pos.shape == (64, 3) and "face" not in points


@pytest.mark.parametrize("layout", ["folder", "zip", "raw", "below GRAPEVINE_DATA"])
def test_model_net(
    layout: str, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    place = tmp_path / {"raw": "", "below GRAPEVINE_DATA": "elsewhere/shapes"}.get(layout, "root")
    with zipfile.ZipFile(shared_data / "pointcloud" / "modelnet_off_samples.zip") as files:
        small = [n for n in files.namelist() if "ModelNet10/" in n and "0003" not in n and "0005" not in n]
        files.extractall(place, small)
    meshes(place, "ModelNet10/chair/train/chair_0001.off", "ModelNet10/chair/test/chair_0890.off")
    (place / "ModelNet10" / "chair" / "train" / "._chair_0001.off").write_text("not read")
    if layout == "zip":
        packed(place, tmp_path / "ModelNet10.zip")
        (tmp_path / "ModelNet10.zip").rename(
            (tmp_path / "root").mkdir() or tmp_path / "root" / "ModelNet10.zip"
        )
    elif layout == "raw":
        (tmp_path / "root").mkdir()
        (tmp_path / "ModelNet10").rename(tmp_path / "root" / "raw")
    elif layout == "below GRAPEVINE_DATA":
        monkeypatch.setenv("GRAPEVINE_DATA", str(tmp_path / "elsewhere"))
    root = str(tmp_path / "root")
    train, test = ModelNet(root), ModelNet(root, train=False)
    assert repr(train) == "ModelNet10(4)" and repr(test) == "ModelNet10(2)"
    assert train.categories == ["bathtub", "chair"]
    assert [data.num_nodes for data in train] == [3514, 700, 2842, 4] and train[3].y.tolist() == [1]
    if layout == "zip":
        monkeypatch.setattr(peer("ModelNet"), "raw_file_names", ["bathtub", "chair"])
        equal_datasets(train, peer("ModelNet")(root), in_order=False)
        equal_datasets(test, peer("ModelNet")(root, train=False), in_order=False)


def test_without_files_the_error_tells_where_they_are(tmp_path: Path) -> None:
    for make, where in (
        (lambda: GeometricShapes(str(tmp_path)), "geometric_shapes_raw.zip.*Yannick-S/geometric_shapes/raw"),
        (lambda: ModelNet(str(tmp_path), "40"), "ModelNet40.zip.*modelnet.cs.princeton.edu"),
        (lambda: FAUST(str(tmp_path)), "'MPI-FAUST.zip' .* register at http://faust.is.tue.mpg.de"),
        (lambda: CoMA(str(tmp_path)), "'COMA_data.zip' .* register at https://coma.is.tue.mpg.de"),
        (lambda: TOSCA(str(tmp_path)), "toscahires-asci.zip"),
        (lambda: SHREC2016(str(tmp_path), "cuts", "cat"), "shrec2016_PartialDeformableShapes.zip"),
        (lambda: ShapeNet(str(tmp_path)), "shapenetcore_partanno"),
        (lambda: PCPNetDataset(str(tmp_path), "Noisy"), "pclouds.zip"),
        (lambda: MNISTSuperpixels(str(tmp_path)), "MNISTSuperpixels.zip"),
    ):
        with pytest.raises(DownloadError, match=where):
            make()
    packed_empty = tmp_path / "ModelNet10.zip"
    with zipfile.ZipFile(packed_empty, "w") as out:
        out.writestr("readme.txt", "moved")
    with pytest.raises(DownloadError, match="a zip with files in 'ModelNet10', got none"):
        ModelNet(str(tmp_path))


def test_unknown_names(tmp_path: Path) -> None:
    for make, says in (
        (lambda: ModelNet(str(tmp_path), "20"), "'10' or '40', got '20'"),
        (lambda: TOSCA(str(tmp_path), ["cow"]), r"'cat', .*got \['cow'\]"),
        (lambda: SHREC2016(str(tmp_path), "cracks", "cat"), "'holes', 'cuts', got"),
        (lambda: ShapeNet(str(tmp_path), "Cow"), r"'Airplane'.*got \['Cow'\]"),
        (lambda: ShapeNet(str(tmp_path), split="all"), "'trainval', got 'all'"),
        (lambda: PCPNetDataset(str(tmp_path), "LowNoise"), "got 'train' and 'LowNoise'"),
    ):
        with pytest.raises(GraphValueError, match=says):
            make()


def test_a_part_without_graphs(tmp_path: Path) -> None:
    meshes(tmp_path, "raw/cube/train/cube.off")
    with pytest.raises(GraphValueError, match="graphs for 'test', found none"):
        GeometricShapes(str(tmp_path))


def test_filters_and_transforms_before_saving(tmp_path: Path) -> None:
    meshes(
        tmp_path, *(f"raw/{name}/{part}/{name}.off" for name in ("a", "b", "c") for part in ("train", "test"))
    )
    dataset = GeometricShapes(
        str(tmp_path), pre_transform=T.FaceToEdge(), pre_filter=lambda data: data.num_nodes != 4
    )
    assert [int(data.y) for data in dataset] == [1, 2] and "face" not in dataset[0]
    assert dataset[0].is_undirected()


def ply(folder: Path, name: str, seed: int) -> None:
    trimesh = pytest.importorskip("trimesh")
    data = mesh(seed)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    trimesh.Trimesh(data.pos.numpy(), data.face.t().numpy(), process=False).export(folder / name)


def test_faust(tmp_path: Path) -> None:
    for i in range(100):
        ply(tmp_path / "files", f"MPI-FAUST/training/registrations/tr_reg_{i:03d}.ply", i)
    packed(tmp_path / "files", tmp_path / "MPI-FAUST.zip")
    train, test = FAUST(str(tmp_path)), FAUST(str(tmp_path), train=False)
    assert (len(train), len(test), train.num_classes) == (80, 20, 10)
    for dataset, i, seed in ((train, 0, 0), (train, 79, 79), (test, 0, 80), (test, 15, 95)):
        torch.testing.assert_close(dataset[i].pos, mesh(seed).pos, rtol=0, atol=1e-6)
        assert torch.equal(dataset[i].face, mesh(seed).face) and int(dataset[i].y) == seed % 10


def test_coma(tmp_path: Path) -> None:
    for i in range(95):
        ply(tmp_path / "files", f"FaceTalk_1_TA/cheeks_in/cheeks_in.{i:06d}.ply", i)
    ply(tmp_path / "files", "FaceTalk_2_TA/mouth_up/mouth_up.000001.ply", 7)
    packed(tmp_path / "files", tmp_path / "COMA_data.zip")
    train, test = CoMA(str(tmp_path)), CoMA(str(tmp_path), train=False)
    assert (len(train), len(test)) == (91, 5) and [int(train[i].y) for i in (0, 89, 90)] == [1, 1, 11]
    torch.testing.assert_close(test[0].pos, mesh(90).pos, rtol=0, atol=1e-6)
    torch.testing.assert_close(train[90].pos, mesh(7).pos, rtol=0, atol=1e-6)


def test_tosca(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for seed, name in enumerate(("cat0", "cat2", "cat10", "wolf1")):
        data = mesh(seed)
        (tmp_path / "files" / f"{name}.vert").write_text(
            "".join(" ".join(map(repr, p)) + "\n" for p in data.pos.tolist())
        )
        faces = (data.face.t() + 1).tolist()
        (tmp_path / "files" / f"{name}.tri").write_text("".join(" ".join(map(str, f)) + "\n" for f in faces))
    packed(tmp_path / "files", tmp_path / "toscahires-asci.zip")
    for categories in (None, ["Wolf"], ["wolf", "cat"]):
        mine, theirs = (cls(str(tmp_path), categories) for cls in (TOSCA, peer("TOSCA")))
        assert list(mine.categories) == list(theirs.categories)
        equal_datasets(mine, theirs)
    assert torch.equal(mine[3].pos, mesh(2).pos) and torch.equal(mine[3].face, mesh(2).face)


@pytest.mark.filterwarnings("ignore:Weights only load failed")  # the peer's own file
def test_shrec(tmp_path: Path) -> None:
    name = "shrec2016_PartialDeformableShapes"
    for folder, files in (
        (
            name,
            [
                "null/cat.off",
                "cuts/cuts_cat_shape_2.off",
                "cuts/cuts_cat_shape_10.off",
                "cuts/cuts_dog_shape_1.off",
            ],
        ),
        (f"{name}_TestSet", ["cuts/cuts_cat_shape_1.off"]),
    ):
        meshes(tmp_path / "files" / folder, *files)
        for path in (tmp_path / "files" / folder).glob("cuts/*.off"):
            rows = range(int(path.read_text().split()[1]))
            path.with_suffix(".baryc_gt").write_text("".join(f"{i + 3} 0.5 0.25 0.25\n" for i in rows))
        packed(tmp_path / "files", tmp_path / f"{folder}.zip")
    for train in (True, False):
        mine, theirs = (
            SHREC2016(str(tmp_path), "Cuts", "cat", train),
            peer("SHREC2016")(str(tmp_path), "cuts", "Cat", train),
        )
        equal_datasets(mine, theirs)
        assert_same(mine.ref, theirs.ref)
        assert ("y" in mine[0]) == train
    assert SHREC2016(str(tmp_path), "cuts", "cat", transform=T.FaceToEdge()).ref.is_undirected()


def test_shape_net(tmp_path: Path) -> None:
    folder = tmp_path / "files" / Path(ShapeNet.url).stem
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number, category in enumerate(ShapeNet.category_ids.values()):
        (folder / category).mkdir(parents=True)
        for i, split in enumerate(("train", "val", "test")):
            table = torch.randn(5 + i, 6).tolist()
            lines = [" ".join(map(repr, row)) + f" {number}.000000\n" for row in table]
            (folder / category / f"shape{i}.txt").write_text("".join(lines))
            lists[split].append(f"shape_data/{category}/shape{i}")
    (folder / "train_test_split").mkdir()
    for split, names in lists.items():
        (folder / "train_test_split" / f"shuffled_{split}_file_list.json").write_text(json.dumps(names[::-1]))
    packed(tmp_path / "files", tmp_path / f"{folder.name}.zip")
    for kwargs in (
        {"split": "train"},
        {"categories": "Mug", "split": "val", "include_normals": False},
        {"categories": ["Table", "Bag"]},
    ):
        mine, theirs = ShapeNet(str(tmp_path), **kwargs), peer("ShapeNet")(str(tmp_path), **kwargs)
        equal_datasets(mine, theirs)
        assert torch.equal(mine.y_mask, theirs.y_mask) and mine.seg_classes == theirs.seg_classes


def test_pcp_net(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "testset_low_noise.txt").write_text("cube\nball\n")
    for name in ("cube", "ball"):
        for part, columns in (("xyz", 3), ("normals", 3), ("curv", 2)):
            rows = torch.randn(6, columns).tolist()
            (folder / f"{name}.{part}").write_text("".join(" ".join(map(repr, row)) + "\n" for row in rows))
        (folder / f"{name}.pidx").write_text("4\n2\n")
    packed(folder, tmp_path / "pclouds.zip")
    mine, theirs = (cls(str(tmp_path), "LowNoise", "test") for cls in (PCPNetDataset, peer("PCPNetDataset")))
    equal_datasets(mine, theirs)
    assert mine[0].x.shape == (6, 5) and mine[1].test_idx.tolist() == [4, 2]


def test_mnist_superpixels(tmp_path: Path) -> None:
    def digit(label: int) -> dict[str, torch.Tensor]:
        edge_index = torch.tensor([[0, 1], [1, 0]])
        return {
            "x": torch.rand(3, 1),
            "edge_index": edge_index,
            "pos": torch.rand(3, 2),
            "y": torch.tensor([label]),
        }

    torch.save([[digit(1), digit(9)], [digit(4)]], tmp_path / "MNISTSuperpixels.pt")
    with zipfile.ZipFile(tmp_path / "MNISTSuperpixels.zip", "w") as out:
        out.write(tmp_path / "MNISTSuperpixels.pt", "MNISTSuperpixels.pt")
    os.remove(tmp_path / "MNISTSuperpixels.pt")
    for train in (True, False):
        equal_datasets(MNISTSuperpixels(str(tmp_path), train), peer("MNISTSuperpixels")(str(tmp_path), train))
