"""Shipped layers under torch's tools: compiled, exported, transformed, in lower precision, copied, distributed."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, func
from torch._dynamo.testing import CompileCounter
from torch.autograd import forward_ad
from torch.utils._pytree import tree_leaves

import grapevine as gv
from grapevine.nn import MessagePassing, conv
from tests.nn.conv.cases import CASES as ATTENTION_AND_MORE
from tests.nn.conv.cases import Case
from tests.nn.conv.propagation import PROPAGATION
from tests.nn.peer import Graph, integers

FIRST: dict[type, Case] = {}
for each in (*PROPAGATION, *ATTENTION_AND_MORE):
    FIRST.setdefault(type(each.make(conv)), each)
LAYERS = [pytest.param(case, id=cls.__name__) for cls, case in FIRST.items()]
INDEX = torch.stack([integers(9, 40, seed=1), integers(9, 40, seed=2)])
MAKES = {
    "gcn": lambda: conv.GCNConv(4, 3),
    "sage": lambda: conv.SAGEConv(4, 3, aggr="max"),
    "gat": lambda: conv.GATConv(4, 3, heads=2),
    "gatv2": lambda: conv.GATv2Conv(4, 3, heads=2),
    "edge": lambda: conv.EdgeConv(torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))),
    "pna": lambda: conv.PNAConv(4, 3, ["mean", "max"], ["identity", "amplification"], torch.tensor([0, 3, 5, 2])),
}  # fmt: skip
SOME = pytest.mark.parametrize("name", MAKES)


def made(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return MAKES[name]().double().eval()


def nodes(seed: int = 0, channels: int = 4) -> Tensor:
    return torch.randn(9, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# -- compilers -------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def graphs_like(graph: Graph) -> list[Graph]:
    """Two graphs that differ in every size."""
    square = graph.num_src == graph.num_dst
    return [
        Graph(
            str(e),
            torch.stack([integers(n - 1, e, seed=3), integers(m - 1, e, seed=4)]),
            n,
            n if square else m,
        )
        for e, n, m in ((31, 9, 7), (41, 13, 11))
    ]


@pytest.mark.parametrize("case", LAYERS)
@pytest.mark.usefixtures("fresh_compiler")
def test_compiles_whole_and_once_for_all_sizes(case: Case) -> None:
    torch.manual_seed(0)
    layer = case.make(conv).eval()
    graphs = graphs_like(case.graphs[0])
    layer(*case.inputs(graphs[0], graphs[0].edge_index))  # gives waiting weights their size
    counter = CompileCounter()
    compiled = torch.compile(layer, fullgraph=True, backend=counter, dynamic=True)
    for g in graphs:
        inputs = case.inputs(g, g.edge_index)
        for got, want in zip(tree_leaves(compiled(*inputs)), tree_leaves(layer(*inputs)), strict=True):
            if isinstance(want, Tensor) and want.layout is torch.strided:
                torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
    assert counter.frame_count == 1


@SOME
def test_exported(name: str) -> None:
    """`torch.export`, with free numbers of nodes and edges."""
    layer = made(name)
    num_nodes, num_edges = torch.export.Dim("num_nodes", min=3), torch.export.Dim("num_edges", min=3)
    program = torch.export.export(
        layer, (nodes(), INDEX), dynamic_shapes=({0: num_nodes}, {1: num_edges}), strict=True
    )
    x, index = nodes()[:7], INDEX.clamp(max=6)[:, :17]
    torch.testing.assert_close(program.module()(x, index), layer(x, index))


# -- transforms --------------------------------------------------------------------------------------------------


@SOME
def test_vmap_over_the_parameters_of_an_ensemble(name: str) -> None:
    models = [made(name) for _ in range(3)]
    for i, model in enumerate(models):
        for p in model.parameters():
            torch.nn.init.normal_(p, generator=torch.Generator().manual_seed(i))
    parameters, buffers = func.stack_module_state(models)  # type: ignore[arg-type]
    x = nodes()
    out = func.vmap(lambda p, b: func.functional_call(models[0], (p, b), (x, INDEX)))(parameters, buffers)
    torch.testing.assert_close(out, torch.stack([model(x, INDEX) for model in models]))


@SOME
def test_derivatives_by_transforms(name: str) -> None:
    """`grad`, `jvp`, `hessian` and dual numbers against autograd on recorded messages."""
    layer, x, v = made(name), nodes(), nodes(1)
    y = x.clone().requires_grad_()
    out = layer(y, INDEX)

    def loss(x: Tensor) -> Tensor:
        return layer(x, INDEX).square().sum()

    (first,) = torch.autograd.grad(out.square().sum(), y, create_graph=True)
    torch.testing.assert_close(func.grad(loss)(x), first.detach())
    (along,) = torch.autograd.grad((first * v).sum(), y, retain_graph=True)
    torch.testing.assert_close(func.jvp(func.grad(loss), (x,), (v,))[1], along)
    seed = torch.ones_like(out, requires_grad=True)
    (back,) = torch.autograd.grad(out, y, seed, create_graph=True)
    (tangent,) = torch.autograd.grad(back, seed, v)  # the derivative along v, by two backward passes
    torch.testing.assert_close(func.jvp(lambda x: layer(x, INDEX), (x,), (v,))[1], tangent)
    with forward_ad.dual_level():
        dual = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, v), INDEX))
        torch.testing.assert_close(dual.tangent, tangent)
    if name == "gcn":
        hessian = func.hessian(loss)(x).view(x.numel(), x.numel())
        torch.testing.assert_close(hessian @ v.flatten(), along.flatten())


# -- precision -----------------------------------------------------------------------------------------------------


@SOME
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(name: str, dtype: torch.dtype) -> None:
    """The dtype of the plain way, numbers within its precision, and gradients for float32 weights."""
    layer, x = made(name).float(), nodes().float()
    outs = []
    for mode in (gv.recorded, gv.materialised):
        layer.zero_grad()
        with mode(), torch.autocast("cpu", dtype=dtype):
            out = layer(x, INDEX)
            out.float().sum().backward()
        outs.append((out.detach(), [p.grad.clone() for p in layer.parameters() if p.grad is not None]))
    (got, got_grads), (want, want_grads) = outs
    assert got.dtype is want.dtype
    eps = 8 * torch.finfo(dtype).eps
    exact = layer(x, INDEX).detach()
    torch.testing.assert_close(got.float(), exact, rtol=eps, atol=eps * float(exact.abs().max()))
    for g, w in zip(got_grads, want_grads, strict=True):
        assert g.dtype is torch.float32
        torch.testing.assert_close(g, w, rtol=2 * eps, atol=2 * eps * float(w.abs().max()))


# -- copies, processes, hooks ----------------------------------------------------------------------------------------


@SOME
def test_copied_pickled_and_saved(name: str) -> None:
    layer, x = made(name), nodes()
    want = layer(x, INDEX)  # what it cached travels along or is left behind
    saved = io.BytesIO()
    torch.save(layer, saved)
    saved.seek(0)
    copies = (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), torch.load(saved, weights_only=False))
    for twin in copies:
        torch.testing.assert_close(twin(x, INDEX), want)
        assert twin.state_dict().keys() == layer.state_dict().keys()


def test_a_layer_that_kept_a_message_is_copied_and_pickled() -> None:
    layer, x = Keeping(), nodes().requires_grad_()
    layer(x, INDEX)
    layer.kept = layer.kept.detach()  # torch copies no tensor that has a history
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(twin.kept + 0, x[INDEX[0]] * 2)


class Keeping(MessagePassing):
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x)

    def message(self, x_j: Tensor) -> Tensor:
        self.kept = x_j * 2.0
        return self.kept


@pytest.fixture
def one_process() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@SOME
@pytest.mark.usefixtures("one_process")
def test_distributed_data_parallel(name: str) -> None:
    layer, x = made(name), nodes()
    parallel = torch.nn.parallel.DistributedDataParallel(copy.deepcopy(layer))
    layer(x, INDEX).square().sum().backward()
    parallel(x, INDEX).square().sum().backward()
    for mine, theirs in zip(layer.parameters(), parallel.parameters(), strict=True):
        torch.testing.assert_close(theirs.grad, mine.grad)


@SOME
def test_hooks_of_modules_and_tensors(name: str) -> None:
    layer, x = made(name), nodes().requires_grad_()
    seen: list[Any] = []
    layer.register_forward_hook(lambda m, i, out: seen.append(out) or 2 * out)
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(go[0]))
    out = layer(x, INDEX)
    out.sum().backward()
    assert len(seen) == 2 and type(seen[0]) is Tensor
    torch.testing.assert_close(out, 2 * seen[0])


def test_tensor_product_of_e3nn_inside_a_message() -> None:
    """TorchScript modules take lazy messages: values, forces and their gradients as the plain way."""
    o3 = pytest.importorskip("e3nn.o3")
    torch.manual_seed(0)
    product = o3.FullyConnectedTensorProduct("2x0e + 1x1o", "1x0e + 1x1o", "2x0e + 1x1o").double()

    class Convolution(MessagePassing):
        def forward(self, x: Tensor, pos: Tensor, edge_index: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x, pos=pos)

        def message(self, x_j: Tensor, pos_i: Tensor, pos_j: Tensor) -> Tensor:
            sh = o3.spherical_harmonics("1x0e + 1x1o", pos_j - pos_i, True)
            return product(x_j, sh)

    layer, index = Convolution("mean"), INDEX[:, INDEX[0] != INDEX[1]]
    found = []
    for mode in (gv.recorded, gv.materialised):
        x, pos = nodes(channels=5).requires_grad_(), nodes(1, 3).requires_grad_()
        with mode():
            out = layer(x, pos, index)
            (force,) = torch.autograd.grad(out.square().sum(), pos, create_graph=True)
            found.append([out, force, *torch.autograd.grad(force.square().sum(), [x, *product.parameters()])])
    torch.testing.assert_close(*found)
