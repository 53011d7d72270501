"""Edge convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from grapevine.dgl.nn._graphs import ChecksInDegrees, Feat, check_in_degrees, expand_as_pair

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class EdgeConv(ChecksInDegrees):
    r"""The maximum, over the neighbours, of a linear map of the difference and one of the node itself.

    .. math::
        \mathbf{h}'_i = \max_{j \in \mathcal{N}(i)} \left( \mathbf{\Theta} (\mathbf{h}_i - \mathbf{h}_j)
        + \mathbf{\Phi} \mathbf{h}_i \right)

    Args:
        in_feat: F.
        out_feat: F'.
        batch_norm: normalise the messages.
        allow_zero_in_degree: accept nodes that no edge arrives at.

    Forward:
        g: a graph of one relation, or a block.
        feat: (N, F), or a pair for sources and destinations.

    Returns:
        (N_dst, F').

    Raises:
        DGLError: for nodes without in-edges.

    Departures: the sign of the difference is DGL's; the paper has :math:`\mathbf{h}_j - \mathbf{h}_i`.

    Example:
        >>> import torch, grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> EdgeConv(4, 2)(g, torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "Dynamic Graph CNN for Learning on Point Clouds" (arXiv:1801.07829).
    """

    def __init__(
        self, in_feat: int, out_feat: int, batch_norm: bool = False, allow_zero_in_degree: bool = False
    ) -> None:
        super().__init__()
        self.batch_norm = batch_norm
        self._allow_zero_in_degree = allow_zero_in_degree
        self.theta = nn.Linear(in_feat, out_feat)
        self.phi = nn.Linear(in_feat, out_feat)
        if batch_norm:
            self.bn = nn.BatchNorm1d(out_feat)

    def forward(self, g: DGLGraph, feat: Feat) -> Tensor:
        check_in_degrees(g, self._allow_zero_in_degree)
        edges = g._relation()
        source, target = expand_as_pair(feat, g)
        message = self.theta(edges.dst(target) - edges.src(source)) + edges.dst(self.phi(target))
        return edges.max(self.bn(message) if self.batch_norm else message)
