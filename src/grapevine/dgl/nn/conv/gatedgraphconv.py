"""Gated graph convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.dgl.base import DGLError
from grapevine.dgl.nn._graphs import by_type, init_linear, relu_gain
from grapevine.edges import Edges
from grapevine.nn.conv._derived import kept
from grapevine.nn.conv._relations import mapped

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class GatedGraphConv(nn.Module):
    r"""Several steps of a recurrent unit that reads the sum of the neighbours, each under the map of its edge's type.

    .. math::
        \mathbf{a}_i = \sum_{j \in \mathcal{N}(i)} \mathbf{W}_{t(j, i)} \mathbf{h}_j + \mathbf{b}_{t(j, i)}, \qquad
        \mathbf{h}_i \leftarrow \mathrm{GRU} ( \mathbf{a}_i, \mathbf{h}_i )

    starting from the features, padded with zeros.

    Args:
        in_feats: F, at most F'.
        out_feats: F'.
        n_steps: number of steps.
        n_etypes: number of types of edges.
        bias: of the recurrent unit.

    Forward:
        graph: a homogeneous graph.
        feat: (N, F).
        etypes: integers (E,); may be left out where there is one type.

    Returns:
        (N, F').

    Raises:
        DGLError: for a bipartite graph, more features in than out, or missing types.
        GraphIndexError: for a type out of range.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> GatedGraphConv(4, 5, n_steps=2, n_etypes=2)(g, torch.ones(3, 4), torch.tensor([0, 1, 0])).shape
        torch.Size([3, 5])

    Source: "Gated Graph Sequence Neural Networks" (arXiv:1511.05493).
    """

    def __init__(self, in_feats: int, out_feats: int, n_steps: int, n_etypes: int, bias: bool = True) -> None:
        super().__init__()
        if in_feats > out_feats:
            raise DGLError(f"out_feats must be not less than in_feats, got {out_feats} < {in_feats}")
        self._in_feats = in_feats
        self._out_feats = out_feats
        self._n_steps = n_steps
        self._n_etypes = n_etypes
        self.linears = nn.ModuleList(nn.Linear(out_feats, out_feats) for _ in range(n_etypes))
        self.gru = nn.GRUCell(out_feats, out_feats, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.gru.reset_parameters()
        for linear in self.linears:
            init_linear(linear, relu_gain())

    def set_allow_zero_in_degree(self, set_value: bool) -> None:
        """Accepted; the layer takes graphs with nodes that no edge arrives at in any case."""
        self._allow_zero_in_degree = set_value

    def forward(self, graph: DGLGraph, feat: Tensor, etypes: Tensor | None = None) -> Tensor:
        if not graph.is_homogeneous:
            raise DGLError(
                "not a homogeneous graph; convert it with to_homogeneous and pass in the edge type as argument"
            )
        if etypes is None and self._n_etypes != 1:
            raise DGLError(f"expected etypes, the type of each edge, for {self._n_etypes} types; got None")
        edges = graph._relation()
        h = F.pad(feat, (0, self._out_feats - feat.shape[1]))
        for _ in range(self._n_steps):
            h = self.gru(self._received(edges, h, etypes), h)
        return h

    def _received(self, edges: Edges, h: Tensor, etypes: Tensor | None) -> Tensor:
        if etypes is None:
            return edges.sum(edges.src(self.linears[0](h)))
        # Features are summed for each type and destination first, so that each pair is mapped once.
        typed = by_type(edges, etypes, self._n_etypes)
        maps = cast("list[nn.Linear]", list(self.linears))
        weights = torch.stack([linear.weight.t() for linear in maps])
        biases = torch.stack([linear.bias for linear in maps])
        shift = biases.repeat_interleave(torch.tensor(typed.sizes, device=h.device), dim=0)
        count = kept(typed.sent, ("count", h.dtype), lambda: typed.sent.in_degrees(h.dtype)).unsqueeze(-1)
        pairs = mapped(typed.sent.sum(typed.sent.src(h)), typed.sizes, weights) + count * shift
        return typed.merge.sum(typed.merge.src(pairs))
