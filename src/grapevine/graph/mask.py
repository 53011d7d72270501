"""Masks, indices and the maps between them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.graph.sparse import is_torch_sparse_tensor


def index_to_mask(index: Tensor, size: int | None = None) -> Tensor:
    """A boolean mask that is true at the given indices.

    Args:
        index: integers in `[0, size)`.
        size: length of the mask; by default the largest index plus one.

    Example:
        >>> index_to_mask(torch.tensor([1, 3]), size=5)
        tensor([False,  True, False,  True, False])
    """
    index = index.reshape(-1)
    if size is None:
        size = int(index.max()) + 1 if index.numel() > 0 else 0
    mask = index.new_zeros(size, dtype=torch.bool)
    mask[index] = True
    return mask


def mask_to_index(mask: Tensor) -> Tensor:
    """The ascending indices at which a mask is true.

    Example:
        >>> mask_to_index(torch.tensor([False, True, True]))
        tensor([1, 2])
    """
    return mask.nonzero().view(-1)


def mask_select(src: Tensor, dim: int, mask: Tensor) -> Tensor:
    """The slices of `src` along `dim` at which `mask` is true.

    Args:
        src: any tensor.
        dim: the dimension to select along.
        mask: `(src.size(dim),)` booleans.

    Raises:
        GraphValueError: if the mask is not a vector of that length.

    Example:
        >>> mask_select(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([False, True]))
        tensor([[2],
                [4]])
    """
    if mask.dim() != 1 or mask.numel() != src.size(dim):
        raise GraphValueError(
            f"expected a mask of shape ({src.size(dim)},) for dimension {dim}, got {tuple(mask.shape)}"
        )
    return src.index_select(dim, mask_to_index(mask))


def select(src: Tensor | list[Any], index_or_mask: Tensor, dim: int) -> Tensor | list[Any]:
    """The entries of a tensor or list at the given indices, or where the mask is true.

    Args:
        src: a tensor, or a list (then `dim` is 0).
        index_or_mask: integers or booleans.
        dim: the dimension to select along.

    Raises:
        GraphValueError: for a list and another dimension than 0, and for other inputs.

    Example:
        >>> select(["a", "b", "c"], torch.tensor([True, False, True]), dim=0)
        ['a', 'c']
    """
    is_mask = index_or_mask.dtype == torch.bool
    if isinstance(src, Tensor):
        return mask_select(src, dim, index_or_mask) if is_mask else src.index_select(dim, index_or_mask)
    if not isinstance(src, (list, tuple)):
        raise GraphValueError(f"expected a tensor or a list to select from, got {type(src).__name__}")
    if dim != 0:
        raise GraphValueError(f"expected dim=0 to select from a list, got dim={dim}")
    index = mask_to_index(index_or_mask) if is_mask else index_or_mask
    return [src[i] for i in index.tolist()]


def narrow(src: Tensor | list[Any], dim: int, start: int, length: int) -> Tensor | list[Any]:
    """The entries `start` to `start + length - 1` of a tensor (dense or sparse) or list.

    Args:
        src: a tensor, or a list (then `dim` is 0).
        dim: the dimension to cut.
        start: the first entry.
        length: how many.

    Raises:
        GraphValueError: for a list and another dimension than 0, and for other inputs.

    Example:
        >>> narrow(torch.arange(5), dim=0, start=1, length=2)
        tensor([1, 2])
    """
    if isinstance(src, Tensor):
        if is_torch_sparse_tensor(src):
            return src.index_select(dim, torch.arange(start, start + length, device=src.device))
        return src.narrow(dim, start, length)
    if not isinstance(src, list):
        raise GraphValueError(f"expected a tensor or a list to narrow, got {type(src).__name__}")
    if dim != 0:
        raise GraphValueError(f"expected dim=0 to narrow a list, got dim={dim}")
    return src[start : start + length]


def map_index(
    src: Tensor, index: Tensor, max_index: int | Tensor | None = None, inclusive: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Replaces every value of `src` by its position in `index`.

    Args:
        src: `(E,)` integers.
        index: `(K,)` integers, the new order.
        max_index: upper bound of both; found where not given.
        inclusive: promise that every value of `src` is in `index`.

    Returns:
        The positions and None if `inclusive`; else the positions of the values that are in `index`, and the
        mask over `src` of these.

    Raises:
        GraphValueError: for floating-point inputs, different devices, or a broken promise.

    Example:
        >>> map_index(torch.tensor([2, 0, 2, 5]), torch.tensor([5, 2]))
        (tensor([1, 1, 0]), tensor([ True, False,  True,  True]))
    """
    for name, value in (("src", src), ("index", index)):
        if value.is_floating_point():
            raise GraphValueError(f"expected {name!r} to hold integers, got {value.dtype}; use .long()")
    if src.device != index.device:
        raise GraphValueError(
            f"expected 'src' and 'index' on one device, got {src.device} and {index.device}; "
            f"use .to({str(src.device)!r})"
        )
    if max_index is None:
        max_index = max((int(value.max()) for value in (src, index) if value.numel() > 0), default=-1)
    max_index = int(max_index)

    if max_index < 8 * (src.numel() + index.numel()) + 1024:
        table = src.new_full((max_index + 1,), -1)
        table[index] = torch.arange(index.numel(), dtype=src.dtype, device=src.device)
        out = table[src]
    elif index.numel() == 0:
        out = torch.full_like(src, -1)
    else:  # a table would be mostly empty
        ordered, perm = index.sort(stable=True)
        place = torch.searchsorted(ordered, src.contiguous(), right=True).sub_(1).clamp_(min=0)
        out = torch.where(ordered[place] == src, perm[place].to(src.dtype), -1)

    mask = out >= 0
    if not inclusive:
        return out[mask], mask
    if not bool(mask.all()):
        stranger = src[~mask][0].item()
        raise GraphValueError(
            f"expected every value of 'src' in 'index', got {stranger} which is not; "
            "use inclusive=False to skip such values"
        )
    return out, None
