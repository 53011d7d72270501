"""`Tensors`: moving and detaching many tensors at once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from typing_extensions import Self


class Tensors:
    """A collection of named tensors; every method takes the names to which it is limited, by default all."""

    def apply(self, func: Callable[[Any], Any], *args: str) -> Self:
        """Replaces every tensor by `func(tensor)`."""
        return self

    def apply_(self, func: Callable[[Any], Any], *args: str) -> Self:
        """Calls the in-place function `func` on every tensor."""
        return self

    def clone(self, *args: str) -> Self:
        """Returns a copy with cloned tensors."""
        return copy.copy(self).apply(lambda x: x.clone(), *args)

    def contiguous(self, *args: str) -> Self:
        """Lays the tensors out contiguously."""
        return self.apply(lambda x: x.contiguous(), *args)

    def to(self, device: int | str | torch.device, *args: str, non_blocking: bool = False) -> Self:
        """Moves the tensors to a device."""
        return self.apply(lambda x: x.to(device=device, non_blocking=non_blocking), *args)

    def cpu(self, *args: str) -> Self:
        """Moves the tensors to the CPU."""
        return self.apply(lambda x: x.cpu(), *args)

    def cuda(self, device: int | str | None = None, *args: str, non_blocking: bool = False) -> Self:
        """Moves the tensors to a CUDA device (the current one by default)."""
        target = "cuda" if device is None else device
        return self.apply(lambda x: x.cuda(target, non_blocking=non_blocking), *args)

    def pin_memory(self, *args: str) -> Self:
        """Copies the tensors to pinned memory."""
        return self.apply(lambda x: x.pin_memory(), *args)

    def share_memory_(self, *args: str) -> Self:
        """Moves the tensors to shared memory."""
        return self.apply_(lambda x: x.share_memory_(), *args)

    def detach_(self, *args: str) -> Self:
        """Detaches the tensors from the autograd graph in place."""
        return self.apply_(lambda x: x.detach_(), *args)

    def detach(self, *args: str) -> Self:
        """Replaces the tensors by detached ones."""
        return self.apply(lambda x: x.detach(), *args)

    def requires_grad_(self, *args: str, requires_grad: bool = True) -> Self:
        """Records operations on the tensors for autograd."""
        return self.apply_(lambda x: x.requires_grad_(requires_grad=requires_grad), *args)

    def record_stream(self, stream: torch.cuda.Stream, *args: str) -> Self:
        """Keeps the memory of the tensors until the work queued on `stream` is done."""
        return self.apply_(lambda x: x.record_stream(stream), *args)
