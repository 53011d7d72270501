from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from grapevine.data import TemporalData
from grapevine.errors import GraphIndexError, GraphTypeError
from tests.data.peer import BOTH, events, ours, same


def pairs(seed: int = 0, **kwargs):
    return [events(module, seed, **kwargs) for module in BOTH]


def test_properties_are_those_of_the_peer() -> None:
    data, peer = pairs()
    assert repr(data) == repr(peer) == "TemporalData(src=[20], dst=[20], t=[20], msg=[20, 3], y=[20])"
    assert len(data) == len(peer) == data.num_events == data.num_edges == 20
    assert data.num_nodes == peer.num_nodes
    same(data.edge_index, peer.edge_index)
    same(dict(data("src", "msg")), dict(peer("src", "msg")))
    same(tuple(data.to_namedtuple()), tuple(peer.to_namedtuple()))
    same(TemporalData.from_dict(data.to_dict()), peer)
    for key, value in data():
        assert data.__cat_dim__(key, value) == peer.__cat_dim__(key, value)
        assert data.__inc__(key, value) == peer.__inc__(key, value)
    assert (
        data.size() == (int(data.src.max()) + 1, int(data.dst.max()) + 1) and data.size(0) == data.size()[0]
    )


@pytest.mark.parametrize(
    "idx",
    [
        3,
        slice(2, 9),
        slice(None, None, 3),
        slice(-4, None),
        [1, 5],
        (2,),
        torch.tensor([7, 0]),
        torch.arange(20) > 14,
    ],
)
def test_slices_are_those_of_the_peer(idx) -> None:
    data, peer = pairs()
    same(data[idx], peer[idx])


def test_more_ways_to_index() -> None:
    data, _ = pairs()
    data.note = "kept"
    assert data[-1].t.tolist() == [190] and data[-1].note == "kept"
    assert data[np.array([1, 2])].t.tolist() == [10, 20] and data[:0.5].num_events == 10
    assert [int(event.t) for event in data][:3] == [0, 10, 20]
    assert data["t"] is data.t
    assert data[2:4].src.data_ptr() == data.src[2:].data_ptr()  # slices are views
    with pytest.raises(GraphIndexError, match="valid indices"):
        data[1.5]


@pytest.mark.parametrize("ratios", [(), (0.2, 0.1), (0.0, 0.5)])
def test_split_is_that_of_the_peer(ratios) -> None:
    data, peer = pairs(num_events=37)
    same(data.train_val_test_split(*ratios), peer.train_val_test_split(*ratios))


def test_attributes_and_copies() -> None:
    data = TemporalData(src=torch.tensor([0, 1]), dst=torch.tensor([1, 0]))
    data.extra, data["more"] = 1, 2
    del data["more"], data.extra
    assert data.keys() == ["src", "dst"]
    with pytest.raises(AttributeError, match="'t'"):
        data.t
    for how in (copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))):
        out = how(data)
        same(out, data)
        assert type(out) is TemporalData and out._store._parent() is out
    assert data.to("meta").src.device.type == "meta"


def test_graph_of_the_events() -> None:
    data = TemporalData(src=torch.tensor([0, 1, 2]), dst=torch.tensor([1, 0, 2]), t=torch.arange(3))
    assert (
        data.has_self_loops()
        and data.is_undirected()
        and data.has_isolated_nodes()
        and not data.is_directed()
    )
    assert sorted(data.edge_attrs()) == ["dst", "src", "t"] and data.node_attrs() == []
    with pytest.raises(GraphTypeError, match="expected a graph without times to coalesce"):
        data.coalesce()
    assert ours.TemporalData(src=torch.empty(0).long(), dst=torch.empty(0).long()).num_nodes == 0
