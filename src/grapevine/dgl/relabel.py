"""New ids for chosen nodes and edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.dgl.base import DGLError
from grapevine.dgl.features import FeatureMethods
from grapevine.dgl.frame import Frame


def by_appearance(ids: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The distinct ids in the order in which they first appear, and the position of every id among them.

    Args:
        ids: `(K,)` int64 in `[0, count)`.
        count: how many ids there are to choose from.

    Example:
        >>> by_appearance(torch.tensor([5, 2, 5, 0]), 6)
        (tensor([5, 2, 0]), tensor([0, 1, 0, 2]))
    """
    turns = torch.arange(len(ids), device=ids.device)
    first = torch.full((count,), len(ids), device=ids.device).scatter_reduce_(0, ids, turns, "amin")
    distinct = ids[first.index_select(0, ids) == turns]
    first[distinct] = turns[: len(distinct)]
    return distinct, first.index_select(0, ids)


def position_of(chosen: Tensor, count: int) -> Tensor:
    """`(count,)`: where each of `count` ids stands among the chosen ones, -1 where it does not."""
    place = torch.full((count,), -1, dtype=torch.int64, device=chosen.device)
    place[chosen] = torch.arange(len(chosen), device=chosen.device)
    return place


def locate(ids: Tensor, among: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Where each id stands among others, and whether it is there at all (else its place means nothing).

    Args:
        ids: int64 in `[0, count)`.
        among: different int64 ids in `[0, count)`.
        count: how many ids there are to choose from.

    Example:
        >>> locate(torch.tensor([7, 3, 4]), torch.tensor([4, 7]), 8)[1]
        tensor([ True, False,  True])
    """
    if len(among) == 0:
        return torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
    if count < 32 * len(ids):  # a table of all ids is cheaper than searching
        places = position_of(among, count).index_select(0, ids)
        return places, places >= 0
    values, order = among.sort(stable=True)
    places = torch.searchsorted(values, ids).clamp_(max=len(values) - 1)
    return order.index_select(0, places), values.index_select(0, places) == ids


def distinct(ids: Tensor, count: int) -> Tensor:
    """The distinct ids, ascending.

    Example:
        >>> distinct(torch.tensor([5, 2, 5, 0]), 6)
        tensor([0, 2, 5])
    """
    if count > 128 * len(ids):
        return ids.unique()
    there = torch.zeros(count, dtype=torch.bool, device=ids.device)
    there[ids] = True
    return there.nonzero().reshape(-1)


def selected(frames: Sequence[Frame], ids: Sequence[Tensor], key: str, store_ids: bool = True) -> list[Frame]:
    """The chosen rows of every frame, which remember where they came from under `key`."""
    found = []
    for frame, rows in zip(frames, ids):
        part = frame.subframe(rows)
        if store_ids:
            part[key] = rows
        found.append(part)
    return found


def by_node_type(graph: FeatureMethods, nodes: Any, name: str = "nodes") -> dict[str, Any]:
    """An argument that holds nodes, as a dict by type.

    Raises:
        DGLError: if there are several types and the argument does not say which.
    """
    if isinstance(nodes, Mapping):
        return dict(nodes)
    if len(graph.ntypes) != 1:
        raise DGLError(f"need a dict of node type and IDs for {name} of a graph with multiple node types")
    return {graph.ntypes[0]: nodes}


def ids_or_mask(graph: FeatureMethods, chosen: Any, name: str) -> Tensor:
    """Ids in the graph's id type, from ids or from a bool mask."""
    if isinstance(chosen, Tensor) and chosen.dtype == torch.bool:
        return graph._as_ids(chosen.to(graph.device).nonzero().reshape(-1))
    return graph._ids(chosen, name)


def node_ids(graph: FeatureMethods, nodes: Any) -> list[Tensor]:
    """The chosen nodes of every type, none where the argument names none.

    Raises:
        DGLError: for ids that do not exist.
    """
    given = by_node_type(graph, nodes)
    chosen: list[Tensor] = [graph._ids([], "nodes")] * len(graph.ntypes)
    for ntype, ids in given.items():
        i = graph.get_ntype_id(ntype)
        chosen[i] = ids_or_mask(graph, ids, f'nodes["{ntype}"]')
        check_ids(chosen[i], graph._counts[i], "node")
    return chosen


def edge_ids(graph: FeatureMethods, edges: Any) -> list[Tensor]:
    """The chosen edges of every type, none where the argument names none.

    Raises:
        DGLError: for ids that do not exist.
    """
    if not isinstance(edges, Mapping):
        if len(graph.canonical_etypes) != 1:
            raise DGLError("need a dict of edge type and IDs for graph with multiple edge types")
        edges = {graph.canonical_etypes[0]: edges}
    chosen: list[Tensor] = [graph._ids([], "edges")] * len(graph.canonical_etypes)
    for etype, ids in edges.items():
        i = graph.get_etype_id(etype)
        chosen[i] = ids_or_mask(graph, ids, f'edges["{etype}"]')
        check_ids(chosen[i], graph._relations[i].num_edges, "edge")
    return chosen


def check_ids(ids: Tensor, count: int, kind: str) -> None:
    """Refuses ids outside `[0, count)`."""
    bad = ids[(ids < 0) | (ids >= count)]
    if len(bad):
        raise DGLError(f"Invalid {kind} ID {int(bad[0])}; ids run from 0 to {count - 1}")


def without(ids: Tensor, count: int) -> Tensor:
    """The numbers below `count` that are not among the ids, ascending."""
    keep = torch.ones(count, dtype=torch.bool, device=ids.device)
    keep[ids.to(torch.int64)] = False
    return keep.nonzero().reshape(-1)
