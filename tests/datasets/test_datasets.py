"""Datasets: the published counts, and the same graphs as torch_geometric makes from the same files."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from grapevine import transforms as T
from grapevine.data import Data
from grapevine.datasets import (
    Amazon,
    Coauthor,
    FakeDataset,
    FakeHeteroDataset,
    HeterophilousGraphDataset,
    KarateClub,
    Planetoid,
    TUDataset,
)
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError
from grapevine.utils import is_undirected


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test names is at hand, and nothing can be downloaded."""

    def refuse(name: str, into: object, url: str, *rest: object) -> Path:
        raise DownloadError(f"could not download {name!r} from {url}: no network in tests")

    monkeypatch.setattr("grapevine.io.download.download_file", refuse)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)


@pytest.fixture(scope="module")
def peers() -> Any:
    return pytest.importorskip("torch_geometric.datasets")


@pytest.fixture
def data_folder(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    return shared_data


def assert_same(mine: Any, peer: Any) -> None:
    mine, peer = mine.to_dict(), peer.to_dict()
    assert set(mine) == set(peer)
    for key, value in peer.items():
        if isinstance(value, Tensor):
            assert mine[key].dtype == value.dtype and torch.equal(mine[key], value), key
        else:
            assert mine[key] == value, key


# Karate club ------------------------------------------------------------------------------------------


def test_karate_club(peers: Any) -> None:
    dataset = KarateClub()
    assert_same(dataset[0], peers.KarateClub()[0])
    assert (len(dataset), dataset.num_classes, dataset.num_features) == (1, 4, 34)
    assert repr(dataset) == "KarateClub()"
    assert dataset[0].is_undirected() and dataset[0].num_edges == 156
    assert KarateClub(T.AddSelfLoops())[0].num_edges == 190


# Planetoid --------------------------------------------------------------------------------------------

COUNTS = {  # nodes, edges, features, classes, training nodes
    "Cora": (2708, 10556, 1433, 7, 140),
    "CiteSeer": (3327, 9104, 3703, 6, 120),
    "PubMed": (19717, 88648, 500, 3, 60),
}


@pytest.mark.parametrize("name", COUNTS)
def test_planetoid(name: str, data_folder: Path, tmp_path: Path, peers: Any) -> None:
    dataset = Planetoid(str(tmp_path), name)
    data = dataset[0]
    nodes, edges, features, classes, train = COUNTS[name]
    assert (data.num_nodes, data.num_edges, dataset.num_features, dataset.num_classes) == (
        nodes,
        edges,
        features,
        classes,
    )
    assert [int(mask.sum()) for mask in (data.train_mask, data.val_mask, data.test_mask)] == [
        train,
        500,
        1000,
    ]
    assert repr(dataset) == f"{name}()" and len(dataset) == 1
    assert data.is_undirected() and not data.has_self_loops()
    if name == "CiteSeer":
        assert int((data.x.sum(dim=1) == 0).sum()) == 15  # the test ids that the files lack

    # The raw files now lie as the peer lays them, who reads them to the same graph.
    assert_same(data, peers.Planetoid(str(tmp_path), name)[0])


def test_planetoid_splits(data_folder: Path, tmp_path: Path, peers: Any) -> None:
    for kwargs in (
        {"split": "full"},
        {"split": "random", "num_train_per_class": 5, "num_val": 50, "num_test": 60},
    ):
        torch.manual_seed(3)
        mine = Planetoid(str(tmp_path), "cora", **kwargs)
        torch.manual_seed(3)
        assert_same(mine[0], peers.Planetoid(str(tmp_path), "cora", **kwargs)[0])
    assert Planetoid(str(tmp_path), "cora")[0].train_mask.sum() == 140  # the public split is as it was
    with pytest.raises(GraphValueError, match=r"'geom-gcn', 'random'\), got 'half'"):
        Planetoid(str(tmp_path), "cora", split="half")
    with pytest.raises(GraphValueError, match="'CiteSeer', 'PubMed'"):
        Planetoid(str(tmp_path), "core")


def test_planetoid_geom_gcn_splits(data_folder: Path, tmp_path: Path, peers: Any) -> None:
    with pytest.raises(DownloadError, match=r"cora_split_0.6_0.2_0.npz"):
        Planetoid(str(tmp_path), "Cora", split="geom-gcn")
    rng = np.random.default_rng(0)
    for i in range(10):
        masks = {
            f"{part}_mask": rng.integers(0, 2, 2708, dtype=np.uint8) for part in ("train", "val", "test")
        }
        np.savez(tmp_path / f"cora_split_0.6_0.2_{i}.npz", **masks)
    data = Planetoid(str(tmp_path), "Cora", split="geom-gcn")[0]
    assert data.train_mask.shape == (2708, 10) and data.train_mask.dtype == torch.bool
    peer = peers.Planetoid(str(tmp_path), "Cora", split="geom-gcn")[0]
    for mask in ("train_mask", "val_mask", "test_mask"):
        assert torch.equal(data[mask], peer[mask].bool())


@pytest.mark.parametrize("layout", ["zip", "files", "raw"])
def test_planetoid_from_its_root(layout: str, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "planetoid" / "cora.zip"
    if layout == "zip":
        shutil.copy(source, tmp_path)
    else:
        shutil.unpack_archive(source, tmp_path / ("" if layout == "files" else "Cora/raw"))
    assert Planetoid(str(tmp_path), "Cora")[0].num_edges == 10556


def test_without_files_the_error_names_the_first(tmp_path: Path) -> None:
    with pytest.raises(
        DownloadError, match=r"'ind.cora.x' from https://github.com/kimiyoung/planetoid/raw/master/data"
    ):
        Planetoid(str(tmp_path), "Cora")
    with pytest.raises(DownloadError, match=r"'MUTAG.zip' from https://www.chrsmrrs.com/graphkerneldatasets"):
        TUDataset(str(tmp_path), "MUTAG")
    with pytest.raises(DownloadError, match="nd7141/graph_datasets"):
        TUDataset(str(tmp_path), "MUTAG", cleaned=True)


def test_processed_once(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Planetoid(str(tmp_path), "Cora", pre_transform=T.NormalizeFeatures())
    shutil.rmtree(tmp_path / "Cora" / "raw")
    monkeypatch.delenv("GRAPEVINE_DATA")
    with pytest.raises(DownloadError):  # the raw files are wanted, as by the peer
        Planetoid(str(tmp_path), "Cora")
    shutil.unpack_archive(data_folder / "planetoid" / "cora.zip", tmp_path / "Cora" / "raw")
    monkeypatch.setattr(Planetoid, "process", lambda self: pytest.fail("processed again"))
    data = Planetoid(str(tmp_path), "Cora", pre_transform=T.NormalizeFeatures())[0]
    torch.testing.assert_close(data.x.sum(dim=1), torch.ones(2708))


# TU Dortmund ------------------------------------------------------------------------------------------

SETS = {  # graphs, nodes, edges, classes, features, node attributes, columns of edge_attr
    "MUTAG": (188, 3371, 7442, 2, 7, 0, 4),
    "NCI1": (4110, 122747, 265506, 2, 37, 0, 0),
    "PROTEINS": (1113, 43471, 162088, 2, 3, 0, 0),
    "AIDS": (2000, 31385, 64780, 2, 38, 4, 3),
    "IMDB-BINARY": (1000, 19773, 193062, 2, 0, 0, 0),
    "PTC": (344, 8792, 17862, 2, None, 0, 0),
    "Letter-med": (2250, 10518, 14426, 15, 0, 2, 0),
}


def equal_graphs(mine: Any, peer: Any) -> None:
    assert len(mine) == len(peer) and mine.sizes == peer.sizes
    assert mine.num_classes == peer.num_classes and mine.num_features == peer.num_features
    assert mine.num_edge_features == peer.num_edge_features
    for i in (0, 1, len(mine) // 2, len(mine) - 1):
        assert_same(mine[i], peer[i])


@pytest.mark.parametrize("name", SETS)
def test_tu(name: str, data_folder: Path, tmp_path: Path, peers: Any) -> None:
    dataset = TUDataset(str(tmp_path), name)
    graphs, nodes, edges, classes, features, attributes, edge_columns = SETS[name]
    assert (len(dataset), dataset.num_classes, dataset.num_node_attributes) == (graphs, classes, attributes)
    assert features in (None, dataset.num_features) and dataset.num_edge_features == edge_columns
    assert sum(data.num_nodes for data in dataset) == nodes
    assert sum(data.num_edges for data in dataset) == edges
    assert repr(dataset) == f"{name}({graphs})"
    equal_graphs(dataset, peers.TUDataset(str(tmp_path), name))
    if attributes:
        kwargs = {"use_node_attr": True, "use_edge_attr": True}
        equal_graphs(TUDataset(str(tmp_path), name, **kwargs), peers.TUDataset(str(tmp_path), name, **kwargs))


@pytest.mark.parametrize("layout", ["zip", "folder", "files", "raw"])
def test_tu_from_its_root(layout: str, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "tud" / "MUTAG.zip"
    if layout == "zip":
        shutil.copy(source, tmp_path)
    else:
        shutil.unpack_archive(source, tmp_path / "unpacked")
        into = {"folder": "MUTAG", "files": ".", "raw": "MUTAG/raw"}[layout]
        shutil.copytree(tmp_path / "unpacked" / "MUTAG", tmp_path / into, dirs_exist_ok=True)
        shutil.rmtree(tmp_path / "unpacked")
    assert len(TUDataset(str(tmp_path), "MUTAG")) == 188


def test_tu_filters_and_transforms(data_folder: Path, tmp_path: Path, peers: Any) -> None:
    def small(data: Any) -> bool:
        return data.num_nodes < 15

    peer_transforms = pytest.importorskip("torch_geometric.transforms")
    mine = TUDataset(
        str(tmp_path / "a"), "MUTAG", pre_filter=small, pre_transform=T.AddSelfLoops("edge_attr")
    )
    shutil.copytree(tmp_path / "a" / "MUTAG" / "raw", tmp_path / "b" / "MUTAG" / "raw")
    peer = peers.TUDataset(
        str(tmp_path / "b"),
        "MUTAG",
        pre_filter=small,
        pre_transform=peer_transforms.AddSelfLoops("edge_attr"),
    )
    equal_graphs(mine, peer)
    assert 0 < len(mine) < 188
    assert mine.num_node_labels == 7 and mine.num_edge_labels == 4 and mine.num_edge_attributes == 0


# Single files -----------------------------------------------------------------------------------------


def test_amazon(data_folder: Path, tmp_path: Path, peers: Any) -> None:
    dataset = Amazon(str(tmp_path), "computers")
    data = dataset[0]
    assert (data.num_nodes, data.num_edges, dataset.num_features, dataset.num_classes) == (
        13752,
        491722,
        767,
        10,
    )
    peer = peers.Amazon(str(tmp_path), "computers")
    assert repr(dataset) == repr(peer)
    assert_same(data, peer[0])
    with pytest.raises(GraphValueError, match="'Computers', 'Photo'"):
        Amazon(str(tmp_path), "books")
    with pytest.raises(DownloadError, match=r"amazon_electronics_photo.npz"):
        Amazon(str(tmp_path), "Photo")


def test_coauthor(tmp_path: Path, peers: Any) -> None:
    # A graph of the same form: the real ones take a gigabyte when dense.
    parts = {"data": np.ones(2), "indices": np.array([1, 0]), "indptr": np.array([0, 1, 2]), "shape": (2, 2)}
    arrays = {f"{name}_{part}": value for name in ("adj", "attr") for part, value in parts.items()}
    np.savez(tmp_path / "ms_academic_phy.npz", labels=np.array([0, 1]), **arrays)
    dataset = Coauthor(str(tmp_path), "physics")
    peer = peers.Coauthor(str(tmp_path), "physics")
    assert repr(dataset) == repr(peer) == "CoauthorPhysics()"
    assert_same(dataset[0], peer[0])
    with pytest.raises(GraphValueError, match="'CS', 'Physics'"):
        Coauthor(str(tmp_path), "maths")


@pytest.mark.parametrize(
    ("name", "nodes", "edges", "features", "classes"),
    [
        ("Minesweeper", 10000, 39402, 7, 2),
        ("Actor", 7600, 26659, 932, 5),
        ("Chameleon-filtered", 890, 8854, 2325, 5),
        ("Texas", 183, 279, 1703, 5),
    ],
)
def test_heterophilous(
    name: str,
    nodes: int,
    edges: int,
    features: int,
    classes: int,
    data_folder: Path,
    tmp_path: Path,
    peers: Any,
) -> None:
    dataset = HeterophilousGraphDataset(str(tmp_path), name)
    data = dataset[0]
    assert (data.num_nodes, data.num_edges, dataset.num_features, dataset.num_classes) == (
        nodes,
        2 * edges,
        features,
        classes,
    )
    assert data.train_mask.shape == (nodes, 10)
    if name == "Minesweeper":
        peer = peers.HeterophilousGraphDataset(str(tmp_path), name)
        assert repr(dataset) == repr(peer)
        assert_same(data, peer[0])
    with pytest.raises(GraphValueError, match="roman_empire"):
        HeterophilousGraphDataset(str(tmp_path), "greek")


# Random graphs ----------------------------------------------------------------------------------------

FAKE: list[dict[str, Any]] = [
    {},
    {"num_graphs": 3, "edge_dim": 1, "global_features": 3},
    {"edge_dim": 4, "num_classes": 0},
    {"task": "graph", "num_classes": 3, "other": (2, 5)},
    {"num_graphs": 2, "task": "node", "avg_degree": 0.5},
]


def both(name: str, peers: Any, **kwargs: Any) -> tuple[Any, Any]:
    out = []
    for cls in (
        {"FakeDataset": FakeDataset, "FakeHeteroDataset": FakeHeteroDataset}[name],
        getattr(peers, name),
    ):
        random.seed(1)
        torch.manual_seed(1)
        out.append(cls(avg_num_nodes=30, **kwargs))
    return out[0], out[1]


@pytest.mark.parametrize("kwargs", [*FAKE, {"num_channels": 0, "is_undirected": False}], ids=str)
def test_fake(kwargs: dict[str, Any], peers: Any) -> None:
    mine, peer = both("FakeDataset", peers, **kwargs)
    assert len(mine) == len(peer) and mine.num_classes == peer.num_classes
    for a, b in zip(mine, peer):
        assert_same(a, b)
    assert isinstance(mine[0], Data)
    assert is_undirected(mine[0].edge_index) == kwargs.get("is_undirected", True)


@pytest.mark.parametrize(
    "kwargs", [*FAKE, {"num_node_types": 1, "num_edge_types": 3, "avg_num_channels": 0}], ids=str
)
def test_fake_hetero(kwargs: dict[str, Any], peers: Any) -> None:
    mine, peer = both("FakeHeteroDataset", peers, **kwargs)
    assert len(mine) == len(peer)
    for a, b in zip(mine, peer):
        assert a.node_types == b.node_types and a.edge_types == b.edge_types
        for store in b.stores:
            found = a._global_store if store._key is None else a[store._key]
            assert set(found) == set(store)
            for key, value in store.items():
                same = torch.equal(found[key], value) if isinstance(value, Tensor) else found[key] == value
                assert same, (store._key, key)


def test_fake_says_what_it_knows() -> None:
    for cls in (FakeDataset, FakeHeteroDataset):
        with pytest.raises(GraphValueError, match="'auto', 'node', 'graph'"):
            cls(task="edge")
