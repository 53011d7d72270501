"""The attributes of graphs as JSON, with tensors put aside under names: nothing that can be executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grapevine.data import Data, HeteroData, Role
from grapevine.errors import GraphTypeError

_SPARSE_PARTS = {
    torch.sparse_coo: ("indices", "values"),
    torch.sparse_csr: ("crow_indices", "col_indices", "values"),
    torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
}
_LAYOUTS = {str(layout): layout for layout in _SPARSE_PARTS}


class Encoder:
    """Turns values into JSON, and puts tensors aside under a name.

    Args:
        views: keep tensors and arrays as they are; else all become whole tensors of their own on the CPU.
    """

    def __init__(self, views: bool = False) -> None:
        self.tensors: dict[str, Any] = {}
        self.views = views

    def stores(self, data: Data | HeteroData) -> list[dict[str, Any]]:
        """The attributes of all node and edge types."""
        return [
            {
                "key": store._key,
                "values": {k: self.encode(v, f"{number}/{k}") for k, v in store.to_dict().items()},
            }
            for number, store in enumerate(data.stores)
        ]

    def tensor(self, value: Any, name: str) -> str:
        """Puts a tensor or array aside."""
        if isinstance(value, np.ndarray) and not self.views:
            value = torch.from_numpy(np.ascontiguousarray(value))
        if not self.views:  # safetensors stores neither views nor shared memory
            value = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        self.tensors[name] = value
        return name

    def encode(self, value: Any, name: str) -> Any:
        """A value as JSON."""
        if isinstance(value, Tensor):
            if value.layout is torch.strided:
                return {"$tensor": self.tensor(value, name)}
            if value.layout in _SPARSE_PARTS:
                value = value.coalesce() if value.layout is torch.sparse_coo else value
                parts = [self.tensor(getattr(value, p)(), f"{name}.{p}") for p in _SPARSE_PARTS[value.layout]]
                return {"$sparse": str(value.layout), "parts": parts, "size": list(value.shape)}
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            features = isinstance(
                value, np.memmap
            )  # that do not fit into memory, or did not when they were written
            return {"$tensor" if features else "$array": self.tensor(value, name)}
        elif isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return value.item()
        elif value is None or isinstance(value, bool | int | float | str):
            return value
        elif isinstance(value, Role):
            return {"$role": self.encode(asdict(value), name)}
        elif isinstance(value, tuple):
            return {"$tuple": [self.encode(v, f"{name}.{i}") for i, v in enumerate(value)]}
        elif isinstance(value, list):
            return [self.encode(v, f"{name}.{i}") for i, v in enumerate(value)]
        elif isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
            return {"$dict": {k: self.encode(v, f"{name}.{k}") for k, v in value.items()}}
        raise GraphTypeError(
            f"expected tensors, arrays, numbers, strings, lists, tuples or dictionaries with string keys, got "
            f"{type(value).__name__} in attribute {name.split('/', 1)[-1]!r}; convert it or remove it before saving"
        )


def decode(value: Any, tensors: Mapping[str, Any]) -> Any:
    """The value that JSON and tensors stand for."""
    if isinstance(value, list):
        return [decode(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    kind: str = next(iter(value), "")
    content: Any = value.get(kind)
    if kind == "$tensor":
        return tensors[content]
    if kind == "$array":
        array = tensors[content]
        return array.cpu().numpy() if isinstance(array, Tensor) else array
    if kind == "$tuple":
        return tuple(decode(content, tensors))
    if kind == "$role":
        return Role(**decode(content, tensors))
    if kind == "$sparse":
        layout = _LAYOUTS[content]
        parts, size = [tensors[p] for p in value["parts"]], value["size"]
        if layout is torch.sparse_coo:
            return torch.sparse_coo_tensor(parts[0], parts[1], size, is_coalesced=True, check_invariants=True)
        return torch.sparse_compressed_tensor(
            parts[0], parts[1], parts[2], size, layout=layout, check_invariants=True
        )
    return {k: decode(v, tensors) for k, v in (content if kind == "$dict" else value).items()}


def rebuild(kind: str, stores: Sequence[Mapping[str, Any]], tensors: Mapping[str, Any]) -> Data | HeteroData:
    """The graph of class `kind` whose attributes `Encoder.stores` wrote."""
    values = [decode(store["values"], tensors) for store in stores]
    if kind == "Data":
        return Data.from_dict(values[0])
    graph = HeteroData()
    for store, attributes in zip(stores, values):
        key = store["key"]
        target = graph if key is None else graph[tuple(key) if isinstance(key, list) else key]
        for name, value in attributes.items():
            setattr(target, name, value)
    return graph
