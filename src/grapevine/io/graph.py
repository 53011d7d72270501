"""Graphs on disk: tensors in a safetensors file, everything else as JSON in its header, nothing executable."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from grapevine.data import Data, HeteroData, Role
from grapevine.errors import GraphTypeError, GraphValueError

PathLike = str | os.PathLike[str]

_FORMAT = "grapevine-graph-1"
_SPARSE_PARTS = {
    torch.sparse_coo: ("indices", "values"),
    torch.sparse_csr: ("crow_indices", "col_indices", "values"),
    torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
}
_LAYOUTS = {str(layout): layout for layout in _SPARSE_PARTS}


def save_graph(data: Data | HeteroData, path: PathLike) -> None:
    """Writes a graph to one safetensors file that is memory-mapped when it is read and holds no code.

    Args:
        data: the graph. Attributes may be tensors (sparse ones too), numpy arrays, numbers, strings, booleans,
            and lists, tuples and dictionaries of those.
        path: the file, by convention ``*.safetensors``.

    Raises:
        GraphTypeError: for an attribute of another type, or for a batch or another kind of graph.

    Example:
        >>> import tempfile, torch
        >>> file = tempfile.mkdtemp() + "/graph.safetensors"
        >>> save_graph(Data(edge_index=torch.tensor([[0], [1]]), name="pair"), file)
        >>> load_graph(file)
        Data(edge_index=[2, 1], name='pair')
    """
    if type(data) not in (Data, HeteroData):
        raise GraphTypeError(
            f"expected a Data or HeteroData, got {type(data).__name__}; save its parts one by one, such as "
            "`batch.to_data_list()` or `Data.from_dict(data.to_dict())`"
        )
    tensors: dict[str, Tensor] = {}
    stores = []
    for number, store in enumerate(data.stores):
        writer = _Writer(tensors, prefix=f"{number}/")
        values = {key: writer.encode(value, key) for key, value in store.to_dict().items()}
        stores.append({"key": store._key, "values": values})
    header = {"format": _FORMAT, "class": type(data).__name__, "stores": json.dumps(stores)}
    save_file(tensors, os.fspath(path), metadata=header)


def load_graph(path: PathLike, device: str | torch.device = "cpu") -> Data | HeteroData:
    """Reads a graph that `save_graph` wrote.

    Args:
        path: the file.
        device: where its tensors shall lie.

    Returns:
        The graph, of the class that was saved.

    Raises:
        GraphValueError: if the file does not exist or is not a saved graph.
    """
    name = os.fspath(path)
    if not Path(name).is_file():
        raise GraphValueError(f"expected a graph saved by save_graph, got {name!r}, which is not a file")
    try:
        with safe_open(name, framework="pt", device=str(device)) as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise GraphValueError(f"{name}: expected a safetensors file, got {error}") from error
    if header.get("format") != _FORMAT:
        raise GraphValueError(
            f"{name}: expected a graph saved by save_graph, got other tensors; read those with "
            "safetensors.torch.load_file"
        )
    stores = [(s["key"], _decode(s["values"], tensors)) for s in json.loads(header["stores"])]
    if header["class"] == "Data":
        return Data.from_dict(stores[0][1])
    graph = HeteroData()
    for key, values in stores:
        store = graph if key is None else graph[tuple(key) if isinstance(key, list) else key]
        for attribute, value in values.items():
            setattr(store, attribute, value)
    return graph


class _Writer:
    """Turns values into JSON, and puts tensors aside under a name."""

    def __init__(self, tensors: dict[str, Tensor], prefix: str) -> None:
        self.tensors = tensors
        self.prefix = prefix

    def tensor(self, value: Tensor, name: str) -> str:
        name = self.prefix + name
        # A copy: safetensors stores neither views nor shared memory.
        self.tensors[name] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return name

    def encode(self, value: Any, name: str) -> Any:
        if isinstance(value, Tensor):
            if value.layout is torch.strided:
                return {"$tensor": self.tensor(value, name)}
            if value.layout in _SPARSE_PARTS:
                value = value.coalesce() if value.layout is torch.sparse_coo else value
                parts = [self.tensor(getattr(value, p)(), f"{name}.{p}") for p in _SPARSE_PARTS[value.layout]]
                return {"$sparse": str(value.layout), "parts": parts, "size": list(value.shape)}
        elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            return {"$array": self.tensor(torch.from_numpy(np.ascontiguousarray(value)), name)}
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
            f"{type(value).__name__} in attribute {name!r}; convert it or remove it before saving"
        )


def _decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    kind: str = next(iter(value), "")
    content: Any = value.get(kind)
    if kind == "$tensor":
        return tensors[content]
    if kind == "$array":
        return tensors[content].cpu().numpy()
    if kind == "$tuple":
        return tuple(_decode(content, tensors))
    if kind == "$role":
        return Role(**_decode(content, tensors))
    if kind == "$sparse":
        layout = _LAYOUTS[content]
        parts, size = [tensors[p] for p in value["parts"]], value["size"]
        if layout is torch.sparse_coo:
            return torch.sparse_coo_tensor(parts[0], parts[1], size, is_coalesced=True, check_invariants=True)
        return torch.sparse_compressed_tensor(
            parts[0], parts[1], parts[2], size, layout=layout, check_invariants=True
        )
    return {k: _decode(v, tensors) for k, v in (content if kind == "$dict" else value).items()}
