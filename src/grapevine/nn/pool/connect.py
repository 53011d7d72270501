"""Which edges join the clusters of a pooled graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.pool.select import SelectOutput
from grapevine.utils import scatter


@dataclass
class ConnectOutput:
    """The edges of a pooled graph.

    Args:
        edge_index: (2, E').
        edge_attr: (E', ...), or None.
        batch: graph of each cluster, int64 (C,), or None.

    Raises:
        GraphValueError: where the sizes do not fit.

    Example:
        >>> ConnectOutput(torch.tensor([[0], [1]])).edge_index.tolist()
        [[0], [1]]

    Source: "Understanding Pooling in Graph Neural Networks" (arXiv:2110.05292).
    """

    edge_index: Tensor
    edge_attr: Tensor | None = None
    batch: Tensor | None = None

    def __post_init__(self) -> None:
        if self.edge_index.dim() != 2 or self.edge_index.size(0) != 2:
            raise GraphValueError(
                f"expected 'edge_index' of shape (2, E), got {tuple(self.edge_index.shape)}"
            )
        if self.edge_attr is not None and self.edge_attr.size(0) != self.edge_index.size(1):
            raise GraphValueError(
                f"expected 'edge_attr' of {self.edge_index.size(1)} edges, got {self.edge_attr.size(0)}"
            )


class Connect(torch.nn.Module):
    """Base of the connections: from a `SelectOutput` and the edges of a graph to a `ConnectOutput`."""

    def reset_parameters(self) -> None:
        """Draws new numbers, where there are any."""

    @staticmethod
    def get_pooled_batch(select_output: SelectOutput, batch: Tensor | None) -> Tensor | None:
        """The graph of each cluster, int64 (C,), from the graph of each node, int64 (N,)."""
        if batch is None:
            return None
        of_nodes = batch[select_output.node_index]
        return scatter(of_nodes, select_output.cluster_index, 0, select_output.num_clusters, reduce="any")

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}()"


def filter_adj(
    edge_index: Tensor,
    edge_attr: Tensor | None,
    node_index: Tensor,
    cluster_index: Tensor | None = None,
    num_nodes: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Keeps the edges between kept nodes, and renumbers their ends.

    Args:
        edge_index: (2, E).
        edge_attr: (E, ...), or None.
        node_index: the kept nodes, int64 (K,).
        cluster_index: their new numbers, int64 (K,); counted from 0 if None.
        num_nodes: number of nodes; counted if None.

    Example:
        >>> filter_adj(torch.tensor([[0, 1, 2], [1, 2, 0]]), None, torch.tensor([2, 0]))[0].tolist()
        [[0], [1]]
    """
    if cluster_index is None:
        cluster_index = torch.arange(node_index.numel(), device=node_index.device)
    if num_nodes is None:
        num_nodes = int(edge_index.max()) + 1 if edge_index.numel() > 0 else 0
    number = torch.full((num_nodes,), -1, dtype=torch.long, device=edge_index.device)
    number[node_index] = cluster_index
    edge_index = number[edge_index]
    kept = (edge_index >= 0).all(dim=0)
    return edge_index[:, kept], None if edge_attr is None else edge_attr[kept]


class FilterEdges(Connect):
    r"""Keeps the edges between kept nodes: each cluster is one node.

    .. math::
        \mathbf{A}^{\prime} = \mathbf{A}_{\mathbf{i}, \mathbf{i}}

    Forward:
        select_output: the kept nodes, from a `Select`.
        edge_index: (2, E).
        edge_attr: (E, ...), or None.
        batch: graph of each node, int64 (N,), or None.

    Raises:
        GraphValueError: where a cluster is not one node.

    Example:
        >>> kept = SelectOutput(torch.tensor([2, 0]), 3, torch.tensor([0, 1]), 2)
        >>> FilterEdges()(kept, torch.tensor([[0, 1, 2], [1, 2, 0]])).edge_index.tolist()
        [[0], [1]]
    """

    def forward(
        self,
        select_output: SelectOutput,
        edge_index: Tensor,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> ConnectOutput:
        if select_output.num_clusters != select_output.cluster_index.numel():
            raise GraphValueError(
                f"expected each cluster to contain only one node, got {select_output.num_clusters} clusters "
                f"of {select_output.cluster_index.numel()} nodes"
            )
        kept = (select_output.node_index, select_output.cluster_index, select_output.num_nodes)
        edge_index, edge_attr = filter_adj(edge_index, edge_attr, *kept)
        return ConnectOutput(edge_index, edge_attr, self.get_pooled_batch(select_output, batch))
