"""`dgl.backend`: DGL's names for what PyTorch does."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

backend_name = "pytorch"

float16, float32, float64 = torch.float16, torch.float32, torch.float64
uint8, int8, int16, int32, int64 = torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64
bool = torch.bool
#: From the name of a type to the type.
data_type_dict = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (float16, torch.bfloat16, float32, float64, uint8, int8, int16, int32, int64, bool)
}
#: From a type to its name.
reverse_data_type_dict = {dtype: name for name, dtype in data_type_dict.items()}


def get_preferred_backend() -> str:
    """`"pytorch"`."""
    return backend_name


def cpu() -> torch.device:
    """The CPU."""
    return torch.device("cpu")


def tensor(data: Any, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor of anything that torch takes; a tensor itself is converted."""
    return torch.as_tensor(data, dtype=dtype)


def as_scalar(data: Tensor) -> Any:
    """The number that a tensor holds."""
    return data.item()


def is_tensor(obj: Any) -> Any:
    """Whether it is a tensor."""
    return isinstance(obj, Tensor)


def shape(input: Tensor) -> torch.Size:
    """Its shape."""
    return input.shape


def dtype(input: Tensor) -> torch.dtype:
    """Its type."""
    return input.dtype


def ndim(input: Tensor) -> int:
    """The number of its axes."""
    return input.dim()


def context(input: Any) -> torch.device:
    """Where it is."""
    found: torch.device = input.device
    return found


def device_type(ctx: Any) -> str:
    """`"cpu"` or `"cuda"`."""
    return torch.device(ctx).type


def device_id(ctx: Any) -> int:
    """The number of a device; 0 where it has none."""
    return torch.device(ctx).index or 0


def astype(input: Tensor, ty: torch.dtype) -> Tensor:
    """In another type."""
    return input.to(ty)


def copy_to(input: Any, ctx: Any, **kwargs: Any) -> Any:
    """On another device."""
    return input.to(ctx, **kwargs)


def asnumpy(input: Tensor) -> np.ndarray[Any, Any]:
    """As an array, without gradients."""
    return input.detach().cpu().numpy()


zerocopy_to_numpy = asnumpy


def zerocopy_from_numpy(np_array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares an array's memory."""
    return torch.as_tensor(np_array)


def sum(input: Tensor, dim: int, keepdims: Any = False) -> Tensor:
    """The sum over an axis."""
    return input.sum(dim, keepdim=keepdims)


def reduce_sum(input: Tensor) -> Tensor:
    """The sum of all."""
    return input.sum()


def mean(input: Tensor, dim: int) -> Tensor:
    """The mean over an axis."""
    return input.mean(dim)


def reduce_mean(input: Tensor) -> Tensor:
    """The mean of all."""
    return input.mean()


def max(input: Tensor, dim: int) -> Tensor:
    """The largest along an axis."""
    return input.amax(dim)


def min(input: Tensor, dim: int) -> Tensor:
    """The smallest along an axis."""
    return input.amin(dim)


def argsort(input: Tensor, dim: int, descending: Any) -> Tensor:
    """The order along an axis."""
    return input.argsort(dim, descending=descending)


def topk(input: Tensor, k: int, dim: int, descending: Any = True) -> Tensor:
    """The k largest along an axis."""
    return input.topk(k, dim, largest=descending)[0]


def exp(input: Tensor) -> Tensor:
    """e to the power of it."""
    return input.exp()


def sqrt(input: Tensor) -> Tensor:
    """Its square root."""
    return input.sqrt()


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """Exponentials, one in all along an axis."""
    return input.softmax(dim)


def cat(seq: Sequence[Tensor], dim: int) -> Tensor:
    """Tensors one after the other along an axis."""
    return torch.cat(list(seq), dim)


def stack(seq: Sequence[Tensor], dim: int) -> Tensor:
    """Tensors along a new axis."""
    return torch.stack(list(seq), dim)


def split(input: Tensor, sizes_or_sections: Any, dim: int) -> Any:
    """Parts along an axis."""
    return torch.split(input, sizes_or_sections, dim)


def repeat(input: Tensor, repeats: Any, dim: int) -> Tensor:
    """Every entry several times."""
    return torch.repeat_interleave(input, repeats, dim)


def gather_row(data: Tensor, row_index: Tensor) -> Tensor:
    """Some rows."""
    return data.index_select(0, row_index.long())


def slice_axis(data: Tensor, axis: int, begin: int, end: int) -> Tensor:
    """A stretch along an axis."""
    return data.narrow(axis, begin, end - begin)


def narrow_row(x: Tensor, start: int, stop: int) -> Tensor:
    """A stretch of rows."""
    return x[start:stop]


def scatter_row(data: Tensor, row_index: Tensor, value: Tensor) -> Tensor:
    """With other values in some rows."""
    return data.index_copy(0, row_index.long(), value)


def scatter_row_inplace(data: Tensor, row_index: Tensor, value: Tensor) -> None:
    """Puts values into some rows."""
    data[row_index.long()] = value


def squeeze(input: Tensor, dim: int) -> Tensor:
    """Without an axis of one."""
    return input.squeeze(dim)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With an axis of one."""
    return input.unsqueeze(dim)


def reshape(input: Tensor, shape: Sequence[int]) -> Tensor:
    """In another shape."""
    return input.reshape(tuple(shape))


def swapaxes(input: Tensor, axis1: int, axis2: int) -> Tensor:
    """With two axes exchanged."""
    return input.transpose(axis1, axis2)


def zeros(shape: Sequence[int], dtype: torch.dtype, ctx: Any) -> Tensor:
    """Zeros."""
    return torch.zeros(shape, dtype=dtype, device=ctx)


def zeros_like(input: Tensor) -> Tensor:
    """Zeros of the same kind."""
    return torch.zeros_like(input)


def ones(shape: Sequence[int], dtype: torch.dtype, ctx: Any) -> Tensor:
    """Ones."""
    return torch.ones(shape, dtype=dtype, device=ctx)


def uniform(shape: Sequence[int], dtype: torch.dtype, ctx: Any, low: float, high: float) -> Tensor:
    """Random numbers between two bounds."""
    return torch.empty(shape, dtype=dtype, device=ctx).uniform_(low, high)


def randint(shape: Sequence[int], dtype: torch.dtype, ctx: Any, low: int, high: int) -> Tensor:
    """Random integers, from the lower bound to below the upper one."""
    return torch.randint(low, high, tuple(shape), dtype=dtype, device=ctx)


def arange(start: int, stop: int, dtype: torch.dtype = int64, ctx: Any = None) -> Tensor:
    """Integers from the first to before the last."""
    return torch.arange(start, stop, dtype=dtype, device=ctx)


def full_1d(length: int, fill_value: Any, dtype: torch.dtype, ctx: Any) -> Tensor:
    """One number again and again."""
    return torch.full((length,), fill_value, dtype=dtype, device=ctx)


def clone(input: Tensor) -> Tensor:
    """A copy."""
    return input.clone()


def clamp(data: Tensor, min_val: Any, max_val: Any) -> Tensor:
    """Within bounds."""
    return data.clamp(min_val, max_val)


def replace_inf_with_zero(x: Tensor) -> Tensor:
    """Zeros in place of infinities."""
    return x.masked_fill(x.isinf(), 0)


def unique(input: Tensor, return_inverse: Any = False, return_counts: Any = False) -> Any:
    """Every value once, sorted."""
    return input.unique(return_inverse=return_inverse, return_counts=return_counts)


def nonzero_1d(input: Tensor) -> Tensor:
    """Where it is not zero."""
    return input.nonzero().view(-1)


def boolean_mask(input: Tensor, mask: Tensor) -> Tensor:
    """The rows where a mask is true."""
    return input[mask.bool()]


def equal(x: Tensor, y: Tensor) -> Tensor:
    """Where two are equal."""
    return x == y


def allclose(a: Tensor, b: Tensor, rtol: float = 1e-4, atol: float = 1e-4) -> Any:
    """Whether two are nearly equal."""
    return torch.allclose(a, b, rtol, atol)


def logical_not(input: Tensor) -> Tensor:
    """Where it is false."""
    return ~input


def sort_1d(input: Tensor) -> tuple[Tensor, Tensor]:
    """The values in order, and where each stood."""
    values, order = torch.sort(input)
    return values, order


def count_nonzero(input: Tensor) -> int:
    """How many are not zero."""
    return int(input.count_nonzero())


def pad_packed_tensor(input: Tensor, lengths: Any, value: float, l_min: int | None = None) -> Tensor:
    """Stretches of rows side by side, filled up to the longest: `(sum of lengths, D)` to `(B, L, D)`."""
    sizes = torch.as_tensor(lengths).tolist()
    most = builtins.max([*sizes, l_min or 0])
    padded = input.new_full((len(sizes), most, *input.shape[1:]), value)
    for i, part in enumerate(input.split(sizes)):
        padded[i, : len(part)] = part
    return padded


def pack_padded_tensor(input: Tensor, lengths: Any) -> Tensor:
    """The stretches of `pad_packed_tensor` one after the other again."""
    sizes = torch.as_tensor(lengths).tolist()
    return torch.cat([input[i, :size] for i, size in enumerate(sizes)])


def attach_grad(x: Tensor) -> Tensor:
    """The tensor, which receives gradients from now on."""
    if x.grad is not None:
        x.grad.zero_()
        return x
    return x.requires_grad_()


def backward(x: Tensor, head_gradient: Tensor | None = None) -> None:
    """Fills in the gradients."""
    x.backward(head_gradient)


def grad(x: Tensor) -> Tensor | None:
    """Its gradient."""
    return x.grad


def is_no_grad(x: Tensor) -> Any:
    """Whether it has no gradient, or zeros."""
    return x.grad is None or not x.grad.any()


def is_recording() -> Any:
    """Whether gradients are recorded."""
    return torch.is_grad_enabled()


record_grad = torch.enable_grad
no_grad = torch.no_grad
