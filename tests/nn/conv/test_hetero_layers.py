"""Layers for several types of nodes and edges against torch_geometric's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import assert_close, assert_same_as_peer, assert_same_start, integers, normal
from torch import Tensor

import grapevine as gv
from grapevine.errors import GraphIndexError, GraphValueError
from grapevine.nn import conv
from grapevine.nn.conv import _joined
from grapevine.nn.module_dict import ModuleDict, ParameterDict
from grapevine.utils import to_torch_csr_tensor

pyg = pytest.importorskip("torch_geometric.nn")

NODES = {"paper": 6, "author": 4, "venue": 3}
EDGES = [
    ("paper", "cites", "paper"),
    ("paper", "written_by", "author"),
    ("author", "writes", "paper"),
    ("paper", "in", "venue"),
]
METADATA = (list(NODES), EDGES)


def x_dict(**channels: int) -> dict[str, Tensor]:
    return {key: normal(n, channels.get(key, 6), seed=i) for i, (key, n) in enumerate(NODES.items())}


def edge_index_dict() -> dict[Any, Tensor]:
    return {
        key: torch.stack([integers(NODES[key[0]], 7, seed=i), integers(NODES[key[-1]], 7, seed=i + 10)])
        for i, key in enumerate(EDGES)
    }


def layers(nn: Any) -> dict[Any, torch.nn.Module]:
    return {
        EDGES[0]: nn.GCNConv(6, 4),
        EDGES[1]: nn.SAGEConv((-1, -1), 4),
        EDGES[2]: nn.GATConv((-1, -1), 4, add_self_loops=False, edge_dim=2),
        EDGES[3]: nn.GraphConv((6, 5), 4),
    }


@pytest.mark.filterwarnings("ignore:There exist node types")
@pytest.mark.parametrize("aggr", ["sum", "mean", "min", "max", "cat", None])
def test_hetero_conv(aggr: str | None) -> None:
    x, edges = x_dict(author=3, venue=5), edge_index_dict()
    attr = {EDGES[2]: normal(7, 2)}
    weight = {EDGES[0]: normal(7).abs()}
    ours, theirs = conv.HeteroConv(layers(conv), aggr), pyg.HeteroConv(layers(pyg), aggr)
    out = assert_same_as_peer(
        ours, theirs, x, edges, kwargs={"edge_attr_dict": attr, "edge_weight_dict": weight}
    )
    assert list(out) == ["paper", "author", "venue"]
    assert repr(ours) == repr(theirs) == "HeteroConv(num_relations=4)"


def test_hetero_conv_leaves_out_types_without_edges() -> None:
    edges = {key: index for key, index in edge_index_dict().items() if key in EDGES[:2]}
    ours, theirs = conv.HeteroConv(layers(conv)), pyg.HeteroConv(layers(pyg))
    full = edge_index_dict(), {EDGES[2]: normal(7, 2)}
    for model in (ours, theirs):
        model(x_dict(author=3, venue=5), full[0], edge_attr_dict=full[1])
    out = assert_same_as_peer(ours, theirs, x_dict(author=3, venue=5), edges)
    assert list(out) == ["paper", "author"]


def test_hetero_conv_refuses() -> None:
    with pytest.raises(GraphValueError, match="add_self_loops=False"):
        conv.HeteroConv({EDGES[1]: conv.GATConv((6, 6), 4)})
    with pytest.raises(GraphValueError, match="expected aggr among"):
        conv.HeteroConv({EDGES[0]: conv.SAGEConv(6, 4)}, aggr="median")
    with pytest.warns(UserWarning, match=r"\['paper'\] are the destination of no edge type"):
        layer = conv.HeteroConv({EDGES[1]: conv.SAGEConv(6, 4)})
    with pytest.raises(GraphValueError, match="pass edge_attr_dict="):
        layer(x_dict(), edge_index_dict(), edge_attr={})


@pytest.mark.parametrize("channels", [{}, {"author": 3, "venue": 8}], ids=["same", "lazy"])
@pytest.mark.parametrize("heads", [1, 2])
def test_hgt(channels: dict[str, int], heads: int) -> None:
    size = -1 if channels else 6
    ours, theirs = conv.HGTConv(size, 8, METADATA, heads), pyg.HGTConv(size, 8, METADATA, heads)
    out = assert_same_as_peer(
        ours, theirs, x_dict(paper=8, **channels) if channels else x_dict(), edge_index_dict()
    )
    assert set(out) == set(NODES)
    assert repr(ours) == repr(theirs)


def test_hgt_with_residual_and_dict_channels() -> None:
    size = {"paper": 8, "author": 8, "venue": 4}
    ours, theirs = conv.HGTConv(size, 8, METADATA, 2), pyg.HGTConv(size, 8, METADATA, 2)
    assert_same_as_peer(ours, theirs, x_dict(**size), edge_index_dict())
    assert_same_start(lambda: conv.HGTConv(size, 8, METADATA, 2), lambda: pyg.HGTConv(size, 8, METADATA, 2))


def test_hgt_takes_any_order_and_adjacency() -> None:
    layer, x, edges = conv.HGTConv(6, 8, METADATA, 2), x_dict(), edge_index_dict()
    edges = {key: index.unique(dim=1) for key, index in edges.items()}
    expected = layer(x, edges)
    sparse = {
        key: to_torch_csr_tensor(edges[key].flip(0), size=(NODES[key[-1]], NODES[key[0]]))
        for key in reversed(EDGES)
    }
    actual = layer(x, sparse)
    for key in NODES:
        assert_close(actual[key], expected[key])
    with pytest.raises(GraphValueError, match="multiple of heads=3"):
        conv.HGTConv(6, 8, METADATA, heads=3)


@pytest.mark.parametrize("channels", [{}, {"author": 3, "venue": 8}], ids=["same", "lazy"])
@pytest.mark.parametrize("weights", [False, True])
def test_han(channels: dict[str, int], weights: bool) -> None:
    size = -1 if channels else 6
    ours, theirs = conv.HANConv(size, 8, METADATA, 2), pyg.HANConv(size, 8, METADATA, 2)
    assert_same_as_peer(ours, theirs, x_dict(**channels), edge_index_dict(), weights)
    assert repr(ours) == repr(theirs)


def test_han_without_edges_and_in_training() -> None:
    edges = {EDGES[0]: edge_index_dict()[EDGES[0]], EDGES[1]: torch.empty(2, 0, dtype=torch.long)}

    def make(nn: Any) -> torch.nn.Module:
        return nn.HANConv(6, 8, METADATA, 2, negative_slope=0.1, dropout=0.4)

    out = assert_same_as_peer(make(conv), make(pyg), x_dict(), edges, train=True)
    assert out["venue"] is None
    assert_same_start(lambda: make(conv), lambda: make(pyg))


def test_hetero_layers_take_edges() -> None:
    layer = conv.HANConv(6, 8, METADATA, 2)
    index = edge_index_dict()
    edges = {key: gv.Edges(index[key], size=(NODES[key[0]], NODES[key[-1]])) for key in EDGES}
    expected, actual = layer(x_dict(), index), layer(x_dict(), edges)
    for key in NODES:
        assert_close(actual[key], expected[key])


@pytest.mark.parametrize("name", ["HGTConv", "HANConv"])
def test_edges_are_joined_once_and_changes_are_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x, edges = getattr(conv, name)(6, 8, METADATA, 2), x_dict(), edge_index_dict()
    built: list[Any] = []
    real = _joined.known_good
    monkeypatch.setattr(_joined, "known_good", lambda *args: built.append(args) or real(*args))
    layer(x, edges)
    once = len(built)
    assert once and layer(x, edges) and len(built) == once
    edges[EDGES[1]][1, 0] = (edges[EDGES[1]][1, 0] + 1) % NODES["author"]
    changed = layer(x, edges)
    assert len(built) == 2 * once
    expected = layer(x, {key: index.clone() for key, index in edges.items()})
    for key in NODES:
        assert_close(changed[key].detach(), expected[key].detach())
    with pytest.raises(GraphIndexError, match="9"):
        layer(x, edges | {EDGES[3]: torch.tensor([[0], [9]])})


def test_hgt_takes_types_in_any_order_and_without_edges() -> None:
    layer, x, edges = conv.HGTConv(6, 8, METADATA, 2), x_dict(), edge_index_dict()
    expected, turned = layer(x, edges), layer(dict(reversed(x.items())), edges)
    assert list(turned) == ["venue", "author", "paper"]
    for key in NODES:
        assert_close(turned[key].detach(), expected[key].detach())
    lonely = layer(x, {})
    assert_close(lonely["venue"].detach(), layer.out_lin({"venue": torch.zeros(3, 8)})["venue"].detach())


# -- dictionaries of modules and parameters ------------------------------------------------------------------

KEYS = [("a", "to", "b"), ("a.x", "keys", "b"), "a.b", "keys", "items", "<a>", "plain"]


def test_module_dict() -> None:
    from torch_geometric.nn.module_dict import ModuleDict as Peer

    made = {key: torch.nn.Linear(2, 2) for key in KEYS}
    ours, theirs = ModuleDict(made), Peer(made)
    assert list(ours.keys()) == list(theirs.keys()) == KEYS
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [key for key, _ in ours.items()] == KEYS
    assert all(key in ours and ours[key] is made[key] for key in KEYS)
    del ours["keys"]
    ours["type"] = made["plain"]
    assert "keys" not in ours
    assert list(ours.keys())[-1] == "type"


def test_parameter_dict() -> None:
    from torch_geometric.nn.parameter_dict import ParameterDict as Peer

    made = {key: torch.nn.Parameter(torch.ones(2)) for key in KEYS}
    ours, theirs = ParameterDict(made), Peer(made)
    assert list(ours.keys()) == list(theirs.keys())
    assert set(ours) == set(KEYS)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(key in ours and ours[key] is made[key] for key in KEYS)
    del ours["keys"]
    assert "keys" not in ours
