"""Padding, and splits by properties of nodes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import transforms as T
from grapevine.data import Data
from grapevine.errors import GraphKeyError, GraphTypeError, GraphValueError
from grapevine.transforms import pad
from tests.transforms.peer import assert_same, assert_same_as_peer, graph, hetero, seed, theirs, to_peer

peer = pytest.importorskip("torch_geometric.transforms.pad")

OPTIONS: list[dict[str, Any]] = [
    {"max_num_nodes": 9},
    {"max_num_nodes": 9, "max_num_edges": 12, "add_pad_mask": True},
    {"max_num_nodes": 9, "max_num_edges": 12, "node_pad_value": 3.0, "edge_pad_value": -1.5},
    {"max_num_nodes": 9, "max_num_edges": 12, "mask_pad_value": True, "exclude_keys": ["y", "edge_attr"]},
]


@pytest.mark.parametrize("kwargs", OPTIONS, ids=range(len(OPTIONS)))
@pytest.mark.parametrize("kind", ["directed", "isolated", "empty"])
def test_pad(kind: str, kwargs: dict[str, Any]) -> None:
    mine, other = T.Pad(**kwargs)(graph(kind)), theirs.Pad(**kwargs)(to_peer(graph(kind)))
    assert_same(mine, other)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"max_num_nodes": 8},
        {"max_num_nodes": {"paper": 7, "author": 5}, "add_pad_mask": True},
        {"max_num_nodes": {"paper": 7, "author": 5}, "max_num_edges": {("paper", "cites", "paper"): 9}},
    ],
    ids=range(3),
)
def test_pad_with_types(kwargs: dict[str, Any]) -> None:
    copies = [{key: dict(v) if isinstance(v, dict) else v for key, v in kwargs.items()} for _ in range(2)]
    if kwargs["max_num_nodes"] == 8:  # the peer has no sizes of edges then
        copies = [c | {"max_num_edges": 64} for c in copies]
    assert_same(T.Pad(**copies[0])(hetero()), theirs.Pad(**copies[1])(to_peer(hetero())))


def test_values_by_name_and_type() -> None:
    def values(module: Any) -> dict[str, Any]:
        by_name = module.AttrNamePadding({"x": 3.0, "edge_weight": -1}, default=1.5)
        return {
            "node_pad_value": module.NodeTypePadding({"paper": by_name, "author": 7.0}, default=1.0),
            "edge_pad_value": module.EdgeTypePadding({("paper", "cites", "paper"): 4.0}, default=5.0),
        }

    sizes = {"max_num_nodes": {"paper": 7, "author": 6}}
    assert_same(
        T.Pad(**sizes, **values(pad))(hetero()), theirs.Pad(**sizes, **values(peer))(to_peer(hetero()))
    )
    mine = T.Pad(9, 12, pad.AttrNamePadding({"x": 2.0}), pad.AttrNamePadding({"edge_attr": 3.0}, 4.0))
    other = theirs.Pad(9, 12, peer.AttrNamePadding({"x": 2.0}), peer.AttrNamePadding({"edge_attr": 3.0}, 4.0))
    assert_same(mine(graph("loops")), other(to_peer(graph("loops"))))


def test_what_pad_refuses() -> None:
    with pytest.raises(GraphValueError, match="expected a graph of at most 4 nodes, got 5; pad to more"):
        T.Pad(4)(graph("directed"))
    with pytest.raises(GraphValueError, match="expected a graph of at most 6 edges, got 7; pad to more"):
        T.Pad(9, 6)(graph("directed"))
    with pytest.raises(GraphTypeError, match="expected a number to pad with, got str"):
        T.Pad(4, node_pad_value="zero")
    assert repr(T.Pad(4, 5)) == repr(T.Pad(4, 5, 0.0)) and "max_num_edges=5" in repr(T.Pad(4, 5))


RATIOS = [0.3, 0.1, 0.1, 0.2, 0.3]


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("name", ["popularity", "locality", "density"])
def test_property_split(name: str, ascending: bool) -> None:
    seed(1)
    edge_index = torch.randint(30, (2, 90))
    data = Data(edge_index=edge_index, num_nodes=30)
    out = assert_same_as_peer(
        "NodePropertySplit", data, property_name=name, ratios=RATIOS, ascending=ascending
    )
    masks = torch.stack([out[key] for key in out.keys() if key.endswith("mask")])  # noqa: SIM118
    assert masks.sum(1).tolist() == [9, 3, 3, 6, 9] and bool((masks.sum(0) == 1).all())


def test_what_property_split_refuses() -> None:
    with pytest.raises(
        GraphKeyError, match="unknown property 'size'; choose one of popularity, locality, density"
    ):
        T.NodePropertySplit("size", RATIOS)
    for ratios in (RATIOS[:4], [0.5] * 5):
        with pytest.raises(GraphValueError, match="expected five ratios that sum to one, got"):
            T.NodePropertySplit("density", ratios)
