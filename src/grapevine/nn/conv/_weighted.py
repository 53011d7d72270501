"""What the layers share whose message is the source's features, times the edge's weight."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing


class WeightedConv(MessagePassing):
    r"""Base of the layers that sum up :math:`e_{ji} \mathbf{x}_j`, or reduce it otherwise."""

    def message(self, x_j: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return x_j if edge_weight is None else edge_weight.view(-1, 1) * x_j

    @property
    def is_linear(self) -> bool:
        """Whether what arrives is linear in the features, so that a matrix may be applied before or after."""
        cls = type(self)
        return (
            self.aggr in ("add", "sum", "mean")
            and cls.message is WeightedConv.message
            and cls.aggregate is MessagePassing.aggregate
            and cls.update is MessagePassing.update
            and not self._hooks
        )

    def transformed(self, lin: Linear, x: Tensor, send: Callable[[Tensor], Tensor]) -> Tensor:
        """`lin(send(x))`, in the order in which fewer features travel along the edges.

        Args:
            lin: a linear map.
            x: features of the senders.
            send: `propagate`, from `x` to what arrives.
        """
        plain = type(lin) is Linear and not lin._forward_hooks and not lin._forward_pre_hooks
        if plain and lin.out_channels < lin.in_channels and self.is_linear:
            out = send(F.linear(x, lin.weight))
            return out if lin.bias is None else out + lin.bias
        return lin(send(x))
