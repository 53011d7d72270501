from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import pytest
import torch

from grapevine.data import Data, HeteroData, InMemoryDataset, TemporalData, serialization
from grapevine.errors import GraphTypeError, GraphValueError
from tests.data.peer import BOTH, graph, hetero, ours, same, theirs


def dataset(module, graphs, **kwargs):
    class Graphs(module.InMemoryDataset):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.data, self.slices = self.collate(graphs)

    return Graphs(**kwargs)


def both(kind=graph, seeds=(0, 3, 5), **kwargs):
    return [dataset(module, [kind(module, s) for s in seeds], **kwargs) for module in BOTH]


@pytest.mark.parametrize("seeds", [(4,), (0, 3, 5)])
@pytest.mark.parametrize("kind", [graph, hetero])
def test_examples_are_those_of_the_peer(kind, seeds) -> None:
    data, peer = both(kind, seeds)
    assert len(data) == len(peer) == len(seeds) and repr(data) == repr(peer)
    for i, seed in enumerate(seeds):
        for store, original in zip(data[i].stores[-3:], kind(ours, seed).stores[-3:]):
            same(store.get("edge_index"), original.get("edge_index"))
    if kind is graph:  # the peer fails on types that have a number of nodes only
        same(list(data), list(peer))
        same(data.slices, peer.slices)
        assert data.num_classes == peer.num_classes
        assert data.num_features == peer.num_features and data.num_edge_features == peer.num_edge_features


def test_attributes_of_all_graphs_are_those_of_the_peer() -> None:
    data, peer = both()
    for key in ["x", "y", "pos", "edge_index", "train_mask"]:
        same(getattr(data, key), getattr(peer, key))
        same(getattr(data[1:], key), getattr(peer[1:], key))
    same(data[[2, 0]].copy().x, peer[[2, 0]].copy().x)
    same(list(data.copy([1, 2])), list(peer.copy([1, 2])))
    with pytest.raises(AttributeError, match="'Graphs' object has no attribute 'nothing'"):
        data.nothing


def test_graphs_with_a_number_of_nodes_only() -> None:
    data = dataset(ours, [Data(num_nodes=n) for n in (2, 5)])
    assert len(data) == 2 and data[1].num_nodes == 5


def test_looking_does_not_fill_the_cache() -> None:
    data, _ = both(transform=lambda d: d)
    assert data.num_features == 4 and data.num_classes == 3 and data._data_list is None
    data[0].x = None  # a copy
    assert data[0].x is not None and data._data_list is not None
    assert data.num_features == 4 and data._data_list is not None


def test_joined_data_warns() -> None:
    data, _ = both()
    data[0]
    with pytest.warns(UserWarning, match=r"not recommended .* read anew"):
        joined = data.data
    assert data._data_list is None and joined is data._data
    with pytest.warns(UserWarning, match="holds only some"):
        data[1:].data


def test_devices() -> None:
    data, _ = both()
    assert data.cpu() is data and data.to("meta")._data.x.device.type == "meta"
    data, _ = both()
    with pytest.raises(GraphValueError, match="got a part of a dataset"):
        data[1:].to("cpu")
    data[0]
    with pytest.raises(GraphValueError, match=r"whose graphs have been read; do this instead: dataset.copy"):
        data.cpu()


def test_pickling() -> None:
    data = InMemoryDataset()
    data.data, data.slices = data.collate([graph(ours, s) for s in (1, 2)])
    out = pickle.loads(pickle.dumps(data))
    same(out[1], data[1])
    same(copy.deepcopy(data)[1], data[1])


class Special(Data):
    def __inc__(self, key, value, *args, **kwargs):
        return 100 if key == "ids" else super().__inc__(key, value, *args, **kwargs)


class Stored(InMemoryDataset):
    graphs: list = []

    @property
    def processed_file_names(self):
        return "data.pt"

    def process(self):
        graphs = [g for g in self.graphs if self.pre_filter is None or self.pre_filter(g)]
        graphs = graphs if self.pre_transform is None else [self.pre_transform(g) for g in graphs]
        self.save(graphs, self.processed_paths[0])

    def __init__(self, root, **kwargs):
        super().__init__(str(root), log=False, **kwargs)
        self.load(self.processed_paths[0])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", [graph, hetero])
def test_files_hold_every_kind_of_attribute(tmp_path, kind, count: int) -> None:
    class Here(Stored):
        graphs = [kind(ours, s) for s in range(count)]

    first, again = Here(tmp_path), Here(tmp_path)
    same(list(first), list(again))
    if count == 1:
        same(list(again), Here.graphs)
    assert len(again) == count and os.listdir(tmp_path / "processed").count("data.pt.part") == 0
    assert len(Here(tmp_path, force_reload=True, pre_filter=lambda g: g is Here.graphs[0])) == 1


def test_classes_are_kept(tmp_path) -> None:
    class Here(Stored):
        graphs = [Special(ids=torch.tensor([n])) for n in (1, 2)]

    loaded = Here(tmp_path)
    assert type(loaded[1]) is Special and loaded.ids.tolist() == [1, 102]

    class Events(Stored):
        graphs = [TemporalData(src=torch.tensor([0]), dst=torch.tensor([1]))]

    assert type(Events(tmp_path / "events")[0]) is TemporalData


def test_files_of_the_peer_can_be_read(tmp_path) -> None:
    path = str(tmp_path / "data.pt")
    for module in BOTH:
        graphs = [graph(module, s) for s in (0, 1)]
        if module is theirs:
            module.InMemoryDataset.save(graphs, path)
    out = InMemoryDataset()
    out.load(path)
    assert type(out[0]) is Data
    same(list(out), list(dataset(ours, [graph(ours, s) for s in (0, 1)])))
    theirs.InMemoryDataset.save([hetero(theirs, 1)], path)
    out.load(path)
    assert type(out[0]) is HeteroData
    same(out[0], hetero(ours, 1))
    code = (
        "import sys; from grapevine.data import InMemoryDataset; d = InMemoryDataset(); "
        f"d.load({path!r}); print(type(d[0]).__name__, 'torch_geometric' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["HeteroData", "False"]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_files_run_no_code(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(({"x": Evil()}, None, "grapevine.data.data:Data"), "evil.pt")
    with pytest.raises(
        GraphTypeError, match=r"in 'evil.pt', got \['posix.mkdir'\], which could run any code"
    ):
        InMemoryDataset().load("evil.pt")
    with pytest.raises(
        GraphTypeError, match=r"expected tensors, arrays, .* got \['posix.mkdir'\]; do this instead"
    ):
        InMemoryDataset.save([Data(x=Evil())], "new.pt")
    with open("evil.pt", "wb") as file:
        pickle.dump(Evil(), file, protocol=2)
    with pytest.raises(GraphTypeError, match="got a plain pickle, which could run any code"):
        InMemoryDataset().load("evil.pt")
    torch.save(({}, None, "evil.module:Data"), "evil.pt")
    with pytest.raises(GraphTypeError, match=r"class that has been imported, got 'evil.module:Data'"):
        InMemoryDataset().load("evil.pt")
    assert os.listdir(tmp_path) == ["evil.pt"]


@pytest.mark.parametrize("make", [graph, hetero])
def test_graphs_in_files_of_their_own(tmp_path, make) -> None:
    path, data = str(tmp_path / "data.pt"), make(ours, 3)
    data.stores[0].declare(x=ours.Role("node"))
    batch = ours.Batch.from_data_list([data, data])
    serialization.save({"graph": data, "batch": batch}, path)
    out = serialization.load(path)
    same(out["graph"], data)
    same(out["batch"][1], batch[1])
    assert type(out["graph"]) is type(data) and type(out["batch"]) is type(batch)
    del data["array"]
    torch.save(data, path)
    out = torch.load(path, weights_only=True)  # the classes are known to torch
    same(out, data)
    assert all(store._parent() is out for store in out.stores)
