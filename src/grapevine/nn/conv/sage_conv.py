"""GraphSAGE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.nn.aggr import Aggregation, MultiAggregation
from grapevine.nn.conv._derived import sparse_values
from grapevine.nn.conv._terms import Arriving, Mapped, Term, added
from grapevine.nn.conv._weighted import WeightedConv
from grapevine.nn.dense.linear import Linear


class SAGEConv(WeightedConv):
    r"""GraphSAGE: a node's own features beside the aggregated ones of its neighbours.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W}_1 \cdot \mathrm{mean}_{j \in \mathcal{N}(i)} \mathbf{x}_j + \mathbf{b}
        + \mathbf{W}_2 \mathbf{x}_i

    Args:
        in_channels: size of the input F, or the pair of sources' and destinations'; -1: that of the first input.
        out_channels: size of the output F'.
        aggr: aggregation of the neighbours: a name, a module, or a list of them.
        normalize: give every output row length 1.
        root_weight: learn W_2; without it, a node's own features do not enter.
        project: let neighbours send :math:`\mathrm{relu}(\mathbf{W}_3 \mathbf{x}_j + \mathbf{b}_3)` instead.
        bias: learn the shift b.
        kwargs: of `MessagePassing`.

    Forward:
        x: features, (N, F), or a pair (N_src, F_src), (N_dst, F_dst), the second of which may be None.
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N_dst, N_src), whose values are weights.
        size: (N_src, N_dst), where the features do not tell.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: for `project` where `in_channels` is not known yet.

    Example:
        >>> import torch
        >>> conv = SAGEConv(16, 32, aggr="max")
        >>> conv(torch.randn(4, 16), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
        torch.Size([4, 32])

    Source: "Inductive Representation Learning on Large Graphs" (arXiv:1706.02216).
    """

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        aggr: str | list[str] | Aggregation | None = "mean",
        normalize: bool = False,
        root_weight: bool = True,
        project: bool = False,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        if aggr == "lstm":
            channels = {"in_channels": source, "out_channels": source}
            kwargs["aggr_kwargs"] = {**channels, **kwargs.get("aggr_kwargs", {})}
        super().__init__(aggr, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.normalize = normalize
        self.root_weight = root_weight
        self.project = project
        if project:
            if source <= 0:
                raise GraphValueError(
                    f"expected known in_channels with project=True, got {source}; pass the sources' size"
                )
            self.lin = Linear(source, source, bias=True)
        arriving = source
        if isinstance(self.aggr_module, MultiAggregation):
            arriving = self.aggr_module.get_out_channels(source)
        self.lin_l = Linear(arriving, out_channels, bias=bias)
        if root_weight:
            self.lin_r = Linear(target, out_channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        if self.project:
            self.lin.reset_parameters()
        self.lin_l.reset_parameters()
        if self.root_weight:
            self.lin_r.reset_parameters()

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        size: tuple[int | None, int | None] | None = None,
    ) -> Tensor:
        return added(self.terms(x, edge_index, size))

    def terms(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor | Edges,
        size: tuple[int | None, int | None] | None = None,
    ) -> Sequence[Term]:
        """What the output is the sum of."""
        source, target = (x, x) if isinstance(x, Tensor) else x
        if self.project:
            source = self.lin(source).relu()
        weight = sparse_values(edge_index)
        terms: list[Term] = [Arriving(self, self.lin_l, (source, target), edge_index, weight, size)]
        if self.root_weight and target is not None:
            terms.append(Mapped(self.lin_r, target))
        return [F.normalize(added(terms), p=2.0, dim=-1)] if self.normalize else terms

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, aggr={self.aggr})"
