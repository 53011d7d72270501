"""Random splits of nodes and edges: the peer's under the same seed, and what must hold of any split."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from grapevine import transforms as T
from grapevine.data import Data, HeteroData
from grapevine.datasets import FakeDataset, FakeHeteroDataset
from grapevine.errors import GraphTypeError, GraphValueError
from tests.transforms.peer import assert_same_as_peer, graph, hetero, seed


def pairs(edge_index: Tensor) -> set[tuple[int, int]]:
    return {(u, v) for u, v in edge_index.t().tolist()}


@pytest.fixture(scope="module")
def undirected() -> Data:
    seed(5)
    return FakeDataset(avg_num_nodes=60, avg_degree=4, num_channels=3, edge_dim=1, num_classes=3)[0]


@pytest.fixture(scope="module")
def several() -> HeteroData:
    seed(6)
    return FakeHeteroDataset(num_node_types=2, num_edge_types=3, avg_num_nodes=40, avg_degree=3, edge_dim=2)[
        0
    ]


# Nodes ------------------------------------------------------------------------------------------

NODE_SPLITS: list[dict[str, Any]] = [
    {"num_val": 10, "num_test": 20},
    {"num_val": 0.1, "num_test": 0.25, "num_splits": 3},
    {"split": "test_rest", "num_train_per_class": 4, "num_val": 5},
    {"split": "random", "num_train_per_class": 4, "num_val": 0.2, "num_test": 7, "num_splits": 2},
    {"num_val": 3, "num_test": 2, "key": None},
]


@pytest.mark.parametrize("kwargs", NODE_SPLITS, ids=str)
def test_node_split(kwargs: dict[str, Any], undirected: Data) -> None:
    data = assert_same_as_peer("RandomNodeSplit", undirected, **kwargs)
    total = data.train_mask.int() + data.val_mask.int() + data.test_mask.int()
    assert total.max() == 1
    if kwargs.get("split") != "random":
        assert total.min() == 1


@pytest.mark.parametrize(
    "kwargs", [{"num_val": 1, "num_test": 2}, {"split": "test_rest", "num_train_per_class": 1}]
)
def test_node_split_of_several_types(kwargs: dict[str, Any]) -> None:
    data = assert_same_as_peer("RandomNodeSplit", hetero(), **kwargs)
    assert "train_mask" in data["paper"] and "train_mask" not in data["author"]


def test_node_split_says_what_it_knows() -> None:
    with pytest.raises(GraphValueError, match="train_rest"):
        T.RandomNodeSplit("half")
    with pytest.raises(GraphValueError, match="name of the labels"):
        T.RandomNodeSplit("random", key=None)


# Edges ------------------------------------------------------------------------------------------

LINK_SPLITS: list[dict[str, Any]] = [
    {},
    {"is_undirected": True},
    {"num_val": 7, "num_test": 9, "is_undirected": True},
    {"num_val": 0.0, "num_test": 0.3},
    {"split_labels": True, "neg_sampling_ratio": 2.0},
    {"add_negative_train_samples": False},
    {"neg_sampling_ratio": 0.0, "split_labels": True},
    {"disjoint_train_ratio": 0.4, "is_undirected": True},
    {"disjoint_train_ratio": 11, "add_negative_train_samples": False},
    {"key": "edge_kind"},
    {"key": "edge_kind", "neg_sampling_ratio": 0.0},
]


def same_but_for_negatives(data: Data | HeteroData, **kwargs: Any) -> Any:
    """The peer's split under the same seed; pairs that are no edges are drawn in another way."""
    if kwargs.get("neg_sampling_ratio") == 0.0:
        return assert_same_as_peer("RandomLinkSplit", data, **kwargs)
    if kwargs.get("split_labels"):
        return assert_same_as_peer("RandomLinkSplit", data, shape_only="neg_edge_label_index", **kwargs)
    key = kwargs.get("key", "edge_label")
    parts = assert_same_as_peer("RandomLinkSplit", data, shape_only=f"{key}_index", **kwargs)
    apart = assert_same_as_peer(
        "RandomLinkSplit", data, split_labels=True, shape_only=f"neg_{key}_index", **kwargs
    )
    for part, other in zip(parts, apart):
        for store, known in zip(part.edge_stores, other.edge_stores):
            positive = known.get(f"pos_{key}_index")
            if positive is not None:
                assert torch.equal(store[f"{key}_index"][:, : positive.size(1)], positive)
    return parts


@pytest.mark.parametrize("kwargs", LINK_SPLITS, ids=str)
def test_link_split(kwargs: dict[str, Any], undirected: Data) -> None:
    data = undirected.clone()
    data.edge_kind = torch.arange(data.num_edges) % 3
    same_but_for_negatives(data, **kwargs)


@pytest.mark.parametrize(
    "kwargs", [{}, {"is_undirected": True}, {"disjoint_train_ratio": 0.3, "split_labels": True}]
)
def test_link_split_of_several_types(kwargs: dict[str, Any], several: HeteroData) -> None:
    same_but_for_negatives(several, edge_types=several.edge_types[0], **kwargs)
    same_but_for_negatives(several, edge_types=several.edge_types[:2], **kwargs)


@pytest.mark.parametrize("merge", [True, False])
def test_link_split_keeps_the_reverse_type_in_step(merge: bool, several: HeteroData) -> None:
    data = T.ToUndirected(merge=merge)(several)
    kinds = [kind for kind in data.edge_types if kind[0] != kind[2] and not kind[1].startswith("rev_")]
    reverse = [(dst, f"rev_{relation}", src) for src, relation, dst in kinds]
    parts = same_but_for_negatives(data, edge_types=kinds, rev_edge_types=reverse)
    for part in parts:
        for kind, back in zip(kinds, reverse):
            assert pairs(part[kind].edge_index) == pairs(part[back].edge_index.flip(0))
            assert "edge_label_index" not in part[back]


@pytest.mark.parametrize("is_undirected", [True, False])
@pytest.mark.parametrize("disjoint", [0.0, 0.3])
def test_nothing_leaks(is_undirected: bool, disjoint: float, undirected: Data) -> None:
    split = T.RandomLinkSplit(is_undirected=is_undirected, split_labels=True, disjoint_train_ratio=disjoint)
    train, val, test = split(undirected)
    everything = pairs(undirected.edge_index)
    predicted = [pairs(part.pos_edge_label_index) for part in (train, val, test)]
    passing = [pairs(part.edge_index) for part in (train, val, test)]

    assert (
        not predicted[0] & predicted[1]
        and not predicted[1] & predicted[2]
        and not predicted[0] & predicted[2]
    )
    assert not passing[1] & predicted[1] and not passing[2] & predicted[2]
    assert passing[0] <= passing[1] <= passing[2] <= everything
    assert bool(passing[0] & predicted[0]) == (disjoint == 0)
    if is_undirected:
        assert all(part.is_undirected() for part in (train, val, test))
        assert not passing[2] & {(v, u) for u, v in predicted[2]}
    for part in (train, val, test):
        none = pairs(part.neg_edge_label_index)
        assert none and not none & everything
        assert part.edge_weight.numel() == part.num_edges


def test_edges_keep_their_features() -> None:
    data = graph("directed")
    row, col = data.edge_index
    data.edge_attr = torch.stack([row, col], dim=1)
    for part in T.RandomLinkSplit(num_val=2, num_test=2)(data):
        assert part.edge_attr.t().tolist() == part.edge_index.tolist()


def test_too_few_non_edges() -> None:
    full = torch.combinations(torch.arange(5)).t()
    data = Data(edge_index=torch.cat([full, full.flip(0)], 1)[:, :18], num_nodes=5)
    with pytest.warns(UserWarning, match="not enough negative edges"):
        train, val, test = T.RandomLinkSplit(num_val=0.2, num_test=0.2)(data)
    assert sum(int((part.edge_label == 0).sum()) for part in (train, val, test)) <= 2


def test_link_split_messages() -> None:
    data = graph("directed")
    with pytest.raises(GraphValueError, match="Insufficient number of edges for training: of 7, 4"):
        T.RandomLinkSplit(num_val=4, num_test=3)(data)
    with pytest.raises(GraphValueError, match="expected the edge types to split"):
        T.RandomLinkSplit()(hetero())
    with pytest.raises(GraphValueError, match="one reverse type"):
        T.RandomLinkSplit(edge_types=[("a", "to", "b")], rev_edge_types=[None, None])
    data.edge_label = torch.rand(7)
    with pytest.raises(GraphTypeError, match=r"int64 classes in 'edge_label', got torch.float32"):
        T.RandomLinkSplit(num_val=1, num_test=1)(data)
