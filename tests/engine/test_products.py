"""Products with a matrix per type of edge and per head: torch's numbers, and no matrix per edge."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import grapevine as gv

from .messages import assert_same, derivatives

N, E, T, F, D, H = 6, 40, 3, 4, 5, 2
INDEX = torch.randint(N, (2, E), generator=torch.Generator().manual_seed(0))
TYPES = torch.randint(T, (E,), generator=torch.Generator().manual_seed(1))
Message = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]

# i, j: (E, F) rows of targets and sources; t: (E,) types; w: (T, F, D); h: (H, F / H, 3).
TYPED: dict[str, Message] = {
    "bmm": lambda i, j, t, w, h: torch.bmm((i * j).unsqueeze(1), w[t]).squeeze(1) * i[:, :1],
    "matmul": lambda i, j, t, w, h: (j.unsqueeze(-2) @ w.index_select(0, t)).squeeze(-2),
    "einsum": lambda i, j, t, w, h: torch.einsum("ec,ecd->ed", i * j, w[t]),
    "einsum, matrix first": lambda i, j, t, w, h: torch.einsum("ecd,ec->ed", w[t], i + j),
    "einsum of heads": lambda i, j, t, w, h: torch.einsum("ehc,ecd->ehd", (i * j).view(-1, 1, F), w[t]).exp(),
}
HEADS: dict[str, Message] = {
    "of a product": lambda i, j, t, w, h: torch.einsum("ehc,hcd->ehd", (i * j.exp()).view(-1, H, F // H), h),
    "of a sum": lambda i, j, t, w, h: torch.einsum(
        "ehc,hcd->ehd", (i + j.exp() - j).view(-1, H, F // H), h
    ).relu(),
    "by matmul": lambda i, j, t, w, h: ((i - j).view(-1, H, 1, F // H) @ h).squeeze(-2).relu(),
}
MESSAGES = {**TYPED, **HEADS}


def outcome(name: str, how: str, types: Tensor = TYPES) -> tuple[Tensor, list[Tensor]]:
    graph, made = gv.Edges(INDEX, num_nodes=N), torch.Generator().manual_seed(2)
    x, w, h = (
        torch.randn(s, dtype=torch.float64, generator=made).requires_grad_()
        for s in ((N, F), (T, F, D), (H, F // H, 3))
    )
    m = MESSAGES[name](graph.dst(x), graph.src(x), graph.edge(types), w, h)
    return graph.reduce(m, how), [x, w, h]


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
@pytest.mark.parametrize("name", MESSAGES)
def test_same_as_materialised(name: str, how: str) -> None:
    from_the_end = TYPES if name in HEADS or name == "matmul" else TYPES - T
    for types in (TYPES, TYPES.sort().values, from_the_end):
        got, leaves = outcome(name, how, types)
        with gv.materialised():
            want, plain = outcome(name, how, types)
        assert_same(derivatives(got, *leaves), derivatives(want, *plain), 1e-10)


@pytest.mark.parametrize("name", TYPED)
def test_no_matrix_per_edge(name: str) -> None:
    plan = gv.plan(lambda: outcome(name, "sum"))
    assert "typed" in [s.rule for s in plan.steps]
    assert max(s.bytes_written for s in plan.steps if s.where == "edges") <= E * D * 8, str(plan)
    assert plan.plain_edge_bytes > E * F * D * 8


@pytest.mark.parametrize("name", ["of a sum", "by matmul"])
def test_heads_of_nodes_are_mapped_once_per_node(name: str) -> None:
    plan = gv.plan(lambda: outcome(name, "max"))
    assert "split_linear" in [s.rule for s in plan.steps] and plan.edge_bytes == 0, str(plan)


def test_heads_after_the_sum() -> None:
    plan = gv.plan(lambda: outcome("of a product", "sum"))
    assert "sink_linear" in [s.rule for s in plan.steps] and plan.edge_bytes == 0


def test_types_out_of_range() -> None:
    with pytest.raises(IndexError):
        outcome("bmm", "sum", TYPES + 1)
