"""LPFormer against the peer with the same weights, and against a count of the nodes around a link."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import assert_close, assert_same_as_peer, integers, normal
from torch import Tensor

import grapevine as gv
from grapevine.errors import GraphValueError
from grapevine.nn import LPFormer
from grapevine.utils import to_undirected

pyg = pytest.importorskip("torch_geometric.nn")

SIZE = 12
EDGES = to_undirected(integers(SIZE, 2, 16, seed=1), num_nodes=SIZE)
EDGES = EDGES[:, EDGES[0] != EDGES[1]]
LINKS = torch.tensor([[0, 1, 2, 3, 4, 7], [5, 6, 8, 9, 10, 11]])
X = normal(SIZE, 4)
#: Multiples of 1/256, of which sums and products are exact, since the peer adds and subtracts ones.
RANK = (integers(128, SIZE, SIZE, seed=2) * (integers(3, SIZE, SIZE, seed=3) > 0)) / 256
THRESHOLDS = [0.0, 0.1, 0.2]
pytestmark = pytest.mark.filterwarnings("ignore:Sparse")


class Called(torch.nn.Module):
    """The model called with dense PageRanks."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, links: Tensor, x: Tensor, edge_index: Tensor, rank: Tensor) -> Tensor:
        return self.model(links, x, edge_index, rank.detach().to_sparse())


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("options", [{}, {"ppr_thresholds": [0.05, 0.3, 0.05]}, {"num_gnn_layers": 1}])
def test_same_as_peer(options: dict[str, Any], train: bool) -> None:
    options = {"ppr_thresholds": THRESHOLDS, "transformer_dropout": 0.3} | options
    torch.manual_seed(0)
    ours = LPFormer(4, 6, **options)
    torch.manual_seed(0)
    theirs = pyg.LPFormer(4, 6, **options)
    assert repr(ours) == repr(theirs)
    for (name, value), (other, expected) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == other
        assert_close(value, expected, what=name)
    assert_same_as_peer(Called(ours), Called(theirs), LINKS, X, EDGES, RANK, train=train)


def test_pagerank_and_other_forms() -> None:
    ours = LPFormer(4, 6).eval()
    rank = ours.calc_sparse_ppr(EDGES, SIZE, alpha=0.2, eps=1e-6)
    step = torch.zeros(SIZE, SIZE).index_put((EDGES[0], EDGES[1]), torch.ones(()))
    step = step / step.sum(dim=1, keepdim=True)
    exact = 0.2 * torch.linalg.inv(torch.eye(SIZE) - 0.8 * step)
    torch.testing.assert_close(rank.to_dense(), exact, rtol=0, atol=1e-5 * SIZE)
    out = ours(LINKS, X, EDGES, rank)
    adjacency = torch.sparse_coo_tensor(EDGES, torch.ones(EDGES.shape[1]), (SIZE, SIZE))
    assert_close(ours(LINKS, X, adjacency, rank), out)
    assert_close(ours(LINKS, X, gv.Edges(EDGES, num_nodes=SIZE), rank), out)
    before = out.clone()
    ours.reset_parameters()
    assert not torch.equal(ours(LINKS, X, EDGES, rank), before)


@pytest.mark.parametrize("thresholds", [[0.0, 0.1, 1], [0.0, 1, 1], [0.1, 0.2, 0.3]])
def test_kinds_of_nodes(thresholds: list[float]) -> None:
    """The sets that the paper defines, link by link."""
    model = LPFormer(4, 6, ppr_thresholds=thresholds).eval()
    found = model._kinds(LINKS, SIZE, EDGES, RANK.to_sparse())
    adjacent = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    adjacent[EDGES[0], EDGES[1]] = True
    wanted: list[set[tuple[int, int]]] = [set(), set(), set()]
    for link, (a, b) in enumerate(LINKS.t().tolist()):
        for v in range(SIZE):
            least = float(torch.minimum(RANK[a, v], RANK[b, v]))
            kind = 2 - int(adjacent[a, v]) - int(adjacent[b, v])
            left_out = thresholds[kind] == 1 or (kind == 2 and (RANK[a, v] == 0 or RANK[b, v] == 0))
            if not left_out and least >= thresholds[kind]:
                wanted[kind].add((link, v))
    for (link, node, ranks), expected in zip(found, wanted, strict=True):
        assert set(zip(link.tolist(), node.tolist(), strict=True)) == expected
        ends = LINKS[:, link]
        assert torch.equal(ranks, torch.stack([RANK[ends[0], node], RANK[ends[1], node]], dim=1))


def test_layers_and_heads_learn() -> None:
    """What the peer's code does not run: several layers, several heads, kinds left out."""
    torch.manual_seed(0)
    model = LPFormer(4, 6, num_transformer_layers=3, num_heads=2, ppr_thresholds=[0.0, 0.0, 1])
    out = model(LINKS, X, EDGES, RANK.to_sparse())
    assert out.shape == (6,)
    out.sum().backward()
    unused = {"ppr_encoder_non1hop"}
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()) != (name.split(".")[0] in unused) or "norm" in name, name
    with pytest.raises(GraphValueError, match="three"):
        LPFormer(4, 6, ppr_thresholds=[0.1])
