"""The door to the compiled core: is it there, and may a tensor's address be handed to it?"""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor

core: ModuleType | None
missing: str | None
try:
    from grapevine import _core as core  # type: ignore[no-redef]

    missing = None
except ImportError as error:  # installed without a compiler, or with GRAPEVINE_PURE=1
    core = None
    missing = str(error)

#: Floating dtypes the compiled kernels read and write, with their codes in csrc/kernels.h.
DTYPES = {torch.float32: 0, torch.float64: 1, torch.bfloat16: 2, torch.float16: 3}


def reasons(*tensors: Tensor | None, floating: tuple[Tensor | None, ...] = ()) -> list[str]:
    """Why the compiled core cannot take these tensors (empty = it can)."""
    if core is None:
        return [f"the compiled core is not installed ({missing})"]
    found = []
    for tensor in tensors:
        if tensor is not None and tensor.dtype is not torch.int32:
            found.append(
                f"the index has dtype {tensor.dtype}, the core reads int32 (2^31 or more nodes or edges?)"
            )
            break
    first = None
    for tensor in floating:
        if tensor is None:
            continue
        if tensor._is_zerotensor() or tensor.is_neg() or is_transformed(tensor):
            found.append("the tensor has no plain storage of its own (a zero, negated or transformed tensor)")
        elif tensor.device.type != "cpu":
            found.append(f"the tensor is on {tensor.device}, the core reads main memory")
        elif tensor.dtype not in DTYPES:
            found.append(f"no compiled kernel for {tensor.dtype}")
        elif first is not None and tensor.dtype is not first:
            found.append(f"mixed dtypes {first} and {tensor.dtype}")
        first = tensor.dtype
    return found


def is_transformed(tensor: Tensor) -> bool:
    """True for the stand-ins of `torch.func` transforms and of batched gradients, which have no storage."""
    functorch = torch._C._functorch
    return functorch.is_functorch_wrapped_tensor(tensor) or functorch.is_legacy_batchedtensor(tensor)


def address(tensor: Tensor | None) -> int:
    """The first element's address, 0 for None."""
    return 0 if tensor is None else tensor.data_ptr()
