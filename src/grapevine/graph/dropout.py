"""Random removal of edges, nodes and paths, and random change of features and edges."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.num_nodes import maybe_num_nodes
from grapevine.graph.sampling import negative_sampling
from grapevine.graph.sorting import index2ptr, sort_keys
from grapevine.graph.subgraph import subgraph


def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise GraphValueError(f"expected a probability p between 0 and 1, got {p}")


def dropout_edge(
    edge_index: Tensor, p: float = 0.5, force_undirected: bool = False, training: bool = True
) -> tuple[Tensor, Tensor]:
    """Drops every edge with probability `p`.

    Args:
        edge_index: `(2, E)` integers.
        p: probability in [0, 1].
        force_undirected: drop the two directions of an undirected graph together.
        training: do nothing if False.

    Returns:
        The edges that stay, and the mask (E,) of them; with `force_undirected` the indices of the edges
        instead (for both directions that of the ascending one).

    Raises:
        GraphValueError: if `p` is no probability.

    Example:
        >>> dropout_edge(torch.tensor([[0, 1], [1, 2]]), p=0.0)
        (tensor([[0, 1],
            [1, 2]]), tensor([True, True]))

    Source: DropEdge (arXiv:1907.10903).
    """
    _check_probability(p)
    if not training or p == 0.0:
        return edge_index, torch.ones_like(edge_index[0], dtype=torch.bool)
    mask = torch.rand(edge_index.size(1), device=edge_index.device) >= p
    if not force_undirected:
        return edge_index[:, mask], mask
    mask &= edge_index[0] <= edge_index[1]
    kept = edge_index[:, mask]
    return torch.cat([kept, kept.flip(0)], dim=1), mask.nonzero().view(-1).repeat(2)


def dropout_adj(
    edge_index: Tensor,
    edge_attr: Tensor | None = None,
    p: float = 0.5,
    force_undirected: bool = False,
    num_nodes: int | None = None,
    training: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """Drops every edge, with its attributes, with probability `p`; deprecated in favour of `dropout_edge`.

    Args:
        edge_index: `(2, E)` integers.
        edge_attr: `(E, ...)`.
        p: probability in [0, 1].
        force_undirected: drop the two directions of an undirected graph together.
        num_nodes: number of nodes; not needed.
        training: do nothing if False.

    Returns:
        The edges that stay and their attributes.

    Raises:
        GraphValueError: if `p` is no probability.
    """
    warnings.warn("'dropout_adj' is deprecated, use 'dropout_edge' instead", stacklevel=2)
    kept, edge_id = dropout_edge(edge_index, p, force_undirected, training)
    return kept, None if edge_attr is None else edge_attr[edge_id]


def dropout_node(
    edge_index: Tensor,
    p: float = 0.5,
    num_nodes: int | None = None,
    training: bool = True,
    relabel_nodes: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Drops every node, with its edges, with probability `p`.

    Args:
        edge_index: `(2, E)` integers.
        p: probability in [0, 1].
        num_nodes: number of nodes N.
        training: do nothing if False.
        relabel_nodes: number the nodes that stay anew.

    Returns:
        The edges that stay, the mask (E,) of them, and the mask (N,) of the nodes that stay.

    Raises:
        GraphValueError: if `p` is no probability.

    Example:
        >>> dropout_node(torch.tensor([[0, 1], [1, 2]]), p=1.0)
        (tensor([], size=(2, 0), dtype=torch.int64), tensor([False, False]), tensor([False, False, False]))
    """
    _check_probability(p)
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    if not training or p == 0.0:
        node_mask = torch.ones(num_nodes, dtype=torch.bool, device=edge_index.device)
        return edge_index, torch.ones_like(edge_index[0], dtype=torch.bool), node_mask
    node_mask = torch.rand(num_nodes, device=edge_index.device) > p
    edge_index, _, edge_mask = subgraph(
        node_mask, edge_index, relabel_nodes=relabel_nodes, return_edge_mask=True
    )
    return edge_index, edge_mask, node_mask


def dropout_path(
    edge_index: Tensor,
    p: float = 0.2,
    walks_per_node: int = 1,
    walk_length: int = 3,
    num_nodes: int | None = None,
    is_sorted: bool = False,
    training: bool = True,
) -> tuple[Tensor, Tensor]:
    """Drops the edges of random walks that start at the sources of randomly chosen edges.

    Args:
        edge_index: `(2, E)` integers.
        p: probability in [0, 1] with which an edge starts a walk.
        walks_per_node: walks from every start.
        walk_length: steps of a walk; it ends early at a node without outgoing edges.
        num_nodes: number of nodes.
        is_sorted: promise that the edges are sorted by row.
        training: do nothing if False.

    Returns:
        The edges that stay, and the mask (E,) of them.

    Raises:
        GraphValueError: if `p` is no probability.

    Departures: of parallel edges only those that were walked are dropped.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> dropout_path(torch.tensor([[0, 1, 2], [1, 2, 0]]), p=1.0)
        (tensor([], size=(2, 0), dtype=torch.int64), tensor([False, False, False]))

    Source: MaskGAE (arXiv:2205.10053).
    """
    _check_probability(p)
    edge_mask = torch.ones_like(edge_index[0], dtype=torch.bool)
    if not training or p == 0.0 or edge_index.size(1) == 0:
        return edge_index, edge_mask
    row, col = edge_index
    perm = None
    if not is_sorted:
        row, perm = sort_keys(row)
        col = col if perm is None else col[perm]
    ptr = index2ptr(row, maybe_num_nodes(edge_index, num_nodes))
    node = row[torch.rand(row.numel(), device=row.device) <= p].repeat(walks_per_node)
    for _ in range(walk_length):
        degree = ptr[node + 1] - ptr[node]
        node, degree = node[degree > 0], degree[degree > 0]
        step = (torch.rand(node.numel(), dtype=torch.float64, device=node.device) * degree).long()
        edge = ptr[node] + torch.minimum(step, degree - 1)
        edge_mask[edge if perm is None else perm[edge]] = False
        node = col[edge]
    return edge_index[:, edge_mask], edge_mask


def mask_feature(
    x: Tensor, p: float = 0.5, mode: str = "col", fill_value: float = 0.0, training: bool = True
) -> tuple[Tensor, Tensor]:
    """Overwrites features with probability `p`.

    Args:
        x: `(N, F)` features.
        p: probability in [0, 1].
        mode: what is overwritten together: `"row"`, `"col"`, or `"all"` for every entry by itself.
        fill_value: the new value.
        training: do nothing if False.

    Returns:
        The features, and the mask of those that stay: `(N, 1)`, `(1, F)` or `(N, F)`.

    Raises:
        GraphValueError: if `p` is no probability, or for an unknown `mode`.

    Example:
        >>> mask_feature(torch.ones(2, 2), p=1.0, mode="row")
        (tensor([[0., 0.],
            [0., 0.]]), tensor([[False],
            [False]]))
    """
    _check_probability(p)
    if mode not in ("row", "col", "all"):
        raise GraphValueError(f"expected mode 'row', 'col' or 'all', got {mode!r}")
    if not training or p == 0.0:
        return x, torch.ones_like(x, dtype=torch.bool)
    if mode == "row":
        mask = torch.rand(x.size(0), device=x.device).view(-1, 1) >= p
    elif mode == "col":
        mask = torch.rand(x.size(1), device=x.device).view(1, -1) >= p
    else:
        mask = torch.rand_like(x) >= p
    return x.masked_fill(~mask, fill_value), mask


def add_random_edge(
    edge_index: Tensor,
    p: float = 0.5,
    force_undirected: bool = False,
    num_nodes: int | tuple[int, int] | None = None,
    training: bool = True,
) -> tuple[Tensor, Tensor]:
    """Adds random edges that are not there yet, `p` times as many as there are.

    Args:
        edge_index: `(2, E)` integers.
        p: ratio in [0, 1].
        force_undirected: add both directions of every edge.
        num_nodes: number of nodes, or of sources and of destinations of a bipartite graph.
        training: do nothing if False.

    Returns:
        All edges, and those that were added.

    Raises:
        GraphValueError: if `p` is not in [0, 1], or for an undirected bipartite graph.

    Example:
        >>> edge_index, added = add_random_edge(torch.tensor([[0, 1], [1, 2]]), p=1.0)
        >>> edge_index.size(1), added.size(1)
        (4, 2)
    """
    _check_probability(p)
    if force_undirected and isinstance(num_nodes, (tuple, list)):
        raise GraphValueError(
            "expected an int num_nodes with force_undirected=True, got a pair (bipartite graph)"
        )
    if not training or p == 0.0:
        return edge_index, edge_index[:, :0]
    count = round(edge_index.size(1) * p)
    added = negative_sampling(edge_index, num_nodes, count, force_undirected=force_undirected)
    return torch.cat([edge_index, added], dim=1), added


def shuffle_node(x: Tensor, batch: Tensor | None = None, training: bool = True) -> tuple[Tensor, Tensor]:
    """Shuffles the rows of the features, within each graph of a batch.

    Args:
        x: `(N, ...)` features.
        batch: `(N,)` the graph of every node, ascending.
        training: do nothing if False.

    Returns:
        The features and the permutation (N,).

    Example:
        >>> x, perm = shuffle_node(torch.arange(4), torch.tensor([0, 0, 1, 1]))
        >>> x[:2].sort()[0], torch.equal(x, perm)
        (tensor([0, 1]), True)
    """
    if not training:
        return x, torch.arange(x.size(0), device=x.device)
    perm = torch.randperm(x.size(0), device=x.device)
    if batch is not None:
        perm = perm[batch[perm].argsort(stable=True)]
    return x[perm], perm
