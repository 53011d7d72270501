"""Messages that are cut and joined: what they are, and that no message is stored to be cut or joined."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import grapevine as gv

from .messages import as_tensor, assert_same, derivatives

N, E, H, C = 6, 14, 2, 4
INDEX = torch.randint(N, (2, E), generator=torch.Generator().manual_seed(0))
Message = Callable[[Tensor, Tensor, Tensor, dict[str, Tensor]], Tensor]


def gated(a: Tensor, b: Tensor) -> Tensor:
    return a.sigmoid() * b


# i, j: (E, 8) rows of targets and sources; e: (E, 1); w: learned weights.
FUSED: dict[str, Message] = {
    "gate of a source": lambda i, j, e, w: gated(*j.chunk(2, -1)),
    "gate of both": lambda i, j, e, w: gated(*(i + e * j).chunk(2, -1)),
    "gate of a linear map": lambda i, j, e, w: gated(*F.linear(torch.cat([i, j], -1), w["linear"]).chunk(2, -1)),
    "glu": lambda i, j, e, w: F.glu(i * j, -1),
    "split": lambda i, j, e, w: (lambda a, b: a.exp()[:, :1] - b)(*(i - j).split([2, 6], -1)),
    "unbind": lambda i, j, e, w: (lambda a, b: a * b)(*(i * j).view(-1, H, C).unbind(1)),
    "steps": lambda i, j, e, w: (i + j)[:, 1::2] * (i * j)[..., :4] + (i * w["row"])[:, -4:],
    "select": lambda i, j, e, w: (i + j).view(-1, H, C).select(1, -1) * (i * e)[:, None].narrow(2, 3, 4).squeeze(1),
    "broadcast and cut": lambda i, j, e, w: (e * (i + w["row"])).view(-1, H, C)[:, 0] + (i * e * w["one"])[:, 2:6],
    "expand and cut": lambda i, j, e, w: (i * j)[:, :1].expand(-1, 8)[:, 2:5] * (i + j)[:, 3:6],
    "cat": lambda i, j, e, w: torch.cat([i * e, j], -1),
    "cat of both": lambda i, j, e, w: torch.cat([(i * j).relu(), i + j, (i - j).relu()], -1),
    "op of a cat": lambda i, j, e, w: torch.cat([i, j, i * j], -1).tanh() * w["wide"],
    "two cats": lambda i, j, e, w: torch.cat([i, j], -1) * torch.cat([j[:, :3], i, i[:, :5]], -1),
    "part of a cat": lambda i, j, e, w: torch.cat([i, j, i * j], -1)[:, 3:-3].exp(),
    "place in a cat": lambda i, j, e, w: torch.cat([i * j, j], -1)[:, 9, None] * i,
    "stack": lambda i, j, e, w: torch.stack([i + j, i * j], 1).relu() * w["pair"],
    "stack at the end": lambda i, j, e, w: torch.stack([i + j, i * j], -1).relu() * w["two"],
    "mean of a stack": lambda i, j, e, w: torch.stack([i * j, j], -1).mean(-1),
    "sum of a cat": lambda i, j, e, w: torch.cat([i.view(-1, H, C), (i * j).view(-1, H, C)], 1).sum(1),
    "sum over heads": lambda i, j, e, w: (lambda a, b: (a.mean(1) + b.sum(1, True)[:, 0]).exp())(
        (i * j).view(-1, H, C), (i + j).view(-1, H, C)
    ),
    "one axis of length one": lambda i, j, e, w: (i * j).unsqueeze(1).sum(1),
    "heads": lambda i, j, e, w: ((i + j).view(-1, H, C) * e.unsqueeze(-1) * w["head"]).flatten(1).relu(),
    "turned": lambda i, j, e, w: ((i + j).view(-1, H, C).transpose(1, 2) * w["row"].view(C, H)).flatten(1),
    "permuted cat": lambda i, j, e, w: torch.cat([i * j, i + j], -1).view(-1, 4, C).permute(0, 2, 1) * w["row4"],
    "flat cat": lambda i, j, e, w: torch.cat([(i * j).view(-1, H, C), (i + j).view(-1, H, C)], 1).flatten(1).exp(),
    "linear of a cat": lambda i, j, e, w: F.linear(torch.cat([i, j], -1).relu(), w["linear"]),
    "edges": lambda i, j, e, w: torch.cat([e * w["row"], e.exp() * w["row"]], -1)[:, 2:9],
}  # fmt: skip
SCORES: dict[str, Message] = {
    "attention of a cat": lambda i, j, e, w: (torch.cat([i, j], -1) * w["wide16"]).sum(-1, keepdim=True) * j,
    "mean": lambda i, j, e, w: (i * j).view(-1, H, C).mean(-1, keepdim=True) * i.view(-1, H, C),
    "mean of all": lambda i, j, e, w: (i * j).view(-1, H, C).mean((1, 2)).unsqueeze(-1) * j,
    "norm": lambda i, j, e, w: (i - 2 * j).norm(dim=-1, keepdim=True) * j,
    "vector norm": lambda i, j, e, w: torch.linalg.vector_norm(i + j, dim=-1, keepdim=True).exp(),
    "normalised": lambda i, j, e, w: F.normalize(i - 2 * j, dim=-1),
}
NAMES = {**FUSED, **SCORES}


def learned() -> dict[str, Tensor]:
    shapes = {"linear": (8, 16), "row": (8,), "row4": (4,), "one": (1, 8), "wide": (24,), "wide16": (16,)}
    shapes |= {"pair": (2, 1), "two": (2,), "head": (H, 1)}
    made = torch.Generator().manual_seed(3)
    return {
        k: torch.randn(s, dtype=torch.float64, generator=made).requires_grad_() for k, s in shapes.items()
    }


def inputs() -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(1)
    return (
        torch.randn(N, 8, dtype=torch.float64, generator=made).requires_grad_(),
        torch.randn(E, 1, dtype=torch.float64, generator=made).requires_grad_(),
    )


def outcome(name: str, how: str, index: Tensor = INDEX) -> tuple[Tensor, list[Tensor]]:
    """The reduced message, and what it is derived by."""
    graph, (x, e), w = gv.Edges(index, num_nodes=N), inputs(), learned()
    m = NAMES[name](graph.dst(x), graph.src(x), graph.edge(e), w)
    return (as_tensor(m) if how == "value" else graph.reduce(m, how)), [x, e, *w.values()]


@pytest.mark.parametrize("how", ["sum", "max", "value"])
@pytest.mark.parametrize("name", NAMES)
def test_same_as_materialised(name: str, how: str) -> None:
    out, leaves = outcome(name, how)
    with gv.materialised():
        want, plain = outcome(name, how)
    assert_same(derivatives(out, *leaves), derivatives(want, *plain), 1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_size_of_a_message_is_stored(name: str) -> None:
    plan = gv.plan(lambda: outcome(name, "mean"))
    rows = {s.shape for s in plan.steps if s.where == "edges" and s.bytes_written}
    assert not rows if name in FUSED else rows <= {(E, 1), (E,), (E, H, 1)}, str(plan)


def test_rules_have_names() -> None:
    def rules(name: str) -> list[str]:
        return [s.rule for s in gv.plan(lambda: outcome(name, "sum")).steps]

    assert "slice" in rules("gate of both") and "join" in rules("op of a cat") and "view" in rules("heads")


def test_parts_of_one_shape_share_a_pass() -> None:
    steps = gv.plan(lambda: outcome("cat of both", "sum")).steps
    assert [s.kernel for s in steps if s.rule == "fuse"] == ["program_sum"] * 2  # i + j is distributed
    assert [s.rule for s in steps][-1] == "join" and steps[-1].shape == (N, 24)


def test_many_narrow_parts_are_stored() -> None:
    """Each would be a pass over the edges, for one number."""
    graph, (x, _) = gv.Edges(INDEX, num_nodes=N), inputs()

    def message() -> Tensor:
        i, j = graph.dst(x), graph.src(x)
        return graph.sum(torch.cat([(i * j)[:, k : k + 1].exp() for k in range(8)], -1).relu())

    assert [s.why for s in gv.plan(message).steps if s.stored] == ["cat is not element-wise"]


@pytest.mark.parametrize("sort", [True, False])
def test_leaves_are_read_where_they_are(sort: bool) -> None:
    """Parts of wider rows, of nodes and of edges, narrow and wide, at the end of the memory that they are in."""
    index = INDEX[:, INDEX[1].argsort()] if sort else INDEX
    graph = gv.Edges(index, num_nodes=N)
    for width in (1, 3, 40):
        x = torch.randn(N, 2 * width, generator=torch.Generator().manual_seed(1))
        e = torch.randn(E, 2 * width, generator=torch.Generator().manual_seed(2))
        for part in (slice(width), slice(width, None)):
            got = graph.sum((graph.src(x)[:, part] + graph.dst(x)[:, part] * graph.edge(e)[:, part]).relu())
            m = (x[index[0]] + x[index[1]] * e)[:, part].relu()
            torch.testing.assert_close(got, torch.zeros(N, width).index_add(0, index[1], m))


def test_no_edges_and_no_features() -> None:
    graph = gv.Edges(torch.empty(2, 0, dtype=torch.long), num_nodes=N)
    for width in (0, 8):
        x = torch.randn(N, width)
        out = graph.sum(torch.cat([graph.src(x) * graph.dst(x), graph.src(x)], -1).chunk(2, -1)[0].exp())
        torch.testing.assert_close(out, torch.zeros(N, width))
