"""One type for all, and back to types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import EID, ETYPE, NID, NTYPE, DGLError
from grapevine.dgl.construct import graph
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.relabel import by_appearance
from grapevine.dgl.slices import combine_frames, type_and_id
from grapevine.dgl.structure import EType, Schema
from grapevine.edges import known_good

__all__ = ["to_heterogeneous", "to_homogeneous"]


def to_homogeneous(
    G: DGLGraph,
    ndata: Sequence[str] | None = None,
    edata: Sequence[str] | None = None,
    store_type: bool = True,
    return_count: bool = False,
) -> Any:
    """All nodes as one type and all edges as one type, type after type.

    `ndata` and `edata` of the result hold the type (`dgl.NTYPE`, `dgl.ETYPE`; int64) and the id within the type
    (`dgl.NID`, `dgl.EID`).

    Args:
        G: a graph.
        ndata: node features to keep; all types must have them, with rows of one shape.
        edata: edge features to keep, likewise.
        store_type: whether to keep the types.
        return_count: whether to return the number of nodes and of edges of every type too.

    Returns:
        the graph, or the graph and two lists.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.heterograph({("a", "x", "b"): ([0, 1], [0, 0])})
        >>> to_homogeneous(g).edges()
        (tensor([0, 1]), tensor([2, 2]))
    """
    starts = [sum(G._counts[:i]) for i in range(len(G._counts))]
    ends = [
        (relation.src_index + starts[src], relation.dst_index + starts[dst])
        for relation, (src, dst) in zip(G._relations, G._schema.ends)
    ]
    none = torch.empty(0, dtype=torch.int64, device=G.device)
    src, dst = (torch.cat([none, *(pair[side] for pair in ends)]) for side in (0, 1))
    whole = graph((src, dst), num_nodes=sum(G._counts), idtype=G.idtype)
    edge_counts = [relation.num_edges for relation in G._relations]
    for data, frames, names, counts, keys in (
        (whole.ndata, G._node_frames, ndata, G._counts, (NTYPE, NID)),
        (whole.edata, G._edge_frames, edata, edge_counts, (ETYPE, EID)),
    ):
        ids = range(len(frames))
        if names:
            data.update(combine_frames(frames, ids, names) or {})
        types, local = type_and_id(ids, counts, G.device)
        data[keys[1]] = G._as_ids(local)
        if store_type:
            data[keys[0]] = types
    return (whole, list(G._counts), edge_counts) if return_count else whole


def to_heterogeneous(
    G: DGLGraph,
    ntypes: Sequence[str],
    etypes: Sequence[str],
    ntype_field: str = NTYPE,
    etype_field: str = ETYPE,
    metagraph: Any = None,
) -> DGLGraph:
    """Nodes and edges sorted into types; `dgl.NID` and `dgl.EID` of the result hold the ids in the graph.

    Args:
        G: a graph with one type of nodes and edges.
        ntypes: the names of the node types by number.
        etypes: the names of the edge types by number.
        ntype_field: the node feature that holds the numbers.
        etype_field: the edge feature that holds the numbers.
        metagraph: the relations to make, as a `networkx.MultiDiGraph`; None makes all that occur.

    Raises:
        DGLError: for a graph of several types.

    Example:
        >>> import torch
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [2, 2]))
        >>> g.ndata[dgl.NTYPE], g.edata[dgl.ETYPE] = torch.tensor([0, 0, 1]), torch.tensor([0, 0])
        >>> to_heterogeneous(g, ["a", "b"], ["x"]).canonical_etypes
        [('a', 'x', 'b')]
    """
    if not G.is_homogeneous:
        raise DGLError("The input graph should be homogeneous and have only one type of nodes and edges.")
    kinds, relation = G.ndata[ntype_field].to(torch.int64), G._relation()
    nodes = [(kinds == i).nonzero().reshape(-1) for i in range(len(ntypes))]
    local = torch.empty_like(kinds)
    for ids in nodes:
        local[ids] = torch.arange(len(ids), device=ids.device)
    # One number per triple (source type, edge type, destination type).
    n, m = len(ntypes), len(etypes)
    labels = G.edata[etype_field].to(torch.int64)
    codes = (kinds[relation.src_index] * m + labels) * n + kinds[relation.dst_index]
    if metagraph is None:
        wanted = by_appearance(codes, n * m * n)[0].tolist()
    else:
        wanted = [
            (list(ntypes).index(s) * m + list(etypes).index(e)) * n + list(ntypes).index(d)
            for s, d, e in metagraph.edges(keys=True)
        ]
    found: dict[EType, Tensor] = {}
    for code in wanted:
        triple = (ntypes[code // n // m], etypes[code // n % m], ntypes[code % n])
        found[triple] = (codes == code).nonzero().reshape(-1)
    order = sorted(range(n), key=lambda i: ntypes[i])
    canonical = sorted(found)
    schema = Schema.of([ntypes[i] for i in order], canonical)
    counts = [len(nodes[i]) for i in order]
    relations = [
        known_good(
            local[relation.src_index[found[etype]]],
            local[relation.dst_index[found[etype]]],
            (counts[src], counts[dst]),
        )
        for etype, (src, dst) in zip(canonical, schema.ends)
    ]
    new = DGLGraph._build(schema, counts, relations, G.idtype, G.device)
    _distribute(new._node_frames, G._node_frames[0], [nodes[i] for i in order], G, (ntype_field, NID))
    _distribute(new._edge_frames, G._edge_frames[0], [found[e] for e in canonical], G, (etype_field, EID))
    return new


def _distribute(
    frames: Sequence[Any], source: Any, rows: Sequence[Tensor], G: DGLGraph, keys: tuple[str, str]
) -> None:
    for frame, ids in zip(frames, rows):
        for name in source:
            if name not in keys:
                frame[name] = source[name][ids]
        frame[keys[1]] = G._as_ids(ids)
