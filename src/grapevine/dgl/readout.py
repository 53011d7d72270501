"""Readouts: one row per graph of a batch from the features of its nodes or edges."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError, dgl_warning
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.ops.segment import segment_reduce, segment_softmax
from grapevine.dgl.structure import EType

__all__ = [
    "broadcast_edges",
    "broadcast_nodes",
    "max_edges",
    "max_nodes",
    "mean_edges",
    "mean_nodes",
    "readout_edges",
    "readout_nodes",
    "softmax_edges",
    "softmax_nodes",
    "sum_edges",
    "sum_nodes",
    "topk_edges",
    "topk_nodes",
]


def readout_nodes(
    graph: DGLGraph, feat: str, weight: str | None = None, *, op: str = "sum", ntype: str | None = None
) -> Tensor:
    """Reduces a node feature per graph.

        r_b = op over the nodes v of graph b of w_v * x_v

    Args:
        graph: a batch of B graphs, or a single one.
        feat: the name of the feature, `(N, ...)`.
        weight: the name of a feature to multiply with, of a shape that broadcasts.
        op: sum, mean, max or min.
        ntype: the node type.

    Returns:
        `(B, ...)`; zero for graphs without nodes.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.batch([dgl.graph(([0], [1])), dgl.graph(([0, 1], [1, 2]))])
        >>> g.ndata["h"] = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
        >>> readout_nodes(g, "h", op="mean")
        tensor([1.5000, 4.0000])
    """
    x = graph._node_frame(ntype)[feat]
    if weight is not None:
        x = x * graph._node_frame(ntype)[weight]
    return segment_reduce(graph.batch_num_nodes(ntype), x, op)


def readout_edges(
    graph: DGLGraph,
    feat: str,
    weight: str | None = None,
    *,
    op: str = "sum",
    etype: str | EType | None = None,
) -> Tensor:
    """Reduces an edge feature per graph; arguments as those of `readout_nodes`, with an edge type."""
    x = graph._edge_frame(etype)[feat]
    if weight is not None:
        x = x * graph._edge_frame(etype)[weight]
    return segment_reduce(graph.batch_num_edges(etype), x, op)


def sum_nodes(graph: DGLGraph, feat: str, weight: str | None = None, *, ntype: str | None = None) -> Tensor:
    """The sum of a node feature per graph: `readout_nodes` with `op="sum"`."""
    return readout_nodes(graph, feat, weight, ntype=ntype, op="sum")


def mean_nodes(graph: DGLGraph, feat: str, weight: str | None = None, *, ntype: str | None = None) -> Tensor:
    """The mean of a node feature per graph: `readout_nodes` with `op="mean"`."""
    return readout_nodes(graph, feat, weight, ntype=ntype, op="mean")


def max_nodes(graph: DGLGraph, feat: str, weight: str | None = None, *, ntype: str | None = None) -> Tensor:
    """The largest values of a node feature per graph: `readout_nodes` with `op="max"`."""
    return readout_nodes(graph, feat, weight, ntype=ntype, op="max")


def sum_edges(
    graph: DGLGraph, feat: str, weight: str | None = None, *, etype: str | EType | None = None
) -> Tensor:
    """The sum of an edge feature per graph: `readout_edges` with `op="sum"`."""
    return readout_edges(graph, feat, weight, etype=etype, op="sum")


def mean_edges(
    graph: DGLGraph, feat: str, weight: str | None = None, *, etype: str | EType | None = None
) -> Tensor:
    """The mean of an edge feature per graph: `readout_edges` with `op="mean"`."""
    return readout_edges(graph, feat, weight, etype=etype, op="mean")


def max_edges(
    graph: DGLGraph, feat: str, weight: str | None = None, *, etype: str | EType | None = None
) -> Tensor:
    """The largest values of an edge feature per graph: `readout_edges` with `op="max"`."""
    return readout_edges(graph, feat, weight, etype=etype, op="max")


def softmax_nodes(graph: DGLGraph, feat: str, *, ntype: str | None = None) -> Tensor:
    """A node feature normalised by a softmax over the nodes of each graph.

    Args:
        graph: a batch of graphs, or a single one.
        feat: the name of the feature, `(N, ...)`.
        ntype: the node type.

    Returns:
        `(N, ...)`.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0], [1]))
        >>> g.ndata["h"] = torch.ones(2)
        >>> softmax_nodes(g, "h")
        tensor([0.5000, 0.5000])
    """
    return segment_softmax(graph.batch_num_nodes(ntype), graph._node_frame(ntype)[feat])


def softmax_edges(graph: DGLGraph, feat: str, *, etype: str | EType | None = None) -> Tensor:
    """An edge feature normalised by a softmax over the edges of each graph; see `softmax_nodes`."""
    return segment_softmax(graph.batch_num_edges(etype), graph._edge_frame(etype)[feat])


def broadcast_nodes(graph: DGLGraph, graph_feat: Tensor, *, ntype: str | None = None) -> Tensor:
    """The row of its graph for every node.

    Args:
        graph: a batch of B graphs, or a single one.
        graph_feat: `(B, ...)`.
        ntype: the node type.

    Returns:
        `(N, ...)`.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.batch([dgl.graph(([0], [1])), dgl.graph(([0, 1], [1, 2]))])
        >>> broadcast_nodes(g, torch.tensor([1.0, 2.0]))
        tensor([1., 1., 2., 2., 2.])
    """
    return _repeated(graph, graph_feat, graph.batch_num_nodes(ntype))


def broadcast_edges(graph: DGLGraph, graph_feat: Tensor, *, etype: str | EType | None = None) -> Tensor:
    """The row of its graph for every edge; see `broadcast_nodes`."""
    return _repeated(graph, graph_feat, graph.batch_num_edges(etype))


def _repeated(graph: DGLGraph, rows: Tensor, lengths: Tensor) -> Tensor:
    if rows.shape[0] != graph.batch_size and graph.batch_size == 1:
        dgl_warning(
            "For a single graph, use a tensor of shape (1, *) for graph_feat. "
            "The support of shape (*) will be deprecated."
        )
        rows = rows.unsqueeze(0)
    return torch.repeat_interleave(rows, lengths, dim=0)


def topk_nodes(
    graph: DGLGraph,
    feat: str,
    k: int,
    *,
    descending: bool = True,
    sortby: int | None = None,
    ntype: str | None = None,
) -> tuple[Tensor, Tensor]:
    """The k nodes of each graph with the largest values of a feature.

    Args:
        graph: a batch of B graphs, or a single one.
        feat: the name of the feature, `(N, D)`.
        k: how many.
        descending: False for the smallest.
        sortby: the column that decides; None sorts every column on its own.
        ntype: the node type.

    Returns:
        The features `(B, k, D)`, zero where a graph has fewer than k nodes; and their places in the graph, `(B, k)`, or
        `(B, k, D)` if every column was sorted on its own.

    Raises:
        DGLError: for features of more than two dims.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [1, 2]))
        >>> g.ndata["h"] = torch.tensor([[1.0, 6.0], [3.0, 5.0], [2.0, 4.0]])
        >>> topk_nodes(g, "h", 2, sortby=0)
        (tensor([[[3., 5.],
                 [2., 4.]]]), tensor([[1, 2]]))
    """
    return _topk(graph._node_frame(ntype)[feat], graph.batch_num_nodes(ntype), k, descending, sortby)


def topk_edges(
    graph: DGLGraph,
    feat: str,
    k: int,
    *,
    descending: bool = True,
    sortby: int | None = None,
    etype: str | EType | None = None,
) -> tuple[Tensor, Tensor]:
    """The k edges of each graph with the largest values of a feature; see `topk_nodes`."""
    return _topk(graph._edge_frame(etype)[feat], graph.batch_num_edges(etype), k, descending, sortby)


def _topk(x: Tensor, lengths: Tensor, k: int, descending: bool, sortby: int | None) -> tuple[Tensor, Tensor]:
    if x.dim() > 2:
        raise DGLError(f"expected a feature of at most two dims, got shape {list(x.shape)}")
    width = x.shape[-1]
    batch, longest = lengths.shape[0], max(int(lengths.max()), k)
    graph_of = torch.repeat_interleave(torch.arange(batch, device=x.device), lengths)
    starts = lengths.cumsum(0) - lengths
    place = torch.arange(x.shape[0], device=x.device) - starts[graph_of]
    fill = float("-inf") if descending else float("inf")
    padded = x.new_full((batch, longest, *x.shape[1:]), fill).index_put((graph_of, place), x)
    if sortby is None:
        order = padded.argsort(1, descending=descending)[:, :k]
        rows = padded.gather(1, order).view(batch, k, -1)
    else:
        order = padded[..., sortby].topk(k, -1, largest=descending).indices
        rows = padded.gather(1, order.unsqueeze(-1).expand(-1, -1, width))
    return rows.masked_fill(rows.isinf(), 0), order
