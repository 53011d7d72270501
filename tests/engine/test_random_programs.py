"""Random messages on random graphs: the engine computes what `gv.materialised()` computes, with both derivatives."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import grapevine as gv

UNARY = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "leaky_relu": lambda m: F.leaky_relu(m, 0.2),
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "exp": lambda m: m.tanh().exp(),
    "sqrt": lambda m: (m * m + 1).sqrt(),
    "abs": torch.abs,
    "sin": torch.sin,
    "neg": torch.neg,
    "square": torch.square,
    "clamp": lambda m: m.clamp(-0.5, 1.0),
    "sinc": torch.sinc,  # not in the table: computed on the way
    "double": lambda m: m.add(m),
    "in place": lambda m: m.clone().mul_(0.5),
}
BINARY = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": lambda a, b: a / (b * b + 1),
    "maximum": torch.maximum,
    "where": lambda a, b: torch.where(a > b, a * 2, b),
}
#: Ops along the last axis, for messages that have one.
TRAILING = {
    "linear": lambda p, m: F.linear(m, p["weight"], p["feature"]),
    "matmul": lambda p, m: m @ p["weight"],
    "layer_norm": lambda p, m: F.layer_norm(m, m.shape[-1:], p["feature"]),
    "softmax": lambda p, m: m.softmax(-1),
    "feature": lambda p, m: m * p["feature"] + 1,
    "times sum": lambda p, m: m * m.sum(-1, keepdim=True),
    "over norm": lambda p, m: m / (m.norm(dim=-1, keepdim=True) + 1),
    "attention": lambda p, m: m * p["graph"].softmax((m * p["feature"]).sum(-1, keepdim=True)),
    "mean": lambda p, m: m * (m * m).mean(-1, keepdim=True),
    "gate": lambda p, m: gated(
        *torch.cat([m, m.tanh(), m * p["feature"]], -1)[..., : 2 * m.shape[-1]].chunk(2, -1)
    ),
    "stack": lambda p, m: torch.stack([m, m * 2, m.abs()], -1).relu().mean(-1),
    "pairs": lambda p, m: torch.stack([m, m + 1], 1).flatten(1, 2).unflatten(1, (2, -1))[:, 1],
    "reverse": lambda p, m: (m.unsqueeze(-1) * p["feature"]).transpose(-1, -2).sum(-1),
    "flip": lambda p, m: torch.cat([m[..., 1:], m[..., :1]], -1),
    "view": lambda p, m: m.unsqueeze(1).squeeze(1).view(-1, *m.shape[1:]) if m.shape[0] else m,
}


def gated(a: Tensor, b: Tensor) -> Tensor:
    """The first half, gated by the second."""
    return a * b.sigmoid()


SIDES = ("src", "dst", "edge")

leaves = st.sampled_from(SIDES)
programs = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.tuples(st.sampled_from(sorted(UNARY)), parts),
        st.tuples(st.sampled_from(sorted(BINARY)), parts, parts),
        st.tuples(st.sampled_from(sorted(TRAILING)), parts),
        st.tuples(st.just("weighted"), parts),
        st.tuples(st.just("number"), parts),
        st.tuples(st.just("split"), parts, parts),
    ),
    max_leaves=6,
)


def run(program: Any, p: dict[str, Any]) -> Tensor:
    """The message that a program describes."""
    if isinstance(program, str):
        graph: gv.Edges = p["graph"]
        return {"src": graph.src, "dst": graph.dst, "edge": graph.edge}[program](p[program])
    name, *parts = program
    values = [run(part, p) for part in parts]
    if name in UNARY:
        return UNARY[name](*values)
    if name in BINARY:
        return BINARY[name](*values)
    if name == "number":
        return 0.5 * values[0] - 1
    if name == "weighted":
        return p["graph"].edge(p["row"]) * values[0]
    if values[0].dim() == 1:
        return values[0] * 2
    if name == "split":
        return F.linear(torch.cat(values, -1), p["wide"], p["feature"])
    return TRAILING[name](p, *values)


@st.composite
def graphs(draw: Any) -> tuple[Tensor, int, int]:
    """Empty ones, isolated nodes, several edges between two nodes, self-loops, two sets of nodes."""
    num_src = draw(st.integers(1, 5))
    num_dst = num_src if draw(st.booleans()) else draw(st.integers(1, 5))
    ends = st.tuples(st.integers(0, num_src - 1), st.integers(0, num_dst - 1))
    pairs = draw(st.lists(ends, max_size=9))
    if draw(st.booleans()):
        pairs.sort(key=lambda pair: pair[1])
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t(), num_src, num_dst


@settings(max_examples=2000)
@given(
    program=programs,
    graph=graphs(),
    tail=st.sampled_from([(), (1,), (3,), (2, 3)]),
    how=st.sampled_from(["sum", "mean", "max", "min", "softmax", "value"]),
    seed=st.integers(0, 2**16),
    budget=st.sampled_from(["1GiB", 200]),
)
def test_engine_equals_materialised(
    program: Any, graph: tuple[Tensor, int, int], tail: tuple[int, ...], how: str, seed: int, budget: Any
) -> None:
    index, num_src, num_dst = graph
    generator = torch.Generator().manual_seed(seed)
    width = tail[-1] if tail else 1
    sizes = {
        "src": (num_src, *tail),
        "dst": (num_dst, *tail),
        "edge": (index.shape[1], *tail),
        "row": (index.shape[1], *[1] * len(tail)),
        "feature": (width,),
        "weight": (width, width),
        "wide": (width, 2 * width),
    }
    numbers = {
        name: torch.randn(size, dtype=torch.float64, generator=generator) for name, size in sizes.items()
    }

    def outcome() -> list[Tensor | None]:
        inputs = {name: t.clone().requires_grad_() for name, t in numbers.items()}
        edges = gv.Edges(index, size=(num_src, num_dst))
        m = run(program, {**inputs, "graph": edges})
        if how == "softmax":
            out = edges.sum(edges.softmax(m) * m)
        elif how == "value":
            out = gv.materialise(m)
        else:
            out = edges.reduce(m, how)
        assert type(out) is Tensor
        leaves = list(inputs.values())
        first = torch.autograd.grad(torch.tanh(out).sum(), leaves, create_graph=True, allow_unused=True)
        total = sum(
            (torch.tanh(g).sum() for g in first if g is not None), torch.zeros((), dtype=torch.float64)
        )
        second = [None] * len(leaves)
        if total.requires_grad:
            second = list(torch.autograd.grad(total, leaves, allow_unused=True))
        return [out, *first, *second]

    with gv.recorded(), gv.memory_budget(budget):
        got = outcome()
    with gv.materialised():
        want = outcome()
    for g, w in zip(got, want):
        # A gradient that is not asked for along one way may be given as zeros along the other.
        g = torch.zeros_like(w) if g is None and w is not None else g
        w = torch.zeros_like(g) if w is None and g is not None else w
        if g is not None and w is not None:
            scale = max(1.0, float(w.detach().abs().max())) if w.numel() else 1.0
            torch.testing.assert_close(g.detach(), w.detach(), rtol=1e-10, atol=1e-10 * scale)
