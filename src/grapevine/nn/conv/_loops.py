"""Self-loops that a layer adds to the graph it was given: found once per graph and kept with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.edges import Edges
from grapevine.engine import must_be_plain
from grapevine.errors import GraphValueError
from grapevine.graph.sparse import is_torch_sparse_tensor, to_torch_sparse_tensor


class Looped:
    """A graph whose self-loops were replaced by one at each node.

    Attributes:
        edges: the other edges in their order, then the loops of nodes 0, 1, ...
        num_loops: L, the number of loops; `min(N_src, N_dst)`.
    """

    def __init__(self, given: Edges) -> None:
        source, target = given.src_index, given.dst_index
        self._keep = (source != target).nonzero().view(-1)
        self._kept = (source[self._keep], target[self._keep])
        self._size = given.size
        self.num_loops = min(given.size)
        loops = torch.arange(self.num_loops, device=given.device)
        self.edges = Edges(
            (torch.cat([self._kept[0], loops]), torch.cat([self._kept[1], loops])), size=given.size
        )
        self._others: Edges | None = None

    def extend(self, edge_attr: Tensor, fill_value: float | Tensor | str) -> Tensor:
        """Edge features of the given graph, as those of `edges`.

        Args:
            edge_attr: `(E, ...)`.
            fill_value: those of the loops: a number, a tensor, or the name of a reduction over the edges that
                arrive at the node.

        Raises:
            GraphValueError: for a `fill_value` that is none of these.
        """
        if self._keep.shape[0] != edge_attr.shape[0]:
            edge_attr = edge_attr.index_select(0, self._keep)
        shape = (self.num_loops, *edge_attr.shape[1:])
        if isinstance(fill_value, str):
            loops = self.others.reduce(edge_attr, fill_value)[: self.num_loops]
        elif isinstance(fill_value, Tensor):
            loops = fill_value.to(edge_attr).expand(shape)
        elif isinstance(fill_value, (int, float)):
            loops = edge_attr.new_full(shape, fill_value)
        else:
            raise GraphValueError(
                "expected fill_value to be a number, a tensor or the name of a reduction ('mean', ...), got "
                f"{type(fill_value).__name__}"
            )
        return torch.cat([edge_attr, loops])

    @property
    def others(self) -> Edges:
        """The edges that are no loops."""
        if self._others is None:
            self._others = Edges(self._kept, size=self._size)
        return self._others


def looped(edge_index: Any, num_src: int, num_dst: int) -> Looped:
    """The graph with its self-loops replaced by one at each node; sorted once, as long as `edge_index` is the same.

    Args:
        edge_index: an adjacency in any form that `Edges.of` takes.
        num_src, num_dst: number of nodes on either side.
    """
    edges = Edges.of(edge_index, (num_src, num_dst))
    return kept_with(edges, "looped", lambda: Looped(edges))


def kept_with(edges: Edges, key: Any, build: Callable[[], Any]) -> Any:
    """`edges.derived(key, build)`; built anew where tensors are traced, since a trace must not outlive itself."""
    return build() if must_be_plain() else edges.derived(key, build)


def weighted(edge_index: Any, edges: Edges, alpha: Tensor) -> tuple[Any, Tensor]:
    """What layers return as their attention: the graph in the form in which it came, and the weights of its edges.

    Args:
        edge_index: the adjacency that the layer was given.
        edges: the edges that the weights belong to, with the loops that were added.
        alpha: `(E, H)`.

    Returns:
        `(edge_index, alpha)`; for a sparse adjacency one that holds the weights, beside the weights in its order.
    """
    if isinstance(edge_index, Edges):
        return edges, alpha
    if not is_torch_sparse_tensor(edge_index):
        return edges.edge_index, alpha
    by_column = edge_index.layout is torch.sparse_csc
    first, second = (edges.src_index, edges.dst_index) if by_column else (edges.dst_index, edges.src_index)
    order = (first * max(edges.size) + second).argsort(stable=True)
    alpha = alpha[order]
    entries = torch.stack([edges.dst_index[order], edges.src_index[order]])
    size = (edges.num_dst, edges.num_src)
    return to_torch_sparse_tensor(entries, alpha, size, is_coalesced=True, layout=edge_index.layout), alpha
