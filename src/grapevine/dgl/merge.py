"""Several graphs over the same nodes as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from grapevine.dgl.base import DGLError
from grapevine.dgl.frame import Frame
from grapevine.dgl.heterograph import DGLGraph
from grapevine.edges import known_good

__all__ = ["merge"]


def merge(graphs: Sequence[DGLGraph]) -> DGLGraph:
    """The edges of all graphs, graph after graph, over one set of nodes.

    Args:
        graphs: graphs of the same types; node i is the same node in all of them.

    Returns:
        a graph with as many nodes as the largest; of several graphs that have a feature of a node, the last one
        counts.

    Raises:
        DGLError: for an empty list, or a graph that lacks an edge feature of the first.

    Example:
        >>> from grapevine import dgl
        >>> merge([dgl.graph(([0], [1])), dgl.graph(([1], [2]))]).edges()
        (tensor([0, 1]), tensor([1, 2]))
    """
    if len(graphs) == 0:
        raise DGLError("The input list of graphs cannot be empty.")
    first = graphs[0]
    counts = [max(g.num_nodes(ntype) for g in graphs) for ntype in first.ntypes]
    relations, edge_frames = [], []
    for i, etype in enumerate(first.canonical_etypes):
        parts = [g._relation(etype) for g in graphs]
        src, dst = first._schema.ends[i]
        index = torch.cat([part.edge_index for part in parts], 1)
        relations.append(known_good(index[0], index[1], (counts[src], counts[dst])))
        frames = [g._edge_frame(etype) for g in graphs]
        for name in frames[0]:
            if any(name not in frame for frame in frames):
                raise DGLError(f"expected all graphs to have the edge feature {name!r} of {etype}")
        columns = {name: torch.cat([frame[name] for frame in frames]) for name in frames[0]}
        edge_frames.append(Frame(columns, index.shape[1]))
    node_frames = []
    for ntype, count in zip(first.ntypes, counts):
        merged = Frame(num_rows=count)
        for g in graphs:
            rows = torch.arange(g.num_nodes(ntype), device=g.device)
            merged.update_row(rows, g._node_frame(ntype))
        node_frames.append(merged)
    return type(first)._build(
        first._schema, counts, relations, first.idtype, first.device, node_frames, edge_frames
    )
