"""Softmax over the edges that arrive at each node."""

from __future__ import annotations

from typing import Any

from torch import nn

from grapevine.dgl.ops import edge_softmax

__all__ = ["EdgeSoftmax", "edge_softmax"]


class EdgeSoftmax(nn.Module):
    """`edge_softmax` as old programs wrote it: as a module.

    Forward:
        graph: the graph.
        logits: (E, *).

    Returns:
        (E, *).

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> EdgeSoftmax()(dgl.graph(([0, 1], [2, 2])), torch.zeros(2)).tolist()
        [0.5, 0.5]
    """

    def forward(self, graph: Any, logits: Any) -> Any:
        return edge_softmax(graph, logits)
