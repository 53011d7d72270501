"""`random_walk`: walks along the edges."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph import maybe_num_nodes
from grapevine.ops import random_walks, sort_rows
from grapevine.sampler.inputs import fresh_key
from grapevine.topology import check_range


def random_walk(
    edge_index: Tensor,
    start: Tensor,
    walk_length: int,
    p: float = 1.0,
    q: float = 1.0,
    num_nodes: int | None = None,
    restart_prob: float = 0.0,
    key: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Walks from each start along edges, from their sources to their destinations.

        P(v -> u | came from t) ∝ 1/p if u = t, 1 if t -> u is an edge, 1/q otherwise

    Args:
        edge_index: `(2, E)` integers.
        start: `(W,)` nodes.
        walk_length: steps L.
        p: how unlikely a walk returns at once.
        q: how unlikely it goes away.
        num_nodes: N.
        restart_prob: chance of each step to lead back to the start instead.
        key: 64 bits that the draws depend on; None: fresh ones from torch's generator.

    Returns:
        Nodes `(W, L + 1)` and edge ids `(W, L)`: -1 where no edge was taken, on a restart or at a node without
        edges, where walks stay.

    Raises:
        GraphIndexError: if a start is no node.
        GraphValueError: for p, q or probabilities out of range.

    Example:
        >>> random_walk(torch.tensor([[0, 1, 2], [1, 2, 0]]), torch.tensor([0]), 4)
        (tensor([[0, 1, 2, 0, 1]]), tensor([[0, 1, 2, 0]]))

    Source: Grover and Leskovec, node2vec, arXiv:1607.00653.
    """
    if not (p > 0 and q > 0 and 0 <= restart_prob < 1 and walk_length >= 0):
        raise GraphValueError(
            f"expected p > 0, q > 0, 0 <= restart_prob < 1 and walk_length >= 0, got p={p}, q={q}, "
            f"restart_prob={restart_prob}, walk_length={walk_length}"
        )
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    row, col = edge_index.cpu().to(torch.int64)
    start = start.cpu().to(torch.int64)
    for name, ids in (("source", row), ("destination", col), ("starting", start)):
        check_range(ids, num_nodes, name)
    by_col = None
    if p != 1 or q != 1:  # "is t -> u an edge" is answered by bisection
        by_col = torch.argsort(col, stable=True)
        row, col = row[by_col], col[by_col]
    ptr, perm = sort_rows(row, num_nodes)
    order = torch.arange(row.numel()) if perm is None else perm.to(torch.int64)
    index, edge = col[order].to(ptr.dtype), (order if by_col is None else by_col[order]).to(ptr.dtype)
    key = fresh_key() if key is None else key
    return random_walks(ptr, index, edge, start, walk_length, float(p), float(q), float(restart_prob), key)
