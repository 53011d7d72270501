"""GNNFF against the peer with the same weights, and turned."""

from __future__ import annotations

import math

import pytest
import torch

from grapevine.geometry import radius_graph
from grapevine.nn import GNNFF
from grapevine.testing import assert_equivariant
from tests.nn.peer import assert_same_as_peer, assert_same_start, integers, normal

SIZES = (6, 5, 2, 3.0)
Z, POS, BATCH = integers(10, 8, seed=1), normal(8, 3, seed=2), torch.tensor([0, 0, 0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize("train", [False, True])
def test_same_as_peer(train: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = pytest.importorskip("torch_geometric.nn.models.gnnff")
    monkeypatch.setattr(peer, "radius_graph", radius_graph)  # its own needs torch_cluster
    monkeypatch.setattr(peer, "triplets", triplets)  # its own needs torch_sparse
    assert_same_start(lambda: GNNFF(*SIZES), lambda: peer.GNNFF(*SIZES))
    theirs = peer.GNNFF(*SIZES)
    for module in theirs.modules():
        if isinstance(module, peer.ShiftedSoftplus):
            module.shift = math.log(2.0)  # its own is rounded to float32
    assert_same_as_peer(GNNFF(*SIZES), theirs, Z, POS, BATCH, train=train)


def triplets(edge_index: torch.Tensor, num_nodes: int) -> tuple[torch.Tensor, ...]:
    """All pairs of edges k -> j -> i with k other than i, one after the other."""
    row, col = edge_index
    pairs = [
        (a, b)
        for b in range(row.numel())
        for a in range(row.numel())
        if col[a] == row[b] and row[a] != col[b]
    ]
    kj, ji = torch.tensor(pairs).t()
    return col, row, col[ji], row[ji], row[kj], kj, ji


def test_forces_turn() -> None:
    torch.manual_seed(0)
    model = GNNFF(*SIZES).double().eval()
    assert_equivariant(
        lambda pos: model(Z, pos, BATCH),
        [POS.double()],
        "E(3)",
        kinds=["point"],
        outputs="vector",
        tolerance=1e-10,
    )


def test_an_atom_alone_feels_nothing() -> None:
    pos = torch.cat([POS[:4], torch.full((1, 3), 50.0)])
    forces = GNNFF(*SIZES).eval()(Z[:5], pos)
    assert forces.shape == (5, 3) and not forces[4].any()
