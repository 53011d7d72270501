"""Graphs from edge lists, and from one form of graph to another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch

from grapevine.dgl.base import DGLError
from grapevine.dgl.convert_data import edge_list, relation
from grapevine.dgl.heterograph import DGLBlock, DGLGraph
from grapevine.dgl.structure import HOMOGENEOUS, EType, Schema

__all__ = ["block_to_graph", "create_block", "graph", "heterograph"]


def graph(
    data: Any,
    *,
    num_nodes: int | None = None,
    idtype: torch.dtype | None = None,
    device: Any = None,
    row_sorted: bool = False,
    col_sorted: bool = False,
) -> DGLGraph:
    """A graph with one type of nodes and one type of edges.

    Args:
        data: a tuple `(u, v)` of sources and destinations (tensors, lists, arrays); a list of pairs; or
            `('coo', (u, v))`, `('csr', (indptr, indices, edge ids))`, `('csc', (indptr, indices, edge ids))`.
        num_nodes: N; None means the largest id plus one.
        idtype: torch.int32 or torch.int64; None means that of the tensors, else int64.
        device: where it goes; None means where the tensors are.
        row_sorted: a hint that the edges come sorted by source; found out anyway.
        col_sorted: a hint that the edges of a source come sorted by destination; found out anyway.

    Raises:
        DGLError: for ids that are negative or not below `num_nodes`, and for data of another kind.

    Example:
        >>> g = graph(([0, 0, 1], [1, 2, 2]), num_nodes=4)
        >>> g.num_nodes(), g.num_edges(), g.in_degrees().tolist()
        (4, 3, [0, 1, 2, 0])
    """
    src, dst, idtype, tops = edge_list(data, idtype)
    top = max(tops)
    num_nodes = top if num_nodes is None else int(num_nodes)
    if num_nodes < top:
        raise DGLError(
            f"The num_nodes argument must be larger than the max ID in the data, but got {num_nodes} and {top - 1}."
        )
    edges = relation(src, dst, (num_nodes, num_nodes), device)
    return DGLGraph._build(HOMOGENEOUS, [num_nodes], [edges], idtype, edges.device)


def heterograph(
    data_dict: Mapping[EType, Any],
    num_nodes_dict: Mapping[str, int] | None = None,
    idtype: torch.dtype | None = None,
    device: Any = None,
) -> DGLGraph:
    """A graph with several types of nodes and edges.

    Args:
        data_dict: from (source type, edge type, destination type) to what `graph` takes.
        num_nodes_dict: the number of nodes of every type; None means the largest id plus one.
        idtype: as of `graph`.
        device: as of `graph`.

    Returns:
        the graph; its types are sorted by name.

    Raises:
        DGLError: for ids that do not fit.

    Example:
        >>> g = heterograph({("user", "plays", "game"): ([0, 1], [0, 0])})
        >>> g.num_nodes("user"), g.ntypes
        (2, ['game', 'user'])
    """
    counts: dict[str, int] = defaultdict(int)
    if num_nodes_dict is not None:
        counts = {ntype: int(n) for ntype, n in num_nodes_dict.items()}
    found = _edge_lists(data_dict, idtype, (counts, counts), num_nodes_dict is None, ("node", "node"))
    etypes = sorted(found)
    ntypes = sorted(counts)
    return _assemble(DGLGraph, Schema.of(ntypes, etypes), [counts[t] for t in ntypes], found, device)


def create_block(
    data_dict: Any,
    num_src_nodes: Any = None,
    num_dst_nodes: Any = None,
    idtype: torch.dtype | None = None,
    device: Any = None,
) -> DGLBlock:
    """A block: edges from source nodes to destination nodes, each with features of their own.

    Args:
        data_dict: what `graph` takes, or a dict of it by (source type, edge type, destination type).
        num_src_nodes: the number of source nodes, or a dict by type; None (for both) means the largest id plus one.
        num_dst_nodes: the number of destination nodes, likewise.
        idtype: as of `graph`.
        device: as of `graph`.

    Example:
        >>> create_block(([0, 1, 2], [0, 0, 1]), num_src_nodes=3, num_dst_nodes=2)
        Block(num_src_nodes=3, num_dst_nodes=2, num_edges=3)
    """
    infer = num_src_nodes is None and num_dst_nodes is None
    if not isinstance(data_dict, Mapping):
        data_dict = {("_N", "_E", "_N"): data_dict}
        if not infer:
            num_src_nodes, num_dst_nodes = {"_N": num_src_nodes}, {"_N": num_dst_nodes}
    sides: list[dict[str, int]] = []
    for given, name in ((num_src_nodes, "num_src_nodes"), (num_dst_nodes, "num_dst_nodes")):
        if infer:
            sides.append(defaultdict(int))
        elif isinstance(given, Mapping) and all(n is not None for n in given.values()):
            sides.append({ntype: int(n) for ntype, n in given.items()})
        else:
            raise DGLError(f"expected {name} as an integer, or as a dict if data_dict is a dict; got {given}")
    found = _edge_lists(data_dict, idtype, (sides[0], sides[1]), infer, ("source node", "destination node"))
    srctypes, dsttypes = sorted(sides[0]), sorted(sides[1])
    schema = Schema.two_sided(srctypes, dsttypes, sorted(found))
    counts = [sides[0][t] for t in srctypes] + [sides[1][t] for t in dsttypes]
    return _assemble(DGLBlock, schema, counts, found, device)


def _edge_lists(
    data_dict: Mapping[EType, Any],
    idtype: torch.dtype | None,
    counts: tuple[dict[str, int], dict[str, int]],
    infer: bool,
    kinds: tuple[str, str],
) -> dict[EType, Any]:
    """The edge list of every relation; sets or checks the numbers of nodes."""
    found = {}
    for etype, data in data_dict.items():
        if not isinstance(etype, tuple) or len(etype) != 3:
            raise DGLError(
                f"expected relations named (source type, edge type, destination type), got {etype!r}; "
                f"do this instead: {{('user', 'plays', 'game'): ...}}"
            )
        found[etype] = edge_list(data, idtype)
        tops = found[etype][3]
        for side, ntype in ((0, etype[0]), (1, etype[2])):
            if infer:
                counts[side][ntype] = max(counts[side][ntype], tops[side])
            elif counts[side].get(ntype, 0) < tops[side]:
                raise DGLError(
                    f"The given number of nodes of {kinds[side]} type {ntype} must be larger than the max ID "
                    f"in the data, but got {counts[side].get(ntype, 0)} and {tops[side] - 1}."
                )
            elif ntype not in counts[side]:
                raise DGLError(f"the number of nodes of {kinds[side]} type {ntype!r} is not given")
    idtypes = {edges[2] for edges in found.values()}
    devices = {edges[0].device for edges in found.values()}
    if len(idtypes) > 1 or len(devices) > 1:
        raise DGLError(
            f"expected all relations with ids of one dtype on one device, got {idtypes} on {devices}"
        )
    return found


def _assemble(cls: Any, schema: Schema, counts: list[int], found: Mapping[EType, Any], device: Any) -> Any:
    relations = [
        relation(found[etype][0], found[etype][1], (counts[src], counts[dst]), device)
        for etype, (src, dst) in zip(schema.canonical_etypes, schema.ends)
    ]
    idtype = next((edges[2] for edges in found.values()), torch.int64)
    where = relations[0].device if relations else torch.device("cpu")
    return cls._build(schema, counts, relations, idtype, where)


def block_to_graph(block: DGLBlock) -> DGLGraph:
    """A block as a bipartite graph, whose types are named `<type>_src` and `<type>_dst`.

    Example:
        >>> g = block_to_graph(create_block(([0, 1], [0, 0])))
        >>> g.ntypes, g.num_nodes("_N_src")
        (['_N_src', '_N_dst'], 2)
    """
    num_src = len(block._schema.src_ids)
    names = [name + ("_src" if i < num_src else "_dst") for i, name in enumerate(block.ntypes)]
    etypes = [(s + "_src", e, d + "_dst") for s, e, d in block.canonical_etypes]
    return DGLGraph._build(
        Schema.of(names, etypes),
        block._counts,
        block._relations,
        block._idtype,
        block._device,
        [frame.clone() for frame in block._node_frames],
        [frame.clone() for frame in block._edge_frames],
    )
