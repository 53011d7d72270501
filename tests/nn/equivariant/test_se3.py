"""The SE(3)-Transformer against outputs and gradients of the reference, layer by layer and whole."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn import equivariant
from grapevine.nn.equivariant import (
    AttentionSE3,
    ConvSE3,
    Fiber,
    GPooling,
    LinearSE3,
    NormSE3,
    PointGraph,
    SE3Transformer,
    SE3TransformerPooled,
    SE3TransformerWrapper,
    get_basis,
    make_full_graph,
    make_topk_graph,
    with_distance,
)
from grapevine.nn.equivariant._grouped import Groups, at_edges, at_nodes
from tests.nn.equivariant.golden import (
    EXACT,
    GRADIENT,
    OUTPUT,
    apart,
    assert_like,
    assert_same_gradients,
    golden,
    names,
)

DTYPES = (torch.float32, torch.float64)
WHOLE = ("rfd_full_L32.pt", "rfd_topk16_L64.pt")


def build(constructor: str) -> Any:
    """The module that a case's constructor call names."""
    source = re.sub(r"<(ConvSE3FuseLevel\.\w+): \d>", r"\1", constructor)
    source = re.sub(r"=(FULL|PARTIAL|NONE)\b", r"=ConvSE3FuseLevel.\1", source)
    source = re.sub(r", (\{'.*\})\)$", r", **\1)", source)
    return eval(source, {name: getattr(equivariant, name) for name in equivariant.__all__})


def by_degree(inputs: dict[str, Tensor], letter: str) -> dict[str, Tensor]:
    return {key[1:]: x for key, x in inputs.items() if key[0] == letter}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", names("layers.pt"))
def test_layers(name: str, dtype: torch.dtype) -> None:
    file = golden("layers.pt")
    case, g = file["cases"][name], file["graph"]
    layer = build(case["ctor"])
    assert list(layer.state_dict()) == list(case["state_dict"])
    layer.load_state_dict(case["state_dict"])
    layer.to(dtype)
    i = {k: v.to(dtype, copy=True).requires_grad_() for k, v in case["inputs"].items()}
    edges = gv.Edges((g["src"], g["dst"]), num_nodes=int(g["num_nodes"]))
    if isinstance(layer, AttentionSE3):
        out = layer(by_degree(i, "v"), by_degree(i, "k"), by_degree(i, "q"), edges)
    elif isinstance(layer, (LinearSE3, NormSE3)):
        out = layer(by_degree(i, "f"))
    else:
        basis = get_basis(g["rel_pos"].to(dtype), layer.max_degree if isinstance(layer, ConvSE3) else 1)
        out = layer(by_degree(i, "f"), by_degree(i, "e"), edges, basis)
    out = {"out": out} if isinstance(out, Tensor) else out
    if dtype == torch.float64:
        assert_like(out, case["outputs_fp64"], EXACT)
    else:
        assert_like(out, case["outputs"], OUTPUT)
        assert_same_gradients(out, case, i, layer)


def whole(
    name: str, dtype: torch.dtype = torch.float32
) -> tuple[SE3TransformerWrapper, Any, dict[str, Tensor]]:
    """A whole model with the reference's weights, its graph and its inputs, pair features included."""
    file = golden(name)
    model = SE3TransformerWrapper(**file["cfg"])
    assert list(model.state_dict()) == list(file["state_dict"])
    model.load_state_dict(file["state_dict"])
    i = {k: v.to(dtype, copy=True) for k, v in file["inputs"].items() if k != "idx"}
    i["pair"] = file["pair"].to(dtype, copy=True)
    if dtype == torch.float64:  # the reference subtracted in float64 too
        i["node1"] = (i["xyz"] - i["xyz"][:, :, 1:2]).flatten(0, 1)
    graph = file["graph"]

    def join(xyz: Tensor, pair: Tensor) -> tuple[PointGraph, Tensor]:
        if graph["type"] == "full":
            return make_full_graph(xyz[:, :, 1], pair, file["inputs"]["idx"])
        return make_topk_graph(xyz[:, :, 1], pair, file["inputs"]["idx"], graph["top_k"], graph["kmin"])

    return model.to(dtype), join, i


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WHOLE)
def test_whole_models(name: str, dtype: torch.dtype) -> None:
    file = golden(name)
    model, join, i = whole(name, dtype)
    graph, edge_features = join(i["xyz"], i["pair"])
    assert all(
        torch.equal(a, file["edges"][k].long()) for k, a in zip(("src", "dst"), graph.edges(), strict=True)
    )
    nodes = {k: i[k].requires_grad_() for k in ("node0", "node1") if k in i}
    edge_features.requires_grad_()
    out = model(graph, nodes["node0"], nodes.get("node1"), edge_features)
    if dtype == torch.float64:
        assert_like(out, file["outputs_fp64"], EXACT)
        sum((out[k] * c.double()).sum() for k, c in file["cotangents"].items()).backward()
        assert_like({k: x.grad for k, x in nodes.items()}, file["grad_inputs_fp64"], EXACT)
        for name, total in file["grad_param_sum_fp64"].items():
            gradient = model.get_parameter(name).grad
            assert abs(gradient.sum() - total) <= EXACT * gradient.abs().sum(), name
        return
    assert_like(out, file["outputs"], OUTPUT)
    assert_same_gradients(out, file, nodes, model)
    assert apart(edge_features.grad.sum((1, 2)), file["grad_edge_feat_sum_over_channels"]) <= GRADIENT


@pytest.mark.parametrize("name", WHOLE)
def test_fresh_models_start_as_the_reference_does(name: str) -> None:
    fresh = SE3TransformerWrapper(**golden(name)["cfg"])
    for key, nonzero in golden(name)["init_nonzero"].items():
        assert bool(fresh.get_parameter(key).any()) == nonzero, key


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    ("dtype", "scalars", "vectors"), [(torch.float32, 2e-6, 1e-5), (torch.float64, 1e-13, 1e-13)]
)
def test_models_turn_with_their_input(name: str, dtype: torch.dtype, scalars: float, vectors: float) -> None:
    """Random rotations and translations by 30; the graph of the unmoved points, so that no edge flips."""
    model, join, i = whole(name, dtype)
    graph, edge_features = join(i["xyz"], i["pair"])
    with torch.no_grad():
        expected = model(graph, i["node0"], i["node1"], edge_features)
        for seed in range(3):
            turn = rotation(seed).to(dtype)
            moved = i["xyz"][:, :, 1].flatten(0, 1) @ turn.T + 30 * turn[0]
            turned = model(
                PointGraph.of(graph.relation, moved), i["node0"], i["node1"] @ turn.T, edge_features
            )
            assert apart(turned["0"], expected["0"]) <= scalars
            assert apart(turned["1"], expected["1"] @ turn.T) <= vectors


def rotation(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    q = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=generator))[0]
    return q * q.det()


def small(**options: Any) -> tuple[SE3Transformer, gv.Edges, Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """A small model of three degrees in float64, on a graph with a self-loop, a double edge and an isolated node."""
    torch.manual_seed(3)
    fibers = Fiber({0: 2, 1: 1}), Fiber.create(3, 4), Fiber({0: 2, 1: 1, 2: 1})
    model = SE3Transformer(
        1, *fibers, num_heads=2, channels_div=2, fiber_edge=Fiber({0: 2}), **options
    ).double()
    src, dst = torch.tensor([0, 1, 2, 2, 3, 1, 1, 0]), torch.tensor([1, 0, 1, 3, 2, 1, 0, 3])
    edges = gv.Edges((src, dst), num_nodes=5)
    pos = torch.randn(5, 3, dtype=torch.float64)
    nodes = {"0": torch.randn(5, 2, 1, dtype=torch.float64), "1": torch.randn(5, 1, 3, dtype=torch.float64)}
    return model, edges, pos, nodes, {"0": torch.randn(8, 2, 1, dtype=torch.float64)}


@pytest.mark.parametrize("options", [{}, {"tensor_cores": True}, {"low_memory": True}])
def test_forces_are_right(options: dict[str, bool]) -> None:
    """Autograd through the whole model against central differences, and once more for the second derivative."""
    model, edges, pos, nodes, edge = small(**options)

    def energy(pos: Tensor) -> Tensor:
        out = model(PointGraph.of(edges, pos), nodes, edge)
        return sum(x.pow(2).sum() for x in out.values())

    pos.requires_grad_()
    (force,) = torch.autograd.grad(energy(pos), pos)
    assert force[4].abs().max() == 0 and force[:4].abs().max() > 1e-3
    step = 1e-5
    for n, axis in ((0, 0), (1, 1), (2, 2), (3, 0)):
        h = torch.zeros_like(pos)
        h[n, axis] = step
        with torch.no_grad():
            numeric = (energy(pos + h) - energy(pos - h)) / (2 * step)
        torch.testing.assert_close(force[n, axis], numeric, rtol=1e-6, atol=1e-8)
    assert torch.autograd.gradgradcheck(energy, pos, rtol=1e-4, atol=1e-6, fast_mode=True)


def test_pairwise_and_shared_radial_nets_agree_up_to_the_missing_factor() -> None:
    """A shared radial net copied to pairs gives the same result, once (0, 0) is multiplied by Y_0."""
    shared, edges, pos, nodes, edge = small()
    pairs = small(low_memory=True)[0]
    state = {}
    for name, value in pairs.state_dict().items():
        found = re.match(r"(.*)\.conv\.(\d),(\d)\.radial_func\.(.*)", name)
        if name in shared.state_dict():
            state[name] = shared.state_dict()[name]
            continue
        module, d_in, d_out, rest = found.groups()
        conv = shared.get_submodule(module)
        key = f"conv_in.{d_in}" if f"conv_in.{d_in}" in conv.paths else f"conv_out.{d_out}"
        radial = conv.get_submodule(key).radial_func
        if (
            value.shape == shared.state_dict()[f"{module}.{key}.radial_func.{rest}"].shape
            or "net.6" not in rest
        ):
            state[name] = shared.state_dict()[f"{module}.{key}.radial_func.{rest}"]
        else:
            path = next(p for p in conv.paths[key] if (p.d_in, p.d_out) == (int(d_in), int(d_out)))
            state[name] = radial.weight()[:, :, path.freqs].reshape(value.shape)
        if (d_in, d_out) == ("0", "0") and "net.6" in rest:
            state[name] = state[name] * (1 / (4 * torch.pi) ** 0.5)
    pairs.load_state_dict(state)
    graph = PointGraph.of(edges, pos)
    assert_like(pairs(graph, nodes, edge), shared(graph, nodes, edge), 1e-12)


def test_both_sides_of_the_contraction_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the radial map meets features at sources or at destinations, the result is that of its definition."""
    edges = small()[1]
    pos = small()[2]
    graph, basis = PointGraph.of(edges, pos), get_basis(PointGraph.of(edges, pos).edata["rel_pos"], 1)
    level = equivariant.ConvSE3FuseLevel.NONE
    fibers = Fiber({0: 3, 1: 3}), Fiber({0: 2, 1: 2}), Fiber({0: 1, 1: 2})
    conv = ConvSE3(*fibers, max_degree=1, fuse_level=level).double()
    x = {"0": torch.randn(5, 3, 1).double(), "1": torch.randn(5, 3, 3).double()}
    e = with_distance(
        graph.edata["rel_pos"], {"0": torch.randn(8, 1, 1).double(), "1": torch.randn(8, 2, 3).double()}
    )
    assert set(conv.paths) == {"conv.0,0", "conv.0,1", "conv.1,0", "conv.1,1"}
    expected = {d: torch.zeros(5, 2, 2 * int(d) + 1, dtype=torch.float64) for d in ("0", "1")}
    for name, (path,) in conv.paths.items():
        R = conv.get_submodule(name).radial_func(e["0"].squeeze(-1)).view(8, 2, -1, path.freqs.stop)
        xs = x[str(path.d_in)][edges.src_index]
        xs = torch.cat([xs, e["1"]], dim=1) if path.d_in else xs
        B = basis[f"{path.d_in},{path.d_out}"] if path.d_in + path.d_out else torch.ones(8, 1, 1, 1).double()
        y = torch.einsum("eoif,eil,elfk->eok", R, xs, B)
        expected[str(path.d_out)].index_add_(0, edges.dst_index, y)
    for late in (True, False):
        monkeypatch.setattr(equivariant.convolution, "_cheaper_at_destinations", lambda *a, late=late: late)
        assert_like(conv(x, e, graph, basis), expected, 1e-12)


@pytest.mark.parametrize(
    "index", [[0, 0, 1, 1, 2, 2], [2, 0, 2, 2, 0, 2, 3], [], [1] * 30 + [0] * 9 + [3] * 11]
)
def test_grouped_products(index: list[int]) -> None:
    """Against the plain definition, with derivatives of both orders."""
    nodes = torch.tensor(index, dtype=torch.int64)
    edges = gv.Edges((nodes, torch.zeros_like(nodes)), size=(5 if index != [0, 0, 1, 1, 2, 2] else 3, 1))
    groups = Groups.by_src(edges)
    h, z = (torch.randn(len(index), c, dtype=torch.float64, requires_grad=True) for c in (2, 3))
    p = torch.randn(edges.num_src, 2, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(at_edges(groups, h, p), torch.einsum("em,emc->ec", h, p[nodes]))
    outer = torch.zeros_like(p).index_add(0, nodes, h.unsqueeze(2) * z.unsqueeze(1))
    torch.testing.assert_close(at_nodes(groups, h, z), outer)
    if 0 < len(index) < 10:
        for f, args in ((at_edges, (h, p)), (at_nodes, (h, z))):
            assert torch.autograd.gradcheck(lambda *a, f=f: f(groups, *a), args)
            assert torch.autograd.gradgradcheck(lambda *a, f=f: f(groups, *a), args)


class LikeDGL:
    """The few methods of a DGL graph that models call."""

    def __init__(self, graph: PointGraph) -> None:
        self.graph, self.edata = graph, graph.edata

    def edges(self) -> tuple[Tensor, Tensor]:
        return self.graph.edges()

    def num_nodes(self) -> int:
        return self.graph.num_nodes()

    def batch_num_nodes(self) -> Tensor:
        return self.graph.batch_num_nodes()


def test_graphs_in_every_form() -> None:
    model, edges, pos, nodes, edge = small()
    graph = PointGraph.of(edges, pos)
    expected = model(graph, nodes, edge)
    assert_like(model(LikeDGL(graph), nodes, edge), expected, 0)
    assert_like(model(edges, nodes, edge, rel_pos=graph.edata["rel_pos"]), expected, 0)
    assert_like(model(graph, nodes, edge, basis=get_basis(graph.edata["rel_pos"], 2)), expected, 0)
    with pytest.raises(GraphValueError, match="rel_pos"):
        model(edges, nodes, edge)
    with pytest.raises(GraphTypeError, match="expected a graph"):
        model(3, nodes, edge, rel_pos=pos)
    assert_like(pickle.loads(pickle.dumps(model))(graph, nodes, edge), expected, 0)
    assert_like(copy.deepcopy(model)(graph, nodes, edge), expected, 0)


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_pooled_models(pooling: str) -> None:
    """Two graphs in a batch give what each gives alone."""
    torch.manual_seed(0)
    fibers = Fiber({0: 2}), Fiber({0: 6}), Fiber({})
    model = SE3TransformerPooled(*fibers, 2, 8, 3, num_layers=1, num_heads=2, channels_div=2, pooling=pooling)
    sizes = torch.tensor([3, 4])
    i, j = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 3], [1, 2, 0, 4, 5, 6, 3, 5]])
    pos, x = torch.randn(7, 3), torch.randn(7, 2, 1)
    both = model(PointGraph.of(gv.Edges((i, j), num_nodes=7), pos, sizes), {"0": x})
    first = model(PointGraph.of(gv.Edges((i[:3], j[:3]), num_nodes=3), pos[:3]), {"0": x[:3]})
    second = model(PointGraph.of(gv.Edges((i[3:] - 3, j[3:] - 3), num_nodes=4), pos[3:]), {"0": x[3:]})
    torch.testing.assert_close(both, torch.cat([first, second]))
    with pytest.raises(GraphValueError, match="turns with no rotation"):
        GPooling(1, "max")


def test_checkpoints_of_old_e3nn_need_the_old_signs() -> None:
    torch.manual_seed(0)
    model, edges, pos, nodes, edge = small()
    old = small(convention="e3nn-0.3")[0]
    old.load_state_dict(model.state_dict())
    graph = PointGraph.of(edges, pos)
    new, before = model(graph, nodes, edge), old(graph, nodes, edge)
    assert apart(new["2"], before["2"].detach()) > 1e-3
    turn = rotation(1)
    turned = old(PointGraph.of(edges, pos @ turn.T), {"0": nodes["0"], "1": nodes["1"] @ turn.T}, edge)
    assert apart(turned["1"], (before["1"] @ turn.T).detach()) < 1e-12


def test_fibers() -> None:
    fiber = Fiber({0: 8, 1: 3, 2: 3})
    assert [d for d, _ in fiber] == [1, 2, 0] and fiber.degrees == [0, 1, 2] and fiber.channels == [8, 3, 3]
    assert fiber[5] == 0 and fiber.num_features == 8 + 9 + 15
    assert Fiber({1: 2}) + Fiber({0: 4, 1: 5}) == Fiber({1: 7}) and Fiber({1: 2}) * 3 == Fiber({1: 6})
    assert len(list(Fiber({1: 2}) * fiber)) == 3
    assert Fiber.combine_max(Fiber({0: 2, 1: 5}), Fiber({1: 3, 2: 1})) == {0: 2, 1: 5, 2: 1}
    assert Fiber.from_features({"1": torch.zeros(4, 6, 3)}) == {1: 6}
    with pytest.raises(GraphValueError, match="new degree"):
        LinearSE3(Fiber({0: 2}), Fiber({1: 2}))
    with pytest.raises(GraphValueError, match="heads divide"):
        AttentionSE3(3, fiber, fiber)
    with pytest.raises(GraphValueError, match="return_type"):
        SE3Transformer(1, fiber, fiber, fiber, 1, 1, pooling="max")
