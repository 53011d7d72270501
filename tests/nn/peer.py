"""Comparing a module or function with its counterpart in torch_geometric.

`assert_same_as_peer` is the one differential test: it carries the weights across, runs both on the same
inputs and compares outputs, gradients and buffers, in float32 and in float64. `SQUARE` and `BIPARTITE` are
the graphs to run it on.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_flatten, tree_map

import grapevine as gv

pytest.importorskip("torch_geometric")

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@dataclass(frozen=True)
class Graph:
    """A graph to compare layers on; `edge_index` is int64 of shape (2, E)."""

    name: str
    edge_index: Tensor
    num_src: int
    num_dst: int

    def __repr__(self) -> str:
        return self.name

    def features(self, channels: int, seed: int = 0) -> Tensor:
        """Normal features of shape (num_src, channels)."""
        return normal(self.num_src, channels, seed=seed)

    def pair(self, src_channels: int, dst_channels: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Normal features of the sources and of the destinations."""
        return normal(self.num_src, src_channels, seed=seed), normal(
            self.num_dst, dst_channels, seed=seed + 1
        )

    def edge_features(self, *channels: int, seed: int = 0) -> Tensor:
        """Normal features of shape (E, *channels)."""
        return normal(self.edge_index.size(1), *channels, seed=seed + 2)


def normal(*size: int, seed: int = 0) -> Tensor:
    """Normal float32 numbers from a generator of their own."""
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)


def uniform(*size: int, seed: int = 0) -> Tensor:
    """Float32 numbers in [0.1, 1.1): positive, for edge weights and powers."""
    return torch.rand(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float32) + 0.1


def integers(high: int, *size: int, seed: int = 0) -> Tensor:
    """Int64 numbers in [0, high)."""
    return torch.randint(high, size, generator=torch.Generator().manual_seed(seed))


def _random_graph(
    name: str, num_src: int, num_dst: int, num_edges: int, used_src: int, used_dst: int
) -> Graph:
    edge_index = torch.stack([integers(used_src, num_edges, seed=3), integers(used_dst, num_edges, seed=4)])
    return Graph(name, edge_index, num_src, num_dst)


# Unsorted, with multi-edges and self-loops; "isolated": the last nodes have no edge at all.
SQUARE = [
    _random_graph("random", 8, 8, 30, 8, 8),
    _random_graph("isolated", 9, 9, 14, 6, 6),
    Graph("empty", torch.empty(2, 0, dtype=torch.long), 5, 5),
]
BIPARTITE = [
    _random_graph("bipartite", 7, 4, 16, 7, 4),
    _random_graph("bipartite_isolated", 4, 8, 9, 3, 5),
    Graph("bipartite_empty", torch.empty(2, 0, dtype=torch.long), 3, 4),
]


def assert_close(actual: Tensor, expected: Tensor, scale: float | None = None, what: str = "value") -> None:
    """Same shape and dtype, and equal within the tolerance relative to `scale`, or to the largest entry."""
    assert isinstance(actual, Tensor), f"{what}: expected a tensor, got {type(actual).__name__}"
    if expected.layout is not torch.strided:
        assert actual.layout is expected.layout, f"{what}: {actual.layout} is not {expected.layout}"
        actual, expected = actual.to_dense(), expected.to_dense()
    assert not expected.isnan().any(), (
        f"{what}: the peer's own value is nan; compare with a closed form instead"
    )
    tolerance = TOLERANCE.get(expected.dtype, 0.0)
    if scale is None:
        scale = _scale([expected])
    torch.testing.assert_close(
        actual, expected, rtol=tolerance, atol=tolerance * scale, msg=lambda text: f"{what}: {text}"
    )


def assert_same_as_peer(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    *inputs: Any,
    kwargs: dict[str, Any] | None = None,
    peer_inputs: Sequence[Any] | None = None,
    peer_kwargs: dict[str, Any] | None = None,
    train: bool = False,
    grad: bool = True,
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.float64),
    seed: int = 0,
) -> Any:
    """Run both on the same inputs with the same weights; outputs, gradients and buffers must agree.

    Modules exchange their `state_dict` first, strictly and in both directions, and must name their parameters
    in the same order (optimizer checkpoints count on it). Lazily initialised modules are welcome. Ours runs
    three times: with every message planned, as users run it, and under `gv.materialised()`; its inputs must
    come out of it unchanged.

    Args:
        ours, theirs: modules, or functions; left as they are (copies run).
        inputs: positional arguments of both: tensors, or nested tuples, lists, dicts of them, or anything
            else. Floating tensors are cast to each dtype and, if dense, get a gradient.
        kwargs: keyword arguments of both.
        peer_inputs, peer_kwargs: arguments of `theirs` where they differ from those of `ours`.
        train: compare in training mode (the random numbers start from `seed`), instead of evaluation mode.
        grad: compare gradients with respect to inputs and parameters too.
        dtypes: float32 must agree within 1e-5, float64 within 1e-10: each output relative to its own largest
            entry, each gradient to the largest entry of all gradients (one that vanishes in exact arithmetic,
            such as that of a bias ahead of a batch norm, is rounding noise).

    Returns:
        the outputs of ours for the last dtype.
    """
    call = (inputs, kwargs or {})
    peer_call = (
        call[0] if peer_inputs is None else tuple(peer_inputs),
        call[1] if peer_kwargs is None else peer_kwargs,
    )
    ours, theirs = _with_same_state(ours, theirs, peer_call)

    result = None
    for dtype in dtypes:
        with _default_dtype(dtype):  # some of the peer's layers make float32 numbers in between otherwise
            expected = _run(theirs, peer_call, dtype, train, grad, seed)
        for context in (gv.recorded, default_planning, gv.materialised):
            with context():
                actual = _run(ours, call, dtype, train, grad, seed)
            _compare(actual, expected)
            result = actual.output
    return result


def default_planning() -> contextlib.AbstractContextManager[None]:
    """Only large messages are planned, as outside the tests."""
    return gv.recorded(1 << 15)


@contextlib.contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def assert_same_start(make_ours: Callable[[], Any], make_theirs: Callable[[], Any], seed: int = 0) -> None:
    """From the same seed both must draw the same numbers, when they are made and in `reset_parameters`.

    So the initialisers are the same, run in the same order, and equally often.
    """
    torch.manual_seed(seed)
    ours = make_ours()
    torch.manual_seed(seed)
    theirs = make_theirs()
    _compare_start(ours, theirs, "made")

    for module in (ours, theirs):
        torch.manual_seed(seed + 1)
        module.reset_parameters()
    _compare_start(ours, theirs, "reset")


def _compare_start(ours: Any, theirs: Any, when: str) -> None:
    actual, expected = ours.state_dict(), theirs.state_dict()
    assert list(actual) == list(expected), f"{when}: other names, or in another order"
    for name, value in expected.items():
        assert_close(actual[name], value, what=f"{name}, when {when}")


@dataclass(frozen=True)
class _Run:
    output: Any
    gradients: dict[str, Tensor]
    buffers: dict[str, Tensor]


def _with_same_state(ours: Any, theirs: Any, peer_call: tuple[Any, dict[str, Any]]) -> tuple[Any, Any]:
    if not isinstance(theirs, torch.nn.Module):
        return ours, theirs
    ours, theirs = copy.deepcopy(ours), copy.deepcopy(theirs)
    if any(is_lazy(parameter) for parameter in theirs.parameters()):
        with torch.no_grad():
            theirs.eval()(*peer_call[0], **peer_call[1])
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    for (name, ours_parameter), (expected_name, parameter) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == expected_name, f"parameter order: expected {expected_name}, got {name}"
        assert ours_parameter.requires_grad == parameter.requires_grad, f"{name}.requires_grad"
    return ours, theirs


def _run(function: Any, call: Any, dtype: torch.dtype, train: bool, grad: bool, seed: int) -> _Run:
    def prepare(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        value = value.detach().clone()
        if value.is_floating_point():
            value = value.to(dtype)
            if value.layout is torch.strided:
                value.requires_grad_(grad)
        return value

    inputs, kwargs = tree_map(prepare, call)
    leaves = [leaf for leaf in tree_flatten((inputs, kwargs))[0] if isinstance(leaf, Tensor)]
    before = [leaf.detach().clone() for leaf in leaves]
    wanted = {f"input {i}": leaf for i, leaf in enumerate(leaves) if leaf.requires_grad}
    buffers: dict[str, Tensor] = {}

    if isinstance(function, torch.nn.Module):
        function = copy.deepcopy(function).to(dtype).train(train)
        wanted |= {name: p for name, p in function.named_parameters() if p.requires_grad and grad}

    torch.manual_seed(seed)
    output = function(*inputs, **kwargs)

    for leaf, old in zip(leaves, before, strict=True):
        assert leaf.layout is not torch.strided or torch.equal(leaf.detach(), old), (
            "an input was changed in place"
        )
    if isinstance(function, torch.nn.Module):
        buffers = {name: buffer.detach() for name, buffer in function.named_buffers()}

    gradients: dict[str, Tensor] = {}
    results = [leaf for leaf in tree_flatten(output)[0] if isinstance(leaf, Tensor) and leaf.requires_grad]
    if grad and wanted and results:
        cotangents = [normal(*leaf.shape, seed=1000 + i).to(leaf.dtype) for i, leaf in enumerate(results)]
        found = torch.autograd.grad(results, list(wanted.values()), cotangents, allow_unused=True)
        for (name, leaf), gradient in zip(wanted.items(), found, strict=True):
            gradients[name] = torch.zeros_like(leaf) if gradient is None else gradient
    return _Run(
        tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, output), gradients, buffers
    )


def _compare(actual: _Run, expected: _Run) -> None:
    actual_leaves, actual_tree = tree_flatten(actual.output)
    expected_leaves, expected_tree = tree_flatten(expected.output)
    assert len(actual_leaves) == len(expected_leaves), f"output: {actual_tree} is not {expected_tree}"
    for i, (value, wanted) in enumerate(zip(actual_leaves, expected_leaves, strict=True)):
        if isinstance(wanted, Tensor):
            assert_close(value, wanted, what=f"output {i}")
        else:
            assert value == pytest.approx(wanted) if isinstance(wanted, float) else value == wanted, (
                f"output {i}"
            )

    assert actual.gradients.keys() == expected.gradients.keys(), "gradients of other inputs and parameters"
    scale = _scale(expected.gradients.values())
    for name, gradient in expected.gradients.items():
        assert_close(actual.gradients[name], gradient, scale, what=f"gradient of {name}")

    assert actual.buffers.keys() == expected.buffers.keys(), "other buffers"
    for name, buffer in expected.buffers.items():
        assert_close(actual.buffers[name], buffer, what=f"buffer {name}")


def _scale(tensors: Iterable[Tensor]) -> float:
    """The largest finite absolute value of the floating tensors; 0 where there is none."""
    sizes = [
        t.detach().abs().nan_to_num(posinf=0.0) for t in tensors if t.is_floating_point() and t.numel() > 0
    ]
    return max((float(size.max()) for size in sizes), default=0.0)
