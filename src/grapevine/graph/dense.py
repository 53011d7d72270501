"""Dense forms: adjacency matrices, padded batches, one-hot rows, and the way back."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph._reduce import reduce_rows
from grapevine.graph.num_nodes import bound, maybe_num_nodes


def _starts(batch: Tensor, batch_size: int | None) -> tuple[Tensor, Tensor, int]:
    """Nodes of every graph, the first of them, and the number of graphs."""
    if batch_size is None:
        batch_size = bound(batch)
    count = batch.new_zeros(batch_size).scatter_add_(0, batch.to(torch.int64), torch.ones_like(batch))
    return count, count.cumsum(0) - count, batch_size


def to_dense_adj(
    edge_index: Tensor,
    batch: Tensor | None = None,
    edge_attr: Tensor | None = None,
    max_num_nodes: int | None = None,
    batch_size: int | None = None,
) -> Tensor:
    """Dense adjacency matrices, one per graph; duplicate edges are summed.

    Args:
        edge_index: `(2, E)` integers.
        batch: `(N,)` the graph of every node, ascending; one graph by default.
        edge_attr: `(E, ...)`; ones by default.
        max_num_nodes: rows and columns M; those of the largest graph by default. Edges beyond are dropped.
        batch_size: number of graphs B.

    Returns:
        `(B, M, M, ...)`.

    Example:
        >>> to_dense_adj(torch.tensor([[0, 0], [0, 1]]))
        tensor([[[1., 1.],
                 [0., 0.]]])
    """
    if batch is None:
        batch = edge_index.new_zeros(maybe_num_nodes(edge_index))
        batch_size = batch_size or 1
    count, start, batch_size = _starts(batch, batch_size)
    size = max_num_nodes
    if size is None:
        size = int(count.max()) if count.numel() > 0 else 0
    if edge_attr is None:
        edge_attr = torch.ones(edge_index.size(1), device=edge_index.device)

    graph = batch[edge_index[0]]
    row, col = edge_index - start[graph]
    if max_num_nodes is not None:
        fits = (row < size) & (col < size)
        graph, row, col, edge_attr = graph[fits], row[fits], col[fits], edge_attr[fits]
    adj = reduce_rows(edge_attr, (graph * size + row) * size + col, batch_size * size * size, "sum")
    return adj.view(batch_size, size, size, *edge_attr.shape[1:])


def to_dense_batch(
    x: Tensor,
    batch: Tensor | None = None,
    fill_value: float = 0.0,
    max_num_nodes: int | None = None,
    batch_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Pads the node features of every graph to one length.

    Args:
        x: `(N, ...)` features.
        batch: `(N,)` the graph of every node, ascending; one graph by default.
        fill_value: what to pad with.
        max_num_nodes: the length M; by default that of the largest graph. Nodes beyond are dropped.
        batch_size: number of graphs B.

    Returns:
        `(B, M, ...)` features, and the mask (B, M) of real nodes.

    Example:
        >>> to_dense_batch(torch.tensor([1., 2., 3.]), torch.tensor([0, 0, 1]))
        (tensor([[1., 2.],
            [3., 0.]]), tensor([[ True,  True],
            [ True, False]]))
    """
    if batch is None:
        batch = torch.zeros(x.size(0), dtype=torch.int64, device=x.device)
        batch_size = batch_size or 1
    count, start, batch_size = _starts(batch, batch_size)
    if max_num_nodes is None:
        max_num_nodes = int(count.max()) if count.numel() > 0 else 0

    # One slot more takes what does not fit, so that no shape depends on the data.
    place = torch.arange(x.size(0), device=x.device) - start[batch]
    last = batch_size * max_num_nodes
    slot = torch.where(place < max_num_nodes, place + batch * max_num_nodes, last)
    out = x.new_full((last + 1, *x.shape[1:]), fill_value)
    out[slot] = x
    mask = torch.zeros(last + 1, dtype=torch.bool, device=x.device)
    mask[slot] = True
    return (
        out[:-1].view(batch_size, max_num_nodes, *x.shape[1:]),
        mask[:-1].view(batch_size, max_num_nodes),
    )


def dense_to_sparse(adj: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The non-zero entries of dense adjacency matrices as edges.

    Args:
        adj: `(N, M)` or `(B, N, M)`.
        mask: `(B, N)` real nodes of every graph (N = M); the others are left out and do not count.

    Returns:
        `edge_index` (2, E) over the nodes of all graphs, and the entries (E,).

    Raises:
        GraphValueError: for other shapes.

    Example:
        >>> dense_to_sparse(torch.tensor([[0., 2.], [3., 0.]]))
        (tensor([[0, 1],
            [1, 0]]), tensor([2., 3.]))
    """
    if adj.dim() not in (2, 3):
        raise GraphValueError(f"expected adj of shape (N, M) or (B, N, M), got {adj.dim()} dimensions")
    if adj.dim() == 2:
        if mask is not None:
            warnings.warn("a mask is not used with a single adjacency matrix; pass (1, N, N)", stacklevel=2)
        edge_index = adj.nonzero().t()
        return edge_index, adj[edge_index[0], edge_index[1]]
    if mask is not None and (mask.dim() != 2 or adj.size(1) != adj.size(2)):
        raise GraphValueError(
            f"expected a mask of shape (B, N) and adj of shape (B, N, N), got {tuple(mask.shape)} and "
            f"{tuple(adj.shape)}"
        )
    num_graphs, num_rows, num_cols = adj.shape
    rows = adj.reshape(-1, num_cols)
    if mask is None:
        start = torch.arange(num_graphs, device=adj.device).repeat_interleave(num_rows) * num_cols
    else:
        count = mask.sum(dim=1)
        start = (count.cumsum(0) - count).repeat_interleave(count)
        rows = rows[mask.view(-1)]
    row, col = rows.nonzero().t()
    return torch.stack([row, col + start[row]]), rows[row, col]


def one_hot(index: Tensor, num_classes: int | None = None, dtype: torch.dtype | None = None) -> Tensor:
    """One-hot rows.

    Args:
        index: `(N,)` classes in `[0, num_classes)`.
        num_classes: C; by default the largest class plus one.
        dtype: of the output; the default one if None.

    Returns:
        `(N, C)`.

    Raises:
        GraphValueError: if `index` is no vector.

    Example:
        >>> one_hot(torch.tensor([0, 2]))
        tensor([[1., 0., 0.],
                [0., 0., 1.]])
    """
    if index.dim() != 1:
        raise GraphValueError(
            f"expected an index of shape (N,), got {tuple(index.shape)}; use index.view(-1)"
        )
    out = torch.zeros(index.numel(), maybe_num_nodes(index, num_classes), dtype=dtype, device=index.device)
    return out.scatter_(1, index.unsqueeze(1), 1)


def unbatch(src: Tensor, batch: Tensor, dim: int = 0, batch_size: int | None = None) -> tuple[Tensor, ...]:
    """Splits a tensor into those of the graphs of a batch.

    Args:
        src: nodes along `dim`.
        batch: `(N,)` the graph of every node, ascending.
        dim: the dimension of the nodes.
        batch_size: number of graphs.

    Example:
        >>> unbatch(torch.arange(3), torch.tensor([0, 0, 1]))
        (tensor([0, 1]), tensor([2]))
    """
    count, _, _ = _starts(batch, batch_size)
    return src.split(count.tolist(), dim)


def unbatch_edge_index(
    edge_index: Tensor, batch: Tensor, batch_size: int | None = None
) -> tuple[Tensor, ...]:
    """Splits edges into those of the graphs of a batch, each with its own numbers of nodes.

    Args:
        edge_index: `(2, E)` integers, graph by graph.
        batch: `(N,)` the graph of every node, ascending.
        batch_size: number of graphs.

    Example:
        >>> unbatch_edge_index(torch.tensor([[0, 1, 2], [1, 0, 3]]), torch.tensor([0, 0, 1, 1]))
        (tensor([[0, 1],
            [1, 0]]), tensor([[0],
            [1]]))
    """
    _, start, _ = _starts(batch, batch_size)
    graph = batch[edge_index[0]]
    count, _, _ = _starts(graph, batch_size)
    return (edge_index - start[graph]).split(count.tolist(), dim=1)
