"""Walks along the edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.edges import Edges
from grapevine.sampler import random_walk as along

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph
    from grapevine.dgl.structure import EType

__all__ = ["node2vec_random_walk", "pack_traces", "random_walk"]


def random_walk(
    g: DGLGraph,
    nodes: Any,
    *,
    metapath: Sequence[str | EType] | None = None,
    length: int | None = None,
    prob: str | None = None,
    restart_prob: float | Tensor | None = None,
    return_eids: bool = False,
) -> Any:
    """Walks from every given node, along edges drawn at random.

    Args:
        g: the graph.
        nodes: `(W,)` where the walks start, of the first node type of the metapath.
        metapath: the edge type of every step; None means the graph's only one, `length` times.
        length: the number of steps L, without a metapath.
        prob: the edge feature with the weights of the draw.
        restart_prob: chance that a walk ends before a step; one for all, or `(L,)`.
        return_eids: whether to return the edges too.

    Returns:
        the traces `(W, L + 1)`, -1 after their end; the edge ids `(W, L)` if asked; the ids of the node types
        `(L + 1,)`.

    Raises:
        DGLError: if the metapath is missing, or does not hang together.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [1, 2]))
        >>> random_walk(g, [0], length=3)[0]
        tensor([[ 0,  1,  2, -1]])
    """
    if metapath is None:
        if len(g.canonical_etypes) > 1 or len(g.ntypes) > 1:
            raise DGLError("metapath not specified and the graph is not homogeneous.")
        if length is None:
            raise DGLError("Please specify either the metapath or the random walk length.")
        steps = [0] * length
    else:
        steps = [g.get_etype_id(etype) for etype in metapath]
    if not steps:
        raise DGLError("expected a metapath of one step or more")
    ends = [g._schema.ends[i] for i in steps]
    for before, after in pairwise(ends):
        if before[1] != after[0]:
            raise DGLError(
                f"expected steps that hang together, got one that ends at {g.ntypes[before[1]]!r} before one that "
                f"starts at {g.ntypes[after[0]]!r}"
            )
    stop = torch.as_tensor(0.0 if restart_prob is None else restart_prob).expand(len(steps)).tolist()
    at = g._node_argument(nodes, "nodes", g._counts[ends[0][0]]).to(torch.int64)
    traces, eids = [at], []
    totals = {i: _running(g, i, prob) for i in set(steps) if prob is not None and prob in g._edge_frames[i]}
    for step, ending in zip(steps, stop):
        edge, at = _step(g._relations[step], totals.get(step), at, ending)
        traces.append(at)
        eids.append(edge)
    types = torch.tensor([ends[0][0], *(end for _, end in ends)], device=g.device)
    walked, taken = g._as_ids(torch.stack(traces, 1)), g._as_ids(torch.stack(eids, 1))
    return (walked, taken, types) if return_eids else (walked, types)


def _step(
    relation: Edges, totals: tuple[Tensor, Tensor] | None, at: Tensor, ending: float
) -> tuple[Tensor, Tensor]:
    """The edge that every walk takes, and where it leads; -1 for walks that end or have ended."""
    order = relation.by_src
    going = at >= 0
    if ending > 0:
        going &= torch.rand(len(at), device=at.device) >= ending
    here = at.clamp(min=0)
    edge = torch.full_like(at, -1)
    if totals is None:
        low = order.ptr.index_select(0, here).long()
        degree = order.ptr.index_select(0, here + 1).long() - low
        going &= degree > 0
        place = (low + (torch.rand(len(at), dtype=torch.float64, device=at.device) * degree).long())[going]
        edge[going] = place if order.perm is None else order.perm.index_select(0, place).long()
    else:
        total, perm = totals
        low, high = total[order.ptr[here].long()], total[order.ptr[here + 1].long()]
        going &= high > low
        u = torch.rand(len(at), dtype=torch.float64, device=at.device)
        place = torch.searchsorted(total, low + u * (high - low), right=True) - 1
        edge[going] = perm[place[going]]
    after = torch.full_like(at, -1)
    after[going] = relation.dst_index.index_select(0, edge[going])
    return edge, after


def _running(g: DGLGraph, step: int, prob: str) -> tuple[Tensor, Tensor]:
    """Running totals of the weights by source, and the edges in that order."""
    perm = g._relations[step].by_src.edges().long()
    total = g._edge_frames[step][prob].view(-1)[perm].double().cumsum(0)
    return torch.cat((total.new_zeros(1), total)), perm


def node2vec_random_walk(
    g: DGLGraph,
    nodes: Any,
    p: float,
    q: float,
    walk_length: int,
    prob: str | None = None,
    return_eids: bool = False,
) -> Any:
    """Walks that tend to stay near, or to go away, as p and q say.

    Args:
        g: a graph with one type of nodes and edges.
        nodes: `(W,)` where the walks start.
        p: how unlikely a walk returns at once.
        q: how unlikely it goes away.
        walk_length: the number of steps L.
        prob: must be None: edges count alike.
        return_eids: whether to return the edges too.

    Returns:
        the traces `(W, L + 1)`, -1 after their end; and the edge ids `(W, L)` if asked.

    Raises:
        DGLError: for a graph of several types, and for `prob`.

    Example:
        >>> from grapevine import dgl
        >>> node2vec_random_walk(dgl.graph(([0, 1], [1, 2])), [0], 1, 1, 2)
        tensor([[0, 1, 2]])

    Source: Grover and Leskovec, node2vec, arXiv:1607.00653.
    """
    if prob is not None or not g.is_homogeneous:
        raise DGLError(
            "expected prob=None and a graph with one type of nodes and edges; random_walk() takes weights and types"
        )
    start = g._node_argument(nodes, "nodes", g.num_nodes()).to(torch.int64)
    walked, taken = along(g._relation().edge_index, start, walk_length, p, q, num_nodes=g.num_nodes())
    walked = walked.clone()
    walked[:, 1:][taken < 0] = -1  # where there is no edge, DGL's walks end
    walked, taken = g._as_ids(walked), g._as_ids(taken)
    return (walked, taken) if return_eids else walked


def pack_traces(traces: Tensor, types: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Traces one after the other, without what comes after their ends.

    Args:
        traces: `(W, L + 1)`, as of `random_walk`.
        types: `(L + 1,)`, likewise.

    Returns:
        nodes, their types, the length of every trace, and where it begins.

    Example:
        >>> pack_traces(torch.tensor([[0, 1], [2, -1]]), torch.tensor([0, 0]))[2:]
        (tensor([2, 1]), tensor([0, 2]))
    """
    there = traces >= 0
    lengths = there.sum(1)
    return traces[there], types.expand_as(traces)[there], lengths, lengths.cumsum(0) - lengths
