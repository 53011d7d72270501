"""Pairs of nodes that no edge joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph
    from grapevine.dgl.structure import EType

__all__ = ["global_uniform_negative_sampling"]

_ROUNDS = 4


def global_uniform_negative_sampling(
    g: DGLGraph,
    num_samples: int,
    exclude_self_loops: bool = True,
    replace: bool = False,
    etype: str | EType | None = None,
    redundancy: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Draws pairs of nodes that are not joined, each pair with the same chance.

    Args:
        g: the graph.
        num_samples: how many pairs; fewer come back where there are not enough, or only by great luck.
        exclude_self_loops: whether a node may not be paired with itself.
        replace: whether a pair may be drawn more than once.
        etype: the edge type; None means the first.
        redundancy: how many more pairs to try at once, as a fraction of those wanted; None estimates it.

    Returns:
        sources and destinations.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1], [1, 0]))
        >>> global_uniform_negative_sampling(g, 2)[0].shape, g.num_nodes()
        (torch.Size([0]), 2)
    """
    name = g.canonical_etypes[0] if etype is None else g.to_canonical_etype(etype)
    relation = g._relation(name)
    num_src, num_dst = relation.size
    no_loops = exclude_self_loops and name[0] == name[2]
    pairs = num_src * num_dst
    found = torch.empty(0, dtype=torch.int64, device=g.device)
    if pairs == 0:
        return g._as_ids(found), g._as_ids(found)
    free = max(1 - (relation.num_edges + no_loops * num_src) / pairs, 0.05)
    for _ in range(_ROUNDS):
        missing = num_samples - len(found)
        if missing <= 0:
            break
        tries = int(missing * (1 + redundancy if redundancy is not None else 1.2 / free)) + 8
        src = torch.randint(num_src, (tries,), device=g.device)
        dst = torch.randint(num_dst, (tries,), device=g.device)
        joined = g.has_edges_between(g._as_ids(src), g._as_ids(dst), etype=name)
        good = ~joined & (src != dst) if no_loops else ~joined
        drawn = (src * num_dst + dst)[good]
        found = torch.cat((found, drawn))
        if not replace:
            found = found.unique()
            found = found[torch.randperm(len(found), device=g.device)]
    found = found[:num_samples]
    return g._as_ids(found // num_dst), g._as_ids(found % num_dst)
