"""The graph transformer layer, and attention in linear time, against torch_geometric's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import SQUARE, assert_close, assert_same_as_peer, assert_same_start, normal

from grapevine.errors import GraphValueError
from grapevine.nn import conv
from grapevine.nn.attention import PerformerAttention
from grapevine.nn.attention._ragged import blocks
from grapevine.nn.attention.performer import orthogonal_matrix

pyg = pytest.importorskip("torch_geometric.nn")

GRAPH = SQUARE[0]
BATCH = torch.tensor([0, 0, 0, 1, 1, 1, 1, 2])
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "heads": {"heads": 2, "act": "gelu", "norm": "layer_norm"},
    "graph_norm": {"norm": "graph_norm", "heads": 4},
    "no_norm": {"norm": None, "act": "leaky_relu", "act_kwargs": {"negative_slope": 0.1}},
    "norm_kwargs": {"norm": "batch_norm", "norm_kwargs": {"momentum": 0.3}, "attn_kwargs": {"bias": False}},
    "performer": {
        "attn_type": "performer",
        "heads": 2,
        "attn_kwargs": {"head_channels": 6, "qkv_bias": True},
    },
}


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("batch", [None, BATCH], ids=["one_graph", "batch"])
@pytest.mark.parametrize("name", OPTIONS)
def test_gps(name: str, batch: Any, train: bool) -> None:
    ours, theirs = (nn.GPSConv(8, nn.SAGEConv(8, 8), **OPTIONS[name]) for nn in (conv, pyg))
    assert_same_as_peer(ours, theirs, GRAPH.features(8), GRAPH.edge_index, batch, train=train)
    assert repr(ours.conv) == repr(theirs.conv)


def test_gps_without_messages_and_with_dropout() -> None:
    ours, theirs = (nn.GPSConv(8, None, heads=2, norm="layer_norm") for nn in (conv, pyg))
    assert_same_as_peer(ours, theirs, GRAPH.features(8), GRAPH.edge_index)
    ours, theirs = (nn.GPSConv(8, nn.GINEConv(torch.nn.Linear(8, 8)), dropout=0.3) for nn in (conv, pyg))
    attr = {"edge_attr": GRAPH.edge_features(8)}
    assert_same_as_peer(ours, theirs, GRAPH.features(8), GRAPH.edge_index, BATCH, kwargs=attr, train=True)


def test_gps_start_and_errors() -> None:
    for options in OPTIONS.values():
        assert_same_start(
            lambda options=options: conv.GPSConv(8, conv.SAGEConv(8, 8), **options),
            lambda options=options: pyg.GPSConv(8, pyg.SAGEConv(8, 8), **options),
        )
    with pytest.raises(GraphValueError, match="'multihead' or 'performer'"):
        conv.GPSConv(8, None, attn_type="bigbird")


def test_performer_attention() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    for options in ({}, {"head_channels": None, "attn_out_bias": False}, {"kernel": torch.nn.Softplus()}):
        ours = PerformerAttention(8, 2, **options)
        theirs = pyg.PerformerAttention(8, 2, **options)
        assert_same_as_peer(ours, theirs, normal(2, 3, 8))
        assert_same_as_peer(ours, theirs, normal(2, 3, 8), mask, grad=False)
        assert repr(ours) == repr(theirs)
    with pytest.raises(GraphValueError, match="multiple of heads=3"):
        PerformerAttention(8, 3)


def test_orthogonal_matrix() -> None:
    matrix = orthogonal_matrix(10, 4)
    assert matrix.shape == (10, 4)
    for block in matrix.split(4):
        assert_close(block @ block.t(), torch.eye(len(block)))


# -- blocks of graphs of similar size ------------------------------------------------------------------------

UNEVEN = [3, 0, 200, 2, 20, 200, 9, 130, 1, 0]


def test_blocks_hold_graphs_of_similar_size() -> None:
    batch = torch.arange(len(UNEVEN)).repeat_interleave(torch.tensor(UNEVEN))
    found = blocks(batch)
    assert [block.shape for block in found.blocks] == [(4, 200), (4, 9)]
    assert found.sizes == [550, 15] and found.largest == 200
    assert blocks(batch) is found
    padded = sum(b * m**2 for b, m in (block.shape for block in found.blocks))
    assert padded < 2 * sum(n**2 for n in UNEVEN) + (1 << 17)
    with pytest.raises(GraphValueError, match="in ascending order"):
        blocks(torch.tensor([0, 1, 0]))


@pytest.mark.parametrize("attn_type", ["multihead", "performer"])
def test_uneven_graphs(attn_type: str) -> None:
    batch = torch.arange(len(UNEVEN)).repeat_interleave(torch.tensor(UNEVEN))
    bias = {"attn_kwargs": {"qkv_bias": True, "head_channels": 4}} if attn_type == "performer" else {}
    ours, theirs = (nn.GPSConv(8, None, 2, attn_type=attn_type, **bias) for nn in (conv, pyg))
    edge_index = torch.empty(2, 0, dtype=torch.long)
    assert_same_as_peer(ours, theirs, normal(len(batch), 8), edge_index, batch, train=True)
    assert (
        ours(torch.empty(0, 8), edge_index, batch[:0]).shape == (0, 8) if attn_type == "performer" else True
    )


def test_attention_in_blocks_is_transformed() -> None:
    """Transforms, under which no size may depend on values, take the dense way."""
    layer, x = conv.GPSConv(8, None, 2).eval(), normal(8, 8)

    def total(x: Any) -> Any:
        return layer(x, GRAPH.edge_index, BATCH).square().sum()

    leaf = x.clone().requires_grad_()
    assert_close(torch.func.grad(total)(x), torch.autograd.grad(total(leaf), leaf)[0])
