"""Where loaders fetch rows from: one interface for tensors, arrays and what users write."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.dgl.base import DGLError

__all__ = ["FeatureStorage", "NumpyStorage", "PyTorchTensorStorage", "wrap_storage"]


class FeatureStorage:
    """Rows that can be fetched by id; subclasses write `fetch`."""

    def fetch(self, indices: Tensor, device: Any, pin_memory: bool = False, **kwargs: Any) -> Any:
        """The rows of some ids.

        Args:
            indices: ids.
            device: where the rows shall go.
            pin_memory: whether to pass through pinned memory.
            **kwargs: for subclasses.
        """
        raise TypeError(f"expected {type(self).__name__} to say how rows are fetched; write its fetch()")


class PyTorchTensorStorage(FeatureStorage):
    """The rows of a tensor.

    Args:
        tensor: `(N, ...)`.

    Example:
        >>> PyTorchTensorStorage(torch.arange(6).view(3, 2)).fetch(torch.tensor([2]), "cpu")
        tensor([[4, 5]])
    """

    def __init__(self, tensor: Tensor) -> None:
        self.storage = tensor

    def fetch(self, indices: Tensor, device: Any, pin_memory: bool = False, **kwargs: Any) -> Tensor:
        rows = self.storage.index_select(0, indices.to(self.storage.device, torch.int64))
        if pin_memory and not rows.is_cuda:
            rows = rows.pin_memory()
        return rows.to(device, non_blocking=True)


class NumpyStorage(FeatureStorage):
    """The rows of an array, which may be mapped from a file.

    Args:
        arr: `(N, ...)`.
    """

    def __init__(self, arr: np.ndarray[Any, Any]) -> None:
        self.storage = arr

    def fetch(self, indices: Tensor, device: Any, pin_memory: bool = False, **kwargs: Any) -> Tensor:
        rows = torch.from_numpy(np.ascontiguousarray(self.storage[indices.cpu().numpy()]))
        return (rows.pin_memory() if pin_memory else rows).to(device, non_blocking=True)


def wrap_storage(storage: Any) -> Any:
    """What can be fetched from, made of a tensor, an array, or a storage (which comes back as it is).

    Args:
        storage: one of them.

    Raises:
        DGLError: for other things.
    """
    if isinstance(storage, Tensor):
        return PyTorchTensorStorage(storage)
    if isinstance(storage, np.ndarray):
        return NumpyStorage(storage)
    if hasattr(storage, "fetch"):
        return storage
    raise DGLError(f"expected a tensor, an array or an object with fetch(), got {type(storage).__name__}")
