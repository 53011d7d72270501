"""Convolution with continuous kernels made of B-splines."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphValueError
from grapevine.nn._waiting import Waiting
from grapevine.nn.dense.linear import Linear
from grapevine.nn.inits import uniform, zeros
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils.repeat import repeat


class SplineConv(Waiting, MessagePassing):
    r"""Averages the neighbours, each mapped by a matrix that depends smoothly on the edge's pseudo-coordinates.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{1}{|\mathcal{N}(i)|} \sum_{j \in \mathcal{N}(i)} \sum_{\mathbf{p}}
        \Big( \prod_{d=1}^{D} N^m_{p_d}(e_{ij, d}) \Big) \, \mathbf{\Theta}_{\mathbf{p}}^{\top} \mathbf{x}_j

    with a matrix at each point p of a grid, and B-splines N of degree m, m + 1 of which differ from zero along an axis.

    Args:
        in_channels: features F of a node; -1: those of the first input; a pair for sources and destinations.
        out_channels: features F' of the output.
        dim: number of pseudo-coordinates D.
        kernel_size: points of the grid, along each axis, or along all.
        is_open_spline: along each axis, or along all: whether the coordinates 0 and 1 are two ends; False: one place,
            as for angles.
        degree: degree m of the splines.
        aggr: aggregation.
        root_weight: add a linear map of the node's own features.
        bias: learn a shift.
        kwargs: for `MessagePassing`.

    Forward:
        x: node features, (N, F), or a pair ((N_src, F_src), (N_dst, F_dst)), the second of which may be None.
        edge_index: int64 (2, E), or any other adjacency.
        edge_attr: pseudo-coordinates in [0, 1], (E, D).
        size: (N_src, N_dst), where `x` does not tell.

    Returns:
        (N_dst, F').

    Raises:
        GraphValueError: without pseudo-coordinates, or for an open spline with fewer points than `degree` + 1.

    Departures from PyTorch Geometric: splines of any degree, not up to 3, and no compiled extension is needed.

    Example:
        >>> conv = SplineConv(4, 8, dim=2, kernel_size=5)
        >>> conv(torch.ones(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.rand(2, 2)).shape
        torch.Size([3, 8])

    Source: "SplineCNN: Fast Geometric Deep Learning with Continuous B-Spline Kernels" (arXiv:1711.08920).
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_channels: int | tuple[int, int],
        out_channels: int,
        dim: int,
        kernel_size: int | list[int],
        is_open_spline: bool | list[bool] = True,
        degree: int = 1,
        aggr: str = "mean",
        root_weight: bool = True,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(aggr=aggr, **kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.dim = dim
        self.degree = degree
        self.root_weight = root_weight
        self._axes = list(zip(repeat(kernel_size, dim), map(bool, repeat(is_open_spline, dim)), strict=True))
        if any(is_open and points <= degree for points, is_open in self._axes):
            raise GraphValueError(
                f"expected kernel_size of at least degree + 1 = {degree + 1} along open axes, got {kernel_size}"
            )
        self.K = math.prod(points for points, _ in self._axes)
        # Checkpoints hold them.
        self.register_buffer("kernel_size", torch.tensor([points for points, _ in self._axes]))
        self.register_buffer("is_open_spline", torch.tensor([o for _, o in self._axes], dtype=torch.uint8))

        source, target = (in_channels, in_channels) if isinstance(in_channels, int) else in_channels
        self._wait(source)
        if root_weight:
            self.lin = Linear(target, out_channels, bias=False, weight_initializer="uniform")
        self.register_parameter("bias", Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def _sizes(self, channels: int) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.K, channels, self.out_channels)}

    def _draw(self) -> None:
        uniform(self.weight.shape[0] * self.weight.shape[1], self.weight)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        if not self._waits():
            self._draw()
        if self.root_weight:
            self.lin.reset_parameters()
        zeros(self.bias)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Any,
        edge_attr: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        if edge_attr is None:
            raise GraphValueError(
                "expected pseudo-coordinates of the edges, got none; do this instead: "
                "conv(x, edge_index, edge_attr), with numbers in [0, 1], as `transforms.Cartesian` makes them"
            )
        x = (x, x) if isinstance(x, Tensor) else x
        basis, point = self._basis(edge_attr.view(-1, self.dim))
        out = self.propagate(edge_index, x=x, basis=basis, point=point, size=size)
        if self.root_weight and x[1] is not None:
            out = out + self.lin(x[1])
        return out if self.bias is None else out + self.bias

    def _basis(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The products of splines that differ from zero at u (E, D), and their grid points: (E, (m + 1)^D) each."""
        basis, point = u.new_ones(u.shape[0], 1), u.new_zeros(u.shape[0], 1, dtype=torch.long)
        stride = 1
        for axis, (points, is_open) in enumerate(self._axes):
            v = u[:, axis] * (points - self.degree if is_open else points)
            cell = v.detach().long()
            splines = b_splines(v - cell, self.degree)
            at = (cell.unsqueeze(1) + torch.arange(self.degree + 1, device=u.device)) % points
            basis = (splines.unsqueeze(2) * basis.unsqueeze(1)).flatten(1)
            point = (at.unsqueeze(2) * stride + point.unsqueeze(1)).flatten(1)
            stride *= points
        return basis, point

    def message(self, x_j: Tensor, basis: Tensor, point: Tensor) -> Tensor:
        terms = [
            basis[:, s, None] * torch.einsum("ef,efg->eg", x_j, self.weight[point[:, s]])
            for s in range(basis.shape[1])
        ]
        return sum(terms[1:], terms[0])

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, {self.out_channels}, dim={self.dim})"


def b_splines(v: Tensor, degree: int) -> Tensor:
    r"""The B-splines with knots at the integers that differ from zero between two of them.

    .. math::
        N^m_k(v) = \frac{(v + m - k) N^{m-1}_{k-1}(v) + (k + 1 - v) N^{m-1}_k(v)}{m}, \qquad N^0_0 = 1

    Args:
        v: places between two knots, in [0, 1), (E,).
        degree: m.

    Returns:
        (E, m + 1), rows that sum to 1.

    Example:
        >>> b_splines(torch.tensor([0.5]), degree=2)
        tensor([[0.1250, 0.7500, 0.1250]])

    Source: de Boor, "On calculating with B-splines", Journal of Approximation Theory 6 (1972).
    """
    splines = torch.ones_like(v).unsqueeze(1)
    v = v.unsqueeze(1)
    for m in range(1, degree + 1):
        k = torch.arange(m, device=v.device)
        rising = torch.nn.functional.pad((v - k + (m - 1)) * splines, (1, 0))
        falling = torch.nn.functional.pad((k + 1 - v) * splines, (0, 1))
        splines = (rising + falling) / m
    return splines
