"""Graph isomorphism convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from grapevine.dgl.nn._graphs import Feat, expand_as_pair, sent
from grapevine.errors import GraphKeyError

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph


class GINConv(nn.Module):
    r"""A network on the node's own features plus what its neighbours amount to.

    .. math::
        \mathbf{h}'_i = f \Big( (1 + \epsilon) \mathbf{h}_i
        + \mathrm{aggregate} \{ e_{ji} \mathbf{h}_j : j \in \mathcal{N}(i) \} \Big)

    Args:
        apply_func: the network f.
        aggregator_type: "sum", "max" or "mean".
        init_eps: first :math:`\epsilon`.
        learn_eps: learn it.
        activation: of the output.

    Forward:
        graph: a graph of one relation, or a block.
        feat: (N, F), or a pair for sources and destinations of one width.
        edge_weight: (E,) or (E, 1), multiplies the messages.

    Returns:
        (N_dst, F').

    Raises:
        GraphKeyError: for another aggregator.

    Example:
        >>> import grapevine.dgl as dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> GINConv(torch.nn.Linear(4, 2), "max")(g, torch.ones(3, 4)).shape
        torch.Size([3, 2])

    Source: "How Powerful are Graph Neural Networks?" (arXiv:1810.00826).
    """

    eps: Tensor

    def __init__(
        self,
        apply_func: Callable[[Tensor], Tensor] | None = None,
        aggregator_type: str = "sum",
        init_eps: float = 0,
        learn_eps: bool = False,
        activation: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.apply_func = apply_func
        self._aggregator_type = aggregator_type
        self.activation = activation
        if aggregator_type not in ("sum", "max", "mean"):
            raise GraphKeyError(
                f"Aggregator type {aggregator_type} not recognized: expected 'sum', 'max' or 'mean'"
            )
        set_eps(self, init_eps, learn_eps)

    def forward(self, graph: DGLGraph, feat: Feat, edge_weight: Tensor | None = None) -> Tensor:
        edges = graph._relation()
        source, target = expand_as_pair(feat, graph)
        out = (1 + self.eps) * target + edges.reduce(sent(edges, source, edge_weight), self._aggregator_type)
        if self.apply_func is not None:
            out = self.apply_func(out)
        return out if self.activation is None else self.activation(out)


def set_eps(layer: nn.Module, value: float, learn: bool) -> None:
    """Gives a layer its `eps`, (1,): a parameter if it is to be learned, else a buffer."""
    eps = torch.tensor([float(value)])
    if learn:
        layer.register_parameter("eps", nn.Parameter(eps))
    else:
        layer.register_buffer("eps", eps)
