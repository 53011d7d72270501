"""Graph isomorphism convolution with features of the edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import Feat, expand_as_pair
from grapevine.dgl.nn.conv.ginconv import set_eps

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class GINEConv(nn.Module):
    r"""A network on the node's own features plus the sum over neighbours and edges.

    .. math::
        \mathbf{h}'_i = f \Big( (1 + \epsilon) \mathbf{h}_i
        + \sum_{j \in \mathcal{N}(i)} \mathrm{ReLU} ( \mathbf{h}_j + \mathbf{e}_{ji} ) \Big)

    Args:
        apply_func: the network f.
        init_eps: first :math:`\epsilon`.
        learn_eps: learn it.

    Forward:
        graph: a graph of one relation, or a block.
        node_feat: (N, F), or a pair for sources and destinations of one width.
        edge_feat: (E, F).

    Returns:
        (N_dst, F').

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> GINEConv(torch.nn.Linear(4, 2))(g, torch.ones(3, 4), torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Strategies for Pre-training Graph Neural Networks" (arXiv:1905.12265).
    """

    eps: Tensor

    def __init__(
        self,
        apply_func: Callable[[Tensor], Tensor] | None = None,
        init_eps: float = 0,
        learn_eps: bool = False,
    ) -> None:
        super().__init__()
        self.apply_func = apply_func
        set_eps(self, init_eps, learn_eps)

    def forward(self, graph: DGLGraph, node_feat: Feat, edge_feat: Tensor) -> Tensor:
        edges = graph._relation()
        source, target = expand_as_pair(node_feat, graph)
        out = (1 + self.eps) * target + edges.sum(F.relu(edges.src(source) + edges.edge(edge_feat)))
        return out if self.apply_func is None else self.apply_func(out)
