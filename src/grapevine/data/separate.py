"""Taking one graph out of a joined one: the inverse of `collate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor

from grapevine.data import sparse
from grapevine.data.base import BaseData
from grapevine.data.collate import blank
from grapevine.data.nested import is_sequence
from grapevine.data.storage import BaseStorage
from grapevine.graph import is_sparse

T = TypeVar("T", bound=BaseData)


def separate(
    cls: type[T],
    batch: BaseData,
    idx: int,
    slice_dict: Mapping[Any, Any],
    inc_dict: Mapping[Any, Any] | None = None,
    decrement: bool = True,
) -> T:
    """Takes one graph out of a joined one.

    Args:
        cls: class of the result.
        batch: what `collate` returned.
        idx: number of the graph.
        slice_dict: where each graph begins, for each attribute, as `collate` returned it.
        inc_dict: what was added to each, likewise; not needed without `decrement`.
        decrement: whether `collate` was called with `increment`.

    Returns:
        The graph, as it was.
    """
    out = blank(cls).stores_as(batch)  # type: ignore[arg-type]
    for store, out_store in zip(batch.stores, out.stores):
        slices_here = slice_dict if store._key is None else slice_dict.get(store._key, {})
        incs_here = (inc_dict if store._key is None else inc_dict.get(store._key)) if inc_dict else None
        out_store.declare(**store.__dict__.get("_roles", {}))
        for attr in slices_here:
            if attr in store:
                incs = incs_here[attr] if incs_here is not None and decrement else None
                out_store[attr] = _cut(attr, store[attr], idx, slices_here[attr], incs, batch, store)
        if "_num_nodes" in store.__dict__:
            out_store.num_nodes = store._num_nodes[idx]
    return out


def _cut(key: str, value: Any, idx: int, slices: Any, incs: Any, batch: BaseData, store: BaseStorage) -> Any:
    """The part of one attribute that belongs to one graph."""
    if is_sparse(value):
        dim = batch.__cat_dim__(key, value, store)
        return sparse.narrow(value, dim, slices[idx].tolist(), slices[idx + 1].tolist())
    if isinstance(value, Tensor):
        dim = batch.__cat_dim__(key, value, store)
        start, stop = int(slices[idx]), int(slices[idx + 1])
        if value.is_nested:
            return torch.nested.as_nested_tensor(value.unbind()[start:stop])
        part = value.narrow(dim or 0, start, stop - start)
        part = part.squeeze(0) if dim is None else part
        if incs is not None and (incs.dim() > 1 or int(incs[idx]) != 0):
            part = part - incs[idx].to(part.device, part.dtype)
        return part
    if isinstance(value, Mapping):
        return {
            k: _cut(str(k), v, idx, slices[k], None if incs is None else incs[k], batch, store)
            for k, v in value.items()
        }
    if is_sequence(slices):  # a list of tensors in every graph: one entry for each position
        return [
            _cut(key, v, idx, slices[i], None if incs is None else incs[i], batch, store)
            for i, v in enumerate(value)
        ]
    return value[idx]
