"""Edges along metapaths of heterogeneous graphs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from grapevine.data import HeteroData
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.transforms.base import BaseTransform
from grapevine.utils import coalesce, cumsum, degree

EdgeType = tuple[str, ...]


class _MetaPaths(BaseTransform):
    """Adds an edge type ``(first, "metapath_<i>", last)`` for each metapath i."""

    def __init__(
        self,
        metapaths: list[list[EdgeType]],
        drop_orig_edge_types: bool,
        keep_same_node_type: bool,
        drop_unconnected_node_types: bool,
    ) -> None:
        for path in metapaths:
            if len(path) < 2 or any(step[-1] != after[0] for step, after in pairwise(path)):
                raise GraphValueError(
                    f"expected metapaths of at least two edge types, each beginning where the one before "
                    f"ends, got {path}"
                )
        self.metapaths = metapaths
        self.drop_orig_edge_types = drop_orig_edge_types
        self.keep_same_node_type = keep_same_node_type
        self.drop_unconnected_node_types = drop_unconnected_node_types

    def forward(self, data: HeteroData) -> HeteroData:
        before = data.edge_types
        data.metapath_dict = {}
        for i, path in enumerate(self.metapaths):
            for step in path:
                if data[step]._key not in before:
                    raise GraphKeyError(f"expected edge types among {before}, got {step}")
            new_type = (path[0][0], f"metapath_{i}", path[-1][-1])
            data[new_type].update(self._walk(data, i, path))
            data.metapath_dict[new_type] = path

        for edge_type in before if self.drop_orig_edge_types else ():
            if not (self.keep_same_node_type and edge_type[0] == edge_type[-1]):
                del data[edge_type]
        if self.drop_unconnected_node_types:
            joined = {end for edge_type in data.edge_types for end in (edge_type[0], edge_type[-1])}
            for node_type in set(data.node_types) - joined:
                del data[node_type]
        return data

    def _walk(self, data: HeteroData, index: int, path: list[EdgeType]) -> dict[str, Any]:
        raise TypeError(f"{type(self).__name__} must define _walk")


class AddMetaPaths(_MetaPaths):
    """Joins nodes that a metapath connects, by a new edge type ``(first, "metapath_<i>", last)``.

    ``metapath_dict`` of the graph tells the metapath of each new edge type.

    Args:
        metapaths: paths, each a list of edge types.
        drop_orig_edge_types: whether to remove the edge types that were there.
        keep_same_node_type: whether to spare those between nodes of one type.
        drop_unconnected_node_types: whether to remove node types that have no edges afterwards.
        max_sample: expected number of edges a node keeps after each step; None keeps all.
        weighted: whether to store how many paths join two nodes (or the sum of the products of
            ``edge_weight``) as ``edge_weight``.

    Raises:
        GraphValueError: if the steps of a path do not fit together.
        GraphKeyError: if the graph lacks an edge type.

    Source: Wang et al., "Heterogeneous Graph Attention Network", arXiv:1903.07293.
    """

    def __init__(
        self,
        metapaths: list[list[EdgeType]],
        drop_orig_edge_types: bool = False,
        keep_same_node_type: bool = False,
        drop_unconnected_node_types: bool = False,
        max_sample: int | None = None,
        weighted: bool = False,
    ) -> None:
        super().__init__(metapaths, drop_orig_edge_types, keep_same_node_type, drop_unconnected_node_types)
        self.max_sample = max_sample
        self.weighted = weighted

    def _walk(self, data: HeteroData, index: int, path: list[EdgeType]) -> dict[str, Any]:
        matrix = self._sampled(self._matrix(data[path[0]]))
        for step in path[1:]:
            matrix = matrix @ self._matrix(data[step])
            if not self.weighted:
                matrix.data.fill(1.0)
            matrix = self._sampled(matrix)
        coo = matrix.tocoo()
        device = data[path[0]].edge_index.device
        walked = {"edge_index": torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64)).to(device)}
        if self.weighted:
            walked["edge_weight"] = torch.from_numpy(coo.data).to(device)
        return walked

    def _matrix(self, store: Any) -> csr_matrix:
        weight = store.get("edge_weight") if self.weighted else None
        if weight is None:
            weight = torch.ones(store.edge_index.size(1))
        row, col = store.edge_index.cpu().numpy()
        return csr_matrix((weight.cpu().numpy(), (row, col)), shape=store.size())

    def _sampled(self, matrix: csr_matrix) -> csr_matrix:
        matrix.sort_indices()
        if self.max_sample is None:
            return matrix
        coo = matrix.tocoo()
        row = torch.from_numpy(coo.row).long()
        keep = (torch.rand(row.numel()) < self.max_sample / degree(row, matrix.shape[0])[row]).numpy()
        return csr_matrix((coo.data[keep], (coo.row[keep], coo.col[keep])), shape=matrix.shape)


class AddRandomMetaPaths(_MetaPaths):
    """Joins the ends of random walks along metapaths, by a new edge type ``(first, "metapath_<i>", last)``.

    ``metapath_dict`` of the graph tells the metapath of each new edge type.

    Args:
        metapaths: paths, each a list of edge types.
        drop_orig_edge_types: whether to remove the edge types that were there.
        keep_same_node_type: whether to spare those between nodes of one type.
        drop_unconnected_node_types: whether to remove node types that have no edges afterwards.
        walks_per_node: walks from each start, one number for all metapaths or one each.
        sample_ratio: share of the first type's nodes that are starts.

    Raises:
        GraphValueError: if the steps of a path do not fit together, or `walks_per_node` does not fit the
        paths.
        GraphKeyError: if the graph lacks an edge type.
    """

    def __init__(
        self,
        metapaths: list[list[EdgeType]],
        drop_orig_edge_types: bool = False,
        keep_same_node_type: bool = False,
        drop_unconnected_node_types: bool = False,
        walks_per_node: int | list[int] = 1,
        sample_ratio: float = 1.0,
    ) -> None:
        super().__init__(metapaths, drop_orig_edge_types, keep_same_node_type, drop_unconnected_node_types)
        if isinstance(walks_per_node, int):
            walks_per_node = [walks_per_node] * len(metapaths)
        if len(walks_per_node) != len(metapaths):
            raise GraphValueError(
                f"expected walks_per_node for {len(metapaths)} metapaths, got {walks_per_node}"
            )
        self.walks_per_node = walks_per_node
        self.sample_ratio = sample_ratio

    def _walk(self, data: HeteroData, index: int, path: list[EdgeType]) -> dict[str, Any]:
        num_nodes = data[path[0][0]].num_nodes
        starts = torch.randperm(num_nodes)[: round(num_nodes * self.sample_ratio)]
        first = last = starts.repeat(self.walks_per_node[index])
        for step in path:
            edge_index = data[step].edge_index.cpu()
            count = degree(edge_index[0], data[step].size(0), dtype=torch.long)[last]
            chosen = _choose(edge_index, data[step].size(0), last, count)
            first, last = first[count > 0], chosen
        joined = coalesce(torch.stack([first, last]))
        return {"edge_index": joined.to(data[path[0]].edge_index.device)}

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(sample_ratio={self.sample_ratio}, walks_per_node={self.walks_per_node})"
        )


def _choose(edge_index: Tensor, num_nodes: int, nodes: Tensor, count: Tensor) -> Tensor:
    """A random successor of each node that has one."""
    edge_index = edge_index[:, edge_index[0].argsort(stable=True)]
    begin = cumsum(degree(edge_index[0], num_nodes, dtype=torch.long))[nodes]
    within = (torch.rand(nodes.numel()) * count).long()
    return edge_index[1][(begin + within)[count > 0]]
