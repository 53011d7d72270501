"""Graphs in the form that samplers read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.data.aliases import EdgeType, NodeType
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.graph.by_target import by_target
from grapevine.ops import Relation, alias_tables
from grapevine.ops.sample_neighbors import compress
from grapevine.sampler.remote import Remote, skeleton
from grapevine.topology import check_pair, check_range


@dataclass(eq=False)
class SampledGraph:
    """The compressed rows of every edge type; a homogeneous graph has the one node type and edge type `None`.

    Args:
        node_types: names, in order.
        edge_types: names, in order.
        num_nodes: by node type.
        relations: by edge type.
        node_time: `(N,)` sortable times by node type.
    """

    node_types: list[NodeType | None]
    edge_types: list[EdgeType | None]
    num_nodes: dict[Any, int]
    relations: dict[Any, Relation]
    node_time: dict[Any, Tensor]

    @property
    def is_hetero(self) -> bool:
        return self.edge_types != [None]


def sortable(time: Tensor) -> Tensor:
    """Times as int64 in the same order: floats by their bits, whose order is that of the numbers."""
    if not time.is_floating_point():
        return time.cpu().to(torch.int64).contiguous()
    bits = (time.detach().cpu().to(torch.float64) + 0.0).view(torch.int64)
    return bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)


def sampled_graph(
    data: Data | HeteroData | Remote,
    time_attr: str | None = None,
    weight_attr: str | None = None,
    backward: bool = False,
) -> SampledGraph:
    """Reads a graph once, for all samples to come.

    Args:
        data: the graph; a pair of a `FeatureStore` and a `GraphStore` keeps it elsewhere.
        time_attr: an attribute with the times of nodes or of edges.
        weight_attr: an attribute with the weights of edges.
        backward: follow edges from their sources to their destinations.

    Raises:
        GraphTypeError: if `data` is no graph.
        GraphValueError: if an attribute is missing, has a wrong length or bad values.
    """
    if isinstance(data, tuple):
        data = skeleton(data, [name for name in (time_attr, weight_attr) if name is not None])
    stores: dict[Any, Any]
    if isinstance(data, HeteroData):
        stores = dict(data.edge_items())
        num_nodes: dict[Any, int] = {key: store.num_nodes or 0 for key, store in data.node_items()}
        node_stores: dict[Any, Any] = dict(data.node_items())
    elif isinstance(data, Data):
        stores, num_nodes, node_stores = {None: data._store}, {None: data.num_nodes or 0}, {None: data._store}
    else:
        raise GraphTypeError(
            f"expected a Data or HeteroData to sample from, got {type(data).__name__}; "
            "wrap edge_index into Data(edge_index=..., num_nodes=...)"
        )
    kinds = {key: i for i, key in enumerate(num_nodes)}
    node_time, edge_time = _times(node_stores, stores, num_nodes, time_attr)
    relations = {}
    for key, store in stores.items():
        if store.get("edge_index") is None and not store._adjacency:
            raise GraphValueError(
                f"expected edges to sample from{'' if key is None else f' in data[{key}]'}, got no edge_index; "
                "set it (an empty one of shape (2, 0) for a type without edges)"
            )
        names = (key[0], key[-1]) if key is not None else (None, None)
        sides = names[::-1] if backward else names
        size, ends_kinds = (num_nodes[sides[0]], num_nodes[sides[1]]), (kinds[sides[0]], kinds[sides[1]])
        edge_index = store.edge_index
        weight = _weights(store, key, weight_attr, edge_index.shape[1])
        time = edge_time.get(key)
        if not backward and time is None and sides[0] not in node_time:
            rows = by_target(edge_index, size)
            relations[key] = _weighted(replace(rows, source=ends_kinds[0], target=ends_kinds[1]), weight)
            continue
        src, dst = edge_index
        check_pair(src, dst)
        check_range(src, num_nodes[names[0]], "source")
        check_range(dst, num_nodes[names[1]], "destination")
        ends = (dst, src) if backward else (src, dst)
        if time is None and sides[0] in node_time:
            time = node_time[sides[0]][ends[0].cpu().to(torch.int64)]
        relations[key] = compress(*ends, size, ends_kinds, time, weight)
    return SampledGraph(list(num_nodes), list(stores), num_nodes, relations, node_time)


def _weighted(relation: Relation, weight: Tensor | None) -> Relation:
    """Gives compressed rows the weights of their edges."""
    if weight is None:
        return relation
    weight = weight.detach().cpu().to(torch.float32).view(-1)
    weight = weight if relation.edge is None else weight[relation.edge.to(torch.int64)]
    return replace(relation, weight=weight, alias=alias_tables(relation.ptr, weight))


def _weights(store: Any, key: Any, name: str | None, num_edges: int) -> Tensor | None:
    if name is None:
        return None
    weight = store.get(name)
    where = "data" if key is None else f"data[{key}]"
    if not isinstance(weight, Tensor) or weight.numel() != num_edges:
        got = "nothing" if weight is None else f"{tuple(getattr(weight, 'shape', ()))}"
        raise GraphValueError(
            f"expected weight_attr={name!r} with one weight for each of {num_edges} edges in {where}, got {got}; "
            f"set {where}.{name} = ..."
        )
    if num_edges and not (float(weight.min()) >= 0 and bool(torch.isfinite(weight).all())):
        raise GraphValueError(
            f"expected weights >= 0 and finite in {where}.{name}, got a minimum of {float(weight.min())}; "
            "take exp() of scores, or clamp them"
        )
    return weight


def _times(
    nodes: Mapping[Any, Any], edges: Mapping[Any, Any], num_nodes: Mapping[Any, int], name: str | None
) -> tuple[dict[Any, Tensor], dict[Any, Tensor]]:
    """The times of nodes and of edges; one of the two is empty."""
    if name is None:
        return {}, {}
    if None in nodes:
        store = nodes[None]
        on_nodes = {None: store[name]} if name in store and store.is_node_attr(name) else {}
        on_edges = {None: store[name]} if name in store and store.is_edge_attr(name) else {}
    else:
        on_nodes = {key: store[name] for key, store in nodes.items() if name in store}
        on_edges = {key: store[name] for key, store in edges.items() if name in store}
    if bool(on_nodes) == bool(on_edges):
        problem = "it on both nodes and edges" if on_nodes else "no such attribute of nodes or edges"
        raise GraphValueError(
            f"expected time_attr={name!r} on nodes or on edges, got {problem}; "
            f"set data.{name} with one time per node or per edge"
        )
    for key, time in on_nodes.items():
        if time.numel() != num_nodes[key]:
            raise GraphValueError(
                f"expected one time for each of {num_nodes[key]} nodes of type {key!r}, got {time.numel()}"
            )
    for key, time in on_edges.items():
        if time.numel() != edges[key].edge_index.shape[1]:
            raise GraphValueError(
                f"expected one time for each edge of type {key!r}, got {time.numel()} times for "
                f"{edges[key].edge_index.shape[1]} edges"
            )
    return (
        {key: sortable(time.view(-1)) for key, time in on_nodes.items()},
        {key: sortable(time.view(-1)) for key, time in on_edges.items()},
    )
