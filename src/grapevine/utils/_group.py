"""Sorting and joining within groups, and a reduction over compressed segments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.sorting import ptr2index
from grapevine.utils._scatter import scatter, segment


def group_argsort(
    src: Tensor,
    index: Tensor,
    dim: int = 0,
    num_groups: int | None = None,
    descending: bool = False,
    return_consecutive: bool = False,
    stable: bool = False,
) -> Tensor:
    """The rank of every value within its group.

    Args:
        src: `(E,)` values.
        index: `(E,)` the group of every value.
        dim: 0.
        num_groups: number of groups.
        descending: whether the largest has rank 0.
        return_consecutive: count on over the groups, instead of from 0 in each.
        stable: whether equal values keep their order; they do in any case.

    Returns:
        `(E,)` ranks.

    Raises:
        GraphValueError: if `src` and `index` are not vectors of one length.

    Example:
        >>> group_argsort(torch.tensor([3., 1., 2., 5.]), torch.tensor([0, 0, 1, 1]))
        tensor([1, 0, 0, 1])
    """
    if src.dim() != 1 or src.shape != index.shape or dim not in (0, -1):
        raise GraphValueError(
            f"expected vectors of one length and dim=0, got {tuple(src.shape)}, {tuple(index.shape)} and "
            f"dim={dim}"
        )
    perm = src.argsort(descending=descending, stable=True)
    perm = perm[index[perm].argsort(stable=True)]
    rank = torch.empty_like(index)
    rank[perm] = torch.arange(index.numel(), dtype=index.dtype, device=index.device)
    if return_consecutive:
        return rank
    count = torch.bincount(index, minlength=num_groups or 0)
    return rank - (count.cumsum(0) - count)[index]


def group_cat(
    tensors: Sequence[Tensor], indices: Sequence[Tensor], dim: int = 0, return_index: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Concatenates tensors and sorts the result by group, so that each group lies together.

    Args:
        tensors: what to concatenate.
        indices: the groups of the entries of each tensor along `dim`.
        dim: the dimension to concatenate along.
        return_index: return the groups of the result too.

    Returns:
        The joined tensor and, if asked for, its groups.

    Raises:
        GraphValueError: if there are not as many indices as tensors.

    Example:
        >>> group_cat([torch.tensor([1, 2]), torch.tensor([3])], [torch.tensor([0, 1]), torch.tensor([0])])
        tensor([1, 3, 2])
    """
    if len(tensors) != len(indices):
        raise GraphValueError(f"expected an index for every tensor, got {len(tensors)} and {len(indices)}")
    index, perm = torch.cat(list(indices)).sort(stable=True)
    out = torch.cat(list(tensors), dim=dim).index_select(dim, perm)
    return (out, index) if return_index else out


def segment_logsumexp(src: Tensor, ptr: Tensor, dim: int) -> Tensor:
    r"""The logarithm of the sum of exponentials of every segment; 0 for an empty one.

    Args:
        src: values; the segments lie along `dim`.
        ptr: `(S + 1,)` where the segments begin.
        dim: the dimension of the segments.

    Returns:
        `src` with S entries along `dim`.

    Example:
        >>> segment_logsumexp(torch.tensor([0., 0., 1.]), torch.tensor([0, 2, 3]), dim=0)
        tensor([0.6931, 1.0000])
    """
    src = src.transpose(0, dim)
    index = ptr2index(ptr, output_size=src.size(0))
    top = scatter(src, index, dim=0, dim_size=ptr.numel() - 1, reduce="max")
    total = segment((src - top[index]).exp(), ptr, reduce="sum")
    return (total.log().nan_to_num(neginf=0.0) + top).transpose(0, dim)
