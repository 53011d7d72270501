"""Self-loops."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.graph._reduce import reduce_rows
from grapevine.graph.num_nodes import maybe_num_nodes
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index, to_torch_sparse_tensor
from grapevine.ops import fold_rows


def contains_self_loops(edge_index: Tensor) -> bool:
    """Whether some edge starts and ends at the same node.

    Example:
        >>> contains_self_loops(torch.tensor([[0, 1], [1, 1]]))
        True
    """
    return bool((edge_index[0] == edge_index[1]).any())


def remove_self_loops(edge_index: Tensor, edge_attr: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Drops self-loops.

    Args:
        edge_index: `(2, E)` integers, or a sparse matrix (then `edge_attr` is None).
        edge_attr: `(E, ...)`.

    Returns:
        `edge_index` in the form in which it came, and `edge_attr`.

    Example:
        >>> remove_self_loops(torch.tensor([[0, 1, 1], [1, 1, 0]]))
        (tensor([[0, 1],
            [1, 0]]), None)
    """
    if is_torch_sparse_tensor(edge_index):
        _no_attr(edge_attr)
        pairs, value = to_edge_index(edge_index)
        keep = pairs[0] != pairs[1]
        num_rows, num_cols = edge_index.shape[:2]
        size = (num_rows, num_cols)
        return to_torch_sparse_tensor(pairs[:, keep], value[keep], size, True, edge_index.layout), None
    keep = edge_index[0] != edge_index[1]
    return edge_index[:, keep], None if edge_attr is None else edge_attr[keep]


def segregate_self_loops(
    edge_index: Tensor, edge_attr: Tensor | None = None
) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
    """Splits edges into those between different nodes and self-loops.

    Args:
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`.

    Returns:
        `(edge_index, edge_attr, loop_edge_index, loop_edge_attr)`.

    Example:
        >>> _, _, loops, _ = segregate_self_loops(torch.tensor([[0, 1, 1], [1, 1, 0]]))
        >>> loops
        tensor([[1],
                [1]])
    """
    loop = edge_index[0] == edge_index[1]
    if edge_attr is None:
        return edge_index[:, ~loop], None, edge_index[:, loop], None
    return edge_index[:, ~loop], edge_attr[~loop], edge_index[:, loop], edge_attr[loop]


def add_self_loops(
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    fill_value: float | Tensor | str | None = None,
    num_nodes: int | tuple[int, int] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Adds a self-loop to every node, after the edges that are there.

    Args:
        edge_index: `(2, E)` integers, or a sparse matrix (then `edge_attr` is None).
        edge_attr: `(E, ...)`.
        fill_value: attribute of the loops: a number, a tensor, or the name of a reduction (`"mean"`, ...)
            over the attributes of the edges that end in the node; 1 by default.
        num_nodes: number of nodes; of a bipartite graph the pair of both, then the smaller one counts.

    Returns:
        `edge_index` in the form in which it came, and `edge_attr`.

    Raises:
        GraphValueError: for a `fill_value` that is none of these.

    Example:
        >>> add_self_loops(torch.tensor([[0, 1], [1, 0]]), torch.tensor([2., 3.]), fill_value="mean")
        (tensor([[0, 1, 0, 1],
            [1, 0, 0, 1]]), tensor([2., 3., 3., 2.]))
    """
    if is_torch_sparse_tensor(edge_index):
        _no_attr(edge_attr)
        pairs, value = to_edge_index(edge_index)
        num_rows, num_cols = edge_index.shape[:2]
        count = min(num_rows, num_cols)
        # The rows of a sparse adjacency are the ends of its edges, as in `adj_t`.
        loop_attr = _loop_attr(pairs[0], value, count, fill_value)
        pairs = torch.cat([pairs, _loops(count, pairs)], dim=1)
        value = torch.cat([value, loop_attr])
        return to_torch_sparse_tensor(pairs, value, (num_rows, num_cols), False, edge_index.layout), None
    if isinstance(num_nodes, (tuple, list)):
        count = min(num_nodes)
    else:
        count = maybe_num_nodes(edge_index, num_nodes)
    if edge_attr is not None:
        edge_attr = torch.cat([edge_attr, _loop_attr(edge_index[1], edge_attr, count, fill_value)])
    return torch.cat([edge_index, _loops(count, edge_index)], dim=1), edge_attr


def add_remaining_self_loops(
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    fill_value: float | Tensor | str | None = None,
    num_nodes: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Gives every node exactly one self-loop, after the other edges; those there are keep their attribute.

    Args:
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`.
        fill_value: attribute of the new loops, see `add_self_loops`.
        num_nodes: number of nodes N.

    Returns:
        `edge_index` and `edge_attr`, the last N edges of which are the loops of nodes 0 to N - 1 (of several
        loops at one node the last one counts).

    Raises:
        GraphValueError: for a `fill_value` that is none of these.

    Example:
        >>> add_remaining_self_loops(torch.tensor([[0, 1], [1, 1]]), torch.tensor([2., 3.]))
        (tensor([[0, 0, 1],
            [1, 0, 1]]), tensor([2., 1., 3.]))
    """
    count = maybe_num_nodes(edge_index, num_nodes)
    keep = edge_index[0] != edge_index[1]
    if edge_attr is not None:
        loop_attr = _loop_attr(edge_index[1], edge_attr, count, fill_value)
        edge_attr = torch.cat([edge_attr[keep], _with_loops(loop_attr, edge_index[0], edge_attr, ~keep)])
    return torch.cat([edge_index[:, keep], _loops(count, edge_index)], dim=1), edge_attr


def get_self_loop_attr(
    edge_index: Tensor, edge_attr: Tensor | None = None, num_nodes: int | None = None
) -> Tensor:
    """The attribute of every node's self-loop, 0 where it has none.

    Args:
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`; ones by default.
        num_nodes: number of nodes N.

    Returns:
        `(N, ...)`; of several loops at one node the last one counts.

    Example:
        >>> get_self_loop_attr(torch.tensor([[0, 1], [1, 1]]), torch.tensor([2., 3.]))
        tensor([0., 3.])
    """
    if edge_attr is None:
        edge_attr = torch.ones(edge_index.size(1), device=edge_index.device)
    count = maybe_num_nodes(edge_index, num_nodes)
    empty = edge_attr.new_zeros((count, *edge_attr.shape[1:]))
    return _with_loops(empty, edge_index[0], edge_attr, edge_index[0] == edge_index[1])


def last_loops(index: Tensor, num_nodes: int) -> Tensor:
    """For every node the last position at which it stands in `index`, -1 where it does not."""
    place = torch.arange(index.numel(), device=index.device)
    return fold_rows(index.to(torch.int64), num_nodes, place, "max", empty=-1)


def _with_loops(default: Tensor, row: Tensor, edge_attr: Tensor, loop: Tensor) -> Tensor:
    """`default` (N, ...), overwritten by the attributes of the last of each node's own loops."""
    last = last_loops(row[loop], default.size(0))
    has = last >= 0
    return default.index_copy(0, has.nonzero().view(-1), edge_attr[loop][last[has]])


def _loops(num_nodes: int, like: Tensor) -> Tensor:
    return torch.arange(num_nodes, dtype=like.dtype, device=like.device).expand(2, -1)


def _loop_attr(
    index: Tensor, edge_attr: Tensor, num_nodes: int, fill_value: float | Tensor | str | None
) -> Tensor:
    size = (num_nodes, *edge_attr.shape[1:])
    if fill_value is None:
        return edge_attr.new_ones(size)
    if isinstance(fill_value, (int, float)):
        return edge_attr.new_full(size, fill_value)
    if isinstance(fill_value, Tensor):
        value = fill_value.to(edge_attr)
        return (value if value.dim() == edge_attr.dim() else value.unsqueeze(0)).expand(size)
    if isinstance(fill_value, str):
        return reduce_rows(edge_attr, index, num_nodes, fill_value)
    raise GraphValueError(
        "expected fill_value to be a number, a tensor or the name of a reduction ('mean', ...), got "
        f"{type(fill_value).__name__}"
    )


def _no_attr(edge_attr: Tensor | None) -> None:
    if edge_attr is not None:
        raise GraphTypeError(
            "expected edge_attr=None with a sparse matrix, which holds its own values; set them in the matrix"
        )
