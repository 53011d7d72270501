"""Node features: scaled, added, reduced, filled in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.edges import Edges
from grapevine.errors import GraphValueError
from grapevine.transforms.adjacency import symmetric_norm
from grapevine.transforms.base import BaseTransform, append_columns, count_nodes, needed
from grapevine.utils import degree, one_hot, scatter, to_edge_index


class NormalizeFeatures(BaseTransform):
    r"""Shifts features to be non-negative and scales each row to sum to one.

    .. math:: x'_{if} = (x_{if} - \min x) \, / \, \max(1, \sum_g (x_{ig} - \min x))

    Args:
        attrs: names of the attributes to normalise.

    Example:
        >>> NormalizeFeatures()(Data(x=torch.tensor([[0.0, 1.0, 3.0]]))).x
        tensor([[0.0000, 0.2500, 0.7500]])
    """

    def __init__(self, attrs: list[str] | None = None) -> None:
        self.attrs = attrs or ["x"]

    def forward(self, data: Any) -> Any:
        for store in data.stores:
            for key, value in store.items(*self.attrs):
                if value.numel() > 0:
                    shifted = value - value.min()
                    store[key] = shifted.div_(shifted.sum(dim=-1, keepdim=True).clamp_(min=1.0))
        return data


class Constant(BaseTransform):
    """Appends a constant to the features of every node.

    Args:
        value: the constant.
        cat: whether to keep the features that are there.
        node_types: the node types to act on; None means all.

    Example:
        >>> Constant()(Data(num_nodes=2)).x
        tensor([[1.],
                [1.]])
    """

    def __init__(
        self, value: float = 1.0, cat: bool = True, node_types: str | list[str] | None = None
    ) -> None:
        self.value = value
        self.cat = cat
        self.node_types = [node_types] if isinstance(node_types, str) else node_types

    def forward(self, data: Any) -> Any:
        for store in data.node_stores:
            if self.node_types is None or store._key in self.node_types:
                constant = torch.full((store.num_nodes, 1), self.value, dtype=torch.float)
                store.x = append_columns(store.get("x"), constant, self.cat)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(value={self.value})"


class OneHotDegree(BaseTransform):
    """Appends the degree of each node as a one-hot vector to its features.

    Args:
        max_degree: the largest degree that occurs; the vector has `max_degree` + 1 entries.
        in_degree: whether to count incoming instead of outgoing edges.
        cat: whether to keep the features that are there.
    """

    def __init__(self, max_degree: int, in_degree: bool = False, cat: bool = True) -> None:
        self.max_degree = max_degree
        self.in_degree = in_degree
        self.cat = cat

    def forward(self, data: Data) -> Data:
        edge_index = needed(data, "edge_index", self)
        deg = degree(edge_index[1 if self.in_degree else 0], data.num_nodes, dtype=torch.long)
        if deg.numel() > 0 and int(deg.max()) > self.max_degree:
            raise GraphValueError(
                f"expected degrees up to max_degree={self.max_degree}, got the degree {int(deg.max())}; "
                f"do this instead: OneHotDegree({int(deg.max())})"
            )
        data.x = append_columns(data.get("x"), one_hot(deg, num_classes=self.max_degree + 1), self.cat)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.max_degree})"


class LocalDegreeProfile(BaseTransform):
    """Appends a node's degree and the minimum, maximum, mean and deviation of its neighbours' degrees.

    Nodes without neighbours get zeros.

    Source: Cai, Wang, "A simple yet effective baseline for non-attribute graph classification",
    arXiv:1811.03508.
    """

    def forward(self, data: Data) -> Data:
        row, col = needed(data, "edge_index", self)
        num_nodes = count_nodes(data, self)
        deg = degree(row, num_nodes, dtype=torch.float).view(-1, 1)
        others = deg[col]

        def over_neighbours(values: Tensor, reduce: str) -> Tensor:
            return scatter(values, row, dim_size=num_nodes, reduce=reduce)

        mean = over_neighbours(others, "mean")
        std = over_neighbours((others - mean[row]).square(), "mean").sqrt()
        profile = [deg, over_neighbours(others, "min"), over_neighbours(others, "max"), mean, std]
        data.x = append_columns(data.get("x"), torch.cat(profile, dim=-1))
        return data


class SVDFeatureReduction(BaseTransform):
    """Reduces features to their leading principal axes, by a singular value decomposition.

    Args:
        out_channels: number of axes to keep; features that are no more than that are left alone.
    """

    def __init__(self, out_channels: int) -> None:
        self.out_channels = out_channels

    def forward(self, data: Data) -> Data:
        x = needed(data, "x", self)
        if x.size(-1) > self.out_channels:
            left, scale, _ = torch.linalg.svd(x, full_matrices=False)
            data.x = left[:, : self.out_channels] * scale[: self.out_channels]
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.out_channels})"


class FeaturePropagation(BaseTransform):
    r"""Fills in missing features by diffusion from the known ones.

    .. math:: X^{(t+1)} = M \odot \big( D^{-1/2} A D^{-1/2} X^{(t)} \big) + (1 - M) \odot X

    Args:
        missing_mask: bool (N, F), true where a feature is missing.
        num_iterations: number of diffusion steps.

    Source: Rossi et al., "On the Unreasonable Effectiveness of Feature propagation in Learning on Graphs with
    Missing Node Features", arXiv:2111.12128.
    """

    def __init__(self, missing_mask: Tensor, num_iterations: int = 40) -> None:
        self.missing_mask = missing_mask
        self.num_iterations = num_iterations

    def forward(self, data: Data) -> Data:
        x = needed(data, "x", self)
        if x.shape != self.missing_mask.shape:
            raise GraphValueError(
                f"expected a missing_mask of the shape of data.x, {list(x.shape)}, "
                f"got {list(self.missing_mask.shape)}"
            )
        if "edge_index" in data:
            edge_index, weight = data["edge_index"], data.get("edge_weight", data.get("edge_attr"))
        else:
            transposed, weight = to_edge_index(needed(data, "adj_t", self))
            edge_index = transposed.flip(0)
        edge_index, weight = symmetric_norm(edge_index, weight, count_nodes(data, self))

        edges = Edges(edge_index, num_nodes=data.num_nodes)
        missing = self.missing_mask.to(x.device)
        known = x.masked_fill(missing, 0.0)
        out = known
        for _ in range(self.num_iterations):
            out = torch.where(
                missing, edges.sum(edges.edge(weight.to(x.dtype).view(-1, 1)) * edges.src(out)), known
            )
        data.x = out
        return data

    def __repr__(self) -> str:
        share = 100 * int(self.missing_mask.sum()) / self.missing_mask.numel()
        return f"{type(self).__name__}(missing_features={share:.1f}%, num_iterations={self.num_iterations})"
