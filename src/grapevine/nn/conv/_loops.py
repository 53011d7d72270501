"""Self-loops that a layer adds to the graph it was given, with features of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.engine import must_be_plain
from grapevine.errors import GraphValueError
from grapevine.nn.conv._derived import Derived, check_rows, self_looped


def replace_self_loops(
    edge_index: Any,
    size: tuple[int, int],
    edge_attr: Tensor | None = None,
    fill_value: float | Tensor | str = "mean",
) -> tuple[Edges, Tensor | None]:
    """The graph with its self-loops replaced by one at each node; built once per graph, not once per call.

    Args:
        edge_index: an adjacency in any form that `Edges.of` takes.
        size: (N_src, N_dst); nodes up to the smaller number get a loop.
        edge_attr: edge features, (E, ...).
        fill_value: those of the loops: a number, a tensor, or the name of a reduction over the edges that arrive.

    Returns:
        the other edges in their order, followed by the loops of nodes 0, 1, ...; and their features.

    Raises:
        GraphValueError: for a `fill_value` that is none of these, or features of another number of edges.
    """
    graph = _looped(Edges.of(edge_index, size))
    if edge_attr is None:
        return graph.edges, None
    check_rows(edge_attr, graph.former)
    num_loops = min(size)
    others = graph.origin[: graph.origin.shape[0] - num_loops]
    if must_be_plain() or others.shape[0] != edge_attr.shape[0]:
        edge_attr = edge_attr.index_select(0, others)
    shape = (num_loops, *edge_attr.shape[1:])
    if isinstance(fill_value, str):
        loops = _without_loops(graph.edges, num_loops).reduce(edge_attr, fill_value)[:num_loops]
    elif isinstance(fill_value, Tensor):
        loops = fill_value.to(edge_attr).expand(shape)
    elif isinstance(fill_value, (int, float)):
        loops = edge_attr.new_full(shape, fill_value)
    else:
        raise GraphValueError(
            "expected fill_value to be a number, a tensor or the name of a reduction ('mean', ...), got "
            f"{type(fill_value).__name__}"
        )
    return graph.edges, torch.cat([edge_attr, loops])


def _looped(edges: Edges) -> Derived:
    if not must_be_plain():
        return self_looped(edges, "new", in_order=True)
    # A trace must not leave its tensors behind, nor can it look at them.
    others = (edges.src_index != edges.dst_index).nonzero().view(-1)
    loops = torch.arange(min(edges.size), device=edges.device)
    pair = torch.cat([edges.edge_index[:, others], loops.expand(2, -1)], dim=1)
    origin = torch.cat([others, torch.full_like(loops, edges.num_edges)])
    return Derived(Edges.of(pair, edges.size), origin, edges.num_edges)


def _without_loops(edges: Edges, num_loops: int) -> Edges:
    """All but the last edges."""

    def build() -> Edges:
        return Edges.of(edges.edge_index[:, : edges.num_edges - num_loops], edges.size)

    return build() if must_be_plain() else edges.derived("without_loops", build)
