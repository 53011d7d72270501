"""The multi-layer perceptron."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn.dense.linear import Linear
from grapevine.nn.resolver import activation_resolver, normalization_resolver

T = TypeVar("T")


def _per_layer(value: T | Sequence[T], num_layers: int, what: str) -> list[T]:
    if not isinstance(value, (list, tuple)):
        return [value] * num_layers  # type: ignore[list-item]
    if len(value) != num_layers:
        raise GraphValueError(
            f"expected one {what} value for each of {num_layers} layers, got {len(value)}; "
            f"pass {num_layers}, or one for all"
        )
    return list(value)


class MLP(torch.nn.Module):
    r"""Linear layers with normalisation, activation and dropout after each but the last.

    .. math::
        \mathbf{h}^{(l)} =
        \mathrm{dropout}(\mathrm{act}(\mathrm{norm}(\mathbf{h}^{(l-1)} \mathbf{W}_l^{\top} + \mathbf{b}_l)))

    Args:
        channel_list: sizes of the input, of each hidden layer and of the output; or the size of the input
            alone.
        in_channels, hidden_channels, out_channels, num_layers: instead, equally sized hidden layers.
        dropout: probability of dropout, for all layers but a plain last one, or one for each layer.
        act: activation, by name or as a callable; None: none.
        act_first: activate before normalising.
        act_kwargs: arguments of an activation given by name.
        norm: normalisation, by name; None: none.
        norm_kwargs: further arguments of the normalisation.
        plain_last: let the last layer be linear only.
        bias: learn shifts, for all layers, or one value for each.
        kwargs: names that older code used: `relu_first` (for `act_first`), `batch_norm` and
            `batch_norm_kwargs`.

    Forward:
        x: features, (*, in_channels).
        batch: graph of each row, int64 (N,) in [0, B), for a normalisation that wants it.
        batch_size: B, counted if None.
        return_emb: return the input of the last layer too.

    Returns:
        (*, out_channels); with `return_emb=True` a pair with the (*, hidden_channels) ahead of the last layer
        (None where there is no hidden layer).

    Raises:
        GraphValueError: where the sizes are missing, or lists have another length than there are layers.

    Example:
        >>> MLP([16, 32, 64, 128])
        MLP(16, 32, 64, 128)
        >>> MLP(in_channels=16, hidden_channels=32, out_channels=128, num_layers=3)
        MLP(16, 32, 32, 128)
    """

    def __init__(
        self,
        channel_list: list[int] | int | None = None,
        *,
        in_channels: int | None = None,
        hidden_channels: int | None = None,
        out_channels: int | None = None,
        num_layers: int | None = None,
        dropout: float | list[float] = 0.0,
        act: str | Callable[..., Any] | None = "relu",
        act_first: bool = False,
        act_kwargs: dict[str, Any] | None = None,
        norm: str | Callable[..., Any] | None = "batch_norm",
        norm_kwargs: dict[str, Any] | None = None,
        plain_last: bool = True,
        bias: bool | list[bool] = True,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        act_first = kwargs.pop("relu_first", False) or act_first
        batch_norm = kwargs.pop("batch_norm", None)
        batch_norm_kwargs = kwargs.pop("batch_norm_kwargs", None)
        if isinstance(batch_norm, bool):
            warnings.warn(
                "MLP(batch_norm=...) is deprecated; use norm='batch_norm' or norm=None", stacklevel=2
            )
            norm, norm_kwargs = ("batch_norm" if batch_norm else None), batch_norm_kwargs
        if kwargs:
            raise GraphTypeError(f"expected the arguments of MLP, got {', '.join(kwargs)} too; leave it out")

        if isinstance(channel_list, int):
            in_channels = channel_list
        if in_channels is not None:
            if num_layers is None or out_channels is None or (num_layers > 1 and hidden_channels is None):
                raise GraphValueError(
                    "expected num_layers, out_channels and, for more than one layer, hidden_channels beside "
                    f"in_channels={in_channels}, got num_layers={num_layers}, out_channels={out_channels}, "
                    f"hidden_channels={hidden_channels}"
                )
            hidden: list[Any] = [hidden_channels] * (num_layers - 1)
            channel_list = [in_channels, *hidden, out_channels]
        if not isinstance(channel_list, (list, tuple)) or len(channel_list) < 2:
            raise GraphValueError(
                f"expected at least an input and an output size, got channel_list={channel_list!r}; "
                "for example MLP([16, 64, 7])"
            )

        self.channel_list = list(channel_list)
        self.act = activation_resolver(act, **(act_kwargs or {}))
        self.act_first = act_first
        self.plain_last = plain_last
        self.dropout = _per_layer(dropout, self.num_layers, "dropout")
        if plain_last and not isinstance(dropout, (list, tuple)):
            self.dropout[-1] = 0.0

        self.lins = torch.nn.ModuleList(
            Linear(size, next_size, bias=layer_bias)
            for size, next_size, layer_bias in zip(
                channel_list[:-1], channel_list[1:], _per_layer(bias, self.num_layers, "bias")
            )
        )
        self.norms = torch.nn.ModuleList(
            torch.nn.Identity() if norm is None else normalization_resolver(norm, size, **(norm_kwargs or {}))
            for size in (channel_list[1:-1] if plain_last else channel_list[1:])
        )
        self.supports_norm_batch = (
            len(self.norms) > 0 and "batch" in inspect.signature(self.norms[0].forward).parameters
        )
        self.reset_parameters()

    @property
    def in_channels(self) -> int:
        """Size of the input."""
        return self.channel_list[0]

    @property
    def out_channels(self) -> int:
        """Size of the output."""
        return self.channel_list[-1]

    @property
    def num_layers(self) -> int:
        """Number of linear layers."""
        return len(self.channel_list) - 1

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        for layer in [*self.lins, *self.norms]:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()

    def forward(
        self,
        x: Tensor,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        return_emb: bool | None = None,
    ) -> Any:
        emb = None
        for lin, norm, dropout in zip(self.lins, self.norms, self.dropout):
            x = lin(x)
            if self.act is not None and self.act_first:
                x = self.act(x)
            x = norm(x, batch, batch_size) if self.supports_norm_batch else norm(x)
            if self.act is not None and not self.act_first:
                x = self.act(x)
            emb = x = F.dropout(x, p=dropout, training=self.training)

        if self.plain_last:
            x = F.dropout(self.lins[-1](x), p=self.dropout[-1], training=self.training)
        return (x, emb if return_emb else None) if isinstance(return_emb, bool) else x

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({str(self.channel_list)[1:-1]})"
