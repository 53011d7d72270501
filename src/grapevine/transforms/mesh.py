"""Meshes and surfaces: normals, points sampled from faces, triangulation, features of pairs of points."""

from __future__ import annotations

import torch
from scipy.spatial import Delaunay as _Triangulation
from torch import Tensor
from torch.nn import functional as F

from grapevine.data import Data
from grapevine.transforms.base import BaseTransform, append_columns, needed
from grapevine.utils import scatter


class GenerateMeshNormals(BaseTransform):
    """Gives each node of a triangle mesh the mean direction of its faces' normals, as ``norm`` (N, 3)."""

    def forward(self, data: Data) -> Data:
        pos, face = needed(data, "pos", self), needed(data, "face", self)
        a, b, c = pos[face]
        normal = F.normalize(torch.linalg.cross(b - a, c - a), dim=-1)
        total = scatter(normal.repeat(3, 1), face.reshape(-1), dim_size=pos.size(0), reduce="sum")
        data.norm = F.normalize(total, dim=-1)
        return data


class SamplePoints(BaseTransform):
    """Replaces the nodes of a triangle mesh by points that lie uniformly on its faces.

    Args:
        num: how many points, drawn from torch's generator.
        remove_faces: whether to remove ``face``.
        include_normals: whether to keep the normal of each point's face, as ``normal``.

    Example:
        >>> mesh = Data(pos=torch.eye(3), face=torch.tensor([[0], [1], [2]]))
        >>> bool((SamplePoints(5)(mesh).pos.sum(1) - 1).abs().max() < 1e-6)
        True
    """

    def __init__(self, num: int, remove_faces: bool = True, include_normals: bool = False) -> None:
        self.num = num
        self.remove_faces = remove_faces
        self.include_normals = include_normals

    def forward(self, data: Data) -> Data:
        pos, face = needed(data, "pos", self), needed(data, "face", self)
        largest = pos.abs().max()
        a, b, c = (pos / largest)[face]  # scaled, or the areas of large meshes would overflow
        left, right = b - a, c - a
        normal = torch.linalg.cross(left, right)
        area = normal.norm(dim=1)
        drawn = torch.multinomial(area / area.sum(), self.num, replacement=True)
        share = torch.rand(self.num, 2, device=pos.device)
        share = torch.where(share.sum(dim=1, keepdim=True) > 1, 1 - share, share)  # folded into the triangle
        points = a[drawn] + share[:, :1] * left[drawn] + share[:, 1:] * right[drawn]
        data.pos = points * largest
        if self.include_normals:
            data.normal = F.normalize(normal[drawn], dim=-1)
        if self.remove_faces:
            data.face = None
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num})"


class Delaunay(BaseTransform):
    """Triangulates points of the plane, as ``face`` (3, T); fewer than three points get edges instead.

    Example:
        >>> square = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.2]])
        >>> Delaunay()(Data(pos=square)).face.shape
        torch.Size([3, 2])
    """

    def forward(self, data: Data) -> Data:
        pos = needed(data, "pos", self)
        if pos.size(0) < 3:
            ends = [[0, 1], [1, 0]] if pos.size(0) == 2 else [[], []]
            data.edge_index = torch.tensor(ends, dtype=torch.long, device=pos.device)
        elif pos.size(0) == 3:
            data.face = torch.tensor([[0], [1], [2]], device=pos.device)
        else:
            simplices = _Triangulation(pos.detach().cpu().numpy(), qhull_options="QJ").simplices
            data.face = torch.from_numpy(simplices).t().contiguous().to(pos.device, torch.long)
        return data


class PointPairFeatures(BaseTransform):
    r"""Appends features of the two ends of each edge that no rotation changes to ``edge_attr``.

    .. math:: \left( \lVert d \rVert, \angle(n_i, d), \angle(n_j, d), \angle(n_i, n_j) \right), \quad d = p_j - p_i

    with the normals n as ``norm``.

    Args:
        cat: whether to keep the edge features that are there.
    """

    def __init__(self, cat: bool = True) -> None:
        self.cat = cat

    def forward(self, data: Data) -> Data:
        row, col = needed(data, "edge_index", self)
        pos, norm = needed(data, "pos", self), needed(data, "norm", self)
        between = pos[col] - pos[row]
        angles = (_angle(norm[row], between), _angle(norm[col], between), _angle(norm[row], norm[col]))
        features = torch.stack([between.norm(dim=1), *angles], dim=1)
        data.edge_attr = append_columns(data.get("edge_attr"), features, self.cat)
        return data


def _angle(a: Tensor, b: Tensor) -> Tensor:
    """The angle of two vectors, exact also where it is small."""
    return torch.atan2(torch.linalg.cross(a, b).norm(dim=1), (a * b).sum(dim=1))
