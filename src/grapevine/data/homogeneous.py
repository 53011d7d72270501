"""Between one graph with many types and one graph with a type number on every node and edge."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

import grapevine.data.data as data_module
import grapevine.data.hetero_data as hetero_module
from grapevine.data.aliases import EdgeType, NodeType
from grapevine.data.roles import ADJACENCY_NAMES
from grapevine.data.storage import BaseStorage, EdgeStorage, NodeStorage
from grapevine.errors import GraphValueError

if TYPE_CHECKING:
    from grapevine.data.data import Data
    from grapevine.data.hetero_data import HeteroData

POINTING = ("edge_index", "edge_label_index")  # node ids of both ends: shifted, not just joined

Slices = dict[Any, tuple[int, int]]


def slices_of(sizes: dict[Any, int]) -> Slices:
    """Returns where each type begins and ends when types are laid out one after another."""
    slices, total = {}, 0
    for key, size in sizes.items():
        slices[key] = (total, total + size)
        total += size
    return slices


def node_slices(data: HeteroData) -> Slices:
    """Returns where the nodes of each type begin and end in the homogeneous graph."""
    return slices_of({store._key: store.num_nodes or 0 for store in data.node_stores})


def shifted(data: HeteroData, key: str) -> dict[EdgeType, Tensor]:
    """Returns the pairs of node ids `key` of every edge type that has them, as ids of the whole graph."""
    nodes = node_slices(data)
    ends = {store._key: getattr(store, key) for store in data.edge_stores if hasattr(store, key)}
    return {
        edge_type: index + index.new_tensor([[nodes[edge_type[0]][0]], [nodes[edge_type[-1]][0]]])
        for edge_type, index in ends.items()
    }


def homogeneous_edge_index(data: HeteroData) -> Tensor:
    """Returns the edges (2, E) of all types as ids of the homogeneous graph."""
    edges = list(shifted(data, "edge_index").values())
    return torch.cat(edges, dim=-1) if edges else torch.empty(2, 0, dtype=torch.int64)


# From many types to one -------------------------------------------------------------------------------------


def _dim(store: BaseStorage, key: str) -> int:
    dim = store._cat_dim(key)
    return dim % store[key].dim() if isinstance(dim, int) else 0


def _shapes(stores: Sequence[BaseStorage]) -> dict[str, list[tuple[int, ...]]]:
    """For every tensor attribute, its shape without the joined dimension, once for each type that has it."""
    shapes: dict[str, list[tuple[int, ...]]] = {}
    for store in stores:
        for key, value in store.items():
            if key not in (*POINTING, *ADJACENCY_NAMES) and isinstance(value, Tensor) and value.dim() > 0:
                dim = _dim(store, key)
                shapes.setdefault(key, []).append((*value.shape[:dim], *value.shape[dim + 1 :]))
    return shapes


def _fill(stores: Sequence[NodeStorage] | Sequence[EdgeStorage], names: Sequence[str] | None) -> None:
    """Gives every type the attributes that others have, filled with NaN, False or -1."""
    for key, shapes in _shapes(stores).items():
        if len(set(shapes)) > 1 or (names is not None and key not in names):
            continue
        model = next(store for store in stores if key in store)
        value, dim = model[key], _dim(model, key)
        dummy = math.nan if value.is_floating_point() else False if value.dtype == torch.bool else -1
        for store in stores:
            if key not in store:
                rows = store.num_nodes if isinstance(store, NodeStorage) else store.num_edges
                store[key] = value.new_full((*shapes[0][:dim], rows or 0, *shapes[0][dim:]), dummy)


def _common(stores: Sequence[BaseStorage]) -> list[str]:
    """The attributes that all types have in shapes that fit; matrices fit whatever their width."""
    return [
        key
        for key, shapes in _shapes(stores).items()
        if len(shapes) == len(stores)
        and len({len(shape) for shape in shapes}) == 1
        and (len(shapes[0]) == 1 or len(set(shapes)) == 1)
    ]


def _join(stores: Sequence[BaseStorage], key: str) -> Tensor:
    """The attribute of all types, one after another; narrower matrices are padded with zeros."""
    values, dim = [store[key] for store in stores], _dim(stores[0], key)
    if values[0].dim() == 2 and dim == 0:
        width = max(value.size(1) for value in values)
        values = [
            torch.nn.functional.pad(v, (0, width - v.size(1))) if v.size(1) < width else v for v in values
        ]
    return torch.cat(values, dim)


def _type_numbers(slices: Slices, device: torch.device | None) -> Tensor:
    sizes = torch.tensor([stop - start for start, stop in slices.values()], dtype=torch.int64, device=device)
    return torch.arange(sizes.numel(), device=device).repeat_interleave(sizes)


def to_homogeneous(
    data: HeteroData,
    node_attrs: list[str] | None = None,
    edge_attrs: list[str] | None = None,
    add_node_type: bool = True,
    add_edge_type: bool = True,
    dummy_values: bool = True,
) -> Data:
    """Lays the nodes and edges of all types out one after another in a graph without types.

    Args:
        data: the graph with types.
        node_attrs: node attributes to join; by default those that fit (all types have them, in the same
            shape; matrices of different widths are padded with zeros).
        edge_attrs: edge attributes to join, likewise.
        add_node_type: whether to add `node_type` (N,), the number of each node's type.
        add_edge_type: whether to add `edge_type` (E,), the number of each edge's type.
        dummy_values: whether types that lack an attribute get NaN, False or -1 for it.

    Returns:
        The graph without types; it remembers their names for `to_heterogeneous`.
    """
    if dummy_values:
        data = copy.copy(data)
        _fill(data.node_stores, node_attrs)
        _fill(data.edge_stores, edge_attrs)
    nodes, pairs = node_slices(data), shifted(data, "edge_index")
    edges = slices_of({edge_type: index.size(1) for edge_type, index in pairs.items()})
    device = next((index.device for index in pairs.values()), None)

    out = data_module.Data(**data._global_store.to_dict())
    if pairs:
        out.edge_index = torch.cat(list(pairs.values()), dim=-1)
    out._node_type_names, out._edge_type_names = list(nodes), list(edges)

    names = [key for key in (_common(data.node_stores) if node_attrs is None else node_attrs) if key != "ptr"]
    for key in names:
        out[key] = _join(data.node_stores, key)
    num_nodes = max((stop for _, stop in nodes.values()), default=0)
    if not out.can_infer_num_nodes or not (names or add_node_type):
        out.num_nodes = num_nodes
    for key in _common(data.edge_stores) if edge_attrs is None else edge_attrs:
        out[key] = _join(data.edge_stores, key)
    labelled = shifted(data, "edge_label_index")
    if labelled:
        out.edge_label_index = torch.cat(list(labelled.values()), dim=-1)
    if add_node_type:
        out.node_type = _type_numbers(nodes, device)
    if add_edge_type and pairs:
        out.edge_type = _type_numbers(edges, device)
    return out


# From one type to many --------------------------------------------------------------------------------------


def _numbers(types: Tensor) -> list[int]:
    numbers: list[int] = np.unique(types.cpu().numpy()).tolist()
    return numbers


def _edge_type_names(
    data: Data, node_type: Tensor, edge_type: Tensor, node_type_names: Sequence[NodeType]
) -> list[EdgeType]:
    """Names the edge types by the node types at their ends."""
    names = []
    for i in _numbers(edge_type):
        source, target = data._store.edge_index[:, edge_type == i]
        sources, targets = _numbers(node_type[source]), _numbers(node_type[target])
        if len(sources) != 1 or len(targets) != 1:
            raise GraphValueError(
                f"expected edges of type {i} to join one node type with one other, got sources of types "
                f"{sources} and targets of types {targets}; do this instead: give each pair of node types an "
                "edge type of its own"
            )
        names.append((node_type_names[sources[0]], str(i), node_type_names[targets[0]]))
    return names


def to_heterogeneous(
    data: Data,
    node_type: Tensor | None = None,
    edge_type: Tensor | None = None,
    node_type_names: list[NodeType] | None = None,
    edge_type_names: list[EdgeType] | None = None,
) -> HeteroData:
    """Splits a graph by the types of its nodes and edges.

    Args:
        data: the graph without types.
        node_type: type number of each node (N,); by default `data.node_type`, else all of one type.
        edge_type: type number of each edge (E,); by default `data.edge_type`, else all of one type.
        node_type_names: the names of the node types; by default those that `to_homogeneous` remembered, else
            numbers.
        edge_type_names: the names of the edge types, triples of strings, likewise.

    Returns:
        The graph with types.

    Raises:
        GraphValueError: if unnamed edge types join more than one pair of node types.
    """
    hidden = data._store.__dict__
    if node_type is None:
        node_type = data._store.get("node_type")
    if node_type is None:
        node_type = torch.zeros(data.num_nodes or 0, dtype=torch.int64)
    if edge_type is None:
        edge_type = data._store.get("edge_type")
    if edge_type is None:
        edge_type = torch.zeros(data.num_edges, dtype=torch.int64)
    node_names = node_type_names or hidden.get("_node_type_names") or [str(i) for i in _numbers(node_type)]
    edge_names = edge_type_names or hidden.get("_edge_type_names")
    if edge_names is None:
        edge_names = _edge_type_names(data, node_type, edge_type, node_names)

    levels, local = data._store._levels(), torch.empty_like(node_type)
    skipped = {"node_type", "edge_type", "ptr"}
    tensors = {key: v for key, v in data._store.items() if isinstance(v, Tensor) and key not in skipped}
    out = hetero_module.HeteroData()
    for i, name in enumerate(node_names):
        ids = (node_type == i).nonzero().view(-1)
        local[ids] = torch.arange(ids.numel(), device=local.device)
        for key, value in tensors.items():
            if levels[key] == "node":
                out[name][key] = value.index_select(data.__cat_dim__(key, value), ids)
        if len(out[name]) == 0:
            out[name].num_nodes = ids.numel()
    for i, edge_name in enumerate(edge_names):
        ids = (edge_type == i).nonzero().view(-1)
        for key, value in tensors.items():
            if key == "edge_index":
                out[edge_name].edge_index = local[value[:, ids]]
            elif levels[key] == "edge":
                out[edge_name][key] = value.index_select(data.__cat_dim__(key, value), ids)
    split = set(out.keys()) | skipped | {"edge_index", "num_nodes"}
    for key, value in data._store.items():
        if key not in split:
            out[key] = value
    return out
