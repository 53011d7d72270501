"""What users write in messages: each of these stays lazy, and is right in value, gradient and second gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import grapevine as gv
from grapevine.engine import EdgeTensor

from .messages import DST, SRC, E, N, as_tensor, assert_same, derivatives, edges, scattered

H, C = 2, 4
TYPES = torch.tensor([0, 2, 1, 1, 0, 2, 2])
norm = torch.nn.LayerNorm(C, dtype=torch.float64)
torch.nn.init.uniform_(norm.weight, 0.5, 1.5)

# i, j: (E, H, C) rows of targets and sources; w: learned weights by name; t: (E,) types.
MESSAGES: dict[str, Callable[..., Any]] = {
    "plus and minus": lambda i, j, w, t: i + j - 2.0 * j - w["c"],
    "times and over": lambda i, j, w, t: i * j / (j.abs() + 1) * w["hc"],
    "per head": lambda i, j, w, t: j * w["h1"] + w["h1"] / (i.square() + 1),
    "per edge": lambda i, j, w, t: w["e"].view(-1, 1, 1) * j,
    "neg, abs, pow": lambda i, j, w, t: (-j).abs() ** 1.5 + j**3 + 2.0 ** (j / 4),
    "exp, log": lambda i, j, w, t: (j / 4).exp() * (j.square() + 1).log(),
    "sqrt, rsqrt, square": lambda i, j, w, t: (j.square() + 1).sqrt() + (i.square() + 1).rsqrt(),
    "relu": lambda i, j, w, t: F.relu(i + j) + (i - j).relu() + torch.nn.ReLU()(j),
    "leaky_relu, elu, selu": lambda i, j, w, t: F.leaky_relu(j, 0.2) + F.elu(j + i, 0.5) + F.selu(j),
    "gelu": lambda i, j, w, t: F.gelu(i + j) + F.gelu(j, approximate="tanh"),
    "silu, sigmoid, tanh": lambda i, j, w, t: F.silu(i + j) + torch.sigmoid(j) * torch.tanh(i),
    "softplus": lambda i, j, w, t: F.softplus(i * j) + torch.nn.Softplus(beta=2.0)(j),
    "clamp": lambda i, j, w, t: j.clamp(-0.5, 0.5) + (i + j).clamp(min=0.1) + j.clamp_max(0.3),
    "minimum, maximum": lambda i, j, w, t: torch.minimum(i, j) * torch.maximum(j, w["c"]),
    "where": lambda i, j, w, t: torch.where(j > i, i.exp(), w["c"]) + torch.where(j > 0, 0.5, i),
    "comparison masks": lambda i, j, w, t: j * (j > 0) + i * (i <= j).double() + i * ~(j < i),
    "masked_fill": lambda i, j, w, t: (i + j).masked_fill(j > 0, -1.0),
    "cos, sin": lambda i, j, w, t: torch.cos(i + j) + (i * j).sin(),
    "sum, mean": lambda i, j, w, t: (i * j).sum(-1) + (i - j).mean(dim=-1) + (i * j).sum((1, 2)).view(-1, 1),
    "max, min": lambda i, j, w, t: (i * j).max(-1).values + (i + j).min(dim=-1)[0] + (i - j).amax(-1),
    "norm": lambda i, j, w, t: (i - 2 * j).norm(dim=-1, keepdim=True) * torch.linalg.norm(i + j, dim=-1, keepdim=True),
    "normalize": lambda i, j, w, t: F.normalize(i + j, dim=-1),
    "dot": lambda i, j, w, t: (i * j).sum(-1) / C**0.5,
    "einsum dot": lambda i, j, w, t: torch.einsum("ehc,ehc->eh", i, j),
    "einsum dot of all": lambda i, j, w, t: torch.einsum("ehc, ehc -> e", i, j),
    "einsum score": lambda i, j, w, t: torch.einsum("ehc,hc->eh", i + j, w["hc"]),
    "einsum of weights": lambda i, j, w, t: torch.einsum("eh,ehc->ehc", (i * j).sum(-1), j),
    "einsum linear": lambda i, j, w, t: torch.einsum("ehc,cd->ehd", i - j, w["cc"]),
    "einsum linear, transposed": lambda i, j, w, t: torch.einsum("ehc,dc->ehd", j, w["cc"]),
    "einsum per head": lambda i, j, w, t: torch.einsum("ehc,hcd->ehd", i + j, w["hcc"]),
    "einsum outer": lambda i, j, w, t: torch.einsum("eh,ec->ehc", i[..., 0], j[:, 1]),
    "einsum per edge": lambda i, j, w, t: torch.einsum("ehc,ecd->ehd", j, w["ecc"]),
    "heads by matmul": lambda i, j, w, t: torch.matmul(j.unsqueeze(-2), w["hcc"]).squeeze(-2),
    "matrix per edge": lambda i, j, w, t: torch.bmm(j, w["ecc"]) + torch.matmul(i, w["ecc"]),
    "view, reshape": lambda i, j, w, t: j.view(-1, H * C).reshape(-1, C, H) * 2 + i.reshape(E, C, H),
    "unsqueeze, squeeze": lambda i, j, w, t: j.unsqueeze(1).squeeze(1) * i[:, :, None].squeeze(2),
    "flatten": lambda i, j, w, t: j.flatten(1) + i.flatten(1, -1).unflatten(-1, (H, C)).flatten(1),
    "slices": lambda i, j, w, t: j[:, 0] * i[..., 1, :] + j[:, -1, :] + j.select(1, 0) + i.narrow(1, 1, 1).squeeze(1),
    "chunk": lambda i, j, w, t: (lambda a, b: a.sigmoid() * b)(*(i + j).chunk(2, dim=-1)),
    "split": lambda i, j, w, t: (lambda a, b: a.sum(-1) * b.sum(-1))(*torch.split(i * j, [1, 3], dim=-1)),
    "unbind": lambda i, j, w, t: (lambda a, b: a * b)(*(i - j).unbind(1)),
    "glu": lambda i, j, w, t: F.glu(i + j, -1),
    "cat": lambda i, j, w, t: torch.cat([i, j - i, w["e"].view(-1, 1, 1).expand(-1, H, 1)], dim=-1),
    "stack": lambda i, j, w, t: torch.stack([i, j], dim=-1).mean(-1),
    "transpose, permute": lambda i, j, w, t: j.transpose(1, 2) * i.permute(0, 2, 1),
    "expand": lambda i, j, w, t: (i * j).sum(-1, keepdim=True).expand(-1, -1, C) + j[:, :1].expand_as(i),
    "linear": lambda i, j, w, t: F.linear(torch.cat([i, j], -1), w["linear"], w["c"]),
    "matmul": lambda i, j, w, t: i @ w["cc"] + j.matmul(w["cc"]) + (j @ w["c"]).unsqueeze(-1),
    "matrix by type": lambda i, j, w, t: torch.einsum("ehc,ecd->ehd", j, w["tcc"][t]),
    "vector by type": lambda i, j, w, t: j * w["tcc"].index_select(0, t)[:, :1] + F.embedding(t, w["tc"]).unsqueeze(1),
    "layer norm": lambda i, j, w, t: norm(i + j) + F.layer_norm(j, (C,)),
    "softmax of features": lambda i, j, w, t: (i * j).softmax(-1) + F.log_softmax(i + j, dim=-1),
    "dropout in evaluation": lambda i, j, w, t: torch.nn.Dropout(0.5).eval()(F.dropout(i * j, 0.5, training=False)),
}  # fmt: skip


def learned() -> dict[str, Tensor]:
    shapes = {
        "c": (C,),
        "hc": (H, C),
        "h1": (H, 1),
        "e": (E,),
        "cc": (C, C),
        "hcc": (H, C, C),
        "ecc": (E, C, C),
    }
    shapes |= {"linear": (C, 2 * C), "tc": (3, C), "tcc": (3, C, C)}
    made = torch.Generator().manual_seed(3)
    return {
        k: torch.randn(s, dtype=torch.float64, generator=made).requires_grad_() for k, s in shapes.items()
    }


@pytest.mark.parametrize("end", ["value", "sum", "max"])
@pytest.mark.parametrize("name", MESSAGES)
def test_stays_lazy_and_is_right(name: str, end: str) -> None:
    graph, found = edges(), []
    for lazy in (True, False):
        x = torch.randn(
            N, H, C, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
        ).requires_grad_()
        w = learned()
        rows = (graph.dst(x), graph.src(x), graph.edge(TYPES)) if lazy else (x[DST], x[SRC], TYPES)
        m = MESSAGES[name](*rows[:2], w, rows[2])
        assert isinstance(m, EdgeTensor) == lazy, "recorded"
        if end == "value":
            out = as_tensor(m)
        else:
            out = graph.reduce(m, end) if lazy else scattered(m, end)
        found.append(derivatives(out, x, *w.values()))
    assert_same(*found, 1e-10)


@pytest.mark.parametrize(
    "name", [name for name in MESSAGES if name != "layer norm"]
)  # its weights are doubles
def test_autocast_decides_about_precision_as_without_the_engine(name: str) -> None:
    graph, x = edges(), torch.randn(N, H, C, generator=torch.Generator().manual_seed(1))
    w = {k: v.detach().float() for k, v in learned().items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = as_tensor(MESSAGES[name](graph.dst(x), graph.src(x), w, graph.edge(TYPES)))
        want = MESSAGES[name](x[DST], x[SRC], w, TYPES)
    assert got.dtype is want.dtype
    torch.testing.assert_close(got, want, rtol=2e-2, atol=2e-2 * float(want.abs().max()))


def test_axes_of_length_one_in_einsum() -> None:
    graph, x = edges(), torch.randn(N, 1, dtype=torch.float64)
    for equation, size in (
        ("ec,cd->ed", (4, 2)),
        ("ec,cd->e", (4, 2)),
        ("ec,c->ec", (4,)),
        ("ec,c->e", (4,)),
    ):
        w = torch.randn(size, dtype=torch.float64)
        got = as_tensor(torch.einsum(equation, graph.src(x), w))
        torch.testing.assert_close(got, torch.einsum(equation, x[SRC], w))


def test_segment_softmax_takes_lazy_scores() -> None:
    """The scores are written once, by a program; the weights that come back are edge features like any others."""
    graph, x = edges(), torch.randn(N, H, C, dtype=torch.float64, requires_grad=True)

    def attention(
        i: Tensor, j: Tensor, softmax: Callable[[Tensor], Tensor], end: Callable[..., Tensor]
    ) -> Tensor:
        alpha = softmax(F.leaky_relu((i * j).sum(-1), 0.2))
        return end(alpha.unsqueeze(-1) * j)

    got = attention(graph.dst(x), graph.src(x), graph.softmax, graph.sum)
    with gv.materialised():
        want = attention(graph.dst(x), graph.src(x), graph.softmax, graph.sum)
    assert_same(derivatives(got, x), derivatives(want, x), 1e-10)


def test_integers_are_promoted_to_the_default_dtype_of_the_moment() -> None:
    kind = edges().edge(TYPES)
    for dtype in (torch.float32, torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        try:
            assert (kind * 0.5).dtype is dtype
        finally:
            torch.set_default_dtype(torch.float32)


def test_active_dropout_is_drawn_per_edge() -> None:
    """Two edges from the same source drop different features."""
    torch.manual_seed(0)
    graph = gv.Edges(torch.stack([torch.zeros(64, dtype=torch.long), torch.arange(64)]), num_nodes=64)
    out = as_tensor(F.dropout(graph.src(torch.ones(64, 8)), 0.5, training=True))
    assert len(out.unique(dim=0)) > 32
