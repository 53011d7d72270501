"""The door to Triton: is it there, and may its kernels read a tensor? Triton itself is imported by the first kernel."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor

from grapevine.ops import _core

#: Device types that Triton compiles for; "cuda" stands for ROCm too.
DEVICES = ("cuda", "xpu")


@lru_cache(maxsize=1)
def installed() -> bool:
    return find_spec("triton") is not None


def refused(device: torch.device) -> list[str]:
    """Why no Triton kernel runs on the device; main memory is for TRITON_INTERPRET=1, which runs kernels as Python."""
    interpreted = device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"
    if device.type not in DEVICES and not interpreted:
        return [f"the tensor is on {device}, triton compiles for {' and '.join(DEVICES)}"]
    return [] if installed() else ["triton is not installed (pip install triton)"]


def reasons(*floating: Tensor | None) -> list[str]:
    """Why Triton's kernels cannot take these tensors (empty = they can)."""
    found, first = [], None
    for tensor in floating:
        if tensor is None:
            continue
        if tensor._is_zerotensor() or tensor.is_neg() or _core.is_transformed(tensor):
            found.append("the tensor has no plain storage of its own (a zero, negated or transformed tensor)")
        elif because := refused(tensor.device):
            found += because
        elif tensor.dtype not in _core.DTYPES:
            found.append(f"no triton kernel for {tensor.dtype}")
        elif first is not None and tensor.dtype is not first:
            found.append(f"mixed dtypes {first} and {tensor.dtype}")
        first = tensor.dtype
    return found


def on_device(tensor: Tensor) -> AbstractContextManager[object]:
    """Makes the tensor's device the current one, to which kernels are launched."""
    device = tensor.device
    if device.type == "cpu":
        return nullcontext()
    found: AbstractContextManager[object] = getattr(torch, device.type).device(device)
    return found
