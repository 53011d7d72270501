"""Layers that are computed together: against torch_geometric's, and against one call after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.nn.peer import assert_close, assert_same_as_peer, integers, normal, uniform
from torch import Tensor
from torch.nn import Module
from torch.nn.utils.parametrizations import weight_norm

import grapevine as gv
from grapevine.nn import HeteroConv, conv
from grapevine.nn.conv import _joined, _terms
from grapevine.utils import to_torch_coo_tensor

SIZES = {"a": 5, "b": 4, "c": 0}
RELATIONS = [(s, "to", t) for s in SIZES for t in SIZES] + [("a", "also", "b"), ("b", "none", "a")]
Edges = dict[Any, Any]


def features(channels: int = 4) -> dict[str, Tensor]:
    return {key: normal(n, channels, seed=i) for i, (key, n) in enumerate(SIZES.items())}


def edges() -> Edges:
    def of(key: tuple[str, str, str], seed: int) -> Tensor:
        number = 9 if SIZES[key[0]] and SIZES[key[-1]] and key[1] != "none" else 0
        return torch.stack([integers(max(SIZES[key[i]], 1), number, seed=seed + i) for i in (0, -1)])

    return {key: of(key, 20 + 2 * i) for i, key in enumerate(RELATIONS)}


def weights(index: Edges) -> Edges:
    return {key: uniform(pair.shape[1], seed=i) for i, (key, pair) in enumerate(index.items())}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many layers sent together, each time that some did."""
    numbers: list[int] = []
    real = _terms._sent

    def counted(keys: Any, terms: Any) -> Any:
        numbers.append(len(terms))
        return real(keys, terms)

    monkeypatch.setattr(_terms, "_sent", counted)
    return numbers


SAGE: dict[str, Callable[[Any], Any]] = {
    "mean": lambda nn: nn.SAGEConv((4, 4), 6),
    "lazy": lambda nn: nn.SAGEConv((-1, -1), 6),
    "narrow": lambda nn: nn.SAGEConv((4, 4), 2),
    "add": lambda nn: nn.SAGEConv(4, 3, aggr="add"),
    "without root": lambda nn: nn.SAGEConv((4, 4), 4, root_weight=False, bias=False),
    "projected": lambda nn: nn.SAGEConv((4, 4), 5, project=True),
    "max": lambda nn: nn.SAGEConv((4, 4), 6, aggr="max"),
    "normalized": lambda nn: nn.SAGEConv((4, 4), 6, normalize=True),
}


@pytest.mark.parametrize("aggr", ["sum", "mean"])
@pytest.mark.parametrize("name", list(SAGE))
def test_sage(name: str, aggr: str, sent: list[int]) -> None:
    pyg = pytest.importorskip("torch_geometric.nn")
    ours, theirs = (nn.HeteroConv({key: SAGE[name](nn) for key in RELATIONS}, aggr) for nn in (conv, pyg))
    out = assert_same_as_peer(ours, theirs, features(), edges())
    assert list(out) == list(SIZES)
    assert set(sent) == (set() if name in ("max", "normalized") else {len(RELATIONS)})


@pytest.mark.parametrize("size", [2, 6])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("reduce", ["add", "mean"])
def test_graph_conv(reduce: str, weighted: bool, size: int, sent: list[int]) -> None:
    pyg = pytest.importorskip("torch_geometric.nn")
    ours, theirs = (
        nn.HeteroConv({key: nn.GraphConv(4, size, aggr=reduce) for key in RELATIONS}) for nn in (conv, pyg)
    )
    kwargs = {"edge_weight_dict": weights(edges())} if weighted else {}
    assert_same_as_peer(ours, theirs, features(), edges(), kwargs=kwargs)
    assert set(sent) == {len(RELATIONS)}


def one_by_one(layer: Any, x: dict[str, Tensor], index: Edges) -> dict[str, Tensor]:
    """The sum of the layers' own outputs."""
    out: dict[str, Tensor] = {}
    for key, module in layer.convs.items():
        given = x[key[0]] if key[0] == key[-1] else (x[key[0]], x.get(key[-1]))
        value = module(given, index[key])
        out[key[-1]] = out[key[-1]] + value if key[-1] in out else value
    return out


def assert_same(layer: Any, x: dict[str, Tensor], index: Edges) -> None:
    """The same values and gradients as one by one."""
    results = []
    for run in (lambda: layer(x, index), lambda: one_by_one(layer, x, index)):
        layer.zero_grad()
        out = run()
        torch.autograd.backward([value.square().sum() for value in out.values()])
        results.append((out, [parameter.grad for parameter in layer.parameters()]))
    (ours, gradients), (expected, wanted) = results
    assert list(ours) == list(expected)
    for key, value in expected.items():
        assert_close(ours[key], value, what=key)
    scale = max(float(g.abs().max()) for g in wanted if g is not None)
    for gradient, g in zip(gradients, wanted, strict=True):
        assert (gradient is None) == (g is None)
        if g is not None:
            assert_close(gradient, g, scale, what="gradient")


class Doubled(conv.SAGEConv):
    def message(self, x_j: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return 2 * x_j


class Shifted(conv.SAGEConv):
    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        return super().forward(x, edge_index, size) + 1


class Sent(conv.SAGEConv):
    def propagate(self, edge_index: Any, size: Any = None, **kwargs: Any) -> Tensor:
        return 3 * super().propagate(edge_index, size, **kwargs)


def changed(change: Callable[[Any], Any]) -> Callable[[], Any]:
    def make() -> Any:
        layer = conv.SAGEConv((4, 4), 6)
        change(layer)
        return layer

    return make


def masked(layer: Any) -> None:
    layer.explain, layer._edge_mask = True, torch.linspace(-1, 1, 9)


ODD: dict[str, Callable[[], Any]] = {
    "message": lambda: Doubled((4, 4), 6),
    "forward": lambda: Shifted((4, 4), 6),
    "propagate": lambda: Sent((4, 4), 6),
    "hook on calls": changed(lambda layer: layer.register_forward_hook(lambda m, i, out: out + 1)),
    "hook before calls": changed(
        lambda layer: layer.register_forward_pre_hook(lambda m, i: ((2 * i[0][0], i[0][1]), *i[1:]))
    ),
    "hook on messages": changed(
        lambda layer: layer.register_message_forward_hook(lambda m, i, out: out * out)
    ),
    "hook on a map": changed(lambda layer: layer.lin_l.register_forward_hook(lambda m, i, out: out * out)),
    "hook on the root": changed(lambda layer: layer.lin_r.register_forward_hook(lambda m, i, out: out * out)),
    "hook on the aggregation": changed(
        lambda layer: layer.aggr_module.register_forward_hook(lambda m, i, out: out * out)
    ),
    "weight norm": changed(lambda layer: weight_norm(layer.lin_l)),
    "other map": changed(lambda layer: setattr(layer, "lin_l", torch.nn.Sequential(layer.lin_l, torch.nn.ReLU()))),
    "replaced forward": changed(
        lambda layer: setattr(layer, "forward", lambda x, edge_index: 2 * layer.lin_r(x[1]))
    ),
    "explained": changed(masked),
    "not fused": changed(lambda layer: setattr(layer, "fuse", False)),
    "no sum": lambda: conv.SAGEConv((4, 4), 6, aggr=["mean", "max"]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(ODD))
def test_others_are_called_one_by_one(name: str, sent: list[int]) -> None:
    torch.manual_seed(0)
    index = {key: pair for key, pair in edges().items() if pair.shape[1] and key[0] != key[-1]}
    layer = HeteroConv({key: ODD[name]() for key in index})
    assert_same(layer, features(), index)
    assert sent == ([] if name != "hook on the root" else [len(index)])


def test_a_hook_for_all_modules_sees_every_layer() -> None:
    layer = HeteroConv({key: conv.SAGEConv((4, 4), 6) for key in RELATIONS})
    seen: list[Module] = []

    def hook(module: Module, inputs: Any, out: Any) -> None:
        seen.append(module)

    with torch.nn.modules.module.register_module_forward_hook(hook):
        layer(features(), edges())
    assert sum(isinstance(module, conv.SAGEConv) for module in seen) == len(RELATIONS)


def test_sources_alone(sent: list[int]) -> None:
    with pytest.warns(UserWarning, match="destination of no edge type"):
        layer = HeteroConv({("a", str(i), "b"): conv.SAGEConv((4, 4), 6) for i in range(3)})
    index = {key: edges()["a", "to", "b"] for key, _ in layer.convs.items()}
    index = {key: torch.cat([pair, torch.tensor([[0], [3]])], dim=1) for key, pair in index.items()}
    assert_same(layer, {"a": features()["a"]}, index)
    assert sent == []


def test_several_kinds(sent: list[int]) -> None:
    kinds: list[Callable[[], Module]] = [
        lambda: conv.SAGEConv((4, 4), 6),
        lambda: conv.GraphConv(4, 6),
        lambda: conv.GATConv((4, 4), 6, add_self_loops=False),
        lambda: conv.SAGEConv((4, 4), 6, aggr="max"),
    ]
    torch.manual_seed(0)
    layer = HeteroConv({key: kinds[i % 4]() for i, key in enumerate(RELATIONS)})
    assert_same(layer, features(), edges())
    assert sent == [3, 3]


def test_sizes_differ(sent: list[int]) -> None:
    x = features() | {"b": normal(4, 7, seed=5)}
    size = {"a": 4, "b": 7, "c": 4}
    layer = HeteroConv({key: conv.SAGEConv((size[key[0]], size[key[-1]]), 5) for key in RELATIONS})
    assert_same(layer, x, edges())
    assert sorted(sent) == [4, 7]


@pytest.mark.parametrize("out", [2, 6])
def test_blocks(out: int, sent: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_terms, "AT_ONCE", 3 * 5 * min(out, 4))
    layer = HeteroConv({key: conv.SAGEConv((4, 4), out) for key in RELATIONS})
    assert_same(layer, features(), edges())
    assert len(sent) > 1 and sum(sent) >= len(RELATIONS) - 1


@pytest.mark.parametrize("form", ["edge_index", "Edges", "sparse"])
def test_any_adjacency_is_joined_once(form: str, sent: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Any] = []
    real = _joined.known_good

    def counted(*args: Any) -> gv.Edges:
        built.append(args)
        return real(*args)

    monkeypatch.setattr(_joined, "known_good", counted)
    index = {key: pair for key, pair in edges().items() if "c" not in key}
    if form == "Edges":
        index = {key: gv.Edges(pair, size=(SIZES[key[0]], SIZES[key[-1]])) for key, pair in index.items()}
    elif form == "sparse":  # whose values are weights
        index = {
            key: to_torch_coo_tensor(pair.flip(0), normal(pair.shape[1]), (SIZES[key[-1]], SIZES[key[0]]))
            for key, pair in index.items()
            if pair.shape[1]
        }
    layer = HeteroConv({key: conv.GraphConv(4, 6) for key in index})
    for _ in range(2):
        assert_same(layer, {key: x for key, x in features().items() if key != "c"}, index)
    assert sent == [len(index)] * 2 and len(built) == 1


@pytest.mark.parametrize("out", [1, 3])
def test_derivatives(out: int) -> None:
    sizes, index = {"a": 3, "b": 2}, torch.tensor([[0, 1, 1, 0], [1, 0, 1, 1]])
    keys = [(s, "to", t) for s in sizes for t in sizes]
    layer = HeteroConv({key: conv.GraphConv(2, out) for key in keys}).double()
    names = [name for name, _ in layer.named_parameters()]

    def call(*given: Tensor) -> tuple[Tensor, ...]:
        x, weight, values = given[:2], given[2], dict(zip(names, given[3:]))
        args = (dict(zip(sizes, x)), dict.fromkeys(keys, index))
        kwargs = {"edge_weight_dict": dict.fromkeys(keys, weight)}
        return tuple(torch.func.functional_call(layer, values, args, kwargs).values())

    inputs = [normal(n, 2, seed=n).double() for n in sizes.values()] + [uniform(4).double()]
    inputs += [parameter.detach().clone() for parameter in layer.parameters()]
    assert torch.autograd.gradcheck(call, [value.requires_grad_() for value in inputs])
    assert torch.autograd.gradgradcheck(call, inputs)


def test_few_products() -> None:
    layer = HeteroConv({key: conv.SAGEConv((4, 4), 6) for key in RELATIONS})
    x, index = features(), edges()
    layer(x, index)
    with torch.profiler.profile() as profile:
        layer(x, index)
    assert sum(event.name == "aten::linear" for event in profile.events() or ()) == 2 * len(SIZES)


def test_traced() -> None:
    x, index = (
        {key: features()[key] for key in "ab"},
        {key: edges()[key] for key in RELATIONS if "c" not in key},
    )
    layer = HeteroConv({key: conv.SAGEConv((4, 4), 6) for key in index})
    expected = layer(x, index)
    out = torch.compile(layer, fullgraph=True, backend="eager")(x, index)
    for key, value in expected.items():
        assert_close(out[key], value, what=key)


def test_ids_out_of_range_and_weights_that_do_not_fit() -> None:
    layer, index = HeteroConv({key: conv.GraphConv(4, 6) for key in RELATIONS}), edges()
    short = weights(index) | {RELATIONS[0]: torch.ones(8), RELATIONS[1]: torch.ones(10)}
    with pytest.raises((gv.errors.GraphValueError, RuntimeError)):
        layer(features(), index, edge_weight_dict=short)
    with pytest.raises(gv.errors.GraphIndexError, match="source id 5 does not exist"):
        layer(features(), index | {RELATIONS[1]: torch.tensor([[5], [0]])})
