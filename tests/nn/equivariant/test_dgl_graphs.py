"""Models take DGL's graphs, the peer's and ours."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest
import torch

from grapevine.nn.equivariant import SE3TransformerWrapper, make_topk_graph


def library(name: str) -> Any:
    os.environ.setdefault("DGLBACKEND", "pytorch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


@pytest.mark.parametrize("name", ["dgl", "grapevine.dgl"])
def test_wrapper_on_a_dgl_graph(name: str) -> None:
    dgl = library(name)
    model = SE3TransformerWrapper(1, 8, 2, 2, 2, 4, 4, 3, 2, 5)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    idx = torch.arange(7).unsqueeze(0)
    ours, edge = make_topk_graph(torch.randn(1, 7, 3), torch.randn(1, 7, 7, 5), idx, top_k=3, kmin=1)
    src, dst = ours.edges()
    graph = dgl.graph((src, dst), num_nodes=7)
    graph.edata["rel_pos"] = ours.edata["rel_pos"]
    s, v = torch.randn(7, 4, 1), torch.randn(7, 3, 3)
    for degree, expected in model(ours, s, v, edge).items():
        torch.testing.assert_close(model(graph, s, v, edge)[degree], expected, rtol=1e-5, atol=1e-6)
