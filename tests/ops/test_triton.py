"""The Triton backend against the reference: on a GPU where there is one, else in Triton's interpreter, on main memory.

The interpreter must be chosen before Triton is first imported, so those tests run in a process of their own, which
`test_in_the_interpreter` starts. What they cannot see, that the kernels compile, is tested by compiling some of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine import ops
from grapevine.errors import GraphValueError
from grapevine.ops import _triton
from grapevine.ops.edge_program import INSTRUCTIONS, Code, Instruction, LeafSpec, reference
from grapevine.ops.edge_program import triton as backend
from grapevine.ops.order import Order
from grapevine.topology import Topology
from tests.ops.graphs import DTYPES, GRAPHS, assert_near, assert_same, numbers, steps, wide
from tests.ops.test_backends import CASES, Case, assert_alike, parts
from tests.ops.test_edge_program import ARITY, HOW, SPECIAL, leaf, mixed_inputs, modes

GPU = torch.cuda.is_available()
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cuda" if GPU else "cpu"
ROOT = Path(__file__).resolve().parents[2]
IDS = lambda value: str(value).removeprefix("torch.")  # noqa: E731

installed = pytest.mark.skipif(not _triton.installed(), reason="triton is not installed")
on_device = pytest.mark.skipif(
    not (_triton.installed() and (GPU or INTERPRETED)), reason="no GPU: test_in_the_interpreter runs these"
)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, of infinities in the interpreter


def alone(*arguments: str, **variables: str) -> None:
    """Runs Python in a process of its own."""
    run = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@installed
@pytest.mark.skipif(GPU or INTERPRETED, reason="the tests run here")
def test_in_the_interpreter() -> None:
    alone("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__, TRITON_INTERPRET="1")


def there(order: Order) -> Order:
    """The order on the device."""
    ptr, perm, other = (None if t is None else t.to(DEVICE) for t in (order.ptr, order.perm, order.other))
    assert ptr is not None
    return Order(ptr, perm, other, order.num_rows, order.num_other, order.num_edges)


def forced(op: ops.Op, order: Order, *inputs: object) -> tuple[Tensor | None, ...]:
    """The op on the device, its results in main memory."""

    def send(value: object) -> object:
        if isinstance(value, Tensor):
            return value.to(DEVICE)
        return [send(v) for v in value] if isinstance(value, list) else value

    with ops.backend("triton"):
        out = op(there(order), *map(send, inputs))
    return tuple(None if t is None else t.cpu() for t in parts(out))


def widened(inputs: list[Tensor]) -> list[Tensor]:
    return [t.double() if t.is_floating_point() else t for t in inputs]


@on_device
@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instructions(name: str) -> None:
    """All combinations of special numbers, and ordinary ones, in one row of 128 features."""
    count = ARITY.get(name, 1)
    step = Instruction(name, count, tuple(range(count)))
    code = Code((LeafSpec("edge", "full"),) * count, (), (step,), count + 1, count, 128)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-10)):
        special = torch.tensor(SPECIAL if count < 3 else SPECIAL[:6], dtype=dtype)
        columns = torch.cartesian_prod(*[special] * count).reshape(-1, count)
        size = -(-(columns.shape[0] + 60) // 128) * 128
        leaves = []
        for i in range(count):
            x = 3 * numbers(size, dtype=dtype, seed=i)
            x[: columns.shape[0]] = columns[:, i]
            leaves.append(x.view(-1, 128))
        edges = size // 128
        order = Topology(torch.arange(edges), torch.zeros(edges, dtype=torch.long), (edges, 1)).by_dst
        (got, _) = forced(ops.edge_program, order, code, leaves, "map")
        want, _ = reference.run(order, code, leaves, "map")
        tiny = 4 * torch.finfo(dtype).tiny
        torch.testing.assert_close(got, want, rtol=tolerance, atol=tiny, equal_nan=True)


@on_device
@pytest.mark.parametrize("features", [1, 6, 65])
def test_leaves(features: int) -> None:
    """One program adds up leaves of every kind."""
    order, kinds = GRAPHS["sorted"].by_dst, modes(features)
    leaves = [leaf(spec, size, "sorted", i, torch.float64, numbers) for i, (spec, size) in enumerate(kinds)]
    count = len(kinds)
    sums = [Instruction("add", count + i, (count + i - 1 if i else 0, i + 1)) for i in range(count - 1)]
    code = Code(tuple(spec for spec, _ in kinds), (), tuple(sums), 2 * count - 1, 2 * count - 2, features)
    got, _ = forced(ops.edge_program, order, code, leaves, "map")
    torch.testing.assert_close(got, reference.run(order, code, leaves, "map")[0], rtol=1e-12, atol=1e-12)


def check(order: Order, code: Code, leaves: list[Tensor], how: str) -> None:
    """Whole numbers and halves: nothing but the mean is rounded, so the orders of additions do not matter."""
    got, ties = forced(ops.edge_program, order, code, leaves, how)
    want, counts = reference.run(order, code, widened(leaves), how)
    assert got is not None and got.dtype is leaves[0].dtype
    assert_near(got, want, want.abs(), how)
    assert_same(ties, counts, how)


@on_device
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", GRAPHS if GPU else ["random", "one row", "sorted", "no edges", "no nodes"])
def test_programs_by_graph(name: str, how: str) -> None:
    for features, dtype in zip((6, 65, 1, 7), DTYPES, strict=True):
        # the interpreter does not round to bfloat16 but cuts off
        if (features == 6 or name == "random") and (GPU or dtype is not torch.bfloat16 or how != "mean"):
            check(GRAPHS[name].by_dst, *mixed_inputs(name, features, dtype), how)


@on_device
def test_sums_over_groups() -> None:
    for features, groups in ((6, 1), (6, 3), (6, 6), (130, 1), (130, 2)):
        check(GRAPHS["sorted"].by_dst, *mixed_inputs("sorted", features, torch.float32, groups), "map")


@on_device
@pytest.mark.parametrize("how", HOW)
def test_heavy_rows(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of more than one piece, of exactly one, and of none; the pieces' results are combined in order."""
    monkeypatch.setattr(backend, "HEAVY", 4)
    counts = torch.tensor([1, 4, 0, 5, 30])
    g = torch.Generator().manual_seed(3)
    dst = torch.repeat_interleave(torch.arange(5), counts)[torch.randperm(40, generator=g)]
    graph = Topology(torch.randint(7, (40,), generator=g), dst, (7, 5))
    assert GRAPHS["random"].num_edges == 40 and GRAPHS["random"].size == (7, 5)  # the leaves fit
    for dtype, features in ((torch.float32, 6), (torch.float16, 65)):
        check(graph.by_dst, *mixed_inputs("random", features, dtype), how)
    x = numbers(7, 3, dtype=torch.float16)
    out, ties = forced(
        ops.gather_reduce, graph.by_dst, x, None, "other", "edge", "sum" if how == "map" else how
    )
    inputs = (x.double(), None, "other", "edge", "sum" if how == "map" else how)
    with ops.backend("reference"):
        want, wanted_ties = ops.gather_reduce(graph.by_dst, *inputs)
        size, _ = ops.gather_reduce(graph.by_dst, inputs[0].abs(), *inputs[1:])
    assert out is not None
    assert_near(out, want, size)
    assert_same(ties, wanted_ties)


def on_the_device(case: Case, order: Order, tensors: list[Tensor]) -> tuple[Tensor | None, ...]:
    with ops.backend("triton"):
        out = case.call(case.op, there(order), [x.to(DEVICE) for x in tensors])
    return tuple(None if t is None else t.cpu() for t in parts(out))


@on_device
@pytest.mark.parametrize(
    "name", [n for n, case in CASES.items() if "triton" in [b.name for b in case.op.backends]]
)
def test_ops(name: str) -> None:
    """Every op in every dtype, with either width of indices, and tensors that are not contiguous."""
    case, graph = CASES[name], GRAPHS["random" if GPU else "loops and duplicates"]
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}
    for dtype in DTYPES if GPU else (torch.float64, torch.bfloat16):
        plain = case.tensors(graph, dtype)
        got = on_the_device(case, graph.by_dst, plain)
        with ops.backend("reference"):
            exact = parts(case.call(case.op, graph.by_dst, widened(plain)))
        for g, e in zip(got, exact, strict=True):
            assert (g is None) == (e is None)
            if g is not None and e is not None and g.is_floating_point():
                assert g.dtype is dtype
                torch.testing.assert_close(g.double(), e, rtol=tolerance[dtype], atol=tolerance[dtype])
    want = on_the_device(case, graph.by_dst, case.tensors(graph, torch.float32))
    strided = [torch.stack((x, x + 1), dim=2)[..., 0] for x in case.tensors(graph, torch.float32)]
    assert_alike(on_the_device(case, wide(graph.by_dst), strided), want)


@on_device
@pytest.mark.parametrize("name", ["random", "isolated", "loops and duplicates", "no edges"])
def test_softmax(name: str) -> None:
    graph = GRAPHS[name]
    e = 50 * numbers(graph.num_edges, 3)
    e[1:2] = float("-inf")
    (p,) = forced(ops.segment_softmax, graph.by_dst, e)
    with ops.backend("reference"):
        torch.testing.assert_close(
            p, ops.segment_softmax(graph.by_dst, e), rtol=1e-12, atol=1e-12, equal_nan=True
        )


@on_device
@pytest.mark.parametrize("x_on", ["other", "edge"])
@pytest.mark.parametrize("reduce", ["max", "min"])
def test_extremes(reduce: str, x_on: str) -> None:
    """Many messages tie; in half precision a product attains the extreme if it would be stored as the same number."""
    graph = GRAPHS["random"]
    for dtype, make in ((torch.float64, steps), (torch.float16, numbers)):
        for groups in (0,) if x_on == "edge" else (0, 2) if reduce == "min" else (0, 1, 2, 6):
            x = make(graph.num_src if x_on == "other" else 40, 6, dtype=dtype)
            w = make(40, groups, dtype=dtype, seed=1) if groups else None
            out, ties = forced(ops.gather_reduce, graph.by_dst, x, w, x_on, "edge", reduce)
            with ops.backend("reference"):
                want, counts = ops.gather_reduce(graph.by_dst, x, w, x_on, "edge", reduce)
                assert out is not None and ties is not None
                assert_same(out, want)
                assert_same(ties, counts)
                grad = numbers(*out.shape, dtype=dtype, seed=2)
                order = graph.by_src if x_on == "other" else graph.by_dst
                inputs = (x, w, x_on, out, grad, ties)
                wanted = ops.extreme_backward(order, *inputs)
            tolerance = 1e-12 if dtype is torch.float64 else 5e-3
            for g, v in zip(forced(ops.extreme_backward, order, *inputs), wanted, strict=True):
                assert (g is None) == (v is None)
                if g is not None:
                    assert v is not None and bool((v != 0).any())
                    torch.testing.assert_close(g, v, rtol=tolerance, atol=tolerance)


@on_device
@pytest.mark.parametrize("how", ["sum", "max"])
def test_nan_and_infinity(how: str) -> None:
    for value in (float("nan"), float("inf")):
        code, leaves = mixed_inputs("random", 6, torch.float64)
        leaves[1][2, ::2], leaves[0][3, ::3], leaves[2][5] = value, -value, value
        got, ties = forced(ops.edge_program, GRAPHS["random"].by_dst, code, leaves, how)
        want, counts = reference.run(GRAPHS["random"].by_dst, code, leaves, how)
        assert not want.isfinite().all()
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12, equal_nan=True)
        assert_same(ties, counts)


@on_device
@pytest.mark.parametrize("name", [n for n in GRAPHS if n != "heavy"])
def test_sort_rows(name: str) -> None:
    graph = GRAPHS[name]
    for index, rows in ((graph.dst_index, graph.num_dst), (graph.src_index, graph.num_src)):
        with ops.backend("reference"):
            want = ops.sort_rows(index, rows)
        with ops.backend("triton"):
            got = ops.sort_rows(index.to(DEVICE), rows)
        for g, w in zip(got, want, strict=True):
            assert_same(None if g is None else g.cpu(), w)


def user_message(edges: gv.Edges, x: Tensor, w: Tensor) -> Tensor:
    return (edges.src(x).unflatten(1, (2, -1)) * edges.edge(w).unsqueeze(-1)).flatten(1).tanh() + edges.dst(x)


def attention(edges: gv.Edges, x: Tensor, w: Tensor) -> Tensor:
    q, k = edges.dst(x).unflatten(1, (2, -1)), edges.src(x).unflatten(1, (2, -1))
    p = edges.softmax((q * k).sum(-1) + edges.edge(w))
    return k * p.unsqueeze(-1)


@on_device
@pytest.mark.parametrize(
    "message, how",
    [*((user_message, how) for how in ("sum", "mean", "max", "min")), (attention, "sum"), (attention, "max")],
)
def test_gradients(message: Callable[..., Tensor], how: str) -> None:
    """Through the public API: values, gradients and (of sums) second gradients are those of plain PyTorch."""
    graph = GRAPHS["random"]
    index = torch.stack((graph.src_index, graph.dst_index))

    def run(device: str) -> list[Tensor]:
        edges = gv.Edges(index.to(device), size=(7, 7))
        x, w = (t.to(device).requires_grad_() for t in (numbers(7, 6), numbers(40, 2)))
        out = edges.reduce(message(edges, x, w), how)
        first = torch.autograd.grad(out.sin().sum(), (x, w), create_graph=how == "sum")
        second = torch.autograd.grad(first[0].square().sum(), (x, w)) if how == "sum" else ()
        return [t.detach().cpu() for t in (out, *first, *second)]

    with ops.backend("triton"):
        got = run(DEVICE)
    with gv.materialised():
        want = run("cpu")
    for g, v in zip(got, want, strict=True):
        torch.testing.assert_close(g, v, rtol=1e-10, atol=1e-12)


@on_device
def test_a_layer() -> None:
    graph = GRAPHS["random"]
    index, x = torch.stack((graph.src_index, graph.dst_index)), numbers(7, 5, dtype=torch.float32)
    layer = gv.nn.GATConv(5, 3, heads=2)
    with gv.materialised():
        want = layer(x, index)
    with ops.backend("triton"):
        got = layer.to(DEVICE)(x.to(DEVICE), index.to(DEVICE))
    torch.testing.assert_close(got.cpu(), want, rtol=1e-5, atol=1e-6)


@on_device
def test_the_same_bits_every_time() -> None:
    order = GRAPHS["heavy" if GPU else "random"].by_dst
    x = numbers(order.num_other, 5, dtype=torch.float32)
    first = forced(ops.gather_reduce, order, x, None, "other", "edge", "sum")
    for _ in range(3):
        assert_alike(forced(ops.gather_reduce, order, x, None, "other", "edge", "sum"), first)


@pytest.mark.skipif(INTERPRETED, reason="the interpreter takes main memory")
def test_refusals() -> None:
    order, x = GRAPHS["random"].by_dst, numbers(7, 2)
    args = (None, "other", "edge", "sum")
    assert ops.gather_reduce.why(order, x, *args)["triton"] == [
        "the tensor is on cpu, triton compiles for cuda and xpu"
    ]
    with ops.backend("triton"), pytest.raises(GraphValueError, match="the tensor is on cpu, triton compiles"):
        ops.gather_reduce(order, x, *args)
    assert _triton.refused(torch.device("cuda")) == (
        [] if _triton.installed() else ["triton is not installed (pip install triton)"]
    )


def compile_some() -> None:
    """Compiles kernels down to machine code for a GPU that need not be there, by way of a driver of our own."""
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    class Absent:
        get_current_device = staticmethod(lambda: 0)
        get_current_stream = staticmethod(lambda device: 0)
        get_current_target = staticmethod(lambda: GPUTarget("cuda", 90, 32))

    compiled, launch = [], JITFunction.run
    JITFunction.run = lambda *args, **options: compiled.append(launch(*args, **(options | {"warmup": True})))
    driver.set_active(Absent())
    backend.HEAVY = 4
    for how, dtype, groups in (("max", torch.bfloat16, 0), ("map", torch.float64, 3)):
        backend.run(GRAPHS["random"].by_dst, *mixed_inputs("random", 6, dtype, groups), how)
    assert len(compiled) == 5 and all(kernel.asm["ptx"] for kernel in compiled)


@installed
@pytest.mark.skipif(GPU or INTERPRETED, reason="kernels are compiled, or interpreted, by the other tests")
def test_kernels_compile(tmp_path: Path) -> None:
    alone(
        "-c", "from tests.ops.test_triton import compile_some; compile_some()", TRITON_CACHE_DIR=str(tmp_path)
    )
