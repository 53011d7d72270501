"""Convolution by matrices that a network makes of the edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import Feat, expand_as_pair, init_linear, relu_gain
from grapevine.dgl.nn.utils import Identity
from grapevine.errors import GraphKeyError

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class NNConv(nn.Module):
    r"""Maps each neighbour by a matrix that a network makes of the edge's features.

    .. math::
        \mathbf{h}'_i = \mathrm{aggregate}_{j \in \mathcal{N}(i)} \, \mathbf{h}_j f(\mathbf{e}_{ji}) + \mathbf{b}

    Args:
        in_feats: F; a pair for sources and destinations.
        out_feats: F'.
        edge_func: the network f, from (E, ...) to (E, F F').
        aggregator_type: "sum", "mean" or "max". The maximum is taken of the products, before they are summed over F.
        residual: add the node's own features, under a linear map where F is not F'.
        bias: learn a shift.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, F), or a pair for sources and destinations.
        efeat: features of the edges, what `edge_func` takes.

    Returns:
        (N_dst, F').

    Raises:
        GraphKeyError: for another aggregator.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> NNConv(4, 2, torch.nn.Linear(3, 4 * 2))(g, torch.ones(3, 4), torch.ones(3, 3)).shape
        torch.Size([3, 2])

    Source: "Neural Message Passing for Quantum Chemistry" (arXiv:1704.01212).
    """

    bias: Tensor | None
    res_fc: nn.Module | None

    def __init__(
        self,
        in_feats: int | tuple[int, int],
        out_feats: int,
        edge_func: Callable[[Tensor], Tensor],
        aggregator_type: str = "mean",
        residual: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self._in_src_feats, self._in_dst_feats = expand_as_pair(in_feats)
        self._out_feats = out_feats
        self.edge_func = edge_func
        self._aggre_type = check_aggregator(aggregator_type)
        self.res_fc = residual_map(residual, self._in_dst_feats, out_feats)
        if bias:
            self.bias = nn.Parameter(torch.empty(out_feats))
        else:
            self.register_buffer("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers; `edge_func` stays as it is."""
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        init_linear(self.res_fc, relu_gain())

    def forward(self, graph: DGLGraph, feat: Feat, efeat: Tensor) -> Tensor:
        edges = graph._relation()
        source, target = expand_as_pair(feat, graph)
        weight = self.edge_func(efeat).view(-1, self._in_src_feats, self._out_feats)
        message = edges.src(source.unsqueeze(-1)) * edges.edge(weight)
        out = edges.reduce(message, self._aggre_type).sum(1)
        if self.res_fc is not None:
            out = out + self.res_fc(target)
        return out if self.bias is None else out + self.bias


def check_aggregator(name: str) -> str:
    """Refuses all but sum, mean and max."""
    if name not in ("sum", "mean", "max"):
        raise GraphKeyError(f"Aggregator type {name} not recognized: expected 'sum', 'mean' or 'max'")
    return name


def residual_map(residual: bool, in_feats: int, out_feats: int) -> nn.Module | None:
    """What takes a node's own features to the output: a linear map where the widths differ; or None."""
    if not residual:
        return None
    return Identity() if in_feats == out_feats else nn.Linear(in_feats, out_feats, bias=False)
