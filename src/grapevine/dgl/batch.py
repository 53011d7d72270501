"""Many graphs as one, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from grapevine.dgl.base import ALL, EID, NID, DGLError, is_all
from grapevine.dgl.frame import Frame
from grapevine.edges import Edges, known_good

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

__all__ = ["batch", "slice_batch", "unbatch"]


def batch(graphs: Sequence[DGLGraph], ndata: Any = ALL, edata: Any = ALL) -> DGLGraph:
    """One graph that holds all graphs side by side; node and edge ids run on from graph to graph.

    Args:
        graphs: graphs of the same types, id type and device; batched graphs are taken apart into their members.
        ndata: which node features to join: all, a list of names, or None.
        edata: which edge features, likewise.

    Returns:
        the graph, with `batch_size`, `batch_num_nodes()` and `batch_num_edges()`.

    Raises:
        DGLError: for an empty list, blocks, or features that differ in name, shape or dtype; graphs without nodes
            (or edges) of a type may lack its features.

    Example:
        >>> from grapevine import dgl
        >>> g = batch([dgl.graph(([0], [1])), dgl.graph(([0, 1], [1, 2]))])
        >>> g.batch_num_nodes().tolist(), g.edges()[0].tolist()
        ([2, 3], [0, 2, 3])
    """
    if len(graphs) == 0:
        raise DGLError("The input list of graphs cannot be empty.")
    for name, keys in (("ndata", ndata), ("edata", edata)):
        if not (is_all(keys) or isinstance(keys, list) or keys is None):
            raise DGLError(f"Invalid argument {name}: must be a string list but got {type(keys)}.")
    first = graphs[0]
    for g in graphs:
        if g.is_block:
            raise DGLError("Batching a MFG is not supported.")
        if g.canonical_etypes != first.canonical_etypes or g.ntypes != first.ntypes:
            raise DGLError(
                f"expected graphs of the same types, got {first.canonical_etypes} and {g.canonical_etypes}"
            )
        if g.idtype != first.idtype or g.device != first.device:
            raise DGLError(
                f"expected graphs of one id type on one device, got {first.idtype} on {first.device} and "
                f"{g.idtype} on {g.device}"
            )
    starts = [_starts([g._counts[i] for g in graphs]) for i in range(len(first.ntypes))]
    relations = [
        _side_by_side([g._relations[i] for g in graphs], starts[src], starts[dst])
        for i, (src, dst) in enumerate(first._schema.ends)
    ]
    whole = type(first)._build(
        first._schema,
        [s[-1] for s in starts],
        relations,
        first.idtype,
        first.device,
        [_join([g._node_frames[i] for g in graphs], ndata, t) for i, t in enumerate(first.ntypes)],
        [_join([g._edge_frames[i] for g in graphs], edata, t) for i, t in enumerate(first.canonical_etypes)],
    )
    device = first.device
    whole._batch_num_nodes = {
        t: _sizes([(g._batch_num_nodes or {}).get(t) for g in graphs], [g._counts[i] for g in graphs], device)
        for i, t in enumerate(first.ntypes)
    }
    whole._batch_num_edges = {
        t: _sizes(
            [(g._batch_num_edges or {}).get(t) for g in graphs],
            [g._relations[i].num_edges for g in graphs],
            device,
        )
        for i, t in enumerate(first.canonical_etypes)
    }
    return whole


def _starts(counts: Sequence[int]) -> list[int]:
    total = 0
    found = [0]
    for count in counts:
        total += count
        found.append(total)
    return found


def _sizes(known: Sequence[Tensor | None], counts: Sequence[int], device: torch.device) -> Tensor:
    """The sizes of all members: one transfer for the graphs that are not batched."""
    if all(sizes is None for sizes in known):
        return torch.tensor(list(counts), device=device)
    return torch.cat(
        [torch.tensor([n], device=device) if sizes is None else sizes for sizes, n in zip(known, counts)]
    )


def _side_by_side(relations: Sequence[Edges], src_starts: list[int], dst_starts: list[int]) -> Edges:
    counts = torch.tensor([r.num_edges for r in relations], device=relations[0].device)
    total = sum(r.num_edges for r in relations)
    ends = []
    for name, starts in (("src_index", src_starts), ("dst_index", dst_starts)):
        shift = torch.tensor(starts[:-1], device=relations[0].device).repeat_interleave(
            counts, output_size=total
        )
        ends.append(torch.cat([getattr(r, name) for r in relations]).add_(shift))
    return known_good(ends[0], ends[1], (src_starts[-1], dst_starts[-1]))


def _join(frames: Sequence[Frame], keys: Any, name: Any) -> Frame:
    """The rows of all frames one after the other."""
    rows = sum(frame.num_rows for frame in frames)
    if keys is None:
        return Frame(num_rows=rows)
    filled = [frame for frame in frames if frame.num_rows > 0] or list(frames)
    wanted = list(filled[0]) if is_all(keys) else keys
    for i, frame in enumerate(filled):
        if is_all(keys) and frame.keys() != filled[0].keys():
            raise DGLError(
                f"Expect all graphs to have the same features of {name!r}, but graph {i} has {list(frame)} "
                f"and the first {list(filled[0])}; pass the names of those to join"
            )
    return Frame({key: _joined(filled, key, name) for key in wanted}, rows)


def _joined(frames: Sequence[Frame], key: str, name: Any) -> Tensor:
    parts = []
    for i, frame in enumerate(frames):
        if key not in frame:
            raise DGLError(f"Expect all graphs to have the feature {key!r} of {name!r}, graph {i} lacks it")
        parts.append(frame[key])
    shape, dtype = parts[0].shape[1:], parts[0].dtype
    for part in parts:
        if part.dtype is not dtype or part.shape[1:] != shape:
            raise DGLError(
                f"Expect all graphs to have the same schema of {key!r} of {name!r}, got rows of {list(shape)} {dtype} "
                f"and {list(part.shape[1:])} {part.dtype}"
            )
    return torch.cat(parts)


def unbatch(g: DGLGraph, node_split: Any = None, edge_split: Any = None) -> list[DGLGraph]:
    """The members of a batched graph; their features are views of the batch's.

    Args:
        g: a batched graph.
        node_split: `(B,)` the number of nodes of every member, or a dict by type; None means what the graph knows.
        edge_split: `(B,)` the number of edges, likewise.

    Raises:
        DGLError: if the splits do not fit each other.

    Example:
        >>> from grapevine import dgl
        >>> [g.num_edges() for g in unbatch(dgl.batch([dgl.graph(([0], [1]))] * 2))]
        [1, 1]
    """
    nodes = _split(node_split, g.ntypes, g.batch_num_nodes, "node")
    edges = _split(edge_split, g.canonical_etypes, g.batch_num_edges, "edge")
    counts = {len(split) for split in (*nodes, *edges)}
    if len(counts) != 1:
        raise DGLError("All node_split and edge_split must specify the same number of split sizes.")
    relations: list[list[Edges]] = []
    for relation, (src, dst), split in zip(g._relations, g._schema.ends, edges):
        src_starts, dst_starts = _starts(nodes[src]), _starts(nodes[dst])
        us, vs = relation.src_index.split(split), relation.dst_index.split(split)
        relations.append(
            [
                known_good(u - src_starts[i], v - dst_starts[i], (nodes[src][i], nodes[dst][i]))
                for i, (u, v) in enumerate(zip(us, vs))
            ]
        )
    node_parts = [_cut(frame, split) for frame, split in zip(g._node_frames, nodes)]
    edge_parts = [_cut(frame, split) for frame, split in zip(g._edge_frames, edges)]
    return [
        type(g)._build(
            g._schema,
            [split[i] for split in nodes],
            [members[i] for members in relations],
            g.idtype,
            g.device,
            [parts[i] for parts in node_parts],
            [parts[i] for parts in edge_parts],
        )
        for i in range(counts.pop())
    ]


def _split(given: Any, types: Sequence[Any], known: Any, kind: str) -> list[list[int]]:
    if given is None:
        given = {t: known(t) for t in types}
    elif not isinstance(given, Mapping):
        if len(types) != 1:
            raise DGLError(
                f"Must provide a dictionary for argument {kind}_split when there are multiple {kind} types."
            )
        given = {types[0]: given}
    if set(given) != set(types):
        raise DGLError(f"Must specify {kind}_split for each {kind} type: {list(types)}.")
    return [torch.as_tensor(given[t]).tolist() for t in types]


def _cut(frame: Frame, sizes: list[int]) -> list[Frame]:
    parts = [Frame(num_rows=n) for n in sizes]
    for name in frame:
        for part, rows in zip(parts, frame[name].split(sizes)):
            part[name] = rows
    return parts


def slice_batch(g: DGLGraph, gid: int, store_ids: bool = False) -> DGLGraph:
    """One member of a batched graph.

    Args:
        g: a batched graph.
        gid: which member.
        store_ids: whether to keep the ids in the batch as `ndata[dgl.NID]` and `edata[dgl.EID]`.

    Example:
        >>> from grapevine import dgl
        >>> g = dgl.batch([dgl.graph(([0], [1])), dgl.graph(([0, 1], [1, 2]))])
        >>> slice_batch(g, 1).edges()
        (tensor([0, 1]), tensor([1, 2]))
    """
    nodes = [_range(g.batch_num_nodes(t), gid) for t in g.ntypes]
    edges = [_range(g.batch_num_edges(t), gid) for t in g.canonical_etypes]
    relations = []
    for relation, (src, dst), (start, count) in zip(g._relations, g._schema.ends, edges):
        relations.append(
            known_good(
                relation.src_index[start : start + count] - nodes[src][0],
                relation.dst_index[start : start + count] - nodes[dst][0],
                (nodes[src][1], nodes[dst][1]),
            )
        )
    frames = []
    for old, ranges, key in ((g._node_frames, nodes, NID), (g._edge_frames, edges, EID)):
        made = []
        for frame, (start, count) in zip(old, ranges):
            rows = Frame({name: frame[name][start : start + count] for name in frame}, count)
            if store_ids:
                rows[key] = torch.arange(start, start + count, dtype=g.idtype, device=g.device)
            made.append(rows)
        frames.append(made)
    return type(g)._build(
        g._schema, [n for _, n in nodes], relations, g.idtype, g.device, frames[0], frames[1]
    )


def _range(sizes: Tensor, i: int) -> tuple[int, int]:
    return int(sizes[:i].sum()), int(sizes[i])
