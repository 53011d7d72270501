"""Attention within each graph of a batch, without padding all of them to the largest."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from grapevine.engine import must_be_plain
from grapevine.errors import GraphValueError
from grapevine.topology import TensorMemo
from grapevine.utils import to_dense_batch

#: Pairs of nodes that may be padding in a block of graphs, whatever their sizes: a block more costs as much.
_FREE = 1 << 16

_known = TensorMemo()


class Block(NamedTuple):
    """Graphs of similar size, padded to the largest of them.

    Attributes:
        shape: number of graphs B, and of nodes M of the largest.
        place: (n,) where each of their nodes stands among the B M places; None: node n at place n.
        mask: bool (B, M), which places hold nodes; None: all.
    """

    shape: tuple[int, int]
    place: Tensor | None
    mask: Tensor | None


class Blocks(NamedTuple):
    """A batch in blocks.

    Attributes:
        order: (N,) nodes block by block; None: as they are.
        inverse: (N,) where each node went.
        sizes: number of nodes in each block.
        blocks: the blocks, of the largest graphs first.
        largest: number of nodes of the largest graph.
    """

    order: Tensor | None
    inverse: Tensor | None
    sizes: list[int]
    blocks: list[Block]
    largest: int


def attend(
    attention: Callable[[Tensor, Tensor | None, int], Tensor], x: Tensor, batch: Tensor | None
) -> Tensor:
    r"""Runs an attention on padded blocks of graphs of similar size, instead of on all graphs padded to the largest.

    A graph of n nodes stands in a block whose largest has at most :math:`\sqrt{2} \, n`, but for small blocks that are
    joined. So the pairs of nodes are at most twice as many as there are, however uneven the graphs.

    Args:
        attention: from (B, M, F), a mask bool (B, M) or None where no place is empty, and by how much the rows would be
            longer in one block for all, to (B, M, F'). Empty places are zero.
        x: node features, (N, F).
        batch: graph of each node, int64 (N,), sorted; None: one graph.

    Returns:
        (N, F').

    Raises:
        GraphValueError: where `batch` is not sorted.

    Example:
        >>> def mean(h, mask, missing):
        ...     return (h.sum(1, keepdim=True) / mask.sum(1)[:, None, None]).expand_as(h) if mask is not None else h
        >>> attend(mean, torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])).tolist()
        [[2.0], [2.0], [5.0]]
    """
    if batch is None or batch.numel() == 0:
        return attention(x.unsqueeze(0), None, 0).squeeze(0)
    if must_be_plain():  # no size may depend on values
        h, mask = to_dense_batch(x, batch)
        return attention(h, mask, 0)[mask]
    found = blocks(batch)
    rows = x if found.order is None else x.index_select(0, found.order)
    outs = []
    for part, block in zip(rows.split(found.sizes), found.blocks):
        num_places = block.shape[0] * block.shape[1]
        if block.place is not None:
            part = part.new_zeros(num_places, x.shape[1]).index_copy(0, block.place, part)
        out = attention(part.view(*block.shape, -1), block.mask, found.largest - block.shape[1]).flatten(0, 1)
        outs.append(out if block.place is None else out.index_select(0, block.place))
    out = outs[0] if len(outs) == 1 else torch.cat(outs)
    return out if found.inverse is None else out.index_select(0, found.inverse)


def blocks(batch: Tensor) -> Blocks:
    """The graphs of a batch by size; found once, for as long as the tensor lives unchanged.

    Example:
        >>> [block.shape for block in blocks(torch.tensor([0, 0, 0, 1, 2, 2])).blocks]
        [(3, 3)]
    """
    if batch.is_inference():
        return _find(batch)
    found: Blocks | None = _known.get(batch)
    if found is None:
        with torch.inference_mode(False):  # it outlives this call
            found = _known.set(batch, _find(batch))
    return found


def _find(batch: Tensor) -> Blocks:
    if bool((batch.diff() < 0).any()):
        raise GraphValueError(
            "expected the nodes of a graph next to each other, 'batch' in ascending order, got it unsorted; "
            "sort nodes and edges by graph first, as Batch.from_data_list does"
        )
    counts = batch.bincount()
    sizes, graphs = counts.sort(descending=True, stable=True)
    ends = _cuts(sizes.tolist())
    if len(ends) == 1:  # nothing to gain from another order
        graphs = counts.nonzero().view(-1)
        sizes = counts[graphs]
    rank = torch.empty_like(counts).index_copy(0, graphs, torch.arange(graphs.numel(), device=batch.device))
    row = rank[batch]
    column = torch.arange(batch.numel(), device=batch.device) - (counts.cumsum(0) - counts)[batch]
    order = row.argsort(stable=True) if len(ends) > 1 else None
    if order is not None:
        row, column = row[order], column[order]

    found: list[Block] = []
    lengths: list[int] = []
    for start, end in pairwise([0, *ends]):
        shape = (end - start, int(sizes[start:end].max()))
        nodes = slice(sum(lengths), sum(lengths) + int(sizes[start:end].sum()))
        lengths.append(nodes.stop - nodes.start)
        place = (row[nodes] - start) * shape[1] + column[nodes]
        mask = torch.zeros(shape[0] * shape[1], dtype=torch.bool, device=batch.device)
        mask[place] = True
        whole = lengths[-1] == mask.numel()
        found.append(Block(shape, None, None) if whole else Block(shape, place, mask.view(shape)))
    largest = max((block.shape[1] for block in found), default=0)
    return Blocks(order, None if order is None else order.argsort(), lengths, found, largest)


def _cuts(sizes: list[int]) -> list[int]:
    """Where blocks end, for descending sizes: where much would be padding otherwise, and before empty graphs."""
    sizes = [size for size in sizes if size > 0]
    ends: list[int] = []
    start = wasted = 0
    for i, size in enumerate(sizes):
        wasted += sizes[start] ** 2 - size**2
        if sizes[start] ** 2 > 2 * size**2 and wasted > _FREE:
            ends.append(i)
            start, wasted = i, 0
    return [*ends, len(sizes)] if sizes else ends
