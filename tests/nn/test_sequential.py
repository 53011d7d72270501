"""`Sequential`, against torch_geometric."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch.nn import Bilinear, Dropout, Linear, ReLU
from torch_geometric.nn import Sequential as PeerSequential

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn.sequential import Sequential
from tests.nn.peer import assert_same_as_peer, assert_same_start, normal


class Split(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[:, :2], x[:, 2:]


def join(*xs: torch.Tensor) -> torch.Tensor:
    return torch.cat(xs, dim=-1)


CASES: dict[str, tuple[str, Any]] = {
    "chain": ("x", lambda: [(Linear(4, 8), "x -> x"), ReLU(), Linear(8, 3)]),
    "one": ("x, y", lambda: [(Bilinear(4, 4, 3), "x, y -> x")]),
    "names": (
        "x, y",
        lambda: [
            (Dropout(p=0.5), "x->x"),
            (Linear(4, 8), " x ->x1 "),
            (ReLU(),),
            (Linear(8, 8), "x1 -> x2"),
            ReLU(),
            (lambda x1, x2: [x1, x2], "x1, x2 -> xs"),
            (lambda xs: torch.cat(xs, dim=-1), "xs -> x"),
            (join, "x, y -> x"),
            Linear(20, 3),
        ],
    ),
    "several_outputs": ("x, y", lambda: [(Split(), "x -> a, b"), (join, "b, y, a -> x"), Linear(8, 3)]),
    "passed_on": ("x, y", lambda: [(Split(), "x -> a, b"), lambda a, b: (b, a), (join, "a, b -> c")]),
    "tuple_at_the_end": ("x, y", lambda: [(Linear(4, 6), "x -> x"), (Split(), "x -> a, b")]),
    "named": (
        "x, y",
        lambda: OrderedDict(
            [("first", (Linear(4, 8), "x -> x")), ("act", ReLU()), ("last", (Linear(8, 3), "x -> x"))]
        ),
    ),
    "annotated": (
        "x: Tensor, y: Optional[Dict[str, Tensor]] -> Tensor",
        lambda: [(Linear(4, 3), "x -> x")],
    ),
}


def make(cls: Any, name: str) -> Any:
    input_args, modules = CASES[name]
    return cls(input_args, modules())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("train", [False, True])
def test_same_as_peer(name: str, train: bool) -> None:
    ours, theirs = make(Sequential, name), make(PeerSequential, name)
    inputs = (normal(5, 4), normal(5, 4, seed=1))[: len(ours.input_args)]
    assert_same_as_peer(ours, theirs, *inputs, train=train)
    by_name = dict(zip(ours.input_args, inputs, strict=True))
    assert_same_as_peer(ours, theirs, kwargs=by_name, train=train)
    assert len(ours) == len(theirs)
    assert_same_start(lambda: make(Sequential, name), lambda: make(PeerSequential, name))


@pytest.mark.parametrize("name", ["chain", "one", "several_outputs", "named", "annotated"])
def test_repr(name: str) -> None:
    ours = repr(make(Sequential, name))
    theirs = repr(make(PeerSequential, name))
    strip = lambda text: text.split(" at 0x")[0]  # noqa: E731
    assert strip(ours) == strip(theirs)


def test_container() -> None:
    model = make(Sequential, "chain")
    assert (
        isinstance(model[1], ReLU)
        and model[-1] is model.module_2
        and list(model) == [model[i] for i in range(3)]
    )
    assert [name for name, _ in model.named_children()] == ["module_0", "module_1", "module_2"]
    assert model.state_dict().keys() == {
        "module_0.weight",
        "module_0.bias",
        "module_2.weight",
        "module_2.bias",
    }


def test_inside_itself_and_copied_and_pickled() -> None:
    inner = make(Sequential, "several_outputs")
    model = Sequential("x, y", [(inner, "x, y -> z"), (Linear(3, 2), "z -> z")])
    x, y = normal(5, 4), normal(5, 4, seed=1)
    expected = model(x, y)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model[1])), model):
        assert twin(x, y).equal(expected) if isinstance(twin, Sequential) else isinstance(twin, Linear)


def test_pickled() -> None:
    model = Sequential("x", [(Linear(4, 3), "x -> x"), ReLU()])
    assert pickle.loads(pickle.dumps(model))(normal(5, 4)).equal(model(normal(5, 4)))


def test_compiled() -> None:
    model = make(Sequential, "several_outputs")
    x, y = normal(5, 4), normal(5, 4, seed=1)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, y), model(x, y))


@pytest.mark.parametrize(
    ("input_args", "modules", "error", "message"),
    [
        ("x", [], GraphValueError, r"expected a non-empty list of modules"),
        (
            "x",
            [ReLU()],
            GraphValueError,
            r"expected a signature for the first module.*pass \(module, 'x -> x'\)",
        ),
        (
            "x",
            [(ReLU(), "x")],
            GraphValueError,
            r"expected a signature such as 'x, edge_index -> x', got 'x'",
        ),
        ("x", [(ReLU(), "x -> x -> x")], GraphValueError, r"expected a signature such as"),
        ("x", [(ReLU(), 3)], GraphValueError, r"expected a signature such as .*got 3"),
        ("x", [(ReLU(), "x -> x", 3)], GraphValueError, r"expected a module, or a pair"),
        ("x", [(3, "x -> x")], GraphTypeError, r"expected a callable module for 'module_0', got 3"),
        (
            "x",
            [(ReLU(), "x y -> x")],
            GraphValueError,
            r"names with commas between them in 'x y -> x', got 'x y'",
        ),
        ("x", [(ReLU(), "z -> x")], GraphValueError, r"inputs of 'module_0' among x, got 'z' in 'z -> x'"),
        ("x, ", [(ReLU(), "x -> x")], GraphValueError, r"names with commas between them in 'x, ', got ''"),
    ],
)
def test_errors(input_args: str, modules: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Sequential(input_args, modules)


@pytest.mark.parametrize(
    "call", [lambda m, x: m(x), lambda m, x: m(x, x, x), lambda m, x: m(x, x=x), lambda m, x: m(x, y=x, z=x)]
)
def test_arguments_must_fit(call: Any) -> None:
    with pytest.raises(GraphTypeError, match=r"expected the arguments x, y of Sequential, got"):
        call(make(Sequential, "one"), normal(5, 4))


def test_number_of_outputs_must_fit() -> None:
    with pytest.raises(GraphValueError, match=r"expected 3 values from 'module_0', for a, b, c, got 2"):
        Sequential("x", [(Split(), "x -> a, b, c")])(normal(5, 4))
    with pytest.raises(GraphValueError, match=r"expected 2 values from 'module_0', for a, b, got a Tensor"):
        Sequential("x", [(ReLU(), "x -> a, b")])(normal(2, 4))
