"""Sampling of edges that are not there.

The admissible pairs (source, target) are numbered row by row. Sorted, the edges cut that line into gaps, so
the k-th number that is no edge is found by one binary search: samples are exact and distinct, and nothing is
ever rejected for being an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.num_nodes import maybe_num_nodes
from grapevine.graph.sorting import lexsort

_MANY = 2**62  # far above any population, so that the remainder of a draw is uniform for all purposes


def _ptr(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _uniform(below: Tensor) -> Tensor:
    """One random integer in `[0, below)` for every entry."""
    return torch.randint(_MANY, below.shape, device=below.device) % below


def sample_distinct(sizes: Tensor, counts: Tensor) -> Tensor:
    """Draws distinct integers from consecutive blocks, `counts[b]` of them from block b, uniformly.

    Args:
        sizes: `(B,)` sizes of the blocks; block b holds the integers from `sizes[:b].sum()` on.
        counts: `(B,)` how many to draw; all where a block has fewer.

    Returns:
        The integers, in no particular order.
    """
    ptr = _ptr(sizes)
    counts = torch.minimum(counts, sizes)
    crowded = 2 * counts > sizes

    # Where more than half is wanted: a random order of the whole block, cut off.
    block = crowded.nonzero().view(-1)
    group = block.repeat_interleave(sizes[block])
    begin = _ptr(sizes[block])[:-1].repeat_interleave(sizes[block])
    place = torch.arange(group.numel(), device=sizes.device) - begin
    shuffled = lexsort([torch.rand(group.numel(), dtype=torch.float64, device=sizes.device), group])
    chosen = shuffled[place < counts[group]]
    chunks = [ptr[group[chosen]] + place[chosen]]

    # Elsewhere: draw, and draw again for each number that was there already (at most every second or so).
    missing = counts.masked_fill(crowded, 0)
    while int(missing.sum()) > 0:
        block = torch.arange(sizes.numel(), device=sizes.device).repeat_interleave(missing)
        drawn = torch.unique(ptr[block] + _uniform(sizes[block]))
        for chunk in chunks[1:]:
            place = torch.searchsorted(chunk, drawn).clamp_(max=chunk.numel() - 1)
            drawn = drawn[chunk[place] != drawn]
        if drawn.numel() > 0:
            chunks.append(drawn)
            missing = missing - torch.searchsorted(drawn, ptr).diff()
    return torch.cat(chunks)


@dataclass(frozen=True)
class PairSpace:
    """The admissible pairs of a graph or of several, numbered by source and then by target.

    Args:
        ptr: `(N_src + 1,)` the number of the first pair of every source.
        first: `(N_src,)` the first target of every source.
        skip_self: whether a source is left out among its own targets.
    """

    ptr: Tensor
    first: Tensor
    skip_self: bool

    @classmethod
    def of(cls, src_ptr: Tensor, dst_ptr: Tensor, kind: str) -> PairSpace:
        """Pairs within each graph of a batch, whose nodes start at `src_ptr` and `dst_ptr`.

        `kind` is `"all"`, `"different"` (no self-loops) or `"ascending"` (source < target).
        """
        node = torch.arange(int(src_ptr[-1]), device=src_ptr.device)
        graph = torch.arange(src_ptr.numel() - 1, device=src_ptr.device).repeat_interleave(src_ptr.diff())
        if kind == "ascending":
            return cls(_ptr(dst_ptr[graph + 1] - node - 1), node + 1, False)
        skip = kind == "different"
        return cls(_ptr(dst_ptr.diff()[graph] - int(skip)), dst_ptr[graph], skip)

    def encode(self, source: Tensor, target: Tensor) -> Tensor:
        number = self.ptr[source] + target - self.first[source]
        return number - (target > source).long() if self.skip_self else number

    def decode(self, number: Tensor) -> tuple[Tensor, Tensor]:
        source = torch.searchsorted(self.ptr, number, right=True) - 1
        target = self.first[source] + number - self.ptr[source]
        return source, target + (target >= source).long() if self.skip_self else target


def _absent(present: Tensor, rank: Tensor) -> Tensor:
    """The numbers that are not in `present` (sorted, distinct), by their rank among all such."""
    before = present - torch.arange(present.numel(), device=present.device)
    return rank + torch.searchsorted(before, rank, right=True)


def _negatives(
    edge_index: Tensor,
    src_ptr: Tensor,
    dst_ptr: Tensor,
    num_neg_samples: int | float | None,
    bipartite: bool,
    undirected: bool,
) -> Tensor:
    row, col = edge_index
    wanted = torch.bincount(
        torch.searchsorted(src_ptr, row.contiguous(), right=True) - 1, minlength=src_ptr.numel() - 1
    )
    if isinstance(num_neg_samples, float):
        wanted = (wanted.double() * num_neg_samples).long()
    elif num_neg_samples is not None:
        wanted = torch.full_like(wanted, num_neg_samples)

    if undirected:
        row, col = torch.minimum(row, col), torch.maximum(row, col)
        wanted = wanted // 2
    if not bipartite:
        proper = row != col
        row, col = row[proper], col[proper]
    pairs = PairSpace.of(src_ptr, dst_ptr, "all" if bipartite else "ascending" if undirected else "different")
    present = torch.unique(pairs.encode(row, col))

    graph_ptr = pairs.ptr[src_ptr]
    free = graph_ptr.diff() - torch.searchsorted(present, graph_ptr).diff()
    row, col = pairs.decode(_absent(present, sample_distinct(free, wanted)))

    order = torch.randperm(row.numel(), device=row.device)
    row, col = row[order], col[order]
    if undirected:
        row, col = torch.cat([row, col]), torch.cat([col, row])
    if src_ptr.numel() > 2:  # graph by graph
        order = torch.searchsorted(src_ptr, row, right=True).argsort(stable=True)
        row, col = row[order], col[order]
    return torch.stack([row, col]).to(edge_index.dtype)


def _check_method(method: str) -> None:
    if method not in ("sparse", "dense"):
        raise GraphValueError(f"expected method 'sparse' or 'dense', got {method!r}")


def negative_sampling(
    edge_index: Tensor,
    num_nodes: int | tuple[int, int] | None = None,
    num_neg_samples: int | float | None = None,
    method: str = "sparse",
    force_undirected: bool = False,
) -> Tensor:
    """Samples distinct pairs of nodes that are no edge.

    Args:
        edge_index: `(2, E)` integers.
        num_nodes: number of nodes, or of sources and of destinations (then the graph is bipartite; else
            self-loops are never sampled).
        num_neg_samples: how many; as a float in proportion to E; by default E. All if there are not so many.
        method: `"sparse"` or `"dense"`, which here are the same.
        force_undirected: sample undirected edges: half as many pairs, and their reverses.

    Returns:
        `(2, num_neg_samples)` in random order.

    Raises:
        GraphValueError: for an unknown `method`.

    Departures: there are as many samples as asked for, also in a dense graph; with `force_undirected` an edge
    in one direction rules out both.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> negative_sampling(torch.tensor([[0, 1], [1, 0]]), num_nodes=3, num_neg_samples=4).sort()[0]
        tensor([[0, 1, 2, 2],
                [0, 1, 2, 2]])
    """
    _check_method(method)
    bipartite = isinstance(num_nodes, (tuple, list))
    if isinstance(num_nodes, (tuple, list)):
        num_src, num_dst = num_nodes
    else:
        num_src = num_dst = maybe_num_nodes(edge_index, num_nodes)
    src_ptr = torch.tensor([0, num_src], device=edge_index.device)
    dst_ptr = torch.tensor([0, num_dst], device=edge_index.device)
    return _negatives(
        edge_index, src_ptr, dst_ptr, num_neg_samples, bipartite, force_undirected and not bipartite
    )


def batched_negative_sampling(
    edge_index: Tensor,
    batch: Tensor | tuple[Tensor, Tensor],
    num_neg_samples: int | float | None = None,
    method: str = "sparse",
    force_undirected: bool = False,
) -> Tensor:
    """Samples distinct pairs of nodes that are no edge within each graph of a batch.

    Args:
        edge_index: `(2, E)` integers.
        batch: `(N,)` the graph of every node, ascending; if bipartite, that of sources and destinations.
        num_neg_samples: how many per graph; as a float in proportion to its edges; by default as many.
        method: `"sparse"` or `"dense"`, which here are the same.
        force_undirected: sample undirected edges: half as many pairs, and their reverses.

    Returns:
        `(2, K)`, graph by graph, each in random order.

    Raises:
        GraphValueError: for an unknown `method`.

    Example:
        >>> edge_index = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
        >>> batched_negative_sampling(edge_index, torch.tensor([0, 0, 1, 1, 1])).size()
        torch.Size([2, 2])
    """
    _check_method(method)
    bipartite = not isinstance(batch, Tensor)
    src_batch, dst_batch = (batch, batch) if isinstance(batch, Tensor) else batch
    num_graphs = max(maybe_num_nodes(src_batch), maybe_num_nodes(dst_batch))
    src_ptr = _ptr(torch.bincount(src_batch, minlength=num_graphs))
    dst_ptr = _ptr(torch.bincount(dst_batch, minlength=num_graphs))
    return _negatives(
        edge_index, src_ptr, dst_ptr, num_neg_samples, bipartite, force_undirected and not bipartite
    )


def _row_pairs(edge_index: Tensor, num_nodes: int, loops: bool) -> tuple[PairSpace, Tensor, Tensor]:
    """The admissible pairs, the edges among them (sorted, distinct), and how many of each row are no edge."""
    row, col = edge_index
    if not loops:
        row, col = row[row != col], col[row != col]
    ptr = torch.tensor([0, num_nodes], device=edge_index.device)
    pairs = PairSpace.of(ptr, ptr, "all" if loops else "different")
    present = torch.unique(pairs.encode(row, col))
    return pairs, present, pairs.ptr.diff() - torch.searchsorted(present, pairs.ptr).diff()


def structured_negative_sampling(
    edge_index: Tensor, num_nodes: int | None = None, contains_neg_self_loops: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples for every edge (i, j) a node k such that (i, k) is no edge.

    Args:
        edge_index: `(2, E)` integers.
        num_nodes: number of nodes.
        contains_neg_self_loops: whether k may be i.

    Returns:
        `(i, j, k)`, `(E,)` each.

    Raises:
        GraphValueError: if some i has an edge to every admissible node.

    Example:
        >>> structured_negative_sampling(torch.tensor([[0, 1], [1, 0]]))
        (tensor([0, 1]), tensor([1, 0]), tensor([0, 1]))
    """
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    pairs, present, free = _row_pairs(edge_index, num_nodes, contains_neg_self_loops)
    row, col = edge_index
    if bool((free[row] == 0).any()):
        full = row[free[row] == 0][0].item()
        raise GraphValueError(
            f"expected for every source a node that it has no edge to, got node {full} with edges to all; "
            "ask structured_negative_sampling_feasible first"
        )
    _, negative = pairs.decode(_absent(present, _ptr(free)[row] + _uniform(free[row])))
    return row, col, negative.to(col.dtype)


def structured_negative_sampling_feasible(
    edge_index: Tensor, num_nodes: int | None = None, contains_neg_self_loops: bool = True
) -> bool:
    """Whether every node lacks an edge to some admissible node, as `structured_negative_sampling` needs.

    Args:
        edge_index: `(2, E)` integers.
        num_nodes: number of nodes.
        contains_neg_self_loops: whether a node may be its own negative.

    Example:
        >>> structured_negative_sampling_feasible(torch.tensor([[0, 1], [1, 0]]))
        True
    """
    num_nodes = maybe_num_nodes(edge_index, num_nodes)
    _, _, free = _row_pairs(edge_index, num_nodes, contains_neg_self_loops)
    return bool((free > 0).all())
