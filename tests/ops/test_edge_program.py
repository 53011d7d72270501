"""Edge programs: instructions and ways to read a leaf against plain torch, and the kernel against the reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.ops import edge_program
from grapevine.ops.edge_program import INSTRUCTIONS, Code, Instruction, LeafSpec, cpu, reference
from grapevine.topology import Topology
from tests.ops.graphs import DTYPES, GRAPHS, assert_near, assert_same, compiled, numbers, steps

IDS = lambda value: str(value).removeprefix("torch.")  # noqa: E731
HOW = ["sum", "mean", "max", "min", "map"]
BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "gt", "ge", "eq", "pow"]
ARITY = {"where": 3, **dict.fromkeys(BINARY, 2)}

#: What each instruction means for ordinary numbers, said once more by Python's own names.
PLAIN = {
    "gt": lambda a, b: (a > b).double(),
    "ge": lambda a, b: (a >= b).double(),
    "eq": lambda a, b: (a == b).double(),
    "where": lambda c, a, b: a * (c != 0) + b * (c == 0),
    "relu": lambda a: a.clamp(min=0),
    "sigmoid": lambda a: 1 / (1 + (-a).exp()),
    "round": lambda a: a,
}


def single(name: str, features: int) -> Code:
    """A program of one instruction on leaves that lie on the edges."""
    count = ARITY.get(name, 1)
    step = Instruction(name, count, tuple(range(count)))
    return Code((LeafSpec("edge", "full"),) * count, (), (step,), count + 1, count, features)


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 3.0, -2.5, 1e-30, 88.0, -88.0, 104.0, -104.0, 1e30]
SPECIAL += [float("inf"), float("-inf"), float("nan")]


def grid(count: int, dtype: torch.dtype) -> list[Tensor]:
    """All combinations of special numbers, and some ordinary ones, `(E, 3)` each."""
    special = torch.tensor(SPECIAL, dtype=dtype)
    columns = torch.cartesian_prod(*[special] * count).reshape(-1, count)
    size = -(-columns.shape[0] // 3) * 3
    out = []
    for i in range(count):
        ordinary = numbers(size + 48, dtype=dtype, seed=i) * 3
        ordinary[: columns.shape[0]] = columns[:, i]
        out.append(ordinary.view(-1, 3))
    return out


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_what_instructions_mean(name: str) -> None:
    leaves = [numbers(40, 3, seed=i).abs() + 0.1 for i in range(ARITY.get(name, 1))]
    plain = PLAIN.get(name) or getattr(torch, name)
    want = plain(*leaves)
    out, ties = reference.run(GRAPHS["random"].by_dst, single(name, 3), leaves, "map")
    assert ties is None
    torch.testing.assert_close(out, want, rtol=1e-12, atol=0.0)


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=IDS)
@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_instructions_in_the_core(name: str, dtype: torch.dtype) -> None:
    """Special numbers as torch has them; ordinary ones within a few units in the last place."""
    leaves = grid(ARITY.get(name, 1), dtype)
    count = leaves[0].shape[0]
    index = torch.arange(count)
    order = Topology(index, index, (count, count)).by_dst
    got, _ = cpu.run(order, single(name, 3), leaves, "map")
    want, _ = reference.run(order, single(name, 3), leaves, "map")
    unit = torch.finfo(dtype).eps
    torch.testing.assert_close(got, want, rtol=8 * unit, atol=4 * torch.finfo(dtype).tiny, equal_nan=True)


def modes(features: int) -> list[tuple[LeafSpec, int]]:
    """Every way to read a leaf of a message with so many features, with the numbers per row."""
    found = [(("full", 1), features), (("scalar", 1), 1)]
    for period in range(2, features):
        if features % period == 0:
            found += [(("groups", period), features // period), (("periodic", period), period)]
    return [(LeafSpec(on, *mode), size) for mode, size in found for on in ("row", "other", "edge", "shared")]


def leaf(spec: LeafSpec, size: int, name: str, seed: int, dtype: torch.dtype, make) -> Tensor:
    graph = GRAPHS[name]
    count = {"row": graph.num_dst, "other": graph.num_src, "edge": graph.num_edges, "shared": 1}[spec.on]
    return make(count, size, dtype=dtype, seed=seed)


def spread_by_hand(x: Tensor, spec: LeafSpec, size: int, name: str, features: int) -> Tensor:
    """The leaf's value for every edge (in the edges' own sequence) and feature, by indexing."""
    graph = GRAPHS[name]
    row = {"row": graph.dst_index, "other": graph.src_index, "edge": torch.arange(graph.num_edges)}.get(
        spec.on, torch.zeros(graph.num_edges, dtype=torch.long)
    )
    f = torch.arange(features)
    column = {"full": f, "scalar": f * 0, "groups": f // spec.period, "periodic": f % spec.period}[spec.mode]
    return x[row.unsqueeze(1), column]


@pytest.mark.parametrize("features", [1, 6, 12])
def test_leaves_in_the_reference(features: int) -> None:
    for spec, size in modes(features):
        code = Code((spec,), (), (), 1, 0, features)
        x = leaf(spec, size, "random", 0, torch.float64, numbers)
        out, _ = reference.run(GRAPHS["random"].by_dst, code, [x], "map")
        assert torch.equal(out, spread_by_hand(x, spec, size, "random", features)), spec


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=IDS)
@pytest.mark.parametrize("features", [1, 3, 6, 64, 65, 130])
def test_leaves_in_the_core(features: int, dtype: torch.dtype) -> None:
    order = GRAPHS["random"].by_dst
    for spec, size in modes(features):
        code = Code((spec,), (), (), 1, 0, features)
        x = leaf(spec, size, "random", 0, dtype, numbers)
        for how in ("map", "max"):
            for got, want in zip(
                cpu.run(order, code, [x], how), reference.run(order, code, [x], how), strict=True
            ):
                assert_same(got, want, f"{spec}, {how}")


def mixture(features: int, groups: int = 0) -> tuple[Code, list[int]]:
    """`where(row > other, other * edge + 0.5, row - shared) * per_group`, from leaves read in five ways."""
    period = 2 if features % 2 == 0 else 1
    leaves = (
        LeafSpec("row", "full"),
        LeafSpec("other", "full"),
        LeafSpec("edge", "scalar"),
        LeafSpec("shared", "periodic", period),
        LeafSpec("edge", "groups", period),
    )
    sizes = [features, features, 1, period, features // period]
    program = (
        Instruction("gt", 6, (0, 1)),
        Instruction("mul", 7, (1, 2)),
        Instruction("add", 8, (7, 5)),
        Instruction("sub", 9, (0, 3)),
        Instruction("where", 10, (6, 8, 9)),
        Instruction("mul", 11, (10, 4)),
    )
    return Code(leaves, (0.5,), program, 12, 11, features, groups), sizes


def mixed_inputs(name: str, features: int, dtype: torch.dtype, groups: int = 0, make=steps):
    code, sizes = mixture(features, groups)
    leaves = [
        leaf(s, n, name, i, dtype, make) for i, (s, n) in enumerate(zip(code.leaves, sizes, strict=True))
    ]
    return code, leaves


def by_hand(name: str, code: Code, leaves: list[Tensor]) -> Tensor:
    a, b, c, d, e = (
        spread_by_hand(x, s, 0, name, code.features) for x, s in zip(leaves, code.leaves, strict=True)
    )
    return torch.where(a > b, b * c + 0.5, a - d) * e


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", GRAPHS)
def test_reference_against_torch(name: str, how: str) -> None:
    graph = GRAPHS[name]
    code, leaves = mixed_inputs(name, 6, torch.float64)
    m = by_hand(name, code, leaves)
    out, ties = reference.run(graph.by_dst, code, leaves, how)
    if how == "map":
        assert torch.equal(out, m)
        grouped, sizes = mixture(6, 3)
        assert sizes
        torch.testing.assert_close(
            reference.run(graph.by_dst, grouped, leaves, how)[0], m.unflatten(1, (3, 2)).sum(-1)
        )
        return
    where = graph.dst_index.unsqueeze(1).expand_as(m)
    name = {"max": "amax", "min": "amin"}.get(how, how)
    want = torch.zeros_like(out).scatter_reduce(0, where, m, name, include_self=False)
    torch.testing.assert_close(out, want, rtol=1e-12, atol=1e-12)
    if ties is not None:
        attained = (m == out[graph.dst_index]).int()
        assert torch.equal(ties, torch.zeros_like(ties).index_add(0, graph.dst_index, attained))


@compiled
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", GRAPHS)
def test_kernel_by_graph(name: str, how: str) -> None:
    """With whole numbers and halves, so that nothing but the mean is rounded."""
    for dtype in DTYPES:
        for features in (1, 6, 64) if name == "heavy" else (1, 3, 7, 16, 64, 65, 130):
            check(name, features, dtype, how)


def check(name: str, features: int, dtype: torch.dtype, how: str, groups: int = 0) -> None:
    order = GRAPHS[name].by_dst
    code, leaves = mixed_inputs(name, features, dtype, groups)
    got, ties = cpu.run(order, code, leaves, how)
    want, counts = reference.run(order, code, [x.double() for x in leaves], how)
    assert_near(got, want, want.abs(), f"{features} features, {how}")
    assert_same(ties, counts, f"{features} features, {how}")


@compiled
@pytest.mark.parametrize("name", GRAPHS)
def test_sums_over_groups(name: str) -> None:
    for features, groups in ((6, 1), (6, 3), (6, 6), (130, 1), (130, 2), (130, 65), (256, 4)):
        if name != "heavy" or features < 100:
            for dtype in DTYPES:
                check(name, features, dtype, "map", groups)


@compiled
def test_empty_sums() -> None:
    """No features in a group: its sum is zero, not what was left in memory."""
    code = Code((LeafSpec("edge", "full"),), (), (), 1, 0, 0, 3)
    order = GRAPHS["random"].by_dst
    for run in (cpu.run, reference.run):
        assert_same(run(order, code, [torch.empty(40, 0)], "map")[0], torch.zeros(40, 3))


@compiled
@pytest.mark.parametrize("how", HOW)
def test_nan_and_infinity(how: str) -> None:
    order = GRAPHS["random"].by_dst
    for features in (6, 65):
        for value in (float("nan"), float("inf")):
            code, leaves = mixed_inputs("random", features, torch.float64)
            leaves[1][2, ::2], leaves[0][3, ::3], leaves[2][5] = value, -value, value
            got, ties = cpu.run(order, code, leaves, how)
            want, counts = reference.run(order, code, leaves, how)
            assert not want.isfinite().all()
            torch.testing.assert_close(got, want, rtol=1e-14, atol=1e-14, equal_nan=True)
            if ties is not None:
                known = ~want.isnan()
                assert torch.equal(ties[known], counts[known])


def test_constants_alone() -> None:
    """A leaf that no instruction reads still says which dtype and how many."""
    code = Code((LeafSpec("edge", "full"),), (2.5,), (), 2, 1, 3)
    order = GRAPHS["random"].by_dst
    out, _ = edge_program(order, code, [numbers(40, 3)], "sum")
    want = 2.5 * GRAPHS["random"].in_degrees(torch.float64).unsqueeze(1).expand(-1, 3)
    assert torch.equal(out, want)
