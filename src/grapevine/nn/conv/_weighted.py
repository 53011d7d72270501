"""What the layers share whose message is the source's features, times the edge's weight."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor
from torch.nn import Module

from grapevine.nn.dense.linear import Linear
from grapevine.nn.message_passing import MessagePassing


def bare(module: Module) -> bool:
    """Whether a call of the module is its class's `forward`, and nothing else that would have to be run too."""
    return not (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in vars(module)
    )


def is_plain(lin: Module) -> bool:
    """Whether a call of it is the product with its weight, plus its bias."""
    return type(lin) is Linear and bare(lin)


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

    @property
    def sends_alone(self) -> bool:
        """Whether somebody watches this layer's own messages, or they go another way than usual."""
        usual = (
            type(self).propagate is MessagePassing.propagate and self.flow == "source_to_target" and self.fuse
        )
        watched = self.explain or not (self.aggr_module is None or bare(self.aggr_module))
        return watched or not usual or self.node_dim not in (0, -2)

    def transformed(self, lin: Linear, x: Tensor, send: Callable[[Tensor], Tensor]) -> Tensor:
        """`lin(send(x))`, in the order in which fewer features travel along the edges.

        Args:
            lin: a linear map.
            x: features of the senders.
            send: `propagate`, from `x` to what arrives.
        """
        if is_plain(lin) and lin.out_channels < lin.in_channels and self.is_linear:
            out = send(F.linear(x, lin.weight))
            return out if lin.bias is None else out + lin.bias
        return lin(send(x))
