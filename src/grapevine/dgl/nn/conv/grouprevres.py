"""Reversible residual connections."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from grapevine.errors import GraphValueError
from grapevine.topology import TensorMemo

if TYPE_CHECKING:
    from grapevine.dgl.heterograph import DGLGraph

#: For the output of a reversible layer, where its values are kept until somebody can compute them from his own.
_kept = TensorMemo()


class GroupRevRes(nn.Module):
    r"""Residual connections around a layer for each group of features, whose input follows from their output.

    .. math::
        \mathbf{y}_0 = \sum_{c > 1} \mathbf{x}_c, \qquad
        \mathbf{y}_c = \mathbf{x}_c + f_c ( g, \mathbf{y}_{c - 1}, \dots ), \quad c = 1, \dots, C

    In a stack of such layers only the last output is kept for the backward pass; each layer recomputes its input.

    Args:
        gnn_module: the layer f, for F / C features; each further group has a copy of it.
        groups: C.

    Forward:
        g: the graph.
        x: (N, F).
        args: further arguments of f, split along their last dim too.

    Returns:
        (N, F).

    Raises:
        GraphValueError: for a second backward pass through the same output.

    The layer must be deterministic: hand masks over as `args` instead of using dropout inside.

    Departures from DGL: an input's memory is not taken away from the caller, who frees it by letting go of it.

    Example:
        >>> import grapevine.dgl as dgl
        >>> from grapevine.dgl.nn import GraphConv
        >>> g = dgl.graph(([0, 1, 2], [1, 2, 0]))
        >>> GroupRevRes(GraphConv(2, 2), groups=2)(g, torch.ones(3, 4)).shape
        torch.Size([3, 4])

    Source: "Training Graph Neural Networks with 1000 Layers" (arXiv:2106.07476).
    """

    def __init__(self, gnn_module: nn.Module, groups: int = 2) -> None:
        super().__init__()
        copies = [deepcopy(gnn_module) for _ in range(groups - 1)]
        self.gnn_modules = nn.ModuleList([gnn_module, *copies])
        self.groups = groups

    def forward(self, g: DGLGraph, x: Tensor, *args: Tensor) -> Tensor:
        weights = [p for p in self.parameters() if p.requires_grad]
        before, slot = _kept.get(x), _Slot()
        out: Tensor = _Reversible.apply(self, g, before, slot, 1 + len(args), x, *args, *weights)
        if not out.requires_grad:
            return out
        if before is not None:
            before.release(x)
        _kept.set(out, slot)
        return out

    def outputs(self, g: DGLGraph, x: Tensor, *args: Tensor) -> Tensor:
        """The layer's equation."""
        xs = x.chunk(self.groups, dim=-1)
        y, ys = sum(xs[1:], torch.zeros_like(xs[0])), []
        for x_c, module, rest in zip(xs, self.gnn_modules, self._shares(args), strict=True):
            y = x_c + module(g, y, *rest)
            ys.append(y)
        return torch.cat(ys, dim=-1)

    def inputs(self, g: DGLGraph, y: Tensor, *args: Tensor) -> Tensor:
        """The equation, solved for x."""
        ys, shares = y.chunk(self.groups, dim=-1), list(self._shares(args))
        xs: list[Tensor] = []
        for c in reversed(range(self.groups)):
            before = ys[c - 1] if c > 0 else sum(xs, torch.zeros_like(ys[0]))
            xs.append(ys[c] - self.gnn_modules[c](g, before, *shares[c]))
        return torch.cat(xs[::-1], dim=-1)

    def _shares(self, args: tuple[Tensor, ...]) -> Iterator[tuple[Tensor, ...]]:
        """The further arguments of each group."""
        if not args:
            return iter([()] * self.groups)
        return zip(*(arg.chunk(self.groups, dim=-1) for arg in args), strict=True)


class _Slot:
    """Where the values of one output are kept, until a layer takes it that can compute them again."""

    __slots__ = ("output", "value")

    def __init__(self) -> None:
        self.value: Tensor | None = None
        self.output: weakref.ref[Tensor] | None = None

    def release(self, output: Tensor) -> None:
        """Keeps the values no longer."""
        self.value, self.output = None, weakref.ref(output)

    def take(self) -> Tensor:
        """The values, once."""
        output = None if self.output is None else self.output()
        value = self.value if output is None else output.detach()
        self.value = None
        if value is None:
            raise GraphValueError(
                "expected one backward pass through each reversible layer, got a second one, or one that leaves out "
                "the layer that took its output; compute the output anew"
            )
        return value


class _Reversible(torch.autograd.Function):
    """`GroupRevRes.outputs`, whose backward pass computes the input from the output."""

    @staticmethod
    def forward(
        ctx: Any,
        layer: GroupRevRes,
        g: DGLGraph,
        before: _Slot | None,
        slot: _Slot,
        count: int,
        *tensors: Tensor,
    ) -> Tensor:
        ctx.layer, ctx.g, ctx.before, ctx.slot, ctx.count = layer, g, before, slot, count
        ctx.save_for_backward(*tensors[1:])
        out = layer.outputs(g, *tensors[:count])
        slot.value = out.detach()
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, others = ctx.saved_tensors, ctx.count - 1
        x: Tensor = ctx.layer.inputs(ctx.g, ctx.slot.take(), *saved[:others])
        if ctx.before is not None:
            ctx.before.value, ctx.before.output = x, None
        wanted = ctx.needs_input_grad[5:]
        with torch.enable_grad():
            given = [
                t.detach().requires_grad_(w)
                for t, w in zip((x, *saved[:others]), wanted[: ctx.count], strict=True)
            ]
            out = ctx.layer.outputs(ctx.g, *given)
        leaves = [t for t, w in zip((*given, *saved[others:]), wanted, strict=True) if w]
        grads = iter(torch.autograd.grad(out, leaves, grad, allow_unused=True))
        return (*[None] * 5, *(next(grads) if w else None for w in wanted))
