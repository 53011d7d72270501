"""Convolution on the edges of a triangle mesh."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear, ModuleList

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn.inits import reset
from grapevine.nn.message_passing import MessagePassing


class MeshCNNConv(MessagePassing):
    r"""Maps each edge of a mesh and the four edges of its two triangles, whichever way the mesh is turned.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{W}_0 \mathbf{x}_i + \mathbf{W}_1 |\mathbf{x}_a - \mathbf{x}_c| +
        \mathbf{W}_2 (\mathbf{x}_a + \mathbf{x}_c) + \mathbf{W}_3 |\mathbf{x}_b - \mathbf{x}_d| +
        \mathbf{W}_4 (\mathbf{x}_b + \mathbf{x}_d)

    where a, b are the edges that follow i counter-clockwise in the triangle above it, and c, d in the one below.

    Args:
        in_channels: features F of a mesh edge.
        out_channels: features F' of the output.
        kernels: five modules from F to F' in place of the linear maps :math:`\mathbf{W}_0` to :math:`\mathbf{W}_4`.

    Forward:
        x: features of the mesh edges, (E, F).
        edge_index: int64 (2, 4 E); columns 4 i to 4 i + 3 are (a, i), (b, i), (c, i) and (d, i).

    Returns:
        (E, F').

    Raises:
        GraphTypeError: for `kernels` that are no ModuleList.
        GraphValueError: for another number of them, or of columns, or sizes that do not fit.

    Departures from PyTorch Geometric: its documentation has the rows of `edge_index` the other way round, its code has
    them as here; `reset_parameters` draws new numbers.

    Example:
        >>> conv = MeshCNNConv(5, 8)
        >>> around = torch.tensor([[1, 2, 3, 4], [0, 0, 0, 0]])
        >>> conv(torch.rand(5, 5), around).shape
        torch.Size([5, 8])

    Source: "MeshCNN: A Network with an Edge" (arXiv:1809.05910).
    """

    def __init__(self, in_channels: int, out_channels: int, kernels: ModuleList | None = None) -> None:
        super().__init__(aggr="add")
        self.in_channels = in_channels
        self.out_channels = out_channels
        if kernels is None:
            kernels = ModuleList(Linear(in_channels, out_channels) for _ in range(5))
        self._check(kernels)
        self.kernels = kernels

    def _check(self, kernels: Any) -> None:
        if not isinstance(kernels, ModuleList):
            raise GraphTypeError(f"expected a torch.nn.ModuleList as kernels, got {type(kernels).__name__}")
        if len(kernels) != 5:
            raise GraphValueError(f"expected 5 kernels, W_0 to W_4, got {len(kernels)}")
        for number, kernel in enumerate(kernels):
            for end, wanted in (("in", self.in_channels), ("out", self.out_channels)):
                size = getattr(kernel, f"{end}_channels", getattr(kernel, f"{end}_features", wanted))
                if size != wanted:
                    raise GraphValueError(
                        f"expected {end}_channels={wanted} of kernel {number}, got {size}: each maps from "
                        f"{self.in_channels} to {self.out_channels} features"
                    )

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        super().reset_parameters()
        reset(self.kernels)

    def forward(self, x: Tensor, edge_index: Any) -> Tensor:
        return self.kernels[0](x) + self.propagate(edge_index, x=x)

    def message(self, x_j: Tensor) -> Tensor:
        if x_j.shape[0] % 4:
            raise GraphValueError(f"expected four neighbours of each mesh edge, got {x_j.shape[0]} in all")
        a, b, c, d = x_j.unflatten(0, (-1, 4)).unbind(1)
        pairs = (a - c).abs(), a + c, (b - d).abs(), b + d
        mapped = [kernel(pair) for kernel, pair in zip(self.kernels[1:], pairs, strict=True)]
        return torch.stack(mapped, dim=1).flatten(0, 1)
