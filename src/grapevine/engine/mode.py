"""Whether to record a message or to compute it the plain way; decided once, when an edge tensor is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _len_torch_dispatch_stack

from grapevine.errors import GraphValueError

_budget: ContextVar[int | None] = ContextVar("grapevine_budget", default=None)
_materialised: ContextVar[bool] = ContextVar("grapevine_materialised", default=False)


#: Messages of fewer numbers than this are computed the plain way: recording and planning them would cost
#: more than it saves.
_least: ContextVar[int] = ContextVar("grapevine_least", default=1 << 15)
#: Those of both ends of an edge, which only programs fit, pay from so many times as many: below, all that the plain way
#: stores stays in the caches.
STORED_PAYS = 8


def must_be_plain() -> bool:
    """True where tensors are traced or transformed: every op must then be one that the tracer knows.

    `torch.compile`, `torch.jit.trace`, `torch.func` transforms, forward-mode AD, and dispatch modes such as
    `make_fx` or fake tensors.
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or forward_ad._current_level >= 0
        or torch._C._get_tracing_state() is not None
        or _len_torch_dispatch_stack() > 0
    )


def computes_now() -> bool:
    """True where nothing is recorded: inside `gv.materialised()`, tracers and transforms."""
    return must_be_plain() or _materialised.get()  # in this order: compilers cannot read context variables


def records(x: Tensor, num_edges: int) -> bool:
    """True where a message that reads the rows of `x` along so many edges is recorded for the planner."""
    if type(x) not in (Tensor, torch.nn.Parameter) or computes_now():
        return False
    return not is_small(num_edges, x.numel() // max(x.shape[0], 1))


def is_small(num_edges: int, features: int, times: int = 1) -> bool:
    """True for results of so few numbers that planning them costs more than storing them."""
    return num_edges * features < times * _least.get()


def kernels_pay(numbers: int) -> bool:
    """True for rows of so many numbers that a kernel, which needs the edges sorted, takes less time than ATen's ops."""
    return not is_small(numbers, 8)


_UNITS = {
    "": 1,
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}


@contextmanager
def memory_budget(size: int | str) -> Iterator[None]:
    """Bounds the memory of messages that cannot be fused: they are computed in blocks of edges inside the block.

    Each block holds whole destinations, keeps nothing but its reduced rows, and is computed once more in the backward
    pass. A destination with more edges than fit is a block of its own; second derivatives take everything at once.

    Args:
        size: bytes, or a text such as "512MiB" or "2GB".

    Raises:
        GraphValueError: if `size` is no positive size.

    Example:
        >>> import torch, grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
        >>> mlp = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
        >>> x = torch.ones(2, 1)
        >>> with gv.memory_budget("512MiB"):
        ...     edges.max(mlp(torch.cat([edges.dst(x), edges.src(x)], dim=-1))).shape
        torch.Size([2, 1])
    """
    token = _budget.set(_bytes(size))
    try:
        yield
    finally:
        _budget.reset(token)


def _bytes(size: int | str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(size))
    found = int(float(match[1]) * _UNITS.get(match[2], 0)) if match else 0
    if found <= 0:
        raise GraphValueError(f"expected a memory budget in bytes, or a text such as '512MiB', got {size!r}")
    return found


def budget() -> int | None:
    """Bytes that messages may take, or None without a bound."""
    return _budget.get()


def is_materialised() -> bool:
    """True inside `gv.materialised()`."""
    return _materialised.get()


@contextmanager
def recorded(least: int = 0) -> Iterator[None]:
    """Records messages of at least so many numbers (edges x features) inside the block; by default all, however small.

    Outside it, messages below 32,768 numbers are computed the plain way, which is faster for them.

    Example:
        >>> import torch, grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
        >>> with gv.recorded():
        ...     edges.src(torch.ones(2, 1)).relu()
        EdgeTensor(shape=[2, 1], dtype=torch.float32, recorded=relu(src))
    """
    token = _least.set(least)
    try:
        yield
    finally:
        _least.reset(token)


@contextmanager
def materialised() -> Iterator[None]:
    """Turns the engine off inside the block: every message is stored edge by edge and reduced by plain ATen ops.

    The oracle of the tests, and a way to find out whether a surprise comes from the engine.

    Example:
        >>> import torch, grapevine as gv
        >>> edges = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
        >>> with gv.materialised():
        ...     type(edges.src(torch.ones(2, 1))).__name__
        'Tensor'
    """
    token = _materialised.set(True)
    try:
        yield
    finally:
        _materialised.reset(token)
