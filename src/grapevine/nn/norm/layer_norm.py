"""Normalisations of each row, or of each graph as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from grapevine.errors import GraphValueError
from grapevine.nn.inits import ones, zeros
from grapevine.nn.norm._rows import GraphRows


class LayerNorm(torch.nn.Module):
    r"""Normalises over all channels: of all rows of a graph together, or of each row by itself.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{\mathbf{x}_i - \mathrm{E}[\mathbf{x}]}
        {\sqrt{\mathrm{Var}[\mathbf{x}] + \epsilon}} \odot \gamma + \beta

    Args:
        in_channels: F.
        eps: added to the variance; in mode `"graph"` without `batch`, to the standard deviation.
        affine: learn the scale and the shift.
        mode: `"graph"` or `"node"`.
        device: of the parameters.

    Forward:
        x: rows, (N, F).
        batch: graph of each row, int64 (N,) in [0, B); None: one graph.
        batch_size: B, counted if None.

    Returns:
        (N, F).

    Raises:
        GraphValueError: for another mode.

    Example:
        >>> LayerNorm(2)(torch.tensor([[1.0, 1.0], [3.0, 3.0]])).detach().round().tolist()
        [[-1.0, -1.0], [1.0, 1.0]]

    Source: "Layer Normalization" (arXiv:1607.06450).
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        in_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        mode: str = "graph",
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        if mode not in ("graph", "node"):
            raise GraphValueError(f"expected mode 'graph' or 'node', got {mode!r}")
        self.in_channels = in_channels
        self.eps = eps
        self.affine = affine
        self.mode = mode
        self.register_parameter(
            "weight", Parameter(torch.empty(in_channels, device=device)) if affine else None
        )
        self.register_parameter(
            "bias", Parameter(torch.empty(in_channels, device=device)) if affine else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        ones(self.weight)
        zeros(self.bias)

    def forward(self, x: Tensor, batch: Tensor | None = None, batch_size: int | None = None) -> Tensor:
        if self.mode == "node":
            return F.layer_norm(x, (self.in_channels,), self.weight, self.bias, self.eps)

        if batch is None:
            centred = x - x.mean()
            out = centred / (centred.std(unbiased=False) + self.eps)
        else:
            graphs = GraphRows(batch, batch_size)
            centred = x - graphs.spread(graphs.mean(x.mean(dim=-1, keepdim=True)))
            var = graphs.mean(centred.square().mean(dim=-1, keepdim=True))
            out = centred / graphs.spread((var + self.eps).sqrt())
        return out * self.weight + self.bias if self.affine else out

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, affine={self.affine}, mode={self.mode})"


class HeteroLayerNorm(torch.nn.Module):
    r"""Normalises each row over its channels, with a scale and a shift of its type.

    .. math::
        \mathbf{x}^{\prime}_i = \frac{\mathbf{x}_i - \mathrm{E}[\mathbf{x}_i]}
        {\sqrt{\mathrm{Var}[\mathbf{x}_i] + \epsilon}} \odot \gamma_{\kappa} + \beta_{\kappa},
        \qquad \kappa = \mathrm{type}(i)

    Args:
        in_channels: F.
        num_types: number of types T.
        eps: added to the variance.
        affine: learn a scale and a shift of each type.
        mode: only `"node"`.
        device: of the parameters.

    Forward:
        x: rows, (N, F).
        type_vec: type of each row, int64 (N,) in [0, T).
        type_ptr: instead, for rows sorted by type, where each type begins: T + 1 integers from 0 to N.

    Returns:
        (N, F).

    Raises:
        GraphValueError: for another mode, or where neither `type_vec` nor `type_ptr` is given.

    Example:
        >>> norm = HeteroLayerNorm(2, num_types=2)
        >>> norm(torch.tensor([[1.0, 3.0], [9.0, 5.0]]), torch.tensor([0, 1])).detach().round().tolist()
        [[-1.0, 1.0], [1.0, -1.0]]

    Source: "Layer Normalization" (arXiv:1607.06450).
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        in_channels: int,
        num_types: int,
        eps: float = 1e-5,
        affine: bool = True,
        mode: str = "node",
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        if mode != "node":
            raise GraphValueError(f"expected mode 'node', got {mode!r}")
        self.in_channels = in_channels
        self.num_types = num_types
        self.eps = eps
        self.affine = affine
        size = (num_types, in_channels)
        self.register_parameter("weight", Parameter(torch.empty(size, device=device)) if affine else None)
        self.register_parameter("bias", Parameter(torch.empty(size, device=device)) if affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        ones(self.weight)
        zeros(self.bias)

    def forward(
        self,
        x: Tensor,
        type_vec: Tensor | None = None,
        type_ptr: Tensor | Sequence[int] | None = None,
    ) -> Tensor:
        if type_ptr is not None:
            sizes = torch.as_tensor(type_ptr, device=x.device).diff()
            types = torch.arange(self.num_types, device=x.device)
            type_vec = types.repeat_interleave(sizes, output_size=x.size(0))
        if type_vec is None:
            raise GraphValueError(
                "expected the types of the rows, got neither; pass 'type_vec' or 'type_ptr'"
            )

        out = F.layer_norm(x, (self.in_channels,), eps=self.eps)
        return out * self.weight[type_vec] + self.bias[type_vec] if self.affine else out

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.in_channels}, num_types={self.num_types})"


class MessageNorm(torch.nn.Module):
    r"""Gives each aggregated message the norm of the row that it is meant for, times a scale.

    .. math::
        \mathbf{m}^{\prime}_i = s \cdot \|\mathbf{x}_i\|_p \cdot \frac{\mathbf{m}_i}{\|\mathbf{m}_i\|_p}

    Args:
        learn_scale: learn s; it is 1 at first.
        device: of the parameter.

    Forward:
        x: rows, (N, F).
        msg: aggregated messages, (N, F').
        p: which norm.

    Returns:
        (N, F').

    Departures from the paper: adding the result to `x` and the network after that are left to the caller.

    Example:
        >>> MessageNorm()(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])).tolist()
        [[0.0, 5.0]]

    Source: "DeeperGCN: All You Need to Train Deeper GCNs" (arXiv:2006.07739).
    """

    def __init__(self, learn_scale: bool = False, device: torch.device | None = None) -> None:
        super().__init__()
        self.scale = Parameter(torch.empty(1, device=device), requires_grad=learn_scale)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1."""
        ones(self.scale)

    def forward(self, x: Tensor, msg: Tensor, p: float = 2.0) -> Tensor:
        return F.normalize(msg, p=p, dim=-1) * x.norm(p=p, dim=-1, keepdim=True) * self.scale

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(learn_scale={self.scale.requires_grad})"
