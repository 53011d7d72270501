"""`ClusterData` and `ClusterLoader`: batches of whole clusters (Cluster-GCN)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.utils.data
from torch import Tensor

from grapevine import graph
from grapevine.data import Data
from grapevine.errors import GraphValueError, require
from grapevine.loader.gather import rows
from grapevine.loader.seeds import SeedLoader
from grapevine.ops import sort_rows


@dataclass
class Partition:
    """A graph whose nodes are ordered by cluster.

    Args:
        indptr: `(N + 1,)` rows of the edges.
        index: `(E,)` the other ends.
        partptr: `(parts + 1,)` where each cluster's nodes begin.
        node_perm: `(N,)` original node ids.
        edge_perm: `(E,)` original edge ids.
        sparse_format: whether rows are sources (`"csr"`) or destinations (`"csc"`).
    """

    indptr: Tensor
    index: Tensor
    partptr: Tensor
    node_perm: Tensor
    edge_perm: Tensor
    sparse_format: Literal["csr", "csc"]


class ClusterData(torch.utils.data.Dataset[Data]):
    """A graph cut by METIS into parts with few edges between them.

    `cluster_data[i]` is part i; `ClusterLoader` joins several, with the edges between them.

    Args:
        data: the graph; METIS takes it as undirected.
        num_parts: how many parts.
        recursive: bisect recursively instead of cutting into k parts at once.
        save_dir: folder to keep the partition in; a later call reads it from there.
        filename: its file; `metis.pt` by default.
        log: accepted for compatibility; nothing is printed.
        keep_inter_cluster_edges: whether `cluster_data[i]` keeps edges that leave the part (their other ends then
            are numbers of the whole graph, ordered by part).
        sparse_format: whether edges are ordered by source (`"csr"`) or destination (`"csc"`).

    Raises:
        GraphValueError: if the graph has no edges to cut, or for fewer than one part.
        MissingDependencyError: without pymetis.

    Source: Chiang et al., Cluster-GCN, arXiv:1905.07953.
    """

    def __init__(
        self,
        data: Data,
        num_parts: int,
        recursive: bool = False,
        save_dir: str | None = None,
        filename: str | None = None,
        log: bool = True,
        keep_inter_cluster_edges: bool = False,
        sparse_format: Literal["csr", "csc"] = "csr",
    ) -> None:
        if data.edge_index is None or sparse_format not in ("csr", "csc") or num_parts < 1:
            raise GraphValueError(
                f"expected a graph with edge_index, num_parts >= 1 and sparse_format 'csr' or 'csc', got "
                f"{data}, {num_parts} and {sparse_format!r}"
            )
        self.num_parts = num_parts
        self.recursive = recursive
        self.keep_inter_cluster_edges = keep_inter_cluster_edges
        self.sparse_format = sparse_format
        folder = Path(save_dir or "") / f"part_{num_parts}{'_recursive' if recursive else ''}"
        path = folder / (filename or "metis.pt")
        if save_dir is not None and path.exists():
            saved = torch.load(path, weights_only=True)
            self.partition = Partition(**saved)
            if self.partition.node_perm.numel() != data.num_nodes:
                raise GraphValueError(
                    f"{path}: expected a partition of {data.num_nodes} nodes, got one of "
                    f"{self.partition.node_perm.numel()}; delete the file, or choose another save_dir"
                )
        else:
            cluster = metis(data.edge_index, data.num_nodes or 0, num_parts, recursive)
            self.partition = self._partition(data.edge_index, cluster)
            if save_dir is not None:
                folder.mkdir(parents=True, exist_ok=True)
                torch.save(vars(self.partition), path)
        self.data = self._permuted(data)

    def _partition(self, edge_index: Tensor, cluster: Tensor) -> Partition:
        partptr = torch.zeros(self.num_parts + 1, dtype=torch.int64)
        partptr[1:] = torch.bincount(cluster, minlength=self.num_parts).cumsum(0)
        node_perm = torch.argsort(cluster, stable=True)
        place = torch.empty_like(node_perm)
        place[node_perm] = torch.arange(node_perm.numel())
        by_row = int(self.sparse_format == "csc")
        ends = place[edge_index.cpu()]
        first = torch.argsort(ends[1 - by_row], stable=True)
        ptr, perm = sort_rows(ends[by_row, first], node_perm.numel())
        edge_perm = first if perm is None else first[perm.to(torch.int64)]
        index = ends[1 - by_row, edge_perm]
        return Partition(ptr.to(torch.int64), index, partptr, node_perm, edge_perm, self.sparse_format)

    def _permuted(self, data: Data) -> Data:
        out = copy.copy(data)
        store, levels = data._store, data._store._levels()
        for key, level in levels.items():
            if level is not None and key != "edge_index":
                perm = self.partition.node_perm if level == "node" else self.partition.edge_perm
                out[key] = rows(store[key], perm, store._cat_dim(key))
        out.edge_index = None
        out.num_nodes = data.num_nodes
        return out

    def __len__(self) -> int:
        return self.partition.partptr.numel() - 1

    def __getitem__(self, idx: int) -> Data:
        return self.join([idx], keep=self.keep_inter_cluster_edges)

    def join(self, parts: Sequence[int] | Tensor, keep: bool = False) -> Data:
        """The subgraph of several parts, with the edges between them.

        Args:
            parts: their numbers.
            keep: keep edges that leave the parts, with the other end's number in the whole graph.
        """
        p = self.partition
        spans = [(int(p.partptr[i]), int(p.partptr[i + 1])) for i in torch.as_tensor(parts).tolist()]
        node = torch.cat([torch.arange(a, b) for a, b in spans])
        edge = torch.cat([torch.arange(int(p.indptr[a]), int(p.indptr[b])) for a, b in spans])
        row = torch.repeat_interleave(torch.arange(node.numel()), p.indptr[node + 1] - p.indptr[node])
        other = p.index[edge]
        if not keep:
            place = torch.full((p.node_perm.numel(),), -1)
            place[node] = torch.arange(node.numel())
            inside = place[other] >= 0
            row, other, edge = row[inside], place[other[inside]], edge[inside]
        out = copy.copy(self.data)
        store = self.data._store
        counts: Any = {"node": p.node_perm.numel(), "edge": p.edge_perm.numel()}
        for key in list(store):
            level = store._level(key, counts)
            if key == "num_nodes":
                out.num_nodes = node.numel()
            elif level is not None:
                out[key] = rows(store[key], node if level == "node" else edge, store._cat_dim(key))
        out.edge_index = torch.stack([row, other] if self.sparse_format == "csr" else [other, row])
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_parts})"


class ClusterLoader(SeedLoader):
    """Batches of clusters, joined by the edges between them.

    Args:
        cluster_data: the graph in parts.
        **kwargs: `prefetch_threads`, and arguments of `torch.utils.data.DataLoader`; `batch_size` counts clusters.

    Source: Chiang et al., Cluster-GCN, arXiv:1905.07953.
    """

    def __init__(self, cluster_data: ClusterData, **kwargs: Any) -> None:
        self.cluster_data = cluster_data
        super().__init__(len(cluster_data), **kwargs)

    def _sample(self, index: Tensor, key: int | None) -> Data:
        return self.cluster_data.join(index)


def metis(edge_index: Tensor, num_nodes: int, num_parts: int, recursive: bool = False) -> Tensor:
    """Assigns nodes to parts of about equal size with few edges between them.

    Args:
        edge_index: `(2, E)` integers; directions, loops and duplicates do not matter.
        num_nodes: N.
        num_parts: how many parts.
        recursive: bisect recursively.

    Returns:
        `(N,)` numbers of parts.

    Raises:
        MissingDependencyError: without pymetis.
    """
    if num_parts == 1:
        return torch.zeros(num_nodes, dtype=torch.int64)
    edges = graph.to_undirected(graph.remove_self_loops(edge_index.cpu())[0], num_nodes=num_nodes)
    assert isinstance(edges, Tensor)
    ptr, perm = sort_rows(edges[0], num_nodes)
    index = edges[1] if perm is None else edges[1, perm.to(torch.int64)]
    pymetis = require("pymetis")
    adjacency = pymetis.CSRAdjacency(ptr.numpy(), index.to(torch.int32).numpy())
    _, parts = pymetis.part_graph(num_parts, adjacency, recursive=recursive)
    return torch.tensor(list(parts), dtype=torch.int64)
