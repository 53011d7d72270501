"""Graphs of one size, by nodes and edges that mean nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.transforms.base import BaseTransform, count_nodes

MASKS = ("train_mask", "val_mask", "test_mask")


class Padding(ABC):
    """Which value an attribute is padded with."""

    @abstractmethod
    def get_value(self, store_type: Any = None, attr_name: str | None = None) -> int | float:
        """The value for an attribute of a node or edge type."""


@dataclass
class UniformPadding(Padding):
    """One value for everything."""

    value: int | float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.value, int | float):
            raise GraphTypeError(f"expected a number to pad with, got {type(self.value).__name__}")

    def get_value(self, store_type: Any = None, attr_name: str | None = None) -> int | float:
        return self.value


@dataclass
class _MappedPadding(Padding):
    values: dict[Any, Any]
    default: Any = field(default=0.0)

    def __post_init__(self) -> None:
        self.values = {key: as_padding(value) for key, value in self.values.items()}
        self.default = as_padding(self.default)


class AttrNamePadding(_MappedPadding):
    """A value for each attribute name, and `default` for all others."""

    def get_value(self, store_type: Any = None, attr_name: str | None = None) -> int | float:
        return self.values.get(attr_name, self.default).get_value()


class NodeTypePadding(_MappedPadding):
    """A value, or an `AttrNamePadding`, for each node type, and `default` for all others."""

    def get_value(self, store_type: Any = None, attr_name: str | None = None) -> int | float:
        return self.values.get(store_type, self.default).get_value(attr_name=attr_name)


class EdgeTypePadding(NodeTypePadding):
    """A value, or an `AttrNamePadding`, for each edge type, and `default` for all others."""


def as_padding(value: int | float | Padding) -> Padding:
    """A `Padding` for a number, or as it is."""
    return value if isinstance(value, Padding) else UniformPadding(value)


class Pad(BaseTransform):
    """Pads a graph with isolated nodes and with edges, so that all graphs have one size.

    New edges join the first of the new nodes with itself.

    Args:
        max_num_nodes: how many nodes there are afterwards, in all or by node type.
        max_num_edges: how many edges, in all or by edge type; None: enough for all pairs of nodes.
        node_pad_value: of node attributes: a number, or a `Padding` that tells attributes and types apart.
        edge_pad_value: of edge attributes, likewise.
        mask_pad_value: of ``train_mask``, ``val_mask`` and ``test_mask``.
        add_pad_mask: whether ``pad_node_mask`` and ``pad_edge_mask`` shall say what is real.
        exclude_keys: attributes to remove.

    Raises:
        GraphValueError: for a graph that is larger than that already.

    Example:
        >>> data = Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]]))
        >>> Pad(max_num_nodes=3, max_num_edges=2)(data).edge_index
        tensor([[0, 2],
                [1, 2]])
    """

    def __init__(
        self,
        max_num_nodes: int | dict[str, int],
        max_num_edges: int | dict[Any, int] | None = None,
        node_pad_value: int | float | Padding = 0.0,
        edge_pad_value: int | float | Padding = 0.0,
        mask_pad_value: bool = False,
        add_pad_mask: bool = False,
        exclude_keys: Sequence[str] | None = None,
    ) -> None:
        self.max_num_nodes = max_num_nodes
        self.max_num_edges = max_num_edges
        self.node_pad = as_padding(node_pad_value)
        self.edge_pad = as_padding(edge_pad_value)
        self.mask_pad_value = mask_pad_value
        self.add_pad_mask = add_pad_mask
        self.exclude_keys = set(exclude_keys or ())

    def forward(self, data: Data | HeteroData) -> Data | HeteroData:
        for store in data.stores:
            for key in self.exclude_keys & set(store.keys()):
                del store[key]
        if isinstance(data, HeteroData):
            counts = {kind: data[kind].num_nodes for kind in data.node_types}
            for edge_type, edges in data.edge_items():
                self._pad_edges(data, edges, edge_type, counts[edge_type[0]], counts[edge_type[2]])
            for node_type, nodes in data.node_items():
                self._pad_nodes(data, nodes, node_type, counts[node_type])
            return data
        num_nodes = count_nodes(data, self)
        self._pad_edges(data, data._store, None, num_nodes, num_nodes)
        self._pad_nodes(data, data._store, None, num_nodes)
        return data

    def _pad_nodes(self, data: Any, store: Any, kind: Any, num_nodes: int) -> None:
        target = _of(self.max_num_nodes, kind)
        _check("nodes", num_nodes, target)
        for key in [key for key in store.keys() if store.is_node_attr(key)]:  # noqa: SIM118
            value = self.mask_pad_value if key in MASKS else self.node_pad.get_value(kind, key)
            store[key] = _padded(store[key], data.__cat_dim__(key, store[key]), target - num_nodes, value)
        if self.add_pad_mask:
            store.pad_node_mask = torch.arange(target) < num_nodes
        store.num_nodes = target

    def _pad_edges(self, data: Any, store: Any, kind: Any, num_src: int, num_dst: int) -> None:
        if "edge_index" not in store:
            return
        num_edges = store.edge_index.size(1)
        target = None if self.max_num_edges is None else _of(self.max_num_edges, kind)
        if target is None:
            ends = (None, None) if kind is None else (kind[0], kind[2])
            target = _of(self.max_num_nodes, ends[0]) * _of(self.max_num_nodes, ends[1])
        _check("edges", num_edges, target)
        new = target - num_edges
        for key in [key for key in store.keys() if store.is_edge_attr(key)]:  # noqa: SIM118
            if key == "edge_index":
                ends = store[key].new_tensor([[num_src], [num_dst]]).expand(2, new)
                store[key] = torch.cat([store[key], ends], dim=1)
            else:
                dim = data.__cat_dim__(key, store[key])
                store[key] = _padded(store[key], dim, new, self.edge_pad.get_value(kind, key))
        if self.add_pad_mask:
            store.pad_edge_mask = torch.arange(target) < num_edges

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(max_num_nodes={self.max_num_nodes}, max_num_edges={self.max_num_edges}, "
            f"node_pad_value={self.node_pad}, edge_pad_value={self.edge_pad})"
        )


def _of(sizes: Any, kind: Any) -> Any:
    """The size of a type: an edge type that is not named has none."""
    if not isinstance(sizes, dict):
        return sizes
    return sizes.get(kind) if isinstance(kind, tuple) else sizes[kind]


def _check(what: str, count: int, target: int) -> None:
    if count > target:
        raise GraphValueError(f"expected a graph of at most {target} {what}, got {count}; pad to more")


def _padded(x: Tensor, dim: int, length: int, value: float) -> Tensor:
    """With `length` more entries along one dimension."""
    dim = dim % x.dim()
    return F.pad(x, [0, 0] * (x.dim() - 1 - dim) + [0, length], value=value)
