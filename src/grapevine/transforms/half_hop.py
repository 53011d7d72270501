"""Edges slowed down by nodes in their middle."""

from __future__ import annotations

import torch

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.transforms.base import BaseTransform, count_nodes, needed


class HalfHop(BaseTransform):
    r"""Puts a slow node into the middle of edges, with features between those of the two ends.

    .. math:: x_{\text{slow}} = \alpha x_j + (1 - \alpha) x_i, \qquad j \to \text{slow} \leftrightarrow i

    The new nodes come last; ``slow_node_mask`` tells them apart. Self-loops stay as they are.

    Args:
        alpha: the weight of the source, from 0 to 1.
        p: the share of nodes whose incoming edges are slowed down, drawn from torch's generator.

    Raises:
        GraphValueError: for numbers out of range, and for graphs with ``edge_weight`` or ``edge_attr``.

    Example:
        >>> data = Data(x=torch.tensor([[0.0], [1.0]]), edge_index=torch.tensor([[0], [1]]))
        >>> HalfHop(alpha=0.25)(data).x.flatten()
        tensor([0.0000, 1.0000, 0.7500])

    Source: Azabou et al., "Half-Hop: A graph upsampling approach for slowing down message passing",
    ICML 2023.
    """

    def __init__(self, alpha: float = 0.5, p: float = 1.0) -> None:
        for name, value in (("alpha", alpha), ("p", p)):
            if not 0.0 <= value <= 1.0:
                raise GraphValueError(f"expected {name} between 0 and 1, got {value}")
        self.alpha = alpha
        self.p = p

    def forward(self, data: Data) -> Data:
        for key in ("edge_weight", "edge_attr"):
            if data.get(key) is not None:
                raise GraphValueError(f"expected a graph without {key!r} for HalfHop; remove it first")
        x, edge_index = needed(data, "x", self), needed(data, "edge_index", self)
        num_nodes = count_nodes(data, self)
        loops = edge_index[0] == edge_index[1]
        chosen = torch.rand(num_nodes, device=x.device) < self.p
        slowed = chosen[edge_index[1]] & ~loops
        source, target = edge_index[:, slowed]
        slow = num_nodes + torch.arange(source.numel(), device=x.device)
        data.x = torch.cat([x, self.alpha * x[source] + (1 - self.alpha) * x[target]])
        detours = [torch.stack(ends) for ends in ((source, slow), (slow, target), (target, slow))]
        kept = edge_index[:, ~slowed & ~loops]
        data.edge_index = torch.cat([kept, edge_index[:, loops], *detours], dim=1)
        data.slow_node_mask = torch.arange(data.x.size(0), device=x.device) >= num_nodes
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alpha={self.alpha}, p={self.p})"
