"""Weisfeiler-Lehman refinement, of colours and of continuous features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.utils import degree


class WLConv(torch.nn.Module):
    r"""One round of colour refinement: nodes of one colour with the same colours around them share the next one.

    .. math:: x^{\prime}_i = \mathrm{hash} \bigl( x_i, \{ x_j : j \in \mathcal{N}(i) \} \bigr)

    Colours are numbered as they are met, over all calls; `hashmap` holds them.

    Forward:
        x: colours, int64 (N,), or one-hot (N, C).
        edge_index: (2, E), `gv.Edges`, or a `torch.sparse` adjacency (N, N).

    Returns:
        the next colours, int64 (N,).

    Raises:
        GraphValueError: for rows that are not one-hot, or colours that are not int64.

    Example:
        >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> WLConv()(torch.tensor([0, 0, 0]), path).tolist()
        [0, 1, 0]

    Source: Weisfeiler and Leman, "A Reduction of a Graph to a Canonical Form and an Algebra Arising During this
    Reduction" (1968).
    """

    def __init__(self) -> None:
        super().__init__()
        self.hashmap: dict[Any, int] = {}

    def reset_parameters(self) -> None:
        """Forgets all colours."""
        self.hashmap = {}

    @torch.no_grad()
    def forward(self, x: Tensor, edge_index: Tensor | Edges) -> Tensor:
        if x.dim() > 1:
            if not bool((x.sum(dim=-1) == 1).all()):
                raise GraphValueError(
                    "expected one-hot rows, got rows with another sum than 1; pass colours of shape [N]"
                )
            x = x.argmax(dim=-1)
        if x.dtype is not torch.int64:
            raise GraphValueError(
                f"expected colours of dtype int64, got {x.dtype}; do this instead: x.long()"
            )
        edges = Edges.of(edge_index, (x.size(0), x.size(0)))
        colours = x[edges.src_index]
        order = colours.argsort()
        order = order[edges.dst_index[order].argsort(stable=True)]
        counts = degree(edges.dst_index, x.size(0), torch.long).tolist()
        around = [tuple(group.tolist()) for group in colours[order].split(counts)]
        known = self.hashmap
        found = [known.setdefault(key, len(known)) for key in zip(x.tolist(), around)]
        return torch.tensor(found, dtype=torch.long, device=x.device)

    def histogram(self, x: Tensor, batch: Tensor | None = None, norm: bool = False) -> Tensor:
        """How often each colour occurs in each graph.

        Args:
            x: colours, int64 (N,).
            batch: graph of each node, int64 (N,) in [0, B); one graph if None.
            norm: give every row length 1.

        Returns:
            (B, C) for the C colours met so far: int64, or float32 with `norm`.
        """
        batch = torch.zeros_like(x) if batch is None else batch
        num_graphs, num_colours = int(batch.max()) + 1, len(self.hashmap)
        counts = degree(batch * num_colours + x, num_graphs * num_colours, torch.long).view(
            num_graphs, num_colours
        )
        if not norm:
            return counts
        return counts.float() / counts.float().norm(dim=-1, keepdim=True)
