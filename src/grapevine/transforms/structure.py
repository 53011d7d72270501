"""Graphs with other nodes and edges than before."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphValueError
from grapevine.transforms.base import BaseTransform, count_nodes, needed, select_rows
from grapevine.utils import (
    coalesce,
    cumsum,
    degree,
    remove_self_loops,
    scatter,
    to_scipy_sparse_matrix,
    to_undirected,
)


class ToUndirected(BaseTransform):
    """Adds the reverse of every edge.

    In heterogeneous graphs, edges between different node types get a new edge type ``(target, rev_relation,
    source)`` with the same attributes.

    Args:
        reduce: how to merge the attributes of edges that then occur twice: ``"add"``, ``"mean"``, ``"min"``,
            ``"max"``, ``"mul"``.
        merge: whether reverse edges between nodes of one type join the relation itself instead of a new one.

    Example:
        >>> ToUndirected()(Data(edge_index=torch.tensor([[0, 1], [1, 2]]), num_nodes=3)).edge_index
        tensor([[0, 1, 1, 2],
                [1, 0, 2, 1]])
    """

    def __init__(self, reduce: str = "add", merge: bool = True) -> None:
        self.reduce = reduce
        self.merge = merge

    def forward(self, data: Any) -> Any:
        for store in data.edge_stores:
            if "edge_index" not in store:
                continue
            keys = [key for key in store.edge_attrs() if key != "edge_index"]
            if isinstance(data, HeteroData) and (store.is_bipartite() or not self.merge):
                src, relation, dst = store._key
                reverse = data[dst, f"rev_{relation}", src]
                reverse.edge_index = store.edge_index.flip(0)
                reverse.update(store.items(*keys) if keys else ())
            else:
                store.edge_index, values = to_undirected(
                    store.edge_index, [store[key] for key in keys], reduce=self.reduce
                )
                store.update(zip(keys, values))
        return data


class RemoveIsolatedNodes(BaseTransform):
    """Removes nodes that no edge of any type touches, and renumbers the others."""

    def forward(self, data: Any) -> Any:
        touched: dict[Any, list[Tensor]] = defaultdict(list)
        for store in data.edge_stores:
            if "edge_index" in store:
                for key, ids in zip(_ends(store), store.edge_index):
                    touched[key].append(ids)

        kept, new_id = {}, {}
        for store in data.node_stores:
            ids = torch.cat(touched[store._key]).unique() if touched[store._key] else torch.empty(0).long()
            kept[store._key] = ids
            new_id[store._key] = ids.new_zeros(store.num_nodes)
            new_id[store._key][ids] = torch.arange(ids.numel(), device=ids.device)

        # Before edges are renumbered, which may be what tells the number of nodes.
        for store in data.node_stores:
            count = {"num_nodes": kept[store._key].numel()} if "num_nodes" in store else {}
            select_rows(store, store.node_attrs(), kept[store._key])
            store.update(count)
        for store in data.edge_stores:
            if "edge_index" in store:
                src, dst = _ends(store)
                row, col = store.edge_index
                store.edge_index = torch.stack([new_id[src][row], new_id[dst][col]])
        return data


def _ends(store: Any) -> tuple[Any, Any]:
    return (None, None) if store._key is None else (store._key[0], store._key[-1])


class RemoveDuplicatedEdges(BaseTransform):
    """Merges edges between the same two nodes, and sorts edges by source.

    Args:
        key: name or names of the attributes to merge; None means ``["edge_attr", "edge_weight"]``.
        reduce: how to merge them: ``"add"``, ``"mean"``, ``"min"``, ``"max"``, ``"mul"``.
    """

    def __init__(self, key: str | list[str] | None = None, reduce: str = "add") -> None:
        key = key or ["edge_attr", "edge_weight"]
        self.keys = [key] if isinstance(key, str) else key
        self.reduce = reduce

    def forward(self, data: Any) -> Any:
        for store in data.edge_stores:
            keys = [key for key in self.keys if key in store]
            num_nodes = max((size for size in store.size() if size is not None), default=None)
            store.edge_index, values = coalesce(
                store.edge_index, [store[key] for key in keys], num_nodes, self.reduce
            )
            store.update(zip(keys, values))
        return data


class LargestConnectedComponents(BaseTransform):
    """Keeps the largest connected components.

    Args:
        num_components: how many to keep.
        connection: for directed graphs, ``"weak"`` (connected when directions are ignored) or ``"strong"``
            (connected in both directions).

    Raises:
        GraphValueError: for another `connection`.
    """

    def __init__(self, num_components: int = 1, connection: str = "weak") -> None:
        if connection not in ("strong", "weak"):
            raise GraphValueError(f"expected a connection of ('strong', 'weak'), got {connection!r}")
        self.num_components = num_components
        self.connection = connection

    def forward(self, data: Data) -> Data:
        edge_index = needed(data, "edge_index", self)
        adj = to_scipy_sparse_matrix(edge_index, num_nodes=data.num_nodes)
        count, component = connected_components(adj, connection=self.connection)
        if count <= self.num_components:
            return data
        largest = np.bincount(component).argsort(kind="stable")[-self.num_components :]
        return data.subgraph(torch.from_numpy(np.isin(component, largest)).to(edge_index.device))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_components})"


class LineGraph(BaseTransform):
    """Turns edges into nodes, and joins those that meet.

    Nodes of the line graph are the edges sorted by source (undirected graphs: both directions of an edge are
    one node, its features summed); their features ``x`` are the old ``edge_attr``. In a directed graph, an
    edge is joined with those that begin where it ends.

    Args:
        force_directed: whether to treat every graph as directed.
    """

    def __init__(self, force_directed: bool = False) -> None:
        self.force_directed = force_directed

    def forward(self, data: Data) -> Data:
        num_nodes = count_nodes(data, self)
        edge_index, attr = coalesce(needed(data, "edge_index", self), data.get("edge_attr"), num_nodes)
        if self.force_directed or data.is_directed():
            node, (row, col) = torch.arange(edge_index.size(1), device=edge_index.device), edge_index
            first, second = _pairs(col, row, num_nodes)
            joined, count, x = torch.stack([first, node[second]]), node.numel(), attr
        else:
            if attr is not None:
                attr = attr[edge_index[0] != edge_index[1]]
            (row, col), _ = remove_self_loops(edge_index)
            lower, upper = torch.minimum(row, col), torch.maximum(row, col)
            node = (lower * num_nodes + upper).unique(return_inverse=True)[1]
            count = int(node.max()) + 1 if node.numel() > 0 else 0
            first, second = _pairs(row, row, num_nodes)
            joined, _ = remove_self_loops(torch.stack([node[first], node[second]]))
            joined = coalesce(joined, num_nodes=count)
            x = None if attr is None else scatter(attr, node, dim_size=count, reduce="sum")
        data.edge_index, data.edge_attr, data.x, data.num_nodes = joined, None, x, count
        return data


def _pairs(ends: Tensor, starts: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    """All pairs (i, j) with ``ends[i] == starts[j]``, by i, then j; `starts` is sorted."""
    count = degree(starts, num_nodes, dtype=torch.long)
    begin = cumsum(count)[:-1]
    first = torch.arange(ends.numel(), device=ends.device).repeat_interleave(count[ends])
    within = torch.arange(first.numel(), device=ends.device) - cumsum(count[ends])[:-1][first]
    return first, begin[ends[first]] + within


class TwoHop(BaseTransform):
    """Adds an edge between nodes that are two hops apart; its features are zeros."""

    def forward(self, data: Data) -> Data:
        edge_index, attr = needed(data, "edge_index", self), data.get("edge_attr")
        adj = to_scipy_sparse_matrix(edge_index, num_nodes=data.num_nodes).tocsr()
        two = (adj @ adj).tocoo()
        added = torch.from_numpy(np.stack([two.row, two.col])).to(edge_index)
        added, _ = remove_self_loops(added)
        if attr is not None:
            attr = torch.cat([attr, attr.new_zeros(added.size(1), *attr.shape[1:])])
        data.edge_index, data.edge_attr = coalesce(
            torch.cat([edge_index, added], dim=1), attr, data.num_nodes
        )
        return data


class VirtualNode(BaseTransform):
    """Adds a node that is joined with all others, in both directions, as a scratch space for the whole graph.

    Its features and those of its edges are zeros (``edge_weight``: ones). Edges to it and from it get two new
    values of ``edge_type``.

    Source: Gilmer et al., "Neural Message Passing for Quantum Chemistry", arXiv:1704.01212.
    """

    def forward(self, data: Data) -> Data:
        edge_index = needed(data, "edge_index", self)
        num_nodes = count_nodes(data, self)
        store = data._store
        edge_type = data.get("edge_type", torch.zeros_like(edge_index[0]))
        added = dict.fromkeys(store.node_attrs(), 1) | dict.fromkeys(store.edge_attrs(), 2 * num_nodes)
        for key, count in added.items():
            value = store[key]
            if key not in ("edge_index", "edge_type") and isinstance(value, Tensor):
                dim = data.__cat_dim__(key, value)
                shape = [*value.shape]
                shape[dim] = count
                fill = 1 if key == "edge_weight" else int(value[0]) if key == "batch" else 0
                store[key] = torch.cat([value, value.new_full(shape, fill)], dim=dim)

        nodes = torch.arange(num_nodes, device=edge_index.device)
        hub = torch.full_like(nodes, num_nodes)
        to_hub, from_hub = torch.stack([nodes, hub]), torch.stack([hub, nodes])
        new_type = (int(edge_type.max()) if edge_type.numel() > 0 else 0) + 1
        data.edge_index = torch.cat([edge_index, to_hub, from_hub], dim=1)
        data.edge_type = torch.cat(
            [
                edge_type,
                edge_type.new_full((num_nodes,), new_type),
                edge_type.new_full((num_nodes,), new_type + 1),
            ]
        )
        if "num_nodes" in data:
            data.num_nodes = num_nodes + 1
        return data
