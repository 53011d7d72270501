"""Graphs in a folder: the same graph again, rows of files in batches, and damage that is found before training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import grapevine as gv
from grapevine.data import Data, HeteroData
from grapevine.errors import GraphIndexError, GraphValueError
from grapevine.io import load_graph, save_graph
from grapevine.loader import LinkNeighborLoader, NeighborLoader
from tests.io.test_graph import full_graph
from tests.loader.test_neighbor_loader import heterogeneous, homogeneous, same


@pytest.mark.parametrize("in_memory", [0, 1 << 28])
def test_every_kind_of_attribute_survives(tmp_path: Path, in_memory: int) -> None:
    data = full_graph()
    save_graph(data, tmp_path / "g")
    read = load_graph(tmp_path / "g", in_memory=in_memory)
    assert type(read) is Data and list(read.to_dict()) == list(data.to_dict())
    for key in ("x", "half", "edge_index", "y", "train_mask", "low"):
        value = torch.as_tensor(np.array(read[key])) if isinstance(read[key], np.ndarray) else read[key]
        assert value.dtype == data[key].dtype and torch.equal(value, data[key]), key
        assert isinstance(read[key], np.memmap) == (in_memory == 0 and key in ("x", "half"))
    assert isinstance(read.table, np.ndarray) and (read.table == data.table).all()
    assert torch.equal(read.wave, data.wave)
    assert (read.name, read.scale, read.flags, read.count) == ("four", 0.5, [True, None, "a", 3], 7)
    assert torch.equal(read.pair[1][0], torch.ones(2)) and read.nested["b"] == {"$tensor": 3}


@pytest.mark.parametrize("in_memory", [0, 1 << 28])
@pytest.mark.parametrize("kind", ["homogeneous", "heterogeneous"])
def test_batches_are_those_of_the_graph_in_memory(tmp_path: Path, kind: str, in_memory: int) -> None:
    data = homogeneous() if kind == "homogeneous" else heterogeneous()
    inputs = None if kind == "homogeneous" else "paper"
    save_graph(data, tmp_path / "g")
    read = load_graph(tmp_path / "g", in_memory=in_memory)
    for options in ({}, {"subgraph_type": "induced"}, {"num_workers": 1}):
        for seed in (0, 1):
            batches = []
            for graph in (data, read):
                torch.manual_seed(seed)
                batches.append(
                    list(NeighborLoader(graph, [3, 2], inputs, batch_size=16, shuffle=True, **options))
                )
            for a, b in zip(*batches, strict=True):
                same(a, b)
    if kind == "homogeneous":
        for options in ({"weight_attr": "weight_of_edge"}, {"time_attr": "time"}):
            torch.manual_seed(3)
            a = next(iter(NeighborLoader(data, [3, 2], batch_size=16, **options)))
            torch.manual_seed(3)
            same(a, next(iter(NeighborLoader(read, [3, 2], batch_size=16, **options))))
        assert len(list(LinkNeighborLoader(read, [2], batch_size=100, neg_sampling="binary"))) == 5


def test_the_front_door_shows_both(tmp_path: Path) -> None:
    gv.save_graph(homogeneous(), tmp_path / "g")
    assert gv.load_graph(tmp_path / "g").num_edges == 500 and "save_graph" in dir(gv)


def test_features_written_in_the_folder_stay_there(tmp_path: Path) -> None:
    x = np.memmap(tmp_path / "features.bin", np.float32, "w+", offset=64, shape=(30, 5))
    x[:] = np.random.default_rng(0).random((30, 5), dtype=np.float32)
    data = Data(x=x, edge_index=torch.randint(30, (2, 90)))
    save_graph(data, tmp_path)
    assert not list(tmp_path.glob("*-0_x.bin"))
    read = load_graph(tmp_path, in_memory=0)
    assert read.x.filename.name == "features.bin" and (np.array(read.x) == x).all()
    copied = tmp_path / "copy"
    save_graph(read, copied)
    again = load_graph(copied)
    assert torch.equal(again.x, torch.from_numpy(np.array(x))) and torch.equal(
        again.edge_index, data.edge_index
    )
    save_graph(again, copied)  # over itself
    assert torch.equal(load_graph(copied).edge_index, data.edge_index)


@pytest.mark.parametrize("file", ["features", "edges", "rows", "manifest"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "removed"])
def test_damage_is_found_and_named(tmp_path: Path, file: str, damage: str) -> None:
    save_graph(homogeneous(), tmp_path / "g")
    pattern = {
        "features": "*-0_x.bin",
        "edges": "*edge_index.bin",
        "rows": "*edge_index.by_target.bin",
        "manifest": "manifest.json",
    }[file]
    (path,) = (tmp_path / "g").glob(pattern)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif damage == "truncated":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
    with pytest.raises(GraphValueError, match=r"again") as info:
        load_graph(tmp_path / "g", in_memory=0)
    assert (path.name if damage != "removed" or file != "manifest" else str(tmp_path / "g")) in str(
        info.value
    )
    if damage == "flipped" and file == "features":
        assert load_graph(tmp_path / "g", verify=False).num_nodes == 80
    elif file != "manifest" and damage != "flipped":
        with pytest.raises(GraphValueError, match="bytes, got"):
            load_graph(tmp_path / "g", verify=False)


def test_bad_graphs_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphIndexError, match="does not exist"):
        save_graph(Data(edge_index=torch.tensor([[0], [5]]), num_nodes=3), tmp_path / "g")
    (tmp_path / "empty").mkdir()
    with pytest.raises(GraphValueError, match=r"got a folder without manifest\.json"):
        load_graph(tmp_path / "empty")
    (tmp_path / "empty" / "manifest.json").write_text(
        json.dumps({"content": {"format": "x"}, "checksum": ""})
    )
    with pytest.raises(GraphValueError, match="expected format"):
        load_graph(tmp_path / "empty")


def test_a_graph_without_edges_or_features(tmp_path: Path) -> None:
    data = HeteroData()
    data["a"].num_nodes = 3
    data["b"].x = torch.empty(0, 4)
    data["a", "to", "b"].edge_index = torch.empty(2, 0, dtype=torch.int64)
    save_graph(data, tmp_path / "g")
    for in_memory in (0, 1 << 20):
        read = load_graph(tmp_path / "g", in_memory=in_memory)
        assert isinstance(read, HeteroData) and read.metadata() == data.metadata()
        assert read["b"].x.shape == (0, 4) and read["a", "b"].edge_index.shape == (2, 0)
        (batch,) = NeighborLoader(read, [2], "a", batch_size=3)
        assert batch["a"].num_nodes == 3
