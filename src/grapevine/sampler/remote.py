"""Graphs that are kept elsewhere: a pair of a `FeatureStore` and a `GraphStore`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, TypeAlias

import torch

from grapevine.data import Data, FeatureStore, GraphStore, HeteroData
from grapevine.errors import GraphValueError

Remote: TypeAlias = tuple[FeatureStore, GraphStore]


def skeleton(data: Remote, names: Collection[str] = ()) -> Data | HeteroData:
    """The topology of a graph that is kept elsewhere, and some attributes.

    Args:
        data: features, of nodes by node type and of edges by edge type (None where there is one type), and edges.
        names: the attributes to read, all rows of them.

    Raises:
        GraphValueError: if there are no edges, or nothing tells the number of nodes of a type.
    """
    features, edges = data
    edge_types: list[Any] = list(dict.fromkeys(attr.edge_type for attr in edges.get_all_edge_attrs()))
    if not edge_types:
        raise GraphValueError(
            "expected a graph store with edges, got an empty one; put_edge_index(...) first"
        )
    out: Any = Data() if edge_types == [None] else HeteroData()
    for kind, count in remote_num_nodes(data).items():
        (out if kind is None else out[kind]).num_nodes = count
    row, col, _ = edges.coo()
    for key in edge_types:
        ends = (row, col) if key is None else (row[key], col[key])
        (out if key is None else out[key]).edge_index = torch.stack(ends)
    for attr in features.get_all_tensor_attrs():
        if attr.attr_name in names:
            values = features.get_tensor(replace(attr, index=None))
            (out if attr.group_name is None else out[attr.group_name])[attr.attr_name] = torch.as_tensor(
                values
            )
    return out


def remote_num_nodes(data: Remote) -> dict[Any, int]:
    """The number of nodes of every type (None where there is one), as sizes of edges or of features tell.

    Raises:
        GraphValueError: if nothing tells.
    """
    features, edges = data
    found: dict[Any, int] = {}
    named: list[Any] = []
    for edge in edges.get_all_edge_attrs():
        ends = (None, None) if edge.edge_type is None else (edge.edge_type[0], edge.edge_type[-1])
        named.extend(ends)
        for kind, size in zip(ends, edge.size or ()):
            found[kind] = max(found.get(kind, 0), size)
    for attr in features.get_all_tensor_attrs():
        kind = attr.group_name
        shape = features.get_tensor_size(attr) if isinstance(kind, str) or kind in named else None
        if kind not in found and shape is not None:
            found[kind] = shape[0]
    for kind in named:
        if kind not in found:
            raise GraphValueError(
                f"expected the number of nodes{'' if kind is None else f' of type {kind!r}'} from sizes of edges or of "
                "features, got neither; give an EdgeAttr its size=(sources, targets)"
            )
    return {kind: found[kind] for kind in dict.fromkeys([*named, *found])}
