"""Reversible layers: depth without memory."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from grapevine.errors import GraphValueError
from grapevine.nn.inits import reset


class GroupAddRev(torch.nn.Module):
    r"""Runs a layer on groups of features one after the other, so that the input can be found from the output.

    .. math::
        \mathbf{X}^{\prime}_1 = \mathbf{X}_1 + f_1 \Big( \sum_{g = 2}^G \mathbf{X}_g, \mathbf{A} \Big), \qquad
        \mathbf{X}^{\prime}_g = \mathbf{X}_g + f_g(\mathbf{X}^{\prime}_{g - 1}, \mathbf{A})

    Inputs and all that the layers compute are forgotten in the forward pass and computed again in the backward pass: a
    stack of any depth needs the memory of one layer.

    Args:
        conv: the layer f, from F / G to F / G features, which is copied, with new numbers, for each group; or a
            ModuleList of all G.
        split_dim: the axis that is cut into groups.
        num_groups: number of groups G; not needed with a ModuleList.
        disable: keep everything, as other layers do.
        num_bwd_passes: how often one may go back through the same forward pass (`retain_graph=True`).

    Forward:
        x: features, (N, F); its memory is given back where it is the result of a computation and has no other use
            (do not read it afterwards).
        edge_index: any adjacency.
        args: further arguments of the layers; tensors of F features along `split_dim`, such as a mask for dropout, are
            cut too, others are given to each.

    Returns:
        (N, F).

    Raises:
        GraphValueError: for less than two groups, features that they do not divide, and for more backward passes than
            announced.

    Random numbers inside the layers would differ in the second computation: give a mask as argument instead.

    Departures from PyTorch Geometric: memory of inputs that somebody may still need (leaves such as `data.x`, parts of
    larger tensors, passes without gradients) is left alone; the output's is never taken away.

    Example:
        >>> from grapevine.nn import GCNConv
        >>> layer = GroupAddRev(GCNConv(4, 4), num_groups=2)
        >>> x = layer(torch.rand(3, 8), torch.tensor([[0, 1], [1, 2]]))
        >>> layer.inverse(x, torch.tensor([[0, 1], [1, 2]])).shape
        torch.Size([3, 8])

    Source: "Training Graph Neural Networks with 1000 Layers" (arXiv:2106.07476).
    """

    def __init__(
        self,
        conv: torch.nn.Module | torch.nn.ModuleList,
        split_dim: int = -1,
        num_groups: int | None = None,
        disable: bool = False,
        num_bwd_passes: int = 1,
    ) -> None:
        super().__init__()
        self.split_dim = split_dim
        self.disable = disable
        self.num_bwd_passes = num_bwd_passes
        if isinstance(conv, torch.nn.ModuleList):
            self.convs = conv
        else:
            more = [copy.deepcopy(conv) for _ in range((num_groups or 1) - 1)]
            for each in more:
                reset(each)
            self.convs = torch.nn.ModuleList([conv, *more])
        if len(self.convs) < 2:
            raise GraphValueError(f"expected at least two groups, got {len(self.convs)}; give num_groups=2")

    @property
    def num_groups(self) -> int:
        """How many groups there are."""
        return len(self.convs)

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.convs)

    def forward(self, x: Tensor, edge_index: Any, *args: Any) -> Tensor:
        if self.disable or not torch.is_grad_enabled():
            return self._forward(x, edge_index, *args)
        out: Tensor = _Reversed.apply(self, len(args) + 2, x, edge_index, *args, *self.parameters())
        return out

    def inverse(self, y: Tensor, edge_index: Any, *args: Any) -> Tensor:
        """The x of which `forward(x, edge_index, *args)` made y."""
        ys, given = self._groups(y, args)
        xs: list[Tensor] = []
        for g in range(self.num_groups - 1, 0, -1):
            xs.insert(0, ys[g] - self.convs[g](ys[g - 1], edge_index, *given[g]))
        xs.insert(0, ys[0] - self.convs[0](sum(xs), edge_index, *given[0]))
        return torch.cat(xs, dim=self.split_dim)

    def _forward(self, x: Tensor, edge_index: Any, *args: Any) -> Tensor:
        xs, given = self._groups(x, args)
        ys = [sum(xs[2:], xs[1])]
        for g, conv in enumerate(self.convs):
            ys.append(xs[g] + conv(ys[-1], edge_index, *given[g]))
        return torch.cat(ys[1:], dim=self.split_dim)

    def _groups(self, x: Tensor, args: tuple[Any, ...]) -> tuple[list[Tensor], list[tuple[Any, ...]]]:
        """The groups of x, and the arguments of each layer."""
        channels = x.shape[self.split_dim]
        if channels % self.num_groups:
            raise GraphValueError(
                f"expected features that {self.num_groups} groups divide, got {channels} along axis {self.split_dim}"
            )

        def cut(value: Any) -> list[Any]:
            if isinstance(value, Tensor):
                axis = self.split_dim + (value.dim() if self.split_dim < 0 else 0)
                if 0 <= axis < value.dim() and value.shape[axis] == channels:
                    return list(value.chunk(self.num_groups, dim=axis))
            return [value] * self.num_groups

        cuts = [cut(value) for value in args]
        return cut(x), [tuple(each[g] for each in cuts) for g in range(self.num_groups)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.convs[0]}, num_groups={self.num_groups})"


class _Reversed(torch.autograd.Function):
    """`module._forward(*inputs)`, which keeps the output alone; the parameters follow the inputs."""

    @staticmethod
    def forward(ctx: Any, module: GroupAddRev, num_inputs: int, x: Tensor, *others: Any) -> Tensor:
        ctx.module, ctx.passes = module, module.num_bwd_passes
        ctx.args, ctx.parameters = others[: num_inputs - 1], others[num_inputs - 1 :]
        ctx.x = x
        y = module._forward(x.detach(), *ctx.args)
        ctx.y = y.detach()
        ctx.freed = not x.is_leaf and x.is_contiguous() and _nbytes(x) == x.untyped_storage().nbytes()
        if ctx.freed:
            x.untyped_storage().resize_(0)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.passes == 0:
            raise GraphValueError(
                f"expected at most {ctx.module.num_bwd_passes} backward passes, got one more; "
                "do this instead: GroupAddRev(..., num_bwd_passes=2)"
            )
        ctx.passes -= 1
        x = ctx.x
        if ctx.freed:  # those who hold it, the layer before among them, find it as it was
            with torch.no_grad():
                found = ctx.module.inverse(ctx.y, *ctx.args).contiguous()
            x.untyped_storage().resize_(_nbytes(x))
            x.untyped_storage().copy_(found.untyped_storage())
            ctx.freed = False
        inputs = [
            value.detach().requires_grad_(value.requires_grad) if isinstance(value, Tensor) else value
            for value in (x, *ctx.args)
        ]
        with torch.enable_grad():
            y = ctx.module._forward(*inputs)
        leaves = [*inputs, *ctx.parameters]
        wanted = [isinstance(leaf, Tensor) and leaf.requires_grad for leaf in leaves]
        needed = [leaf for leaf, want in zip(leaves, wanted, strict=True) if want]
        gradients = iter(torch.autograd.grad(y, needed, grad, allow_unused=True))
        if ctx.passes == 0:
            ctx.x = ctx.y = None
        return (None, None, *(next(gradients) if want else None for want in wanted))


def _nbytes(x: Tensor) -> int:
    return x.numel() * x.element_size()
