"""Joining many graphs into one: concatenate every attribute, shift node ids, remember where each begins."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from grapevine.data import sparse
from grapevine.data.base import BaseData
from grapevine.data.nested import is_sequence
from grapevine.data.roles import Role
from grapevine.data.storage import BaseStorage, NodeStorage
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.graph import is_sparse

T = TypeVar("T", bound=BaseData)


def offsets(sizes: Tensor) -> Tensor:
    """Returns the running sum (n + 1, ...) of sizes (n, ...), from 0."""
    return torch.cat([sizes.new_zeros(1, *sizes.shape[1:]), sizes.cumsum(0)])


@cache
def required(cls: type[Any]) -> list[str]:
    """Returns the names of the arguments that a class cannot be created without."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return [p.name for p in parameters if p.kind in named and p.default is inspect.Parameter.empty]


def blank(cls: type[T], **kwargs: Any) -> T:
    """Creates a graph of a class without attributes: arguments that its constructor insists on are `None`."""
    kind: Any = cls
    return cls(**dict.fromkeys(required(kind)), **kwargs)


def collate(
    cls: type[T],
    data_list: Iterable[BaseData],
    increment: bool = True,
    add_batch: bool = True,
    follow_batch: Iterable[str] | None = None,
    exclude_keys: Iterable[str] | None = None,
) -> tuple[T, dict[Any, Any], dict[Any, Any]]:
    """Joins graphs into one graph of class `cls`.

    Args:
        cls: class of the result.
        data_list: graphs with the same attributes, at least one; what only later ones have is left out.
        increment: whether to shift attributes by `__inc__` (to place graphs side by side), or not (to store
            them).
        add_batch: whether to add `batch` (N,), the graph number of each node, and `ptr`, where each graph
            begins.
        follow_batch: attributes for which to add `{name}_batch` and `{name}_ptr` as well.
        exclude_keys: attributes to leave out.

    Returns:
        The joined graph; for each attribute, where each graph begins; for each attribute, what was added to
        it.

    Raises:
        GraphKeyError: if a graph lacks a type or an attribute of the first one.
    """
    graphs = list(data_list)
    if not graphs:
        raise GraphValueError("expected at least one graph to join, got an empty list")
    kind: dict[str, Any] = {} if cls is type(graphs[0]) else {"_base_cls": type(graphs[0])}
    out = blank(cls, **kind).stores_as(graphs[0])  # type: ignore[arg-type]
    follow, exclude = set(follow_batch or ()), set(exclude_keys or ())
    stores_of = _stores_by_type(graphs)
    slice_dict: dict[Any, Any] = {}
    inc_dict: dict[Any, Any] = {}
    device: torch.device | None = None
    for out_store in out.stores:
        key, stores = out_store._key, stores_of[out_store._key]
        slices_here = slice_dict if key is None else slice_dict.setdefault(key, {})
        incs_here = inc_dict if key is None else inc_dict.setdefault(key, {})
        out_store.declare(**_roles(stores))
        for attr in stores[0]:
            if attr in exclude or attr == "ptr":
                continue
            values = [_value(store, attr, i) for i, store in enumerate(stores)]
            if attr == "num_nodes":  # summed, with the terms remembered: nothing else would tell them apart
                out_store._num_nodes = values
                out_store.num_nodes = sum(values)
                continue
            value, slices, incs = _join(attr, values, graphs, stores, increment)
            if isinstance(value, Tensor) and value.device.type != "cpu":
                device = value.device
            out_store[attr], slices_here[attr], incs_here[attr] = value, slices, incs
            if attr in follow:
                out_store[f"{attr}_batch"], out_store[f"{attr}_ptr"] = _follow(slices, device)
        if add_batch and isinstance(stores[0], NodeStorage) and stores[0].can_infer_num_nodes:
            sizes = torch.tensor([store.num_nodes or 0 for store in stores if isinstance(store, NodeStorage)])
            out_store.batch, out_store.ptr = _follow(offsets(sizes), device)
    return out, slice_dict, inc_dict


def _stores_by_type(graphs: Sequence[BaseData]) -> dict[Any, list[BaseStorage]]:
    """The storages of all graphs, for each type of the first graph."""
    by_type: dict[Any, list[BaseStorage]] = {store._key: [] for store in graphs[0].stores}
    for i, data in enumerate(graphs):
        found = {store._key: store for store in data.stores}
        for key, stores in by_type.items():
            if key not in found:
                raise GraphKeyError(
                    f"expected all graphs of a batch to have the type {key!r} of the first graph, but graph "
                    f"{i} has {[k for k in found if k is not None]}; do this instead: give it empty tensors"
                )
            stores.append(found[key])
    return by_type


def _roles(stores: Sequence[BaseStorage]) -> dict[str, Role]:
    """The roles declared on the storages of all graphs."""
    roles: dict[str, Role] = stores[0].__dict__.get("_roles", {})
    for i, store in enumerate(stores):
        if store.__dict__.get("_roles", {}) != roles:
            raise GraphValueError(
                f"expected all graphs of a batch to declare the same roles, got {roles} in the first graph and "
                f"{store.__dict__.get('_roles', {})} in graph {i}; do this instead: declare them once, as "
                "'__roles__' of a subclass"
            )
    return roles


def _value(store: BaseStorage, attr: str, i: int) -> Any:
    if attr not in store:
        raise GraphKeyError(
            f"expected all graphs of a batch to have the attribute '{attr}' of the first graph, but graph "
            f"{i} has {list(store)}; do this instead: set it everywhere, or exclude_keys=['{attr}']"
        )
    return store[attr]


def _join(
    key: str, values: list[Any], graphs: Sequence[BaseData], stores: Sequence[BaseStorage], increment: bool
) -> tuple[Any, Any, Any]:
    """Joins the values of one attribute; returns with them where each begins and what was added to it."""
    first = values[0]
    if is_sparse(first) and increment:
        dim = graphs[0].__cat_dim__(key, first, stores[0])
        dims = (dim,) if isinstance(dim, int) else dim
        sizes = torch.tensor([[value.size(d) for d in dims] for value in values])
        return sparse.cat(values, dim), offsets(sizes), None
    if isinstance(first, Tensor) and not is_sparse(first):
        dim = graphs[0].__cat_dim__(key, first, stores[0])
        if dim is None or first.dim() == 0:
            values = [value.unsqueeze(0) for value in values]
        slices = offsets(torch.tensor([value.size(dim or 0) for value in values]))
        incs = _increments(key, values, graphs, stores) if increment else None
        if incs is not None and (incs.dim() > 1 or int(incs[-1]) != 0):
            dtype = torch.result_type(first, 0)
            values = [value + inc.to(value.device, dtype) for value, inc in zip(values, incs)]
        if first.is_nested:
            return (
                torch.nested.as_nested_tensor([row for value in values for row in value.unbind()]),
                slices,
                incs,
            )
        return torch.cat(values, dim=dim or 0), slices, incs
    if isinstance(first, int | float):
        numbers, begins = torch.tensor(values), torch.arange(len(values) + 1)
        if not increment:
            return numbers, begins, None
        incs = _increments(key, values, graphs, stores)
        return (numbers + incs if int(incs[-1]) != 0 else numbers), begins, incs
    if isinstance(first, Mapping):
        parts = {k: _join(str(k), [value[k] for value in values], graphs, stores, increment) for k in first}
        columns = [{k: part[i] for k, part in parts.items()} for i in range(3)]
        return columns[0], columns[1], columns[2]
    if is_sequence(first) and len(first) > 0 and isinstance(first[0], Tensor):
        if len({len(value) for value in values}) > 1:
            raise GraphValueError(
                f"expected lists of tensors of one length in all graphs as '{key}', got lengths "
                f"{[len(value) for value in values]}; do this instead: concatenate the tensors of each list"
            )
        rows = [
            _join(key, [value[i] for value in values], graphs, stores, increment) for i in range(len(first))
        ]
        return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
    return values, torch.arange(len(values) + 1), None


def _increments(
    key: str, values: list[Any], graphs: Sequence[BaseData], stores: Sequence[BaseStorage]
) -> Tensor:
    """What is added to the attribute of each graph: the sum of `__inc__` over the graphs before it."""
    incs = [data.__inc__(key, value, store) for value, data, store in zip(values, graphs, stores)]
    return offsets(torch.stack(incs) if isinstance(incs[0], Tensor) else torch.tensor(incs))[:-1]


def _follow(slices: Any, device: torch.device | None) -> tuple[Any, Any]:
    """The graph number of every row and where each graph begins, for slices of any structure."""
    if isinstance(slices, Tensor) and slices.dim() == 1:
        ptr = slices if device is None else slices.to(device)
        return torch.repeat_interleave(ptr.diff(), output_size=int(slices[-1])), ptr
    if isinstance(slices, Mapping):
        parts = {key: _follow(value, device) for key, value in slices.items()}
        return {key: part[0] for key, part in parts.items()}, {key: part[1] for key, part in parts.items()}
    if is_sequence(slices):
        pairs = [_follow(value, device) for value in slices]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return None, None
