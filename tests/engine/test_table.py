"""Every op of the table, as written in its samples, against plain torch: value, shape, dtype, both gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import grapevine as gv
from grapevine.engine import EdgeTensor
from grapevine.engine.table import RECORDS, TABLE, OpRecord

from .messages import DST, SRC, D, E, N, as_tensor, assert_same, derivatives, edges, features

POSITIVE = {"log", "log1p", "log2", "log10", "sqrt", "rsqrt", "pow"}
#: For results of another precision than the message.
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-3}
#: Graphs by their number of edges.
GRAPHS = {
    0: torch.empty(2, 0, dtype=torch.long),
    1: torch.tensor([[2], [0]]),
    E: torch.stack([SRC, DST]),
}
#: Words in samples that stand for a message of another shape than (E, D).
MESSAGES = {"message": (D,), "cube": (2, D), "thin": (1, 1), "truth": (D,), "types": (D,)}


def numbers(*size: int, seed: int, dtype: torch.dtype, positive: bool) -> Tensor:
    t = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (t.abs() + 0.1 if positive else t).to(dtype)


def samples_of(record: OpRecord) -> list[Any]:
    return [
        pytest.param(f, sample, id=f"{record.name}-{f.__qualname__}-{i}")
        for f in record.functions
        for i, sample in enumerate(record.samples)
    ]


def operands(edges_: int, tail: tuple[int, ...], dtype: torch.dtype, positive: bool) -> dict[str, Tensor]:
    """What the words in samples stand for, besides messages."""

    def make(*size: int, seed: int) -> Tensor:
        return numbers(*size, seed=seed, dtype=dtype, positive=positive).requires_grad_()

    return {
        "like": make(edges_, *tail, seed=1),
        "row": make(edges_, *[1] * len(tail), seed=2),
        "feature": make(*tail[-1:], seed=3),
        "scalar": make(seed=4),
        "mask": make(edges_, *tail, seed=5) > (0.5 if positive else 0),
        "weight": make(2, *tail[-1:], seed=6),
        "bias": make(2, seed=7),
        "matrix": make(*tail[-1:], 2, seed=8),
        "matrices": make(edges_, *tail[-1:], 2, seed=9),
        "heads": make(2, *tail[-1:], 2, seed=10),
    }


def flat(item: Any) -> list[Any]:
    return [part for i in item for part in flat(i)] if isinstance(item, (list, tuple)) else [item]


def run(func: Callable[..., Any], sample: tuple[Any, ...], words: dict[str, Any]) -> Any:
    """The call that a sample describes."""

    def resolve(item: Any) -> Any:
        if isinstance(item, (list, tuple)):
            return type(item)(resolve(i) for i in item)
        if isinstance(item, dict):
            return {k: resolve(v) for k, v in item.items()}
        return words.get(item, item) if isinstance(item, str) else item

    named = any(isinstance(part, str) and part in MESSAGES for part in flat(sample))
    args = list(sample if named else ("message", *sample))
    kwargs = args.pop() if isinstance(args[-1], dict) else {}
    return func(*resolve(args), **resolve(kwargs))


def compare(
    func: Callable[..., Any],
    sample: tuple[Any, ...],
    name: str,
    num_edges: int,
    tail: tuple[int, ...],
    dtype: torch.dtype,
    orders: int,
    which: int | None = None,
) -> None:
    """The recorded call, materialised and reduced by sum and max, against the same on `x[src]`; of several, `which`."""
    positive = name in POSITIVE
    index = GRAPHS[num_edges]
    tail = next((MESSAGES[word] for word in ("cube", "thin") if word in sample), tail)

    def outcome(lift: Callable[[Tensor], Tensor], end: Callable[[Any], Tensor]) -> tuple[list[Tensor], Any]:
        x = numbers(N, *tail, seed=0, dtype=dtype, positive=positive).requires_grad_()
        words = operands(num_edges, tail, dtype, positive)
        m = lift(x)
        messages = dict.fromkeys((*MESSAGES, "again"), m)
        if "truth" in sample:
            messages["truth"] = m > 0
        if "types" in sample:
            messages["types"] = lift(torch.arange(N) % 2)
        call = {
            "edges": num_edges,
            "int": torch.int64 if func is Tensor.to else torch.zeros(1, dtype=torch.int64),
        }
        out = run(func, sample, {**words, **messages, **call})
        out = out if which is None else out[which]
        inputs = [x, *(w for w in words.values() if w.requires_grad)]
        return derivatives(end(out), *inputs)[: orders + 1], out

    graph = gv.Edges(index, num_nodes=N)
    tolerance = 1e-5 if dtype is torch.float32 else 1e-10
    if which is None:
        with gv.materialised():
            _, several = outcome(graph.src, lambda out: out if isinstance(out, Tensor) else torch.zeros(()))
        if isinstance(several, tuple):
            for i in range(len(several)):
                compare(func, sample, name, num_edges, tail, dtype, orders, i)
            return
    want, plain = outcome(lambda x: x[index[0]], lambda out: out)
    got, out = outcome(graph.src, as_tensor)
    if num_edges > 1:
        assert isinstance(out, EdgeTensor), "recorded"
    assert (out.shape, out.dtype) == (plain.shape, plain.dtype)
    tolerance = TOLERANCE.get(plain.dtype, tolerance)
    assert_same(got, want, tolerance)
    if plain.is_floating_point():
        for how in ("sum", "max"):

            def scattered(m: Tensor, name: str = "sum" if how == "sum" else "amax") -> Tensor:
                where = index[1].view(-1, *[1] * (m.dim() - 1)).expand_as(m)
                return m.new_zeros(N, *m.shape[1:]).scatter_reduce(0, where, m, name, include_self=False)

            want, _ = outcome(lambda x: x[index[0]], scattered)
            got, _ = outcome(graph.src, lambda out: graph.reduce(out, how))  # noqa: B023
            assert_same(got, want, tolerance)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name)
def test_every_record_has_samples(record: OpRecord) -> None:
    assert record.functions and record.samples, f"{record.name} has no samples"
    assert all(TABLE[f] is record for f in record.functions), "one function belongs to one record"


@pytest.mark.filterwarnings("ignore:(var|std).*degrees of freedom")  # of no edges
@pytest.mark.parametrize(("func", "sample"), [p for record in RECORDS for p in samples_of(record)])
def test_sample(func: Callable[..., Any], sample: tuple[Any, ...]) -> None:
    name = TABLE[func].name
    for num_edges in GRAPHS:
        if num_edges == 0 and func is F.embedding:  # torch cannot take its second derivative
            continue
        compare(func, sample, name, num_edges, (D,), torch.float64, 2)
    compare(func, sample, name, E, (D,), torch.float32, 1)


@pytest.mark.parametrize("tail", [(), (2, D)], ids=["(E,)", "(E, 2, D)"])
@pytest.mark.parametrize(
    ("func", "sample"),
    [
        p
        for record in RECORDS
        if record.kind == "pointwise"
        for p in samples_of(record)[
            : len(record.samples)
        ]  # its other functions are taken apart in the same way
    ],
)
def test_pointwise_samples_with_other_dims(
    func: Callable[..., Any], sample: tuple[Any, ...], tail: tuple[int, ...]
) -> None:
    if "feature" in sample and not tail:
        pytest.skip("a message of one dimension has no features")
    for num_edges in (0, E):
        compare(func, sample, TABLE[func].name, num_edges, tail, torch.float64, 2)


def message(**kwargs: Any) -> tuple[Tensor, Tensor]:
    x = features(**kwargs)
    return edges().src(x), x[SRC]


@pytest.mark.parametrize(
    "call",
    [
        lambda m: torch.sum(input=m, dim=-1),
        lambda m: torch.relu(input=m),
        lambda m: torch.cat(tensors=[m, m], dim=-1),
        lambda m: torch.reshape(input=m, shape=(-1, D, 1)),
        lambda m: m.flatten(end_dim=1),
        lambda m: m.unsqueeze(1).flatten(end_dim=1),
        lambda m: m.unsqueeze(1).flatten(1, -1),
        lambda m: m.transpose(dim0=0, dim1=1),
        lambda m: F.layer_norm(m, (D,), eps=0.5),
        lambda m: F.layer_norm(m, normalized_shape=[D], bias=torch.ones(D, dtype=m.dtype)),
        lambda m: F.linear(m, bias=torch.ones(2, dtype=m.dtype), weight=torch.ones(2, D, dtype=m.dtype)),
        lambda m: F.linear(input=m, weight=torch.ones(2, D, dtype=m.dtype)),
        lambda m: F.dropout(m, training=False),
        lambda m: F.dropout(m, 0.0, True),
        lambda m: F.dropout(input=m, p=0.0),
        lambda m: torch.where(m > 0)[0],
        lambda m: m.view(torch.int64),
        lambda m: m.view(D, E),
        lambda m: m.reshape(E * D),
        lambda m: m.view(1, E, D),
        lambda m: m.squeeze(),
        lambda m: m.norm(),
        lambda m: m.norm(p="fro", dim=-1),
        lambda m: m.norm(float("inf"), -1),
        lambda m: m.sum(dim=()),
        lambda m: m.sum(dim=(0, 1)),
        lambda m: m.mean(axis=-1),
        lambda m: m.sum(-1, dtype=torch.float32),
        lambda m: m.softmax(-1, dtype=torch.float32),
        lambda m: m.softmax(0),
        lambda m: m[...],
        lambda m: m[None],
        lambda m: m[:, -1:, None],
        lambda m: m[:, True],
        lambda m: m[:, torch.tensor(0)],
        lambda m: m[True],
        lambda m: torch.stack([m[:, 0], m[:, 1]], 0),
        lambda m: torch.cat([torch.empty(0, dtype=m.dtype), m]),
        lambda m: m * True,
        lambda m: m + 1j,
        lambda m: m.clamp(torch.zeros(D, dtype=m.dtype)),
        lambda m: m.clamp(min=torch.zeros(D, dtype=m.dtype), max=torch.ones(D, dtype=m.dtype)),
        lambda m: m == None,  # noqa: E711
        lambda m: m.eq(m[:1]),
        lambda m: m * torch.ones(1, D, dtype=m.dtype),
        lambda m: m[:, 0] * torch.ones(2, 1, dtype=m.dtype),
        lambda m: m.div(0.3, rounding_mode="trunc"),
        lambda m: torch.maximum(m, torch.tensor(0.0)),
        lambda m: m.double() @ torch.ones(D, dtype=m.dtype),
        lambda m: torch.matmul(m, m.t()),
        lambda m: m @ torch.ones(4, D, 2, dtype=m.dtype),
        lambda m: m.float() * torch.ones(D, dtype=torch.float64),
        lambda m: m.bfloat16().sum(-1),
    ],
)
def test_calls_at_the_border_of_the_table(call: Callable[[Tensor], Any]) -> None:
    lazy, plain = message()
    got, want = call(lazy), call(plain)
    if isinstance(want, Tensor):
        got = as_tensor(got)
        assert (got.dtype, got.shape, got.requires_grad) == (want.dtype, want.shape, want.requires_grad)
        torch.testing.assert_close(got, want)
    else:
        assert got == want


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.view(-1, 2),
        lambda m: m @ torch.ones(4, 2, dtype=m.dtype),
        lambda m: m + torch.ones(D + 1, dtype=m.dtype),
        lambda m: m + torch.ones(E + 1, D, dtype=m.dtype),
        lambda m: m.sum(3),
        lambda m: m.unsqueeze(5),
        lambda m: m.transpose(1, 4),
        lambda m: m[:, D],
        lambda m: torch.cat([m, m[:, 0]], -1),
        lambda m: m.clamp("low"),
        lambda m: F.leaky_relu(m, slope=0.1),
        lambda m: F.linear(m, torch.ones(2, D)),
        lambda m: m.where(0.5),
    ],
)
def test_wrong_calls_raise_what_torch_raises(call: Callable[[Tensor], Any]) -> None:
    lazy, plain = message()
    with pytest.raises(Exception) as want:
        call(plain)
    with pytest.raises(want.type) as got:
        as_tensor(call(lazy))
    assert str(got.value) == str(want.value)


def test_bools_and_integers_keep_their_arithmetic() -> None:
    """`True + True` is True, and `True * 0.1` is a float32: also where it is fused into a float64 message."""
    ids = torch.arange(E).view(-1, 1)
    for call in (
        lambda m: m * ((m > 0) + (m < 1)),
        lambda m: m * ((m > 0) * 0.1),
        lambda m: m * (edges().edge(ids) * 0.1) if isinstance(m, EdgeTensor) else m * (ids * 0.1),
        lambda m: m * (edges().edge(ids) / 3) if isinstance(m, EdgeTensor) else m * (ids / 3),
        lambda m: m * (m > 0).mul(2).add(1),
        lambda m: m * ~(m > 0),
    ):
        lazy, plain = message()
        got, want = (
            edges().sum(call(lazy)),
            torch.zeros(N, D, dtype=torch.float64).index_add(0, DST, call(plain)),
        )
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
