"""Neighbours drawn type by type, tag by tag, or straight into a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import EID, DGLError
from grapevine.dgl.blocks import to_block
from grapevine.dgl.sampling.neighbor import _Draw, _frontier, _weights, sample_neighbors

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLBlock, DGLGraph

__all__ = ["sample_etype_neighbors", "sample_neighbors_biased", "sample_neighbors_fused"]


class _ByType:
    """A draw for every group of edges of a row, each with its own k."""

    def __init__(self, offset: Tensor, fanouts: list[int], weight: Tensor | None, replace: bool) -> None:
        self.offset = offset
        self.draws = [_Draw(k, weight, None, replace) for k in fanouts]

    def __call__(self, rows: Tensor, edges: Tensor, num_rows: int) -> Tensor:
        kind = torch.searchsorted(self.offset, edges, right=True) - 1
        parts = []
        for i, draw in enumerate(self.draws):
            of_type = kind == i
            parts.append(draw(rows[of_type], edges[of_type], num_rows))
        return torch.cat(parts)


def sample_etype_neighbors(
    g: DGLGraph,
    nodes: Any,
    etype_offset: Any,
    fanout: Any,
    edge_dir: str = "in",
    prob: Any = None,
    replace: bool = False,
    copy_ndata: bool = True,
    copy_edata: bool = True,
    etype_sorted: bool = False,
    _dist_training: bool = False,
    output_device: Any = None,
) -> DGLGraph:
    """Draws up to k in-edges of every type for every given node, in a graph whose edge ids say their type.

    Args:
        g: a graph with one type of nodes and edges, made of several (`to_homogeneous`).
        nodes: ids.
        etype_offset: `(T,)` the first edge id of every type (and the number of edges, or not).
        fanout: `(T,)` k of every type; -1 takes all edges.
        edge_dir: `"in"` or `"out"`.
        prob: as of `sample_neighbors`, like the rest.
        replace: draw with replacement.
        copy_ndata: whether the result has the node features.
        copy_edata: whether it has the edge features, and the original edge ids under `dgl.EID`.
        etype_sorted: accepted.
        _dist_training: whether to leave out the features, all but the ids.
        output_device: where the result goes.

    Returns:
        a graph with all nodes and the drawn edges only, type after type.

    Raises:
        DGLError: for several types of nodes or edges.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2, 3], [3, 3, 3, 3]))  # edges 0 and 1 are of one type, 2 and 3 of another
        >>> sample_etype_neighbors(g, [3], [0, 2], [-1, 1]).num_edges()
        3
    """
    if len(g._relations) != 1:
        raise DGLError("expected a graph with one edge type; do this instead: dgl.to_homogeneous(g)")
    fanouts = torch.as_tensor(fanout).tolist()
    offset = torch.as_tensor(etype_offset, device=g.device).to(torch.int64)[: len(fanouts)]
    draw = _ByType(offset, fanouts, _weights(g, prob)[0], replace)
    ndata = copy_ndata and not _dist_training
    return _frontier(g, nodes, edge_dir, [draw], ndata, copy_edata, output_device, _dist_training)


class _ByTag:
    """A draw in which the tag of an edge decides its weight; edges of a row come sorted by tag."""

    def __init__(self, starts: Tensor, bias: Tensor, draw: _Draw, num_edges: int) -> None:
        self.starts = starts
        self.bias = bias
        self.draw = draw
        self.num_edges = num_edges

    def __call__(self, rows: Tensor, edges: Tensor, num_rows: int) -> Tensor:
        turn = torch.arange(len(rows), device=rows.device) - torch.searchsorted(rows, rows)
        tag = (self.starts[rows, 1:] <= turn.unsqueeze(1)).sum(1)
        weight = self.bias.new_zeros(self.num_edges)
        weight[edges] = self.bias[tag]
        self.draw.weight = weight
        return self.draw(rows, edges, num_rows)


def sample_neighbors_biased(
    g: DGLGraph,
    nodes: Any,
    fanout: int,
    bias: Any,
    edge_dir: str = "in",
    tag_offset_name: str = "_TAG_OFFSET",
    replace: bool = False,
    copy_ndata: bool = True,
    copy_edata: bool = True,
    output_device: Any = None,
) -> DGLGraph:
    """Draws up to k in-edges of every given node, with weights by the tag of the neighbour.

    Args:
        g: what `dgl.sort_csc_by_tag` returned (`dgl.sort_csr_by_tag` for `"out"`).
        nodes: ids.
        fanout: k; -1 takes all edges whose weight is not 0.
        bias: `(T,)` the weight of every tag.
        edge_dir: `"in"` or `"out"`.
        tag_offset_name: the node feature that those functions stored.
        replace: draw with replacement.
        copy_ndata: whether the result has the node features.
        copy_edata: whether it has the edge features, and the original edge ids under `dgl.EID`.
        output_device: where the result goes.

    Raises:
        DGLError: if the graph is not sorted, or for another direction.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.sort_csc_by_tag(dgl.graph(([0, 1, 2], [3, 3, 3])), torch.tensor([1, 0, 1, 0]))
        >>> sample_neighbors_biased(g, [3], 2, [0.0, 1.0]).edges()[0].sort().values
        tensor([0, 2])
    """
    if edge_dir not in ("in", "out"):
        raise DGLError(f"edge_dir can only be 'in' or 'out', got {edge_dir!r}")
    data = g.dstdata if edge_dir == "in" else g.srcdata
    if tag_offset_name not in data:
        raise DGLError(
            f"expected the node feature {tag_offset_name!r}; do this instead: "
            f"dgl.sort_{'csc' if edge_dir == 'in' else 'csr'}_by_tag(g, tag)"
        )
    chosen = torch.as_tensor(nodes, device=g.device)
    starts = data[tag_offset_name].index_select(0, chosen.long())
    bias = torch.as_tensor(bias, device=g.device).double()
    if len(bias) != starts.shape[1] - 1:
        raise DGLError(f"expected a weight for each of {starts.shape[1] - 1} tags, got {len(bias)}")
    draw = _ByTag(starts, bias, _Draw(fanout, None, None, replace), g.num_edges())
    ntype = g.dsttypes[0] if edge_dir == "in" else g.srctypes[0]
    return _frontier(g, {ntype: g._as_ids(chosen)}, edge_dir, [draw], copy_ndata, copy_edata, output_device)


def sample_neighbors_fused(
    g: DGLGraph,
    nodes: Any,
    fanout: Any,
    edge_dir: str = "in",
    prob: Any = None,
    replace: bool = False,
    copy_ndata: bool = True,
    copy_edata: bool = True,
    exclude_edges: Any = None,
    mapping: Any = None,
) -> DGLBlock:
    """`sample_neighbors` whose result is a block with the given nodes as destinations.

    Args:
        g: the graph.
        nodes: ids, or a dict of ids by node type.
        fanout: as of `sample_neighbors`, like the next six.
        edge_dir: `"in"` or `"out"`.
        prob: the weights of the draw.
        replace: draw with replacement.
        copy_ndata: whether the result has the node features.
        copy_edata: whether it has the edge features, and the original edge ids under `dgl.EID`.
        exclude_edges: edges that are never drawn.
        mapping: accepted; nothing has to be kept between two calls.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.graph(([0, 1, 2], [3, 3, 0]))
        >>> sample_neighbors_fused(g, torch.tensor([3]), -1)
        Block(num_src_nodes=3, num_dst_nodes=1, num_edges=2)
    """
    from_all = sample_neighbors(
        g, nodes, fanout, edge_dir, prob, replace, copy_ndata, True, exclude_edges=exclude_edges
    )
    block = to_block(from_all, nodes)
    for mine, drawn in zip(block._edge_frames, from_all._edge_frames):
        mine[EID] = drawn[EID]
        if not copy_edata:
            mine.clear()
    return block
