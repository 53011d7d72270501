"""`gv.memory_budget`: messages computed block by block equal those computed at once, in bounded memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import grapevine as gv
from grapevine.errors import GraphValueError

N, E, F = 30, 400, 5


class Largest(TorchDispatchMode):
    """The number of entries of the largest tensor that any op makes."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.most = max([self.most, *(t.numel() for t in tree_leaves(out) if isinstance(t, Tensor))])
        return out


def setting() -> tuple[gv.Edges, torch.nn.Module, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(0, N - 3, (2, E), generator=generator)  # the last nodes are isolated
    ends[1, :150] = 2  # a hub
    network = torch.nn.Sequential(
        torch.nn.Linear(2 * F + 2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16), torch.nn.Tanh(),
        torch.nn.Linear(16, 3),
    ).double()  # fmt: skip
    inputs = {
        "x": torch.randn(N, F, dtype=torch.float64, generator=generator),
        "e": torch.randn(E, 2, dtype=torch.float64, generator=generator),
    }
    return gv.Edges(ends, num_nodes=N), network, {k: v.requires_grad_() for k, v in inputs.items()}


def message(edges: gv.Edges, network: torch.nn.Module, x: Tensor, e: Tensor) -> Tensor:
    return network(torch.cat([edges.dst(x), edges.src(x.tanh()), edges.edge(e)], dim=-1))


@pytest.mark.parametrize("how", ["sum", "mean", "max", "min"])
@pytest.mark.parametrize("budget", [2_000, "16KiB", "1GiB"])
def test_same_as_at_once(how: str, budget: int | str) -> None:
    edges, network, inputs = setting()
    wanted = [*inputs.values(), *network.parameters()]
    with gv.materialised():
        expected = edges.reduce(message(edges, network, **inputs), how)
    with gv.memory_budget(budget):
        actual = edges.reduce(message(edges, network, **inputs), how)
    torch.testing.assert_close(actual, expected)
    g = torch.randn_like(expected)
    for got, want in zip(
        torch.autograd.grad(actual, wanted, g), torch.autograd.grad(expected, wanted, g), strict=True
    ):
        torch.testing.assert_close(got, want)


def test_second_derivatives() -> None:
    edges, network, inputs = setting()

    def force(x: Tensor, e: Tensor) -> Tensor:
        with gv.memory_budget(2_000):
            energy = edges.sum(message(edges, network, x, e)).sin().sum()
        return torch.autograd.grad(energy, x, create_graph=True)[0]

    got = torch.autograd.grad(force(**inputs).square().sum(), list(inputs.values()))
    with gv.materialised():
        energy = edges.sum(message(edges, network, **inputs)).sin().sum()
        (want_force,) = torch.autograd.grad(energy, inputs["x"], create_graph=True)
        want = torch.autograd.grad(want_force.square().sum(), list(inputs.values()))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b)


def test_no_tensor_of_all_edges() -> None:
    edges, network, inputs = setting()
    wanted = [*inputs.values(), *network.parameters()]
    edges.sum(edges.src(inputs["x"]))  # sorts

    def run() -> int:
        out = edges.sum(message(edges, network, **inputs))
        with Largest() as seen:  # what a trace sees is computed at once, so only the backward pass is watched
            torch.autograd.grad(out.sum(), wanted)
        return seen.most

    with gv.memory_budget("8KiB"):
        bounded = run()
    assert bounded < E * 16 <= run()


def test_plan_tells() -> None:
    edges, network, inputs = setting()

    def layer(x: Tensor, e: Tensor) -> Tensor:
        return edges.sum(message(edges, network, x, e))

    with gv.memory_budget("8KiB"):
        rules = [step.rule for step in gv.plan(layer, **inputs).steps]
    assert "chunk" in rules and "chunk" not in [step.rule for step in gv.plan(layer, **inputs).steps]


@pytest.mark.parametrize("size", ["", "many", "-3", 0, "3 parsecs"])
def test_refuses_what_is_no_size(size: Any) -> None:
    with pytest.raises(GraphValueError, match="memory budget"), gv.memory_budget(size):
        pass
