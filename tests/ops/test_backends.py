"""What all ops share: who may run and why not, layouts, threads, instruction sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine import ops
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.ops import _core
from grapevine.ops._backend import Op
from grapevine.ops.edge_program import Code, Instruction, LeafSpec
from grapevine.ops.order import Order
from grapevine.topology import Topology
from tests.ops.graphs import GRAPHS, assert_same, compiled, numbers, wide

CODE = Code(
    (LeafSpec("row", "full"), LeafSpec("edge", "groups", 2)),
    (0.5,),
    (Instruction("tanh", 3, (0,)), Instruction("mul", 4, (3, 1)), Instruction("add", 5, (4, 2))),
    6,
    5,
    6,
)


@dataclass(frozen=True)
class Case:
    """How to call an op: with an order, its floating tensors, and the rest."""

    op: Op
    tensors: Callable[[Topology, torch.dtype], list[Tensor]]
    call: Callable[[Op, Order, list[Tensor]], Any]


def floats(*rows: str, width: int = 6) -> Callable[[Topology, torch.dtype], list[Tensor]]:
    """Tensors with a row per source, destination or edge; `edge/3` has three features."""

    def make(graph: Topology, dtype: torch.dtype) -> list[Tensor]:
        count = {"src": graph.num_src, "dst": graph.num_dst, "edge": graph.num_edges}
        split = [row.partition("/") for row in rows]
        return [numbers(count[r], int(w or width), dtype=dtype, seed=i) for i, (r, _, w) in enumerate(split)]

    return make


CASES = {
    f"gather_reduce {how}": Case(
        ops.gather_reduce,
        floats("src", "edge/3"),
        lambda op, order, t, how=how: op(order, t[0], t[1], "other", "edge", how),  # type: ignore[misc]
    )
    for how in ("sum", "mean", "max", "min")
}
CASES |= {
    f"edge_program {how}": Case(
        ops.edge_program,
        floats("dst", "edge/3"),
        lambda op, order, t, how=how: op(order, CODE, t, how),  # type: ignore[misc]
    )
    for how in ("sum", "max", "map")
}
CASES["edge_program groups"] = Case(
    ops.edge_program,
    floats("dst", "edge/3"),
    lambda op, order, t: op(order, replace(CODE, groups=3), t, "map"),
)
CASES["edge_dot"] = Case(
    ops.edge_dot, floats("dst", "src"), lambda op, order, t: op(order, t[0], t[1], 2, "other")
)
CASES["weighted_sum_backward"] = Case(
    ops.weighted_sum_backward, floats("src", "edge/3", "dst"), lambda op, order, t: op(order, *t)
)
CASES["segment_softmax"] = Case(ops.segment_softmax, floats("edge"), lambda op, order, t: op(order, t[0]))
CASES["segment_softmax_backward"] = Case(
    ops.segment_softmax_backward, floats("edge", "edge"), lambda op, order, t: op(order, t[0], t[1])
)
CASES["attention"] = Case(ops.attention, floats("edge/3", "src"), lambda op, order, t: op(order, *t)[0])
CASES["attention_backward"] = Case(
    ops.attention_backward,
    floats("src", "src", "edge/3", "src/3", "dst"),
    lambda op, order, t: op(order, *t[:3], t[3].to(torch.promote_types(t[3].dtype, torch.float32)), t[4]),
)
# By destination, a source's rows play the part of x: the order handed in only names the rows.
CASES["extreme_backward"] = Case(
    ops.extreme_backward,
    floats("dst", "edge/3", "src", "src"),
    lambda op, order, t: op(order, t[0], t[1], "other", t[2], t[3]),
)
CASES["extreme_backward edges"] = Case(
    ops.extreme_backward,
    floats("edge", "dst", "dst"),
    lambda op, order, t: op(order, t[0], None, "edge", t[1], t[2]),
)
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def parts(result: Any) -> tuple[Tensor | None, ...]:
    return result if isinstance(result, tuple) else (result,)


def assert_alike(got: Any, want: Any) -> None:
    for g, w in zip(parts(got), parts(want), strict=True):
        assert_same(g, w)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@compiled
@every_case
def test_layouts(case: Case) -> None:
    """Transposed, strided and expanded inputs give what their copies give."""
    graph = GRAPHS["random"]
    for dtype in (torch.float32, torch.bfloat16):
        plain = case.tensors(graph, dtype)
        want = case.call(case.op, graph.by_dst, plain)
        transposed = [x.t().contiguous().t() for x in plain]
        strided = [torch.stack((x, x + 1), dim=2)[..., 0] for x in plain]
        offset = [torch.cat((x[:1], x))[1:] for x in plain]
        for form in (transposed, strided, offset):
            with ops.backend("cpu"):
                assert_alike(case.call(case.op, graph.by_dst, form), want)
        constant = [x[:1].expand_as(x) for x in plain]
        assert_alike(
            case.call(case.op, graph.by_dst, constant),
            case.call(case.op, graph.by_dst, [x.contiguous() for x in constant]),
        )


@compiled
@every_case
def test_wide_indices_go_to_the_reference(case: Case) -> None:
    graph = GRAPHS["random"]
    inputs = case.tensors(graph, torch.float64)
    reason = "the index has dtype torch.int64, the core reads int32"
    with ops.backend("cpu"), pytest.raises(GraphValueError, match=reason):
        case.call(case.op, wide(graph.by_dst), inputs)
    with ops.backend("reference"):
        want = case.call(case.op, graph.by_dst, inputs)
    assert_alike(case.call(case.op, wide(graph.by_dst), inputs), want)


@compiled
@every_case
def test_a_forced_backend_refuses_with_its_reasons(case: Case) -> None:
    graph = GRAPHS["random"]
    inputs = case.tensors(graph, torch.float32)
    refused = {
        "no compiled kernel for torch.complex64": [x.to(torch.complex64) for x in inputs],
        "the tensor is on meta, the core reads main memory": [x.to("meta") for x in inputs],
        "the tensor has no plain storage of its own": [torch._efficientzerotensor(x.shape) for x in inputs],
    }
    if len(inputs) > 1:
        refused["mixed dtypes torch.float32 and torch.float64"] = [
            inputs[0],
            *(x.double() for x in inputs[1:]),
        ]
    for reason, tensors in refused.items():
        text = rf"op '{case.op.name}' cannot run on the forced backend 'cpu': .*{reason}.*'reference'"
        with ops.backend("cpu"), pytest.raises(GraphValueError, match=text):
            case.call(case.op, graph.by_dst, tensors)
    with (
        ops.backend("tpu"),
        pytest.raises(GraphKeyError, match=r"no backend 'tpu'; choose one of \['cpu', 'triton', 'ref"),
    ):
        case.call(case.op, graph.by_dst, inputs)
    case.call(case.op, graph.by_dst, inputs)  # and outside the block all is as before


def test_backends_of_one_block_do_not_reach_another() -> None:
    edges = gv.Edges(torch.tensor([[0, 1], [1, 0]]), num_nodes=2)
    with ops.backend("reference"):
        with pytest.raises(GraphKeyError), ops.backend("none"):
            edges.sum(edges.src(torch.ones(2, 1)))
        assert edges.sum(edges.src(torch.ones(2, 1))).tolist() == [[1.0], [1.0]]


@compiled
def test_why_and_eligible() -> None:
    order, x = GRAPHS["random"].by_dst, numbers(7, 2)
    args = (x, None, "other", "edge", "sum")
    assert ops.gather_reduce.eligible(order, *args) == ["cpu", "reference"]
    assert ops.gather_reduce.eligible(wide(order), *args) == ["reference"]
    assert list(ops.gather_reduce.why(wide(order), *args)) == ["cpu", "triton", "reference"]


@every_case
def test_without_the_core(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without a compiler runs the reference, and says why when the core is asked for."""
    graph = GRAPHS["random"]
    inputs = case.tensors(graph, torch.float64)
    with ops.backend("reference"):
        want = case.call(case.op, graph.by_dst, inputs)
    monkeypatch.setattr(_core, "core", None)
    monkeypatch.setattr(_core, "missing", "No module named 'grapevine._core'")
    assert_alike(case.call(case.op, graph.by_dst, inputs), want)
    reason = "the compiled core is not installed .No module named 'grapevine._core'"
    with ops.backend("cpu"), pytest.raises(GraphValueError, match=reason):
        case.call(case.op, graph.by_dst, inputs)


@compiled
@every_case
def test_tensors_without_storage(case: Case) -> None:
    """Zeros that autograd never wrote down, and views that negate, mean what they mean as plain tensors."""
    graph = GRAPHS["random"]
    plain = case.tensors(graph, torch.float64)
    zeros = [torch._efficientzerotensor(x.shape, dtype=x.dtype) for x in plain]
    got = case.call(case.op, graph.by_dst, zeros)
    want = case.call(case.op, graph.by_dst, [torch.zeros_like(x) for x in plain])
    for g, w in zip(parts(got), parts(want), strict=True):
        torch.testing.assert_close(g, w, rtol=1e-14, atol=0.0)
    negated = [torch.complex(x, x).conj().imag for x in plain]
    assert all(x.is_neg() for x in negated)
    got = case.call(case.op, graph.by_dst, negated)
    want = case.call(case.op, graph.by_dst, [-x for x in plain])
    for g, w in zip(parts(got), parts(want), strict=True):
        assert g is w or torch.allclose(g, w, rtol=1e-13, atol=1e-14)


def _large() -> Topology:
    """Enough for several threads: 30,000 edges, of which 10,000 arrive at one node."""
    g = torch.Generator().manual_seed(5)
    src, dst = torch.randint(900, (2, 30_000), generator=g)
    dst[torch.randperm(30_000, generator=g)[:10_000]] = 17
    return Topology(src, dst, (900, 900))


LARGE = _large()


@compiled
@every_case
def test_the_same_bits_for_any_number_of_threads(case: Case) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        inputs = case.tensors(LARGE, dtype)
        with threads(1):
            want = case.call(case.op, LARGE.by_dst, inputs)
        for count in (2, 3):
            with threads(count):
                got = case.call(case.op, LARGE.by_dst, inputs)
            assert all(g is w or torch.equal(g, w) for g, w in zip(parts(got), parts(want), strict=True))


@compiled
@every_case
def test_every_instruction_set(case: Case) -> None:
    """The processor decides which of them run here; they differ by no more than the rounding of fused multiply-adds."""
    core = _core.core
    assert core is not None
    chosen = core.instruction_set()
    inputs = case.tensors(GRAPHS["random"], torch.float64)
    want = case.call(case.op, GRAPHS["random"].by_dst, inputs)
    tried = []
    try:
        for name in ("baseline", "avx2", "avx512"):
            try:
                core.choose(name)
            except ValueError:
                continue
            tried.append(name)
            got = case.call(case.op, GRAPHS["random"].by_dst, inputs)
            for g, w in zip(parts(got), parts(want), strict=True):
                assert (g is None) == (w is None)
                if g is not None and w is not None and "extreme" not in case.op.name:
                    torch.testing.assert_close(g, w, rtol=1e-13, atol=1e-14)
    finally:
        core.choose(chosen)
    assert chosen in tried
