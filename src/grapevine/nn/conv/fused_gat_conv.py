"""Graph attention from compressed graphs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.conv.gat_conv import GATConv
from grapevine.utils import cumsum, degree

Compressed = tuple[Tensor, Tensor]


class FusedGATConv(GATConv):
    """`GATConv`, called with a graph in compressed rows and columns; both store no message here, on any device.

    Args:
        args, kwargs: of `GATConv`, with `add_self_loops=False` and without `edge_dim`.

    Forward:
        x: node features, (N, F).
        csr, csc, perm: what `to_graph_format` makes of an `edge_index`.

    Returns:
        (N, H F'), or (N, F') with `concat=False`.

    Raises:
        GraphValueError: with self-loops to add, or features of edges.

    Departures from PyTorch Geometric: the package dgNN and a GPU are not needed.

    Example:
        >>> conv = FusedGATConv(4, 8, heads=2, add_self_loops=False)
        >>> graph = conv.to_graph_format(torch.tensor([[0, 1, 2], [1, 2, 0]]), size=(3, 3))
        >>> conv(torch.rand(3, 4), *graph).shape
        torch.Size([3, 16])

    Source: "Understanding GNN Computational Graph: A Coordinated Computation, IO, and Memory Perspective"
    (arXiv:2110.09524).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.add_self_loops:
            raise GraphValueError(
                "expected add_self_loops=False, got True; do this instead: "
                "edge_index, _ = grapevine.utils.add_self_loops(edge_index), ahead of to_graph_format"
            )
        if self.edge_dim is not None:
            raise GraphValueError(
                f"expected edge_dim=None, got {self.edge_dim}; use GATConv for features of edges"
            )

    @staticmethod
    def to_graph_format(
        edge_index: Tensor, size: tuple[int, int] | None = None
    ) -> tuple[Compressed, Compressed, Tensor]:
        """The edges by their sources and by their destinations.

        Args:
            edge_index: (2, E).
            size: numbers of sources and destinations; told by the edges if None.

        Returns:
            `((rowptr, col), (row, colptr), perm)`, all int32: where each source's edges begin and where they lead;
            where the edges of each destination come from and where they begin; and which of the former the latter are,
            (E,).
        """
        row, col = edge_index[:, edge_index[0].argsort(stable=True)]
        perm = col.argsort(stable=True)
        rowptr, colptr = (
            cumsum(degree(ends, size[side] if size else None, torch.long))
            for side, ends in enumerate((row, col))
        )
        return (rowptr.int(), col.int()), (row[perm].int(), colptr.int()), perm.int()

    def forward(self, x: Tensor, csr: Compressed, csc: Compressed, perm: Tensor) -> Tensor:
        row, colptr = csc
        nodes = torch.arange(colptr.numel() - 1, device=row.device)
        col = nodes.repeat_interleave(colptr.diff().long())
        out: Tensor = super().forward(x, torch.stack([row.long(), col]), size=(x.shape[0], x.shape[0]))
        return out
