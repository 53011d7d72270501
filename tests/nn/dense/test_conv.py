"""Convolutions over dense adjacency matrices, against torch_geometric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_geometric.nn import dense as pyg

from grapevine.errors import GraphValueError
from grapevine.nn import dense
from tests.nn.peer import assert_same_as_peer, assert_same_start, normal, uniform

B, N, F_IN, F_OUT = 3, 5, 4, 6
ADJ = (uniform(B, N, N) > 0.6).float()
ADJ[0, :, 2] = ADJ[0, 2, :] = 0  # an isolated node
WEIGHTS = ADJ * uniform(B, N, N, seed=1)
MASK = torch.tensor([[True] * 5, [True, True, True, False, False], [True, True, True, True, False]])

CONVS: dict[str, Callable[[Any], Any]] = {
    "GCN": lambda nn: nn.DenseGCNConv(F_IN, F_OUT),
    "GCN-improved": lambda nn: nn.DenseGCNConv(F_IN, F_OUT, improved=True, bias=False),
    "SAGE": lambda nn: nn.DenseSAGEConv(F_IN, F_OUT),
    "SAGE-normalize": lambda nn: nn.DenseSAGEConv(F_IN, F_OUT, normalize=True, bias=False),
    "Graph-add": lambda nn: nn.DenseGraphConv(F_IN, F_OUT),
    "Graph-mean": lambda nn: nn.DenseGraphConv(F_IN, F_OUT, aggr="mean", bias=False),
    "Graph-max": lambda nn: nn.DenseGraphConv(F_IN, F_OUT, aggr="max"),
    "GIN": lambda nn: nn.DenseGINConv(torch.nn.Linear(F_IN, F_OUT)),
    "GIN-train": lambda nn: nn.DenseGINConv(torch.nn.Linear(F_IN, F_OUT), eps=0.3, train_eps=True),
    "GAT": lambda nn: nn.DenseGATConv(F_IN, F_OUT),
    "GAT-heads": lambda nn: nn.DenseGATConv(F_IN, F_OUT, heads=3, negative_slope=0.1, bias=False),
    "GAT-mean": lambda nn: nn.DenseGATConv(F_IN, F_OUT, heads=3, concat=False),
}


@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize("adj", [ADJ, WEIGHTS], ids=["binary", "weighted"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_batch(name: str, adj: torch.Tensor, mask: torch.Tensor | None) -> None:
    assert_same_as_peer(CONVS[name](dense), CONVS[name](pyg), normal(B, N, F_IN), adj, mask)


@pytest.mark.parametrize("name", CONVS)
def test_one_graph(name: str) -> None:
    assert_same_as_peer(CONVS[name](dense), CONVS[name](pyg), normal(N, F_IN), ADJ[0])


@pytest.mark.parametrize("name", CONVS)
def test_shared_adjacency(name: str) -> None:
    """Torch_geometric refuses or copies; here it is as if the matrix were repeated."""
    conv = CONVS[name](dense)
    x = normal(B, N, F_IN)
    torch.testing.assert_close(conv(x, ADJ[0], MASK), conv(x, ADJ[:1].expand(B, N, N), MASK))


@pytest.mark.parametrize("name", [name for name in CONVS if name.startswith(("GCN", "GIN"))])
def test_without_loops(name: str) -> None:
    ours, theirs = CONVS[name](dense), CONVS[name](pyg)
    assert_same_as_peer(ours, theirs, normal(B, N, F_IN), ADJ, kwargs={"add_loop": False})


@pytest.mark.parametrize("name", [name for name in CONVS if name.startswith("GAT")])
def test_attention_without_loops(name: str) -> None:
    adj = ADJ + torch.eye(N) * (ADJ.sum(-1, keepdim=True) == 0)  # at least one neighbour
    ours, theirs = CONVS[name](dense), CONVS[name](pyg)
    assert_same_as_peer(ours, theirs, normal(B, N, F_IN), adj, kwargs={"add_loop": False})


def test_attention_dropout() -> None:
    ours, theirs = dense.DenseGATConv(F_IN, F_OUT, dropout=0.5), pyg.DenseGATConv(F_IN, F_OUT, dropout=0.5)
    assert_same_as_peer(ours, theirs, normal(B, N, F_IN), ADJ, train=True)


@pytest.mark.parametrize("name", CONVS)
def test_start_and_repr(name: str) -> None:
    assert_same_start(lambda: CONVS[name](dense), lambda: CONVS[name](pyg))
    assert repr(CONVS[name](dense)) == repr(CONVS[name](pyg))


def test_errors() -> None:
    with pytest.raises(GraphValueError, match=r"expected aggr 'add', 'mean' or 'max', got 'min'"):
        dense.DenseGraphConv(F_IN, F_OUT, aggr="min")
