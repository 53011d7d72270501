"""Graphs made from a graph, with self-loops or sorted by destination: built once, and kept on that graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from grapevine import engine
from grapevine.edges import Edges, known_good
from grapevine.errors import GraphValueError
from grapevine.graph.loops import add_self_loops, last_loops, remove_self_loops
from grapevine.graph.sparse import is_torch_sparse_tensor, to_edge_index
from grapevine.nn.message_passing import MessagePassing

Built = TypeVar("Built")


def kept(edges: Edges, key: Hashable, build: Callable[[], Built]) -> Built:
    """`build()`, which depends on the graph alone, computed once and kept with it; anew where a tracer must see it."""
    return build() if engine.computes_now() else edges.derived(key, build)


def check_rows(value: Tensor, num_edges: int) -> None:
    """Refuses weights or features that are not those of the edges."""
    if value.shape[0] != num_edges:
        raise GraphValueError(
            f"expected one edge weight or feature per edge, {num_edges} rows; got shape {list(value.shape)}"
        )


@dataclass(frozen=True, slots=True)
class Derived:
    """A graph, and which edges of another one its edges were.

    Attributes:
        edges: the graph.
        origin: `(E',)`: for each edge the number of the edge that it was, E for a self-loop that is new.
        former: E, how many edges there were.
    """

    edges: Edges
    origin: Tensor
    former: int

    def carried(self, value: Tensor, fill: float) -> Tensor:
        """Rows of the former edges, `(E, ...)` -> `(E', ...)`, with `fill` for new self-loops."""
        check_rows(value, self.former)
        return torch.cat([value, value.new_full((1, *value.shape[1:]), fill)]).index_select(0, self.origin)


def self_looped(edges: Edges, loops: str, in_order: bool = False) -> Derived:
    """The graph with self-loops, sorted by destination.

    Args:
        edges: from the sources to the destinations of messages.
        loops: "remaining": exactly one self-loop per destination, one that is there keeps its attributes (the last, of
            several); "new": likewise, but all of them new; "added": one more per destination; "none": as they are.
        in_order: keep the order of the edges instead, self-loops at the end. Explainers count on it.
    """
    return kept(edges, ("self_looped", loops, in_order), lambda: _build(edges, loops, in_order))


def _build(edges: Edges, loops: str, in_order: bool) -> Derived:
    src, dst = edges.src_index, edges.dst_index
    origin = torch.arange(edges.num_edges, device=edges.device)
    if loops != "none":
        nodes = torch.arange(min(edges.size), device=edges.device)
        loop = src == dst
        new = torch.full_like(nodes, edges.num_edges)
        if loops == "remaining":
            # -1, the last entry, where a node has no loop yet.
            new = torch.cat([origin[loop], new[:1]])[last_loops(src[loop], edges.num_dst)]
        kept = origin if loops == "added" else origin[~loop]
        origin = torch.cat([kept, new])
        src, dst = torch.cat([src[kept], nodes]), torch.cat([dst[kept], nodes])
    if not in_order:
        order = (edges if loops == "none" else known_good(src, dst, edges.size)).by_dst.perm
        if order is not None:
            src, dst, origin = src[order], dst[order], origin[order]
    return Derived(known_good(src, dst, edges.size), origin, edges.num_edges)


def with_self_loops(
    layer: MessagePassing,
    adjacency: Tensor | Edges,
    size: tuple[int, int],
    attr: Tensor | None = None,
    loops: str = "new",
) -> tuple[Tensor | Edges, Tensor | None]:
    """What `layer` sends along, with self-loops (see `self_looped`), and the edges' attributes, 1 for new ones.

    Args:
        size: numbers of nodes on both sides of `adjacency`.
        attr: `(E, ...)`.
    """
    forward = layer.flow == "source_to_target"
    edges = Edges.of(adjacency, size)
    edges = edges if forward else edges.reverse()
    if engine.computes_now():
        pair = edges.edge_index
        if loops == "new":
            pair, attr = remove_self_loops(pair, attr)
        pair, attr = add_self_loops(pair, attr, num_nodes=edges.num_dst)
        return pair if forward else pair.flip(0), attr
    derived = self_looped(edges, loops, in_order=layer.explain)
    attr = None if attr is None else derived.carried(attr, 1.0)
    return derived.edges if forward else derived.edges.reverse(), attr


def sparse_values(adjacency: Tensor | Edges, unless_ones: bool = True) -> Tensor | None:
    """The values of a sparse adjacency as edge weights; None where it is no sparse matrix, or where all are one."""
    if isinstance(adjacency, Edges) or not is_torch_sparse_tensor(adjacency):
        return None
    if not unless_ones or adjacency.requires_grad or engine.computes_now():
        return to_edge_index(adjacency)[1]
    return kept(Edges.of(adjacency), "sparse_values", lambda: _unless_ones(to_edge_index(adjacency)[1]))


def _unless_ones(values: Tensor) -> Tensor | None:
    return None if bool((values == 1).all()) else values


def sparse_features(adjacency: Tensor | Edges) -> Tensor | None:
    """The values of a sparse adjacency as features of its edges, where there are several per edge."""
    if isinstance(adjacency, Edges) or not is_torch_sparse_tensor(adjacency):
        return None
    values = to_edge_index(adjacency)[1]
    return None if values.dim() == 1 else values
