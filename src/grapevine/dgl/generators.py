"""Random graphs."""

from __future__ import annotations

from typing import Any

import torch

from grapevine.dgl.base import DGLError
from grapevine.dgl.construct import graph, heterograph
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.random import choice

__all__ = ["rand_bipartite", "rand_graph"]


def rand_graph(
    num_nodes: int, num_edges: int, idtype: torch.dtype = torch.int64, device: Any = "cpu"
) -> DGLGraph:
    """Edges drawn uniformly among all pairs of nodes, each at most once; self-loops may occur.

    Args:
        num_nodes: N.
        num_edges: E, at most N squared.
        idtype: torch.int64 or torch.int32.
        device: where the graph goes.

    Example:
        >>> rand_graph(10, 30).num_edges()
        30
    """
    src, dst = _pairs(num_nodes, num_nodes, num_edges)
    return graph((src, dst), num_nodes=num_nodes, idtype=idtype, device=device)


def rand_bipartite(
    utype: str,
    etype: str,
    vtype: str,
    num_src_nodes: int,
    num_dst_nodes: int,
    num_edges: int,
    idtype: torch.dtype = torch.int64,
    device: Any = "cpu",
) -> DGLGraph:
    """Edges drawn uniformly among all pairs of nodes of two types, each at most once.

    Args:
        utype: the source type.
        etype: the edge type.
        vtype: the destination type.
        num_src_nodes: the number of sources.
        num_dst_nodes: the number of destinations.
        num_edges: E.
        idtype: torch.int64 or torch.int32.
        device: where the graph goes.

    Example:
        >>> rand_bipartite("u", "e", "v", 3, 4, 5).num_edges()
        5
    """
    src, dst = _pairs(num_src_nodes, num_dst_nodes, num_edges)
    counts = {utype: num_src_nodes, vtype: num_dst_nodes}
    return heterograph({(utype, etype, vtype): (src, dst)}, counts, idtype=idtype, device=device)


def _pairs(num_src: int, num_dst: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    if count > num_src * num_dst:
        raise DGLError(f"expected at most {num_src * num_dst} edges among these nodes, got {count}")
    drawn = choice(num_src * num_dst, count, replace=False)
    return drawn // max(num_dst, 1), drawn % max(num_dst, 1)
