"""Positions of nodes: centred, scaled, turned, shaken; points sampled, faces turned into edges."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.transforms.base import BaseTransform, count_nodes, needed
from grapevine.utils import to_undirected


class Center(BaseTransform):
    """Moves positions so that their mean is the origin."""

    def forward(self, data: Any) -> Any:
        for store in data.node_stores:
            if "pos" in store:
                store.pos = store.pos - store.pos.mean(dim=-2, keepdim=True)
        return data


class NormalizeScale(BaseTransform):
    """Centres positions and scales them into the open interval (-1, 1)."""

    def __init__(self) -> None:
        self.center = Center()

    def forward(self, data: Data) -> Data:
        data = self.center(data)
        pos = needed(data, "pos", self)
        data.pos = pos * (0.999999 / pos.abs().max())
        return data


class NormalizeRotation(BaseTransform):
    """Turns positions (and ``normal``) onto their principal axes.

    Args:
        max_points: number of randomly drawn points that determine the axes; all if not positive.
        sort: whether the axes come in the order of falling variance.
    """

    def __init__(self, max_points: int = -1, sort: bool = False) -> None:
        self.max_points = max_points
        self.sort = sort

    def forward(self, data: Data) -> Data:
        points = needed(data, "pos", self)
        if 0 < self.max_points < points.size(0):
            points = points[torch.randperm(points.size(0))[: self.max_points]]
        points = points - points.mean(dim=0, keepdim=True)
        variance, axes = torch.linalg.eig(points.t() @ points)
        axes = axes.real
        if self.sort:
            axes = axes[:, variance.real.argsort(descending=True)]
        data.pos = data["pos"] @ axes
        if "normal" in data:
            data.normal = F.normalize(data["normal"] @ axes)
        return data


class LinearTransformation(BaseTransform):
    """Multiplies each position by a matrix.

    Args:
        matrix: (D, D); `matrix @ p` is the new position of p.

    Raises:
        GraphValueError: if the matrix is not square, or does not fit the positions.
    """

    def __init__(self, matrix: Tensor | Sequence[Sequence[float]]) -> None:
        matrix = torch.as_tensor(matrix)
        if matrix.dim() != 2 or matrix.size(0) != matrix.size(1):
            raise GraphValueError(f"expected a square matrix, got shape {list(matrix.shape)}")
        self.matrix = matrix.t()  # positions are rows

    def forward(self, data: Any) -> Any:
        for store in data.node_stores:
            if "pos" in store:
                pos = store.pos.view(-1, 1) if store.pos.dim() == 1 else store.pos
                if pos.size(-1) != self.matrix.size(0):
                    raise GraphValueError(
                        f"expected positions with {self.matrix.size(0)} coordinates, as the matrix has, "
                        f"got {pos.size(-1)}"
                    )
                store.pos = pos @ self.matrix.to(pos.device, pos.dtype)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n{self.matrix.cpu().numpy()}\n)"


class RandomJitter(BaseTransform):
    """Moves each position by a random offset, drawn from torch's generator.

    Args:
        translate: the largest offset, one for all coordinates or one each.
    """

    def __init__(self, translate: float | Sequence[float]) -> None:
        self.translate = translate

    def forward(self, data: Data) -> Data:
        pos = needed(data, "pos", self)
        reach = [self.translate] * pos.size(1) if isinstance(self.translate, int | float) else self.translate
        if len(reach) != pos.size(1):
            raise GraphValueError(
                f"expected an offset for each of {pos.size(1)} coordinates, got {list(reach)}"
            )
        offset = torch.empty_like(pos)
        for column, limit in zip(offset.unbind(1), reach):
            column.uniform_(-abs(limit), abs(limit))
        data.pos = pos + offset
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.translate})"


class RandomFlip(BaseTransform):
    """Mirrors positions along an axis, as Python's generator decides.

    Args:
        axis: the coordinate that changes its sign.
        p: how likely that is.
    """

    def __init__(self, axis: int, p: float = 0.5) -> None:
        self.axis = axis
        self.p = p

    def forward(self, data: Data) -> Data:
        pos = needed(data, "pos", self)
        if random.random() < self.p:
            data.pos = pos.clone()
            data.pos[..., self.axis] = -pos[..., self.axis]
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(axis={self.axis}, p={self.p})"


class RandomScale(BaseTransform):
    """Scales positions by a factor drawn from Python's generator.

    Args:
        scales: smallest and largest factor.
    """

    def __init__(self, scales: tuple[float, float]) -> None:
        self.scales = _pair(scales, "scales")

    def forward(self, data: Data) -> Data:
        data.pos = needed(data, "pos", self) * random.uniform(*self.scales)
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.scales})"


class RandomRotate(BaseTransform):
    """Turns positions around an axis by an angle drawn from Python's generator.

    Args:
        degrees: smallest and largest angle in degrees; one number d means (-d, d).
        axis: the axis to turn around, for positions in space.
    """

    def __init__(self, degrees: tuple[float, float] | float, axis: int = 0) -> None:
        if isinstance(degrees, int | float):
            degrees = (-abs(degrees), abs(degrees))
        self.degrees = _pair(degrees, "degrees")
        self.axis = axis

    def forward(self, data: Data) -> Data:
        pos = needed(data, "pos", self)
        angle = math.radians(random.uniform(*self.degrees))
        sin, cos = math.sin(angle), math.cos(angle)
        if pos.size(-1) == 2:
            matrix: list[list[float]] = [[cos, sin], [-sin, cos]]
        else:
            matrix = [
                [[1.0, 0.0, 0.0], [0.0, cos, sin], [0.0, -sin, cos]],
                [[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]],
                [[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]],
            ][self.axis]
        return LinearTransformation(matrix)(data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.degrees}, axis={self.axis})"


class RandomShear(BaseTransform):
    """Adds random multiples of each coordinate to the others, drawn from torch's generator.

    Args:
        shear: the largest factor.
    """

    def __init__(self, shear: float) -> None:
        self.shear = abs(shear)

    def forward(self, data: Data) -> Data:
        pos = needed(data, "pos", self)
        matrix = pos.new_empty(pos.size(-1), pos.size(-1)).uniform_(-self.shear, self.shear)
        return LinearTransformation(matrix.fill_diagonal_(1.0))(data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shear})"


def _pair(interval: Sequence[float], name: str) -> tuple[float, float]:
    if not isinstance(interval, tuple | list) or len(interval) != 2:
        raise GraphValueError(f"expected {name} as a pair (smallest, largest), got {interval!r}")
    return interval  # type: ignore[return-value]


class FixedPoints(BaseTransform):
    """Draws a fixed number of nodes; edges are left alone.

    Args:
        num: number of nodes.
        replace: whether a node may be drawn again (by numpy's generator; torch's draws otherwise).
        allow_duplicates: whether graphs of fewer nodes are filled up with as few repetitions as possible,
            where `replace` is False.
    """

    def __init__(self, num: int, replace: bool = True, allow_duplicates: bool = False) -> None:
        self.num = num
        self.replace = replace
        self.allow_duplicates = allow_duplicates

    def forward(self, data: Data) -> Data:
        num_nodes = count_nodes(data, self)
        if self.replace:
            drawn = np.random.choice(num_nodes, self.num)  # noqa: NPY002
            choice = torch.from_numpy(drawn).long()
        else:
            rounds = math.ceil(self.num / num_nodes) if self.allow_duplicates else 1
            choice = torch.cat([torch.randperm(num_nodes) for _ in range(rounds)])[: self.num]
        for key, value in data.to_dict().items():
            if key == "num_nodes":
                data.num_nodes = choice.numel()
            elif "edge" not in key and isinstance(value, Tensor) and value.shape[:1] == (num_nodes,):
                data[key] = value[choice] if num_nodes != 1 else value
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num}, replace={self.replace})"


class FaceToEdge(BaseTransform):
    """Turns the faces of a mesh, ``face`` (3, M) triangles or (4, M) tetrahedra, into undirected edges.

    Args:
        remove_faces: whether to remove ``face``.

    Raises:
        GraphValueError: for faces of another shape.
    """

    def __init__(self, remove_faces: bool = True) -> None:
        self.remove_faces = remove_faces

    def forward(self, data: Data) -> Data:
        face = data.get("face")
        if face is None:
            return data
        if face.size(0) not in (3, 4):
            raise GraphValueError(f"expected 'face' of shape (3, M) or (4, M), got {list(face.shape)}")
        corners = torch.combinations(torch.arange(face.size(0)))  # every two corners of a face are joined
        edge_index = face[corners.t()].reshape(2, -1)
        data.edge_index = to_undirected(edge_index, num_nodes=data.num_nodes)
        if self.remove_faces:
            data.face = None
        return data
