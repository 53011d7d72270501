"""Features in another floating dtype, and edges sorted by a tag."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.heterograph import DGLGraph
from grapevine.edges import Edges, known_good
from grapevine.graph.sorting import index2ptr, lexsort
from grapevine.ops import Order

__all__ = ["sort_csc_by_tag", "sort_csr_by_tag", "to_bfloat16", "to_double", "to_float", "to_half"]


def to_bfloat16(g: DGLGraph) -> DGLGraph:
    """The graph with its floating features in bfloat16."""
    return g._cast(torch.bfloat16)


def to_half(g: DGLGraph) -> DGLGraph:
    """The graph with its floating features in float16."""
    return g._cast(torch.float16)


def to_float(g: DGLGraph) -> DGLGraph:
    """The graph with its floating features in float32.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0], [1]))
        >>> g.ndata["h"] = torch.ones(2, dtype=torch.float64)
        >>> to_float(g).ndata["h"].dtype
        torch.float32
    """
    return g._cast(torch.float32)


def to_double(g: DGLGraph) -> DGLGraph:
    """The graph with its floating features in float64."""
    return g._cast(torch.float64)


def sort_csr_by_tag(
    g: DGLGraph, tag: Tensor, tag_offset_name: str = "_TAG_OFFSET", tag_type: str = "node"
) -> DGLGraph:
    """The graph whose CSR lists the edges of every source by the tag of their destination; edge ids stay.

    Args:
        g: a graph of one edge type.
        tag: `(N,)` or `(E,)` integers from 0.
        tag_offset_name: the feature of the sources that says where each tag begins in their list, `(N, T + 1)`.
        tag_type: "node" (tags of the destinations) or "edge".

    Example:
        >>> from grapevine import dgl
        >>> g = sort_csr_by_tag(dgl.graph(([0, 0, 0], [0, 1, 2])), torch.tensor([1, 0, 0]))
        >>> g.adj_tensors("csr")[1], g.srcdata["_TAG_OFFSET"][0]
        (tensor([1, 2, 0]), tensor([0, 2, 3]))
    """
    relation = g._relation()
    tags = _edge_tags(g, tag, tag_type, relation.dst_index)
    new = g.clone()
    new._relations = [_sorted(relation, tags, 0)]
    new.srcdata[tag_offset_name] = g._as_ids(_offsets(relation.src_index, tags, relation.num_src))
    return new


def sort_csc_by_tag(
    g: DGLGraph, tag: Tensor, tag_offset_name: str = "_TAG_OFFSET", tag_type: str = "node"
) -> DGLGraph:
    """The graph whose CSC lists the edges of every destination by the tag of their source; see `sort_csr_by_tag`."""
    relation = g._relation()
    tags = _edge_tags(g, tag, tag_type, relation.src_index)
    new = g.clone()
    new._relations = [_sorted(relation, tags, 1)]
    new.dstdata[tag_offset_name] = g._as_ids(_offsets(relation.dst_index, tags, relation.num_dst))
    return new


def _edge_tags(g: DGLGraph, tag: Tensor, tag_type: str, ends: Tensor) -> Tensor:
    if tag_type not in ("node", "edge"):
        raise DGLError(f"tag_type should be either 'node' or 'edge', got {tag_type!r}")
    tags = (tag[ends] if tag_type == "node" else tag).to(torch.int64)
    if len(tags) != g.num_edges():
        raise DGLError(f"expected a tag for each of {g.num_edges()} edges, got {len(tags)}")
    return tags


def _sorted(relation: Edges, tags: Tensor, side: int) -> Edges:
    """The same edges with one order of its own: by node, then by tag."""
    ends = (relation.src_index, relation.dst_index)
    new = known_good(*ends, relation.size)
    perm = lexsort([tags, ends[side]])
    plain = new.by_src if side == 0 else new.by_dst
    kind = plain.ptr.dtype
    order = Order(
        plain.ptr,
        perm.to(kind),
        ends[1 - side][perm].to(kind),
        plain.num_rows,
        plain.num_other,
        plain.num_edges,
    )
    new._core.orders[side] = order
    return new


def _offsets(ends: Tensor, tags: Tensor, count: int) -> Tensor:
    num_tags = int(tags.max()) + 1 if len(tags) else 0
    ptr = index2ptr((ends * num_tags + tags).sort().values, count * num_tags)
    table = ptr[:-1].view(count, num_tags)
    ends_of_rows = ptr[num_tags::num_tags, None] if num_tags else ptr.new_zeros(count, 1)
    return torch.cat((table, ends_of_rows), 1) - table[:, :1] if num_tags else ends_of_rows
