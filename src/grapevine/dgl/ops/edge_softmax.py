"""Softmax over the edges of a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import ALL, DGLError, is_all
from grapevine.dgl.function.algebra import lowered
from grapevine.dgl.structure import GraphStructure
from grapevine.edges import Edges, known_good

__all__ = ["edge_softmax"]


def edge_softmax(graph: GraphStructure, logits: Any, eids: Any = ALL, norm_by: str = "dst") -> Any:
    """Scores of edges normalised over the edges that share an end.

        a_e = exp(z_e) / sum of exp(z_f) over the edges f with e's destination

    Args:
        graph: the graph.
        logits: `(E, ...)` scores; in a graph of several edge types, a dict by edge type, normalised over all types that
            share the node type.
        eids: the edges that `logits` belongs to, `(len(eids), ...)`, normalised among themselves; all if left out.
        norm_by: `dst` for incoming, `src` for outgoing edges.

    Returns:
        As `logits`; dicts have canonical edge types as keys.

    Raises:
        DGLError: for another `norm_by`.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 0, 1], [0, 1, 1]))
        >>> edge_softmax(g, torch.ones(3, 1)).flatten()
        tensor([1.0000, 0.5000, 0.5000])
    """
    if norm_by not in ("dst", "src"):
        raise DGLError(f"expected norm_by='dst' or norm_by='src', got {norm_by!r}")
    if isinstance(logits, Mapping):
        return _jointly(graph, logits, norm_by)
    relation = graph._relation()
    if not is_all(eids):
        chosen = torch.as_tensor(eids, device=relation.device).to(torch.int64)
        src, dst = relation.src_index.index_select(0, chosen), relation.dst_index.index_select(0, chosen)
        relation = known_good(src, dst, relation.size)
    return (relation if norm_by == "dst" else relation.reverse()).softmax(lowered(logits))


def _jointly(graph: GraphStructure, logits: Mapping[Any, Tensor], norm_by: str) -> dict[Any, Tensor]:
    """All edge types that share a node type, as the edges of one grouping."""
    schema = graph._schema
    given = {graph.to_canonical_etype(etype): scores for etype, scores in logits.items()}
    side = 1 if norm_by == "dst" else 0
    groups: dict[int, list[int]] = {}
    for type_id, etype in enumerate(schema.canonical_etypes):
        if etype in given:
            groups.setdefault(schema.ends[type_id][side], []).append(type_id)
    out: dict[Any, Tensor] = {}
    for members in groups.values():
        etypes = [schema.canonical_etypes[i] for i in members]
        relations = [graph._relations[i] if side else graph._relations[i].reverse() for i in members]
        scores = torch.cat([lowered(given[etype]) for etype in etypes])
        joint = _joint(relations)
        for etype, part in zip(etypes, joint.softmax(scores).split([r.num_edges for r in relations])):
            out[etype] = part
    return {etype: out[etype] for etype in schema.canonical_etypes if etype in out}


def _joint(relations: list[Edges]) -> Edges:
    """The edges of several relations one after the other, grouped by destination; kept with the first one."""
    first, *others = relations
    if not others:
        return first

    def build() -> tuple[list[Edges], Edges]:
        dst = torch.cat([r.dst_index for r in relations])
        index = torch.arange(dst.shape[0], device=dst.device)
        return others, known_good(index, dst, (dst.shape[0], first.num_dst))

    key = ("joint", *(id(r._core) for r in others), *(r._flip for r in others))
    return first.derived(key, build)[1]
