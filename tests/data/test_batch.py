from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grapevine.data import Batch, Data, HeteroData
from grapevine.errors import GraphIndexError, GraphKeyError, GraphValueError
from tests.data.peer import BOTH, events, graph, hetero, ours, same

SPARSE = pytest.mark.filterwarnings("ignore:Sparse (CSR|invariant):UserWarning")


def same_batches(a, b) -> None:
    same(a, b)
    assert repr(a) == repr(b) and len(a) == len(b) == a.num_graphs == a.batch_size == b.num_graphs
    same(a._slice_dict, b._slice_dict)
    same(a._inc_dict, b._inc_dict)
    same(a.to_data_list(), b.to_data_list())


@settings(max_examples=25)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_batches_are_those_of_the_peer(seeds: list[int]) -> None:
    batches = [module.Batch.from_data_list([graph(module, s) for s in seeds]) for module in BOTH]
    same_batches(*batches)
    assert isinstance(batches[0], Batch) and isinstance(batches[0], Data)
    assert batches[0].validate()


@settings(max_examples=25)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=4))
def test_hetero_batches_are_those_of_the_peer(seeds: list[int]) -> None:
    batches = []
    for module in BOTH:
        graphs = [hetero(module, s) for s in seeds]
        for data in graphs:  # the peer loses track of types that have a number of nodes only
            data["venue"].tag = torch.zeros(2)
        batches.append(module.Batch.from_data_list(graphs))
    same_batches(*batches)
    assert isinstance(batches[0], Batch) and isinstance(batches[0], HeteroData)


def test_types_with_a_number_of_nodes_only() -> None:
    graphs = [hetero(ours, s) for s in (0, 3)]
    same(Batch.from_data_list(graphs)[1]["venue"].to_dict(), {"num_nodes": 2})


@pytest.mark.parametrize("kind", [graph, hetero])
def test_follow_batch_and_exclude_keys(kind) -> None:
    follow, exclude = ["x", "levels", "parts", "y", "name", "edge_index"], ["pos", "code", "edge_attr"]
    batches = [
        module.Batch.from_data_list([kind(module, s) for s in (1, 2, 3)], follow, exclude) for module in BOTH
    ]
    same(*batches)
    assert "pos" not in batches[0] and "x_batch" in batches[0]


def test_batches_of_batches() -> None:
    batches = []
    for module in BOTH:
        inner = [module.Batch.from_data_list([graph(module, s) for s in pair]) for pair in ((0, 1), (2, 3))]
        batches.append(module.Batch.from_data_list(inner))
    same(*batches)
    assert batches[0].num_graphs == 2 and type(batches[0]) is type(Batch.from_data_list([graph(ours, 0)]))
    same(batches[0][1].edge_index, batches[1][1].edge_index)


def test_events_are_batched_as_by_the_peer() -> None:
    batches = [module.Batch.from_data_list([events(module, s) for s in (0, 1)]) for module in BOTH]
    same_batches(*batches)


def test_examples_by_every_index() -> None:
    graphs = [graph(ours, s) for s in range(6)]
    batch = Batch.from_data_list(graphs)
    for idx in (2, -1, np.int64(3), torch.tensor(4), np.array(1)):
        same(batch[idx].x, graphs[int(idx)].x)
        assert type(batch[idx]) is Data
    for idx in (
        slice(1, 4),
        [0, 5],
        (1,),
        torch.tensor([3, -2]),
        np.array([1, 2]),
        torch.tensor([True] * 5 + [False]),
    ):
        chosen = idx if isinstance(idx, slice) else torch.as_tensor(idx).numpy()
        picked = [graphs[i] for i in np.arange(6)[chosen]]
        same([g.x for g in batch[idx]], [g.x for g in picked])
    same(batch["x"], batch.x)
    with pytest.raises(GraphIndexError, match=r"expected an index in \[-6, 6\), got 6"):
        batch[6]
    with pytest.raises(IndexError, match="valid indices"):
        batch[1.5]
    with pytest.raises(IndexError, match="a mask with 6 entries, got 2"):
        batch[torch.tensor([True, False])]


def test_batches_by_hand() -> None:
    for module in BOTH:
        batch = module.Batch(x=torch.zeros(3, 1), batch=torch.tensor([0, 0, 1]))
        assert batch.num_graphs == 2 and repr(batch) == "DataBatch(x=[3, 1], batch=[3])"
        assert module.Batch(ptr=torch.tensor([0, 2, 5, 9])).num_graphs == 3
    with pytest.raises(GraphValueError, match="infer the number of graphs"):
        Batch().num_graphs
    with pytest.raises(GraphValueError, match=r"do this instead: Batch.from_data_list"):
        Batch(batch=torch.zeros(2))[0]


def test_empty_lists_and_missing_attributes() -> None:
    with pytest.raises(GraphValueError, match="at least one graph"):
        Batch.from_data_list([])
    with pytest.raises(GraphKeyError, match=r"attribute 'y' of the first graph, but graph 1 has \['x'\]"):
        Batch.from_data_list([Data(x=torch.zeros(1), y=1), Data(x=torch.zeros(1))])
    with pytest.raises(GraphKeyError, match=r"have the type 'a' of the first graph, but graph 1 has \['b'\]"):
        Batch.from_data_list([HeteroData(a={"num_nodes": 1}), HeteroData(b={"num_nodes": 1})])
    with pytest.raises(
        GraphValueError, match="lists of tensors of one length in all graphs as 'l', got lengths"
    ):
        Batch.from_data_list([Data(l=[torch.zeros(1)] * n) for n in (1, 2)])
    out = Batch.from_data_list([Data(x=torch.zeros(1)), Data(x=torch.zeros(1), only_later=1)])
    assert out.keys() == ["x", "batch", "ptr"]


def test_graphs_without_nodes_or_edges() -> None:
    empty = {"x": torch.zeros(0, 2), "edge_index": torch.empty(2, 0, dtype=torch.long)}
    batches = []
    for module in BOTH:
        full = module.Data(x=torch.ones(2, 2), edge_index=torch.tensor([[0], [1]]))
        batches.append(module.Batch.from_data_list([module.Data(**empty), full, module.Data(**empty), full]))
    same_batches(*batches)


def test_group_numbers_of_empty_graphs() -> None:
    graphs = [Data(x_batch=torch.tensor(ids, dtype=torch.long)) for ids in ([0, 1], [], [0])]
    assert Batch.from_data_list(graphs).x_batch.tolist() == [0, 1, 2]


def test_number_of_nodes_is_remembered() -> None:
    batches = [
        module.Batch.from_data_list([module.Data(num_nodes=n, y=torch.tensor([n])) for n in (2, 0, 3)])
        for module in BOTH
    ]
    same_batches(*batches)
    with pytest.warns(UserWarning, match="Unable to accurately infer"):
        Batch.from_data_list([Data(edge_index=torch.tensor([[0], [1]]))])


def test_integers_keep_their_width() -> None:
    data = Data(x=torch.zeros(2), edge_index=torch.tensor([[0], [1]], dtype=torch.int32))
    batch = Batch.from_data_list([data, data])
    assert batch.edge_index.dtype == batch[1].edge_index.dtype == torch.int32
    data = HeteroData(a={"num_nodes": 2})
    data["a", "a"].edge_index = torch.tensor([[0], [1]], dtype=torch.int32)
    assert Batch.from_data_list([data, data])["a", "a"].edge_index.dtype == torch.int32


def test_what_is_added_is_on_the_device_of_the_graphs() -> None:
    graphs = [graph(ours, s).to("meta") for s in range(3)]
    batch = Batch.from_data_list(graphs, follow_batch=["y"])
    for key in ("edge_index", "batch", "ptr", "y_batch"):
        assert batch[key].device.type == "meta", key
    assert batch.batch.numel() == batch.num_nodes and batch[2].x.shape == graphs[2].x.shape


@SPARSE
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc])
def test_sparse_matrices_are_placed_on_the_diagonal(layout: torch.layout) -> None:
    def matrix(n: int, m: int):
        return (torch.rand(n, m) * (torch.rand(n, m) > 0.5)).to_sparse(layout=layout)

    adjs, xs = [matrix(n, n) for n in (2, 3, 1)], [matrix(n, 4) for n in (2, 3, 1)]
    batches = [
        module.Batch.from_data_list([module.Data(adj_t=a, x=x) for a, x in zip(adjs, xs)]) for module in BOTH
    ]
    same(batches[0].adj_t, batches[1].adj_t)
    same(batches[0].x.to_dense(), batches[1].x.to_dense())  # of CSC the peer makes COO
    same(batches[0].batch, batches[1].batch)
    assert batches[0].adj_t.layout == layout and batches[0].num_nodes == 6
    for i in range(3):  # which the peer cannot
        same(batches[0][i].adj_t, adjs[i])
        same(batches[0][i].x, xs[i])


@SPARSE
def test_sparse_matrices_of_edge_types() -> None:
    batches = []
    for module in BOTH:
        graphs = []
        for n in (1, 2):
            data = module.HeteroData(a={"num_nodes": n}, b={"num_nodes": n + 1})
            data["a", "b"].adj_t = torch.ones(n + 1, n).to_sparse()
            graphs.append(data)
        batches.append(module.Batch.from_data_list(graphs))
    same(*batches)


@pytest.mark.parametrize("kind", [graph, hetero])
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_copies(kind, how) -> None:
    batch = Batch.from_data_list([kind(ours, s) for s in range(3)])
    out = how(batch)
    assert type(out) is type(batch) and out.num_graphs == 3
    same(out, batch)
    same(out[2], batch[2])
    assert all(store._parent() is out for store in out.stores)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_nested_tensors() -> None:
    lengths = [(3, 5), (2,), (4, 1)]
    batches = []
    for module in BOTH:
        torch.manual_seed(0)
        rows = [[torch.randn(n, 2) for n in group] for group in lengths]
        batches.append(
            module.Batch.from_data_list([module.Data(x=torch.nested.nested_tensor(r)) for r in rows])
        )
    assert repr(batches[0]) == repr(batches[1]) == "DataBatch(x=[5, 5, 2], batch=[5], ptr=[4])"
    same(*(batch.x.to_padded_tensor(0.0) for batch in batches))
    same(list(batches[0][2].x.unbind()), rows[2])  # which the peer cannot


class Pair(Data):
    """Two graphs in one, batched by hand as PyTorch Geometric's documentation shows."""

    def __inc__(self, key, value, *args, **kwargs):
        if key in ("edge_index_s", "edge_index_t"):
            return self[f"x_{key[-1]}"].size(0)
        return super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key, value, *args, **kwargs):
        return None if key == "whole" else super().__cat_dim__(key, value, *args, **kwargs)


class Insisting(Data):
    def __init__(self, x, *, scale):
        super().__init__(x=x, scale=scale)


def test_subclasses_have_the_last_word() -> None:
    def make(n: int, m: int, cls=Pair):
        return cls(
            x_s=torch.randn(n, 1),
            x_t=torch.randn(m, 1),
            edge_index_s=torch.zeros(2, 1, dtype=torch.long),
            edge_index_t=torch.ones(2, 1, dtype=torch.long),
            whole=torch.arange(2),
        )

    graphs = [make(2, 3), make(4, 5)]
    batch = Batch.from_data_list(graphs, follow_batch=["x_s"])
    assert repr(batch).startswith("PairBatch(") and isinstance(batch, Pair)
    assert batch.edge_index_s.tolist() == [[0, 2]] * 2 and batch.edge_index_t.tolist() == [[1, 4]] * 2
    assert batch.whole.shape == (2, 2) and batch.x_s_batch.tolist() == [0] * 2 + [1] * 4
    same(batch.to_data_list(), graphs)
    assert type(batch[0]) is Pair

    graphs = [Insisting(torch.zeros(1), scale=2.0), Insisting(torch.zeros(2), scale=3.0)]
    batch = Batch.from_data_list(graphs)
    assert batch.scale.tolist() == [2, 3] and type(batch[1]) is Insisting
