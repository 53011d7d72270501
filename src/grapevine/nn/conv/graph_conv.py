"""The graph neural network operator of k-GNNs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from grapevine.edges import Edges
from grapevine.nn.conv._derived import sparse_values
from grapevine.nn.conv._terms import Arriving, Mapped, Term, added
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.nn.dense.linear import Linear


class GraphConv(WeightedConv):
    r"""A node's own features beside the weighted sum of its neighbours'.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W}_1 \sum_{j \in \mathcal{N}(i)} e_{ji} \mathbf{x}_j + \mathbf{b}
        + \mathbf{W}_2 \mathbf{x}_i

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        out_channels: size of the output F'.
        aggr: aggregation of the neighbours, "add", "mean", "max", ...
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F_src), (N_dst, F_dst), the second of which may be None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values are the weights.
        edge_weight: weights, (E,).
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F').

    Example:
        >>> import torch
        >>> conv = GraphConv(16, 32)
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]]), torch.rand(3)).shape
        torch.Size([4, 32])

    Source: "Weisfeiler and Leman Go Neural: Higher-order Graph Neural Networks" (arXiv:1810.02244).
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        aggr: str = "add",
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        self.lin_rel = Linear(source, out_channels, bias=bias)
        self.lin_root = Linear(target, out_channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        self.lin_rel.reset_parameters()
        self.lin_root.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        return added(self.terms(x, edge_index, edge_weight, size))

    def terms(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        edge_weight: Tensor | None = None,
        size: tuple[int | None, int | None] | None = None,
    ) -> Sequence[Term]:
        """What the output is the sum of."""
        source, target = (x, x) if isinstance(x, Tensor) else x
        weight = sparse_values(edge_index) if edge_weight is None else edge_weight
        arriving = Arriving(self, self.lin_rel, (source, target), edge_index, weight, size)
        return [arriving] if target is None else [arriving, Mapped(self.lin_root, target)]
