"""An edge tensor behaves as the plain gather `x[src]` does, whatever is done with it."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import grapevine as gv
from grapevine.engine import EdgeTensor

from .messages import SRC, D, E, Message, assert_like_gather, edges, features, mode, scattered, weights

MODES = pytest.mark.parametrize("how", ["lazy", "materialised"])
W = weights(D, 4)
PER_EDGE = weights(E, 1)
IDS = torch.tensor([0, 3])


class StraightThrough(torch.autograd.Function):
    """Its gradient is on purpose not the derivative of what it computes."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        return (a * 2.0).relu()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * 10


class Identity(torch.autograd.Function):
    """Returns its input, and a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        return a

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * 5


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return a * a

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        return 2 * a * grad


class Unseen(torch.autograd.Function):
    """Its body goes past `__torch_function__`, as one written in C++ does."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        with torch._C.DisableTorchFunctionSubclass():
            ctx.save_for_backward(a)
            return torch.sin(a) * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        return 2 * torch.cos(a) * grad


class UnseenInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.mark_dirty(a)
        with torch._C.DisableTorchFunctionSubclass():
            a.mul_(3)
        return a

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * 3


def no_grad_part(m: Tensor) -> Tensor:
    with torch.no_grad():
        k = m * 2.0
    return k * m


def values_only(m: Tensor) -> Tensor:
    with torch.no_grad():
        return m * 2.0


def steps(*functions: Any) -> Message:
    """Runs statements that each get the message so far, and may replace it."""

    def message(m: Tensor) -> Tensor:
        for function in functions:
            out = function(m)
            m = m if out is None else out
        return m

    return message


def set_item(index: Any, value: Any) -> Message:
    def change(m: Tensor) -> None:
        m[index] = value

    return change


def hooked(m: Tensor) -> Tensor:
    m.register_hook(lambda grad: grad * 3)
    return m * 2.0


def hooked_in_between(m: Tensor) -> Tensor:
    k = m * 2.0
    out = k * m
    k.register_hook(lambda grad: grad * 3)
    return out


def hooked_after_use(m: Tensor) -> Tensor:
    k = torch.sin(m)
    m.register_hook(lambda grad: grad * 3)
    return k + m


def force(m: Tensor) -> Tensor:
    """A gradient with respect to the message itself, as for forces."""
    energy = (m**3).sum(-1)
    return torch.autograd.grad(energy.sum(), m, create_graph=True)[0]


def force_of_recorded(m: Tensor) -> Tensor:
    k = m * 2.0
    return torch.autograd.grad((k * k * m).sum(), k, create_graph=True)[0]


def leaf_inside(m: Tensor) -> Tensor:
    """A message that is made a leaf, differentiated and used on."""
    k = m.detach().requires_grad_()
    return m * torch.autograd.grad(torch.sin(k).sum(), k)[0]


def through_numpy(m: Tensor) -> Tensor:
    """Writing through numpy reaches the message."""
    k = m.detach().clone()
    k.numpy()[:, 0] = 7.0
    return k * 1.0


def through_data(m: Tensor) -> Tensor:
    k = m * 1.0
    k.data.add_(1.0)
    return k * 2.0


def shared_rows(*, view: Message, change: Message, before: bool) -> Message:
    """A change through a view shows in the base, and the other way round."""

    def message(m: Tensor) -> Tensor:
        m = m * 1.0
        v = view(m)
        other = m[:, :2]
        change(m if before else v)
        return torch.cat([m, v.reshape(E, -1), other], dim=-1)

    return message


def dropped_base(m: Tensor) -> Tensor:
    v = (m * 2.0).view(E, D, 1)
    v += 1
    return v


def read_before_change(m: Tensor) -> Tensor:
    """What was computed from a message before it changed keeps what it saw."""
    k = m * 2.0
    m += 1
    n = m * 3.0
    m.mul_(2)
    m[:, 0] = 0
    return k + n + m


def plain_view_changed(m: Tensor) -> Tensor:
    """`view(-1)` joins edges and features, so it is real; writing to it must reach the message."""
    m = m * 1.0
    rows = m[:, :2]
    m.view(-1).mul_(3)
    return torch.cat([m * 2.0, rows], -1)


def column_changed(m: Tensor) -> Tensor:
    m = m * 1.0
    m[:, 0].add_(1)
    m[:, 1] += 2
    return m * 1.0


def chunks(m: Tensor) -> Tensor:
    a, b = m.split([1, 2], dim=-1)
    c = m.chunk(3, dim=-1)
    return a * b + c[2]


def unbound(m: Tensor) -> Tensor:
    a, b, c = m.unbind(-1)
    return torch.stack([a * b, c], dim=-1)


def rows_in_a_loop(m: Tensor) -> Tensor:
    return torch.stack([row * (i + 1) for i, row in enumerate(m)])


def gru(m: Tensor) -> Tensor:
    torch.manual_seed(0)
    return torch.nn.GRU(D, 2, batch_first=True).double()(m.unsqueeze(1))[0][:, -1]


def mlp(m: Tensor) -> Tensor:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(D, 4),
        torch.nn.LeakyReLU(0.1),
        torch.nn.LayerNorm(4),
        torch.nn.ELU(),
        torch.nn.Linear(4, 2),
    )
    return net.double()(m)


def batch_norm(m: Tensor) -> Tensor:
    return torch.nn.BatchNorm1d(D).double()(m)


def module_hooks(m: Tensor) -> Tensor:
    net = torch.nn.Sequential(torch.nn.Linear(D, 2)).double()
    for p in net.parameters():
        torch.nn.init.ones_(p)
    net[0].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    net[0].register_forward_hook(lambda module, args, out: out * 3)
    return net(m)


def backward_hooks(m: Tensor) -> Tensor:
    net = torch.nn.Linear(D, 2).double()
    for p in net.parameters():
        torch.nn.init.ones_(p)
    net.register_full_backward_hook(lambda module, grad_in, grad_out: (grad_in[0] * 2,))
    net.register_full_backward_pre_hook(lambda module, grad_out: (grad_out[0] * 2,))
    return net(m)


def branches(m: Tensor) -> Tensor:
    return m * 2 if bool(m.sum() > 0) else m * 3


CASES: dict[str, Message] = {
    # recorded
    "itself": lambda m: m,
    "relu of a multiple": lambda m: (m * 2.0).relu(),
    "number on the left": lambda m: 2.0 - 3 / (m + 10) + 2 * m - m**2,
    "used twice": lambda m: m * m,
    "used twice, deeper": lambda m: (m * 2).sin() * m + m * m.cos(),
    "record(detach)": lambda m: m * m.detach(),
    "part without gradient": no_grad_part,
    "all without gradient": values_only,
    "inside enable_grad in no_grad": lambda m: torch.enable_grad()(
        torch.no_grad()(lambda k: torch.enable_grad()(torch.sin)(k))
    )(m),
    "weighted by edge": lambda m: PER_EDGE * m,
    "weighted by feature": lambda m: m * weights(D) + weights(E, D),
    "0-dim tensor": lambda m: m * torch.tensor(2.0) + torch.tensor(1),
    "shared weight": lambda m: m @ W,
    "cat with plain first": lambda m: torch.cat([torch.ones(E, 2, dtype=m.dtype), m], -1),
    "cat of rows": lambda m: torch.cat([m, m], 0),
    "stack": lambda m: torch.stack([m, m.sin()], -1),
    "stack in front": lambda m: torch.stack([m, m]).sum(0),
    "where": lambda m: torch.where(m > 0, m, 0.1 * m),
    "where with a scalar": lambda m: torch.where(m > 0, 1.0, m),
    "split, chunk": chunks,
    "unbind": unbound,
    "view of heads": lambda m: m.view(-1, D, 1) * weights(1, D, 2),
    "attention score": lambda m: (m.view(-1, D, 1) * weights(1, D, 2)).sum(-1),
    "expand": lambda m: m.unsqueeze(1).expand(-1, 2, -1),
    "softmax of features": lambda m: m.softmax(-1) + F.log_softmax(m, dim=-1),
    "norm of features": lambda m: m.norm(dim=-1, keepdim=True) + m.norm(p=1, dim=1, keepdim=True),
    "norm of everything": lambda m: m / m.norm(),
    "sum of everything": lambda m: m.sum() * m.mean(),
    "sum of edges": lambda m: m.sum(0),
    "max of features": lambda m: m.max(dim=-1).values,
    "cumsum along edges": lambda m: m.cumsum(0),
    "flip along edges": lambda m: m.flip(0),
    "transpose to (D, E)": lambda m: m.t() * 2,
    "outer": lambda m: m.unsqueeze(-1) * m.unsqueeze(-2),
    "(E,) with (E, 1)": lambda m: m[:, 0] + PER_EDGE,
    "(E,) with (E, E)": lambda m: m[:, 0] * weights(E, E),
    "(E, D) with (2, E, D)": lambda m: (m * weights(2, E, D)).sum(0),
    "another dtype": lambda m: m.float() * 2,
    "to(dtype)": lambda m: m.to(torch.float32).double() + m.to(m.dtype) + m.type_as(m),
    "compare": lambda m: (m > 0) & (m.abs() < 1),
    "integer arithmetic": lambda m: (m > 0).long() * 2 + 1,
    "round": lambda m: m.round() + m,
    "mlp": mlp,
    # unknown to the table
    "sinc": torch.sinc,
    "einsum": lambda m: torch.einsum("ef,ef->e", m, m),
    "einsum with a weight": lambda m: torch.einsum("ef,fg->eg", m, W),
    "matrix per edge": lambda m: torch.matmul(m.unsqueeze(1), weights(E, D, 2)).squeeze(1),
    "bmm": lambda m: torch.bmm(m.unsqueeze(1), m.unsqueeze(2)),
    "weight on the left": lambda m: (W.t() @ m.t()).t(),
    "cross": lambda m: torch.linalg.cross(m, m.roll(1, 0)),
    "pairwise distance": lambda m: F.pairwise_distance(m, m.roll(1, 0)),
    "aten directly": lambda m: torch.ops.aten.sin.default(m),
    "gru": gru,
    "batch norm": batch_norm,
    "dropout in training": lambda m: F.dropout(m, 0.5, training=True),
    "dropout outside training": lambda m: F.dropout(m, 0.5, training=False) * 2,
    "dropout in place": lambda m: F.dropout(m * 1.0, 0.5, True, True) * 2,
    "random of the same shape": lambda m: m + torch.rand_like(m),
    "zeros of the same shape": lambda m: (
        m + torch.zeros_like(m) + m.new_ones(m.shape) + torch.full_like(m, 2.0)
    ),
    "embedding bag of numbers": lambda m: F.one_hot((m > 0).long(), 2).to(m.dtype) * m.unsqueeze(-1),
    # indexing
    "bool mask": lambda m: m[SRC > 1],
    "integer rows": lambda m: m[IDS],
    "index_select": lambda m: m.index_select(0, IDS) * 2,
    "own mask": lambda m: m[m > 0],
    "one row": lambda m: m[2],
    "slice of rows": lambda m: m[1:5:2],
    "columns": lambda m: m[:, [2, 0]],
    "None, Ellipsis": lambda m: m[..., None, :2] * m[:, None, 1:],
    "all rows by a long slice": lambda m: m[0:] * m[:E],
    "gather, scatter": lambda m: m.gather(1, torch.tensor([[0, 2]]).expand(E, 2)),
    "take_along_dim": lambda m: torch.take_along_dim(m, m.argsort(0), 0),
    "topk": lambda m: m.topk(2, dim=-1)[0],
    "iteration": rows_in_a_loop,
    "plain tensor indexed by a message": lambda m: torch.arange(float(E))[m[:, 0] > 0],
    "nonzero": lambda m: (m > 0).nonzero(),
    # in place
    "+=": lambda m: operator.iadd(m, 1),
    "+= a weight with gradient": lambda m: operator.iadd(m, weights(D).requires_grad_()) * 1,
    "setitem": steps(set_item((slice(None), 0), 0)),
    "setitem by mask": steps(lambda m: m * 2.0, lambda m: set_item(m > 0, 0.5)(m), lambda m: m * m),
    "setitem of rows": steps(set_item(IDS, 1.0), torch.sin),
    "setitem with a message": lambda m: steps(set_item((slice(None), 0), m[:, 1]))(m * 2),
    "mul_, then recorded": lambda m: m.mul_(2) * 1.0,
    "in place twice": lambda m: m.mul_(2).add_(1).relu_() * m,
    "masked_fill_": lambda m: torch.sin((m * 2.0).masked_fill_(SRC[:, None] > 2, 0.0)),
    "relu_ as a function": lambda m: torch.relu_(m) * 2.0,
    "F.relu in place": lambda m: F.relu(m.clone(), inplace=True) * 2,
    "F.relu in place, third way": steps(
        lambda m: m * 1.0, lambda m: (F.relu(m, True), None)[1], lambda m: m * 2
    ),
    "F.leaky_relu in place by position": steps(
        lambda m: m * 1.0, lambda m: (F.leaky_relu(m, 0.3, True), None)[1]
    ),
    "module in place": steps(
        lambda m: m * 1.0, lambda m: (torch.nn.ELU(inplace=True)(m), None)[1], lambda m: m * 2
    ),
    "sigmoid_ after record": steps(lambda m: m * 2.0, lambda m: m.sigmoid_(), lambda m: m * m),
    "add_ of itself": lambda m: m.add_(m) * 2,
    "out=": lambda m: torch.add(m.detach(), 1.0, out=torch.empty(E, D, dtype=m.dtype)),
    "out= a message": lambda m: steps(lambda k: (torch.add(k, 1.0, out=k), None)[1], lambda k: k * 2)(
        m.detach() * 1
    ),
    "plain.copy_(message)": lambda m: torch.zeros(E, D, dtype=m.dtype).copy_(m),
    "plain += message": lambda m: operator.iadd(torch.zeros(E, D, dtype=m.dtype), m),
    "plain[rows] = message": lambda m: steps(set_item(slice(0, E), m))(torch.zeros(9, D, dtype=m.dtype)),
    "no_grad in place": lambda m: torch.no_grad()(lambda k: k.mul_(2))(m * 1.0) * 3,
    "read before the change": read_before_change,
    "fill_, zero_": lambda m: (m * 2).fill_(3.0) + (m * 2).zero_() + m,
    "clone, then change": lambda m: m.clone().add_(1) + m,
    "detach, then change": lambda m: steps(lambda k: (k.detach().mul_(2), None)[1], lambda k: k + 1)(m * 1.0),
    "base changed": shared_rows(view=lambda m: m.view(E, D, 1), change=lambda m: m.add_(1), before=True),
    "view changed": shared_rows(view=lambda m: m.view(E, D, 1), change=lambda m: m.add_(1), before=False),
    "column of the base changed": shared_rows(
        view=lambda m: m[:, 1], change=set_item((slice(None), 1), 0), before=True
    ),
    "column changed": shared_rows(view=lambda m: m[:, 1], change=lambda m: m.mul_(4), before=False),
    "view of a view changed": shared_rows(
        view=lambda m: m.unsqueeze(1)[:, 0, 1:], change=lambda m: m.mul_(4), before=False
    ),
    "base of a view dropped": dropped_base,
    "columns one by one": column_changed,
    "real view changed": plain_view_changed,
    "through .data": through_data,
    "through numpy": through_numpy,
    # other people's gradients
    "custom function": lambda m: Square.apply(m * 2.0),
    "custom function, then recorded": lambda m: Square.apply(m) * 2.0,
    "straight through": lambda m: StraightThrough.apply(m),
    "straight through, then recorded": lambda m: StraightThrough.apply(m * 2.0) * 3.0,
    "identity with its own gradient": lambda m: Identity.apply(m) * 3.0,
    "identity of a recorded value": lambda m: Identity.apply(m * 2) * 3.0,
    "body out of sight": lambda m: Unseen.apply(m * 2.0) * 3.0,
    "in place, out of sight": lambda m: UnseenInPlace.apply(m * 2.0) * 2.0,
    "straight-through by detach": lambda m: m + (m.round() - m).detach(),
    "hook": hooked,
    "force": force,
    "force of a recorded value": force_of_recorded,
    "leaf inside": leaf_inside,
    "module hooks": module_hooks,
    "full backward hooks": backward_hooks,
    # leaving torch
    "numpy": lambda m: m.detach().numpy().copy(),
    "np.asarray": lambda m: np.asarray(m.detach()).copy(),
    "np.linalg": lambda m: np.linalg.norm(m.detach(), axis=1),
    "tolist": lambda m: m.tolist(),
    "item, bool, float": lambda m: m[0, 0].item() + float(m.detach().sum()) + bool((m > 0).any()),
    "branch on a value": branches,
    "torch.tensor": lambda m: torch.tensor(m.detach().tolist()),
    "torch.as_tensor": lambda m: torch.as_tensor(m) * 2,
    "dlpack": lambda m: torch.from_dlpack(m.detach() * 2),
    "format": lambda m: torch.tensor(float(f"{m[0, 0].detach():.3f}")),
    "allclose, equal": lambda m: torch.tensor(
        [torch.allclose(m, m * 1.0), torch.equal(m, m), m.equal(m + 1)]
    ),
    "deepcopy": lambda m: copy.deepcopy(m.detach() * 2),
    "copy": lambda m: copy.copy(m.detach() * 2),
    "pickle": lambda m: pickle.loads(pickle.dumps(m.detach() * 2)),
}


@MODES
@pytest.mark.parametrize("end", ["value", "sum", "max"])
@pytest.mark.parametrize("name", CASES)
def test_like_the_plain_gather(name: str, end: str, how: str) -> None:
    assert_like_gather(CASES[name], end, how)


@MODES
@pytest.mark.parametrize("message", [hooked_in_between, hooked_after_use])
@pytest.mark.parametrize("end", ["value", "sum", "max"])
def test_hooks_change_the_gradient(message: Message, end: str, how: str) -> None:
    found = []
    for gather in (lambda x: x[SRC], edges().src):
        x = features()
        with mode(how):
            m = message(gather(x))
            out = scattered(gv.materialise(m), end) if end != "value" else gv.materialise(m)
            if end != "value" and isinstance(m, EdgeTensor):
                out = m.topology.reduce(m, end)
            found.append(torch.autograd.grad((out**2).sum(), x)[0])
    torch.testing.assert_close(found[1], found[0], rtol=1e-10, atol=1e-10)


def test_hooks_refuse_second_derivatives_that_would_pass_them() -> None:
    x = features()
    m = edges().src(x)
    out = gv.materialise(hooked_in_between(m))
    first = torch.autograd.grad((out**2).sum(), x, create_graph=True)[0]
    with pytest.raises(gv.GrapevineError, match="cannot take part in second derivatives"):
        torch.autograd.grad((first**2).sum(), x)


@MODES
@pytest.mark.parametrize("name", ["itself", "mlp", "weighted by edge", "in place twice", "attention score"])
def test_in_single_precision(name: str, how: str) -> None:
    message = CASES[name]
    if name == "itself":
        assert_like_gather(message, "mean", how, torch.float32)
    else:
        assert_like_gather(lambda m: message(m.double()).float(), "mean", how, torch.float32)
