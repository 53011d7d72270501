"""Edge features from the two nodes of an edge: relative positions, degrees."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.transforms.base import BaseTransform, append_columns, needed
from grapevine.utils import degree, scatter


class _Relative(BaseTransform):
    """Appends features of an edge's direction, ``pos[target] - pos[source]``, to ``edge_attr``."""

    norm: bool
    max: float | None = None
    cat: bool
    dim: int | None = None  # of the positions; None takes any

    @abstractmethod
    def measure(self, direction: Tensor, target: Tensor, num_nodes: int) -> Tensor:
        """Returns the features (E, F) of the directions (E, D) to the targets (E,)."""

    def forward(self, data: Data) -> Data:
        row, col = needed(data, "edge_index", self)
        pos = needed(data, "pos", self)
        pos = pos.view(-1, 1) if pos.dim() == 1 else pos
        if self.dim is not None and pos.size(1) != self.dim:
            raise GraphValueError(
                f"expected pos of shape (N, {self.dim}) for {type(self).__name__}, got {list(pos.shape)}"
            )
        features = self.measure(pos[col] - pos[row], col, pos.size(0))
        data.edge_attr = append_columns(data.get("edge_attr"), features, self.cat)
        return data

    def _scaled(self, lengths: Tensor) -> Tensor:
        """Lengths as fractions of `max_value`, or of the longest."""
        if lengths.numel() == 0:
            return lengths
        return lengths / (lengths.max() if self.max is None else self.max)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(norm={self.norm}, max_value={self.max})"


class _Ranged(_Relative):
    """Features that are scaled into an interval."""

    def __init__(
        self,
        norm: bool = True,
        max_value: float | None = None,
        cat: bool = True,
        interval: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.norm = norm
        self.max = max_value
        self.cat = cat
        self.interval = interval


class Distance(_Ranged):
    """Appends the length of each edge to ``edge_attr``.

    Args:
        norm: whether to scale lengths into `interval`.
        max_value: the length that becomes the upper end; None takes the longest.
        cat: whether to keep the edge features that are there.
        interval: lower and upper end.
    """

    def measure(self, direction: Tensor, target: Tensor, num_nodes: int) -> Tensor:
        length = direction.norm(dim=-1, keepdim=True)
        low, high = self.interval
        return (high - low) * self._scaled(length) + low if self.norm else length


class Cartesian(_Ranged):
    """Appends the position of each edge's source relative to its target to ``edge_attr``.

    Args:
        norm: whether to scale coordinates into `interval`, the target in the middle.
        max_value: the absolute coordinate that becomes the upper end; None takes the largest.
        cat: whether to keep the edge features that are there.
        interval: lower and upper end.
    """

    def measure(self, direction: Tensor, target: Tensor, num_nodes: int) -> Tensor:
        offset = -direction
        if not self.norm or offset.numel() == 0:
            return offset
        largest = offset.abs().max() if self.max is None else self.max
        return _centred(offset / largest, self.interval)


class LocalCartesian(_Relative):
    """Appends the position of each edge's source relative to its target, scaled by its neighbourhood.

    Args:
        norm: whether to scale coordinates into `interval`, the target in the middle; the largest coordinate
            of all that point to the same target reaches the end.
        cat: whether to keep the edge features that are there.
        interval: lower and upper end.
    """

    def __init__(
        self, norm: bool = True, cat: bool = True, interval: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        self.norm = norm
        self.cat = cat
        self.interval = interval

    def measure(self, direction: Tensor, target: Tensor, num_nodes: int) -> Tensor:
        offset = -direction
        if not self.norm:
            return offset
        largest = scatter(offset.abs().amax(dim=-1, keepdim=True), target, dim_size=num_nodes, reduce="max")
        return _centred(offset / largest[target], self.interval)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _centred(fraction: Tensor, interval: tuple[float, float]) -> Tensor:
    """Maps [-1, 1] onto the interval."""
    low, high = interval
    return (high - low) / 2 * fraction + (low + high) / 2


class Polar(_Relative):
    """Appends the polar coordinates (length, angle) of each edge in the plane to ``edge_attr``.

    Args:
        norm: whether to scale both into [0, 1]; otherwise angles lie in [0, 2 pi).
        max_value: the length that becomes 1; None takes the longest.
        cat: whether to keep the edge features that are there.
    """

    dim = 2

    def __init__(self, norm: bool = True, max_value: float | None = None, cat: bool = True) -> None:
        self.norm = norm
        self.max = max_value
        self.cat = cat

    def measure(self, direction: Tensor, target: Tensor, num_nodes: int) -> Tensor:
        length, angle = direction.norm(dim=-1), _azimuth(direction)
        if self.norm:
            length, angle = self._scaled(length), angle / (2 * math.pi)
        return torch.stack([length, angle], dim=-1)


class Spherical(_Relative):
    """Appends the spherical coordinates (length, azimuth, polar angle) of each edge to ``edge_attr``.

    Args:
        norm: whether to scale all three into [0, 1]; otherwise azimuths lie in [0, 2 pi), polar angles in [0,
            pi].
        max_value: the length that becomes 1; None takes the longest.
        cat: whether to keep the edge features that are there.
    """

    dim = 3

    def __init__(self, norm: bool = True, max_value: float | None = None, cat: bool = True) -> None:
        self.norm = norm
        self.max = max_value
        self.cat = cat

    def measure(self, direction: Tensor, target: Tensor, num_nodes: int) -> Tensor:
        length, azimuth = direction.norm(dim=-1), _azimuth(direction)
        polar = torch.acos(direction[:, 2] / length)
        if self.norm:
            length, azimuth, polar = self._scaled(length), azimuth / (2 * math.pi), polar / math.pi
        return torch.stack([length, azimuth, polar], dim=-1)


def _azimuth(direction: Tensor) -> Tensor:
    angle = torch.atan2(direction[:, 1], direction[:, 0])
    return angle + (angle < 0) * (2 * math.pi)


class TargetIndegree(BaseTransform):
    """Appends the in-degree of each edge's target to ``edge_attr``.

    Args:
        norm: whether to divide by the largest in-degree.
        max_value: what to divide by instead.
        cat: whether to keep the edge features that are there.
    """

    def __init__(self, norm: bool = True, max_value: float | None = None, cat: bool = True) -> None:
        self.norm = norm
        self.max = max_value
        self.cat = cat

    def forward(self, data: Data) -> Data:
        target = needed(data, "edge_index", self)[1]
        deg = degree(target, data.num_nodes)
        if self.norm and target.numel() > 0:
            deg = deg / (deg.max() if self.max is None else self.max)
        data.edge_attr = append_columns(data.get("edge_attr"), deg[target].view(-1, 1), self.cat)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(norm={self.norm}, max_value={self.max})"
