"""Edges between points that are near each other, and points joined into cells of a grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.geometry import knn_graph, radius_graph
from grapevine.transforms.base import BaseTransform, count_nodes, needed
from grapevine.utils import one_hot, scatter, to_undirected


class KNNGraph(BaseTransform):
    """Joins each node with the nodes whose positions are nearest; removes ``edge_attr``.

    Args:
        k: how many neighbours.
        loop: whether a node is its own neighbour.
        force_undirected: whether to add the reversed edges.
        flow: "source_to_target" (edges come from the neighbours) or "target_to_source".
        cosine: by angle instead of distance.
        num_workers: accepted for compatibility.

    Example:
        >>> KNNGraph(k=1)(Data(pos=torch.tensor([[0.0], [1.0], [5.0]]))).edge_index
        tensor([[1, 0, 1],
                [0, 1, 2]])
    """

    def __init__(
        self,
        k: int = 6,
        loop: bool = False,
        force_undirected: bool = False,
        flow: str = "source_to_target",
        cosine: bool = False,
        num_workers: int = 1,
    ) -> None:
        self.k = k
        self.loop = loop
        self.force_undirected = force_undirected
        self.flow = flow
        self.cosine = cosine
        self.num_workers = num_workers

    def forward(self, data: Data) -> Data:
        pos = needed(data, "pos", self)
        batch = data.get("batch")
        edge_index = knn_graph(pos, self.k, batch, self.loop, self.flow, self.cosine, self.num_workers)
        if self.force_undirected:
            edge_index = to_undirected(edge_index, num_nodes=pos.size(0))
        data.edge_index, data.edge_attr = edge_index, None
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k})"


class RadiusGraph(BaseTransform):
    """Joins each node with the nodes at most `r` away; removes ``edge_attr``.

    Args:
        r: the largest distance.
        loop: whether a node is its own neighbour.
        max_num_neighbors: how many neighbours at most; the nearest ones are kept, with a warning where that cuts.
        flow: "source_to_target" (edges come from the neighbours) or "target_to_source".
        num_workers: accepted for compatibility.

    Example:
        >>> RadiusGraph(r=2.0)(Data(pos=torch.tensor([[0.0], [1.0], [5.0]]))).edge_index
        tensor([[1, 0],
                [0, 1]])
    """

    def __init__(
        self,
        r: float,
        loop: bool = False,
        max_num_neighbors: int = 32,
        flow: str = "source_to_target",
        num_workers: int = 1,
    ) -> None:
        self.r = r
        self.loop = loop
        self.max_num_neighbors = max_num_neighbors
        self.flow = flow
        self.num_workers = num_workers

    def forward(self, data: Data) -> Data:
        pos, batch = needed(data, "pos", self), data.get("batch")
        data.edge_index = radius_graph(
            pos, self.r, batch, self.loop, self.max_num_neighbors, self.flow, self.num_workers
        )
        data.edge_attr = None
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(r={self.r})"


class GridSampling(BaseTransform):
    """Joins all nodes of a graph that lie in the same cell of a grid into one.

    Attributes of nodes are averaged; ``y`` (classes) becomes the commonest one. Nodes come in the order of
    their graphs, then of their cells, the first coordinate changing fastest.

    Args:
        size: edge length of a cell, one for all coordinates or one each.
        start: where the grid begins; the smallest coordinates if None.
        end: accepted, as cells are numbered without gaps anyway.

    Raises:
        GraphValueError: if the graph has edges, or the sizes do not fit the positions.

    Example:
        >>> GridSampling(2.0)(Data(pos=torch.tensor([[0.0], [1.0], [5.0]]))).pos
        tensor([[0.5000],
                [5.0000]])
    """

    def __init__(
        self,
        size: float | Sequence[float] | Tensor,
        start: float | Sequence[float] | Tensor | None = None,
        end: float | Sequence[float] | Tensor | None = None,
    ) -> None:
        self.size = size
        self.start = start
        self.end = end

    def forward(self, data: Data) -> Data:
        found = [key for key in data.keys() if "edge" in key]  # noqa: SIM118 (a graph is no dictionary)
        if found:
            raise GraphValueError(f"expected a graph without edges for GridSampling, got one with {found}")
        pos, num_nodes = needed(data, "pos", self), count_nodes(data, self)
        pos = pos.view(-1, 1) if pos.dim() == 1 else pos
        start = pos.min(dim=0).values if self.start is None else self._per_axis(self.start, pos)
        cell = ((pos - start) / self._per_axis(self.size, pos)).floor().long()
        batch = data.get("batch")
        key = cell.flip(1) if batch is None else torch.cat([batch.view(-1, 1), cell.flip(1)], dim=1)
        cells, index = key.unique(dim=0, return_inverse=True)
        for name, value in data.items():
            if not isinstance(value, Tensor) or value.dim() == 0 or value.size(0) != num_nodes:
                continue
            if name == "batch":
                data[name] = cells[:, 0]
            elif name == "y":
                data[name] = scatter(one_hot(value), index, dim_size=len(cells)).argmax(dim=-1)
            else:
                data[name] = scatter(value, index, dim_size=len(cells), reduce="mean")
        return data

    def _per_axis(self, value: float | Sequence[float] | Tensor, pos: Tensor) -> Tensor:
        out = torch.as_tensor(value, dtype=pos.dtype, device=pos.device).view(-1)
        if out.numel() not in (1, pos.size(1)):
            raise GraphValueError(
                f"expected one number, or one for each of {pos.size(1)} coordinates, got {out.numel()}"
            )
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"
