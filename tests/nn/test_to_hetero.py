"""`to_hetero` and `to_hetero_with_bases` against torch_geometric's, on models of all the forms that they can trace."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Dropout, Linear, ModuleDict, ModuleList, ReLU, Sequential

import grapevine.nn as gnn
from grapevine.errors import GraphValueError
from grapevine.nn.to_hetero import HeteroBasisConv, to_hetero, to_hetero_with_bases
from grapevine.utils import to_torch_coo_tensor
from tests.nn.peer import assert_close, assert_same_as_peer, integers, normal

pyg = pytest.importorskip("torch_geometric.nn")

NODES = {"paper": 6, "author": 4}
EDGES = [("paper", "cites", "paper"), ("paper", "written_by", "author"), ("author", "writes", "paper")]
METADATA = (list(NODES), EDGES)


def x_dict(channels: int = 8, **other: int) -> dict[str, Tensor]:
    return {key: normal(n, other.get(key, channels), seed=i) for i, (key, n) in enumerate(NODES.items())}


def edge_index_dict() -> dict[Any, Tensor]:
    return {
        key: torch.stack([integers(NODES[key[0]], 9, seed=i), integers(NODES[key[-1]], 9, seed=i + 10)])
        for i, key in enumerate(EDGES)
    }


def edge_attr_dict(channels: int = 3) -> dict[Any, Tensor]:
    return {key: normal(9, channels, seed=i + 20) for i, key in enumerate(EDGES)}


# -- models, each made from the layers of either library -----------------------------------------------------


class Plain(torch.nn.Module):
    """Layers, methods, functions, and several results."""

    def __init__(self, nn: Any) -> None:
        super().__init__()
        self.lin = Linear(8, 8)
        self.conv1 = nn.SAGEConv(8, 8)
        self.conv2 = nn.SAGEConv((8, 8), 8)
        self.spare = Linear(2, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Any:
        x = self.conv1(torch.nn.functional.relu(self.lin(x)), edge_index).relu()
        y = self.conv2(x, edge_index)
        return [x, {"sum": x + y, "cat": torch.cat([x, y], dim=-1)}], y.sin()


class Lazy(torch.nn.Module):
    """Sizes found in the first call, and edge features that are mapped."""

    def __init__(self, nn: Any) -> None:
        super().__init__()
        self.lin_edge = nn.Linear(-1, 5)
        self.conv1 = nn.GATConv((-1, -1), 4, heads=2, add_self_loops=False, edge_dim=-1)
        self.conv2 = nn.TransformerConv((-1, -1), 4, edge_dim=-1)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Any:
        edge_attr = self.lin_edge(edge_attr).relu()
        x = self.conv1(x, edge_index, edge_attr)
        return self.conv2(x.relu(), edge_index, edge_attr=edge_attr), edge_attr


class Nested(torch.nn.Module):
    """Lists, dictionaries and sequences of layers; a jumping knowledge."""

    def __init__(self, nn: Any) -> None:
        super().__init__()
        self.convs = ModuleList([nn.SAGEConv(8, 8) for _ in range(2)])
        self.nets = ModuleDict(
            {"first": Sequential(Linear(8, 8), ReLU(), Dropout(0.5)), "last": Linear(16, 4)}
        )
        self.norm = nn.BatchNorm(8)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.nets["first"](x)
        xs = []
        for conv in self.convs:
            x = self.norm(conv(x, edge_index)) + x
            xs.append(x)
        return self.nets["last"](torch.cat(xs, dim=-1))


class Pooled(torch.nn.Module):
    """Nodes to graphs: results without a type."""

    def __init__(self, nn: Any) -> None:
        super().__init__()
        self.conv = nn.SAGEConv(8, 8)
        self.pool = nn.MeanAggregation()
        self.lin = Linear(8, 4)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.lin(self.pool(self.conv(x, edge_index).relu(), batch)).tanh()


class Residual(torch.nn.Module):
    """A layer for destinations alone; parameters that all types share."""

    def __init__(self, nn: Any) -> None:
        super().__init__()
        self.conv = nn.SAGEConv((8, 8), 8, root_weight=False)
        self.lin = Linear(8, 8)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x, edge_index) + self.lin(x)


Made = Callable[..., Any]
CASES = {
    "plain": (Plain, lambda: (x_dict(), edge_index_dict())),
    "lazy": (Lazy, lambda: (x_dict(author=5), edge_index_dict(), edge_attr_dict())),
    "nested": (Nested, lambda: (x_dict(), edge_index_dict())),
    "pooled": (
        Pooled,
        lambda: (x_dict(), edge_index_dict(), {k: torch.arange(n) % 2 for k, n in NODES.items()}),
    ),
    "residual": (Residual, lambda: (x_dict(), edge_index_dict())),
}


@pytest.mark.parametrize("aggr", ["sum", "mean", "min", "max", "mul"])
@pytest.mark.parametrize("name", CASES)
def test_to_hetero_is_the_peers(name: str, aggr: str) -> None:
    make, inputs = CASES[name]
    ours, theirs = to_hetero(make(gnn), METADATA, aggr), pyg.to_hetero(make(pyg), METADATA, aggr)
    assert_same_as_peer(ours, theirs, *inputs())


def test_one_type_keeps_its_numbers() -> None:
    metadata = (["paper"], EDGES[:1])
    model = Residual(gnn)
    hetero = to_hetero(model, metadata)
    x, edge_index = x_dict(), edge_index_dict()
    out = hetero({"paper": x["paper"]}, {EDGES[0]: edge_index[EDGES[0]]})
    assert_close(out["paper"], model(x["paper"], edge_index[EDGES[0]]))


def test_the_model_stays_as_it_is() -> None:
    model = Nested(gnn)
    before = copy.deepcopy(model.state_dict())
    to_hetero(model, METADATA)
    to_hetero_with_bases(model, METADATA, num_bases=2, in_channels={"x": 8})
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_shared_parameters_and_keyword_defaults() -> None:
    """Beyond the peer: parameters of the model itself belong to all types."""

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = gnn.SAGEConv(8, 8)
            self.scale = torch.nn.Parameter(torch.full((8,), 2.0))

        def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
            return self.conv(x * self.scale, edge_index)

    model = to_hetero(Model(), METADATA)
    assert "scale" in model.state_dict()
    out = model(x_dict(), edge_index_dict())
    model.scale.data.fill_(1.0)
    again = model({key: 2 * x for key, x in x_dict().items()}, edge_index_dict())
    for key in NODES:
        assert_close(out[key], again[key])


def test_a_pair_of_features() -> None:
    """Beyond the peer: `conv((x, y), edge_index)` takes sources from the first, destinations from the second."""

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = gnn.SAGEConv((8, 8), 8)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.conv((x, x.relu()), edge_index)

    model = to_hetero(Model(), METADATA)
    x, edge_index = x_dict(), edge_index_dict()
    conv = model.get_submodule("conv.paper__written_by__author")
    expected = conv((x["paper"], x["author"].relu()), edge_index[EDGES[1]])
    assert_close(model(x, edge_index)["author"], expected)


def test_it_is_pickled_and_copied() -> None:
    model = copy.deepcopy(to_hetero(Residual(gnn), METADATA))
    model(x_dict(), edge_index_dict())


def test_to_hetero_refuses() -> None:
    with pytest.raises(GraphValueError, match="add_self_loops=False"):

        class Loops(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = gnn.GATConv((-1, -1), 4)

            def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
                return self.conv(x, edge_index)

        to_hetero(Loops(), METADATA)
    with pytest.raises(GraphValueError, match="expected aggr among sum"):
        to_hetero(Residual(gnn), METADATA, aggr="median")
    with pytest.raises(GraphValueError, match=r"data\.metadata\(\)"):
        to_hetero(Residual(gnn), (["paper"], []))
    with (
        pytest.warns(UserWarning, match="destination of no edge type"),
        pytest.raises(GraphValueError, match=r"features for .*'author', 'writes', 'paper'.*made none"),
    ):
        to_hetero(Nested(gnn), (list(NODES), [EDGES[0], EDGES[2]]))
    with pytest.warns(UserWarning, match="cannot stand in the name"):
        to_hetero(Residual(gnn), (["a b"], [("a b", "to", "a b")]))


def test_training_flag_is_noted() -> None:
    class Model(Residual):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            x = torch.nn.functional.dropout(x, p=0.5, training=self.training)
            return self.conv(x, edge_index)

    with pytest.warns(UserWarning, match=r"torch\.nn\.Dropout"):
        to_hetero(Model(gnn), METADATA)


def test_debug_prints_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    to_hetero(Residual(gnn), METADATA, debug=True)
    assert "conv__paper" in capsys.readouterr().out


# -- with bases ----------------------------------------------------------------------------------------------


class Bases(torch.nn.Module):
    """Layers of several kinds, and a result on edges."""

    def __init__(self, nn: Any) -> None:
        super().__init__()
        self.conv1 = nn.SAGEConv(8, 6)
        self.conv2 = nn.CGConv(6, dim=3)
        self.lin = Linear(6, 4)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Any:
        x = self.conv1(x, edge_index).relu()
        return {"x": self.lin(self.conv2(x, edge_index, edge_attr)), "edge": edge_attr * 2}


@pytest.mark.parametrize("num_bases", [1, 3])
@pytest.mark.parametrize("aligned", [False, True])
def test_with_bases_is_the_peers(num_bases: int, aligned: bool) -> None:
    in_channels = {"x": 8, "edge_attr": 3} if aligned else None
    ours = to_hetero_with_bases(Bases(gnn), METADATA, num_bases, in_channels)
    theirs = pyg.to_hetero_with_bases(Bases(pyg), METADATA, num_bases, in_channels)
    if num_bases == 1:  # which the peer leaves uninitialised
        for model in (ours, theirs):
            for name in ("conv1", "conv2"):
                getattr(model, name).convs[0].edge_type_weight.data.fill_(0.7)
    x = x_dict(author=5) if aligned else x_dict()
    assert_same_as_peer(ours, theirs, x, edge_index_dict(), edge_attr_dict())


def test_with_bases_joins_sparse_adjacencies() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = gnn.SAGEConv(8, 6)

        def forward(self, x: Tensor, adj_t: Tensor) -> Tensor:
            return self.conv(x, adj_t)

    model = to_hetero_with_bases(Model(), METADATA, num_bases=2)
    pairs = {key: index.unique(dim=1) for key, index in edge_index_dict().items()}
    sparse = {
        key: to_torch_coo_tensor(index.flip(0), size=(NODES[key[-1]], NODES[key[0]]))
        for key, index in pairs.items()
    }
    expected, actual = model(x_dict(), pairs), model(x_dict(), sparse)
    for key in NODES:
        assert_close(actual[key], expected[key])


def test_with_bases_refuses_self_loops() -> None:
    conv = HeteroBasisConv(gnn.GATConv(8, 4), num_relations=2, num_bases=1)
    assert repr(conv) == "HeteroBasisConv(num_relations=2, num_bases=1)"
    with pytest.raises(GraphValueError, match="add_self_loops=False"):
        conv(torch.zeros(2, dtype=torch.long), torch.ones(3, 8), torch.tensor([[0, 1], [1, 2]]))
