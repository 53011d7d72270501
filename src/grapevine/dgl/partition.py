"""Splitting a graph into parts, with the halo of nodes that each part needs to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.base import EID, NID, DGLError
from grapevine.dgl.queries import rows_of_order
from grapevine.dgl.relabel import by_appearance, position_of
from grapevine.dgl.structure import HOMOGENEOUS
from grapevine.edges import Edges, known_good
from grapevine.errors import require
from grapevine.graph.direction import to_undirected
from grapevine.graph.loops import remove_self_loops

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = ["metis_partition", "metis_partition_assignment", "partition_graph_with_halo"]

MODES = ("k-way", "recursive")


def metis_partition_assignment(
    g: DGLGraph,
    k: int,
    balance_ntypes: Any = None,
    balance_edges: bool = False,
    mode: str = "k-way",
    objtype: str = "cut",
) -> Tensor:
    """The part of every node, so that parts are equally large and few edges run between them.

    Args:
        g: a graph with one type of nodes and edges.
        k: the number of parts.
        balance_ntypes: must be None, see below.
        balance_edges: whether parts shall have equally many edges rather than nodes.
        mode: "k-way" or "recursive".
        objtype: "cut" (edges between parts) or "vol" (nodes to send).

    Returns:
        `(N,)` int64 in `[0, k)`.

    Raises:
        MissingDependencyError: without the optional package pymetis.
        DGLError: for unknown options.

    Departure: `balance_ntypes` needs a METIS with several weights per node, which pymetis does not offer;
    it is refused.

    Source: "A Fast and High Quality Multilevel Scheme for Partitioning Irregular Graphs" (Karypis, Kumar, 1998).
    """
    if mode not in MODES or objtype not in ("cut", "vol"):
        raise DGLError(
            f"expected mode 'k-way' or 'recursive' and objtype 'cut' or 'vol', got {mode!r}, {objtype!r}"
        )
    if balance_ntypes is not None:
        raise DGLError(
            "expected balance_ntypes=None, because pymetis balances one weight per node; "
            "pass balance_edges or nothing"
        )
    metis = require("pymetis")
    relation = g._relation()
    simple, _ = remove_self_loops(relation.edge_index.cpu())
    both = Edges(to_undirected(simple, num_nodes=g.num_nodes()), num_nodes=g.num_nodes())
    order = both.by_src
    assert order.other is not None
    weights = relation.in_degrees().tolist() if balance_edges else None
    options = metis.Options()
    if objtype == "vol":
        options.objtype = 1  # METIS_OBJTYPE_VOL
    _, parts = metis.part_graph(
        k,
        adjacency=metis.CSRAdjacency(order.ptr.tolist(), order.other.tolist()),
        vweights=weights,
        recursive=mode == "recursive",
        options=options,
    )
    return torch.as_tensor(np.asarray(parts), dtype=torch.int64)


def partition_graph_with_halo(
    g: DGLGraph, node_part: Any, extra_cached_hops: int, reshuffle: bool = False
) -> tuple[dict[int, DGLGraph], Tensor | None, Tensor | None]:
    """One graph per part: its own nodes, the nodes up to some hops around them, and the edges that arrive there.

    Own nodes come first. `ndata` says which nodes are the part's own (`inner_node`), whose the others are (`part_id`)
    and their ids in the graph (`dgl.NID`); `edata` which edges arrive at own nodes (`inner_edge`) and their ids
    (`dgl.EID`).

    Args:
        g: a graph with one type of nodes and edges.
        node_part: `(N,)` the part of every node.
        extra_cached_hops: how far the halo reaches; 0 keeps edges between own nodes only.
        reshuffle: whether to number nodes, and edges by their destination, part after part first; the ids in the given
            graph are then kept as `orig_id`.

    Returns:
        the parts by number; with `reshuffle` also the given ids of all nodes and edges in the new order, else None.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 3]))
        >>> parts, _, _ = partition_graph_with_halo(g, [0, 0, 1, 1], 1)
        >>> parts[1].ndata[dgl.NID].tolist(), parts[1].ndata["inner_node"].tolist()
        ([2, 3, 1], [1, 1, 0])
    """
    part = torch.as_tensor(node_part, device=g.device).to(torch.int64)
    if len(part) != g.num_nodes():
        raise DGLError(f"expected the part of each of {g.num_nodes()} nodes, got {len(part)}")
    relation = g._relation()
    nodes = edges = None
    if reshuffle:
        nodes = part.argsort(stable=True)
        edges = rows_of_order(relation.by_dst, nodes)[1]
        place = position_of(nodes, len(nodes))
        relation = known_good(
            place[relation.src_index[edges]], place[relation.dst_index[edges]], relation.size
        )
        part = part[nodes]
    parts = {}
    for p in range(int(part.max()) + 1 if len(part) else 0):
        chosen, kept, num_inner = _with_halo(relation, (part == p).nonzero().reshape(-1), extra_cached_hops)
        inner_edge = torch.arange(len(kept), device=g.device) < num_inner
        if reshuffle:
            order = (kept + relation.num_edges * ~inner_edge).argsort()
            kept, inner_edge = kept[order], inner_edge[order]
        place = position_of(chosen, g.num_nodes())
        piece = type(g)._build(
            HOMOGENEOUS,
            [len(chosen)],
            [
                known_good(
                    place[relation.src_index[kept]], place[relation.dst_index[kept]], (len(chosen),) * 2
                )
            ],
            g.idtype,
            g.device,
        )
        piece.ndata[NID], piece.edata[EID] = g._as_ids(chosen), g._as_ids(kept)
        piece.ndata["inner_node"] = (part[chosen] == p).to(torch.int32)
        piece.ndata["part_id"] = part[chosen]
        piece.edata["inner_edge"] = inner_edge.to(torch.int8)
        if nodes is not None and edges is not None:
            piece.ndata["orig_id"], piece.edata["orig_id"] = g._as_ids(nodes[chosen]), g._as_ids(edges[kept])
        parts[p] = piece
    return parts, nodes, edges


def _with_halo(relation: Edges, inner: Tensor, hops: int) -> tuple[Tensor, Tensor, int]:
    """Own nodes and halo, the edges among them, and how many of these arrive at own nodes (they come first)."""
    arriving = rows_of_order(relation.by_dst, inner)[1]
    known = torch.zeros(relation.num_dst, dtype=torch.bool, device=inner.device)
    known[inner] = True
    if hops == 0:
        kept = arriving[known[relation.src_index[arriving]]]
        return inner, kept, len(kept)
    own = known.clone()
    nodes, edges, last = [inner], [arriving], arriving
    for hop in range(hops):
        frontier = _fresh(relation.src_index[last], known)
        nodes.append(frontier)
        if hop + 1 < hops:
            last = rows_of_order(relation.by_dst, frontier)[1]
            edges.append(last)
    leaving = rows_of_order(relation.by_src, inner)[1]
    there = torch.zeros(relation.num_edges, dtype=torch.bool, device=inner.device)
    there[torch.cat(edges)] = True
    leaving = leaving[~own[relation.dst_index[leaving]] & ~there[leaving]]
    edges.append(leaving)
    nodes.append(_fresh(relation.dst_index[leaving], known))
    # The sources of the last hop's edges are halo too.
    nodes.append(_fresh(relation.src_index[torch.cat(edges)], known))
    return torch.cat(nodes), torch.cat(edges), len(arriving)


def _fresh(ids: Tensor, known: Tensor) -> Tensor:
    """The ids not yet known, each once in order of appearance; they are known from now on."""
    new = ids[~known[ids]]
    if len(new):
        new, _ = by_appearance(new, len(known))
        known[new] = True
    return new


def metis_partition(
    g: DGLGraph,
    k: int,
    extra_cached_hops: int = 0,
    reshuffle: bool = False,
    balance_ntypes: Any = None,
    balance_edges: bool = False,
    mode: str = "k-way",
) -> dict[int, DGLGraph]:
    """The parts that METIS finds, each with its halo; see `metis_partition_assignment` and `partition_graph_with_halo`.

    Args:
        g: a graph with one type of nodes and edges.
        k: the number of parts.
        extra_cached_hops: how far the halo reaches.
        reshuffle: whether to number nodes part after part first.
        balance_ntypes: must be None.
        balance_edges: whether parts shall have equally many edges.
        mode: "k-way" or "recursive".
    """
    assignment = metis_partition_assignment(g, k, balance_ntypes, balance_edges, mode)
    return partition_graph_with_halo(g, assignment, extra_cached_hops, reshuffle)[0]
