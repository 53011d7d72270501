"""The graph transformer layer, and attention in linear time, against torch_geometric's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import SQUARE, assert_close, assert_same_as_peer, assert_same_start, normal

from grapevine.errors import GraphValueError
from grapevine.nn import conv
from grapevine.nn.attention import PerformerAttention
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
