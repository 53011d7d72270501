"""Convolution on point clouds with normals, invariant under rotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grapevine.nn.conv._loops import replace_self_loops
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing


def get_angle(v1: Tensor, v2: Tensor) -> Tensor:
    """The angle between vectors, (N, 3) each, in [0, π].

    Example:
        >>> get_angle(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 2.0, 0.0]]))
        tensor([1.5708])
    """
    return torch.atan2(torch.linalg.cross(v1, v2, dim=1).norm(p=2, dim=1), (v1 * v2).sum(dim=1))


def point_pair_features(pos_i: Tensor, pos_j: Tensor, normal_i: Tensor, normal_j: Tensor) -> Tensor:
    """Distance and angles of two points with normals, (N, 3) each: what stays the same when both are rotated, (N, 4).

    Example:
        >>> x, z = torch.eye(3)[:1], torch.eye(3)[2:]
        >>> point_pair_features(0 * x, 2 * x, z, x)
        tensor([[2.0000, 1.5708, 0.0000, 1.5708]])
    """
    pseudo = pos_j - pos_i
    angles = (get_angle(normal_i, pseudo), get_angle(normal_j, pseudo), get_angle(normal_i, normal_j))
    return torch.stack([pseudo.norm(p=2, dim=1), *angles], dim=1)


class PPFConv(MessagePassing):
    r"""Reduces what a network makes of each neighbour's features, distance and angles.

    .. math::
        \mathbf{x}^{\prime}_i = \gamma_{\mathbf{\Theta}} \left( \max_{j \in \mathcal{N}(i) \cup \{ i \}}
        h_{\mathbf{\Theta}} ( \mathbf{x}_j, \| \mathbf{d}_{ji} \|, \angle(\mathbf{n}_i, \mathbf{d}_{ji}),
        \angle(\mathbf{n}_j, \mathbf{d}_{ji}), \angle(\mathbf{n}_i, \mathbf{n}_j) ) \right), \qquad
        \mathbf{d}_{ji} = \mathbf{p}_j - \mathbf{p}_i

    Args:
        local_nn: the network h, from (E, F + 4) to (E, H); None: the identity.
        global_nn: the network γ, from (N_dst, H) to (N_dst, F'); None: the identity.
        add_self_loops: replace self-loops by one at each node.
        kwargs: for `MessagePassing`; the aggregation is `"max"` by default.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F), None), or None.
        pos: positions, (N, 3), or a pair ((N_src, 3), (N_dst, 3)).
        normal: normals, likewise.
        edge_index: int64 (2, E), or any other adjacency.

    Returns:
        (N_dst, F').

    Example:
        >>> conv = PPFConv(torch.nn.Linear(4 + 4, 8))
        >>> conv(torch.ones(3, 4), torch.rand(3, 3), torch.rand(3, 3), torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 8])

    Source: "PPFNet: Global Context Aware Local Features for Robust 3D Point Matching" (arXiv:1802.02669).
    """

    def __init__(
        self,
        local_nn: Callable[[Tensor], Tensor] | None = None,
        global_nn: Callable[[Tensor], Tensor] | None = None,
        add_self_loops: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "max")
        super().__init__(**kwargs)
        self.local_nn = local_nn
        self.global_nn = global_nn
        self.add_self_loops = add_self_loops
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets both networks."""
        super().reset_parameters()
        reset(self.local_nn)
        reset(self.global_nn)

    def forward(
        self,
        x: Tensor | None | tuple[Tensor | None, Tensor | None],
        pos: Tensor | tuple[Tensor, Tensor],
        normal: Tensor | tuple[Tensor, Tensor],
        edge_index: Any,
    ) -> Tensor:
        x = x if isinstance(x, tuple) else (x, None)
        pos = (pos, pos) if isinstance(pos, Tensor) else pos
        normal = (normal, normal) if isinstance(normal, Tensor) else normal
        if self.add_self_loops:
            edge_index, _ = replace_self_loops(edge_index, (pos[0].shape[0], pos[1].shape[0]))
        out = self.propagate(edge_index, x=x, pos=pos, normal=normal)
        return out if self.global_nn is None else self.global_nn(out)

    def message(
        self, x_j: Tensor | None, pos_i: Tensor, pos_j: Tensor, normal_i: Tensor, normal_j: Tensor
    ) -> Tensor:
        out = point_pair_features(pos_i, pos_j, normal_i, normal_j)
        if x_j is not None:
            out = torch.cat([x_j, out], dim=1)
        return out if self.local_nn is None else self.local_nn(out)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(local_nn={self.local_nn}, global_nn={self.global_nn})"
