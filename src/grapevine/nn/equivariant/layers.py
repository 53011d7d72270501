"""The SE(3)-Transformer's layers that act on each node alone, and pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grapevine.errors import GraphValueError
from grapevine.nn.equivariant._vectors import norm
from grapevine.nn.equivariant.fiber import Fiber
from grapevine.utils import scatter

Features = dict[str, Tensor]


def mix(weight: Tensor, x: Tensor) -> Tensor:
    """A linear map of channels: (O, C), (N, C, 2d + 1) -> (N, O, 2d + 1)."""
    return F.linear(x.transpose(1, 2), weight).transpose(1, 2)


class LinearSE3(nn.Module):
    r"""A linear map of channels, degree by degree.

    .. math:: \mathbf{y}_d = \mathbf{W}_d \mathbf{x}_d

    Args:
        fiber_in: the input's structure.
        fiber_out: the output's; its degrees must be among the input's.

    Forward:
        features: degree -> (N, C, 2d + 1).

    Returns:
        degree -> (N, C', 2d + 1).

    Example:
        >>> import torch
        >>> LinearSE3(Fiber({1: 3}), Fiber({1: 5}))({"1": torch.randn(4, 3, 3)})["1"].shape
        torch.Size([4, 5, 3])

    Source: NVIDIA's SE(3)-Transformer.
    """

    def __init__(self, fiber_in: Fiber, fiber_out: Fiber) -> None:
        super().__init__()
        _check_degrees(fiber_in, fiber_out)
        self.weights = nn.ParameterDict(
            {
                str(degree): nn.Parameter(torch.randn(channels, fiber_in[degree]) / fiber_in[degree] ** 0.5)
                for degree, channels in fiber_out
            }
        )

    def forward(self, features: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Features:
        return {degree: mix(weight, features[degree]) for degree, weight in self.weights.items()}


def _check_degrees(fiber_in: Fiber, fiber_out: Fiber) -> None:
    missing = [d for d in fiber_out.degrees if fiber_in[d] == 0]
    if missing:
        raise GraphValueError(
            f"expected output degrees among the input's {fiber_in.degrees}, got {missing} besides; a linear map "
            f"of channels "
            "cannot make a new degree, a ConvSE3 can"
        )


class NormSE3(nn.Module):
    r"""A nonlinearity on the lengths of features; directions stay.

    .. math::
        \mathbf{x} \mapsto \mathrm{ReLU}(\mathrm{norm}(\|\mathbf{x}\|)) \, \frac{\mathbf{x}}{\|\mathbf{x}\|}

    `norm` is one GroupNorm with a group per degree where all degrees have as many channels, else a LayerNorm per
    degree.
    A degree with a single channel loses its length, and all of itself at the initial weights: give it more channels.

    Args:
        fiber: the structure of the features.
        nonlinearity: instead of ReLU.

    Forward:
        features: degree -> (N, C, 2d + 1).

    Returns:
        The same structure.

    Example:
        >>> import torch
        >>> NormSE3(Fiber({0: 4, 1: 4}))({"0": torch.randn(2, 4, 1), "1": torch.randn(2, 4, 3)})["1"].shape
        torch.Size([2, 4, 3])

    Source: NVIDIA's SE(3)-Transformer.
    """

    NORM_CLAMP = 2**-24  #: the smallest length

    def __init__(self, fiber: Fiber, nonlinearity: nn.Module | None = None) -> None:
        super().__init__()
        self.fiber = fiber
        self.nonlinearity = nn.ReLU() if nonlinearity is None else nonlinearity
        if len(set(fiber.channels)) == 1:
            self.group_norm = nn.GroupNorm(len(fiber.degrees), sum(fiber.channels))
        else:
            self.layer_norms = nn.ModuleDict({str(d): nn.LayerNorm(channels) for d, channels in fiber})

    def forward(self, features: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Features:
        degrees = [str(d) for d in self.fiber.degrees]
        lengths = [norm(features[d]).clamp(min=self.NORM_CLAMP) for d in degrees]
        if "group_norm" in self._modules:
            joint = self.group_norm(torch.cat(lengths, dim=1).squeeze(-1))
            new = joint.chunk(len(degrees), dim=1)
        else:
            new = [self.layer_norms[d](n.squeeze(-1)) for d, n in zip(degrees, lengths, strict=True)]
        return {
            d: self.nonlinearity(a).unsqueeze(-1) / n * features[d]
            for d, a, n in zip(degrees, new, lengths, strict=True)
        }


class GPooling(nn.Module):
    """From nodes to graphs: the largest or the mean value.

    Args:
        feat_type: the degree to pool.
        pool: "max" (degree 0 alone, where a maximum means something) or "avg".

    Forward:
        features: degree -> (N, C, 2d + 1).
        graph: a `PointGraph`, or anything with `.batch_num_nodes()`.

    Returns:
        (G, C) for degree 0, (G, C, 2d + 1) else.

    Raises:
        GraphValueError: for another kind of pooling, or "max" of vectors.

    Example:
        >>> import torch, grapevine as gv
        >>> from grapevine.nn.equivariant import PointGraph
        >>> graph = PointGraph(gv.Edges(torch.empty(2, 0, dtype=torch.long), num_nodes=3), torch.empty(0, 3))
        >>> GPooling(pool="max")({"0": torch.randn(3, 5, 1)}, graph).shape
        torch.Size([1, 5])

    Source: NVIDIA's SE(3)-Transformer.
    """

    def __init__(self, feat_type: int = 0, pool: str = "max") -> None:
        super().__init__()
        if pool not in ("max", "avg"):
            raise GraphValueError(f"expected pool 'max' or 'avg', got {pool!r}")
        if pool == "max" and feat_type != 0:
            raise GraphValueError(
                f"expected 'avg' for degree {feat_type}, got 'max', which turns with no rotation"
            )
        self.feat_type = feat_type
        self.reduce = "max" if pool == "max" else "mean"

    def forward(self, features: Mapping[str, Tensor], graph: Any, **kwargs: Any) -> Tensor:
        x = features[str(self.feat_type)]
        sizes = graph.batch_num_nodes()
        batch = torch.repeat_interleave(sizes, output_size=x.shape[0])
        return scatter(x, batch, dim_size=len(sizes), reduce=self.reduce).squeeze(-1)
