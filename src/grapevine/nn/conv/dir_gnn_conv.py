"""Directed graphs: a layer for each direction."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from grapevine import engine
from grapevine.edges import Edges
from grapevine.graph.sparse import is_torch_sparse_tensor


class DirGNNConv(torch.nn.Module):
    r"""Two copies of a layer, one for the edges that arrive and one for those that leave.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W} \mathbf{x}_i + \mathbf{b}
        + (1 - \alpha) \, \mathrm{conv}_{\rightarrow}(\mathbf{x})_i + \alpha \, \mathrm{conv}_{\leftarrow}(\mathbf{x})_i

    Args:
        conv: the layer; both copies add neither self-loops nor a node's own features.
        alpha: share of the edges that leave, in [0, 1].
        root_weight: learn W and b for a node's own features.

    Forward:
        x: features, (N, F).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).

    Returns:
        (N, F').

    Example:
        >>> from grapevine.nn.conv import SAGEConv
        >>> conv = DirGNNConv(SAGEConv(16, 32))
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Edge Directionality Improves Learning on Heterophilic Graphs" (arXiv:2305.10498).
    """

    def __init__(self, conv: Any, alpha: float = 0.5, root_weight: bool = True) -> None:
        super().__init__()
        self.alpha = alpha
        self.root_weight = root_weight
        self.conv_in = copy.deepcopy(conv)
        self.conv_out = copy.deepcopy(conv)
        for name in ("add_self_loops", "root_weight"):
            if hasattr(conv, name):
                setattr(self.conv_in, name, False)
                setattr(self.conv_out, name, False)
        self.lin = torch.nn.Linear(conv.in_channels, conv.out_channels) if root_weight else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.conv_in.reset_parameters()
        self.conv_out.reset_parameters()
        if self.lin is not None:
            self.lin.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor | Edges) -> Tensor:
        out = self.alpha * self.conv_out(x, _reversed(edge_index)) + (1 - self.alpha) * self.conv_in(
            x, edge_index
        )
        return out if self.lin is None else out + self.lin(x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.conv_in}, alpha={self.alpha})"


def _reversed(edge_index: Tensor | Edges) -> Tensor | Edges:
    """The edges the other way round; the same tensor for the same graph, so that it need not be sorted again."""
    if isinstance(edge_index, Edges):
        return edge_index.reverse()
    if engine.computes_now() or edge_index.requires_grad:
        return _flipped(edge_index)
    return Edges.of(edge_index).derived("flipped", lambda: _flipped(edge_index))


def _flipped(edge_index: Tensor) -> Tensor:
    return edge_index.t() if is_torch_sparse_tensor(edge_index) else edge_index.flip(0)
