"""Edge tensors under torch's tools: compilers, transforms, checkpoints, hooks on saved tensors, autocast, threads."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, func
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

import grapevine as gv
from grapevine.engine import EdgeTensor

from .messages import (
    DST,
    SRC,
    D,
    E,
    N,
    as_tensor,
    assert_like_gather,
    edges,
    features,
    mode,
    scattered,
    weights,
)
from .test_edge_tensor import Square

MODES = pytest.mark.parametrize("how", ["lazy", "materialised"])
ENDS = pytest.mark.parametrize("end", ["value", "sum"])


# -- compilers -----------------------------------------------------------------------------------------------


@torch.jit.script
def scripted(a: Tensor) -> Tensor:
    return (a * 2).relu().sum(-1)


@torch.jit.script
def scripted_in_place(a: Tensor) -> Tensor:
    a.mul_(2)
    return a * 3


class Twice(torch.nn.Module):
    def forward(self, a: Tensor) -> Tensor:
        return a * 2


@MODES
@ENDS
@pytest.mark.parametrize(
    "message",
    [
        scripted,
        lambda m: scripted(m * 2.0),
        lambda m: scripted_in_place(m * 1.0),
        lambda m: torch.jit.script(Twice())(m),
        lambda m: torch.jit.script(torch.nn.Sequential(torch.nn.Softplus(), torch.nn.ReLU()))(m) * 2,
        lambda m: torch.jit.trace(lambda a: a * 2 + 1, torch.randn(E, D, dtype=torch.float64))(m),
    ],
    ids=["function", "of recorded", "in place", "module", "sequential", "traced"],
)
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torchscript(message: Callable[[Tensor], Tensor], end: str, how: str) -> None:
    assert_like_gather(message, end, how)


@pytest.fixture
def fresh_compiler() -> Any:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@MODES
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.filterwarnings(
    "ignore:The .grad attribute"
)  # torch's compiler looks at it, of plain tensors too
def test_a_compiled_function_takes_a_message(backend: str, how: str) -> None:
    compiled = torch.compile(lambda a: torch.sin(a) * 2, backend=backend)

    def message(m: Tensor) -> Tensor:
        return compiled(m) + compiled(m * 2.0)

    x, y = features(), features()
    with mode(how):
        out = as_tensor(message(edges().src(x)))
    want = torch.sin(y[SRC]) * 2 + torch.sin(y[SRC] * 2) * 2
    torch.testing.assert_close(out, want)
    torch.testing.assert_close(torch.autograd.grad(out.sum(), x)[0], torch.autograd.grad(want.sum(), y)[0])


@MODES
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.usefixtures("fresh_compiler")
def test_compiled_around_the_whole(backend: str, how: str) -> None:
    """`fullgraph=True`: inside the compiler messages are plain ATen ops."""
    index = torch.stack([SRC, DST])

    def layer(x: Tensor, edge_index: Tensor) -> Tensor:
        graph = gv.Edges.of(edge_index, (N, N))
        return graph.sum(torch.sin(graph.src(x) * 2.0) * graph.dst(x)) + graph.max(graph.src(x))

    compiled = torch.compile(layer, backend=backend, fullgraph=True)
    x, y = features(), features()
    with mode(how):
        out, want = compiled(x, index), layer(y, index)
    torch.testing.assert_close(out, want)
    torch.testing.assert_close(torch.autograd.grad(out.sum(), x)[0], torch.autograd.grad(want.sum(), y)[0])


@MODES
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_jit_trace_and_make_fx_see_plain_ops(how: str) -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    graph, x = edges(), features(requires_grad=False)

    def layer(x: Tensor) -> Tensor:
        return graph.sum(graph.src(x) * 2.0)

    def attention(x: Tensor) -> Tensor:
        return graph.sum(graph.softmax(graph.src(x)) * graph.dst(x)) + graph.max(graph.src(x))

    with mode(how):
        torch.testing.assert_close(make_fx(layer)(x)(x + 1), layer(x + 1))
        for traced in (layer, attention):
            torch.testing.assert_close(torch.jit.trace(traced, x)(x + 1), traced(x + 1))


# -- transforms and forward mode -----------------------------------------------------------------------------


def layers(graph: gv.Edges) -> dict[str, Callable[[Tensor], Tensor]]:
    return {
        "lazy": lambda x: graph.sum(torch.sin(graph.src(x) * 2.0) * graph.dst(x)),
        "plain": lambda x: scattered(torch.sin(x[SRC] * 2.0) * x[DST], "sum"),
    }


@MODES
@pytest.mark.parametrize("name", ["grad", "vmap", "jvp", "hessian", "jacrev", "vmap of grad"])
def test_torch_func(name: str, how: str) -> None:
    transforms: dict[str, Callable[..., Any]] = {
        "grad": lambda f: func.grad(lambda x: f(x).sum()),
        "vmap": lambda f: lambda x: func.vmap(f)(torch.stack([x, 2 * x])),
        "jvp": lambda f: lambda x: func.jvp(f, (x,), (torch.cos(x),)),
        "hessian": lambda f: func.hessian(lambda x: f(x).sum()),
        "jacrev": func.jacrev,
        "vmap of grad": lambda f: (
            lambda x: func.vmap(func.grad(lambda x: f(x).sum()))(torch.stack([x, 2 * x]))
        ),
    }
    found = layers(edges())
    x = features(requires_grad=False)
    with mode(how):
        torch.testing.assert_close(transforms[name](found["lazy"])(x), transforms[name](found["plain"])(x))


@MODES
@pytest.mark.parametrize("name", ["vmap", "grad", "jvp", "hessian"])
@pytest.mark.parametrize("recorded", [False, True])
def test_message_made_outside_a_transform(name: str, recorded: bool, how: str) -> None:
    transforms: dict[str, Callable[..., Any]] = {
        "vmap": lambda f: func.vmap(f)(weights(4, D)),
        "grad": lambda f: func.grad(f)(weights(D)),
        "jvp": lambda f: func.jvp(f, (weights(D),), (weights(D),)),
        "hessian": lambda f: func.hessian(f)(weights(D)),
    }
    x, y = features(), features()
    with mode(how):
        m = edges().src(x)
        m = m * 2.0 if recorded else m
        out = transforms[name](lambda w: ((m * w).sin() * m).sum())
        again = as_tensor(m * 1.0)
    plain = y[SRC] * 2.0 if recorded else y[SRC]
    want = transforms[name](lambda w: ((plain * w).sin() * plain).sum())
    torch.testing.assert_close(out, want)
    first, second = (o[0] if isinstance(o, tuple) else o for o in (out, want))
    torch.testing.assert_close(torch.autograd.grad(first.sum(), x), torch.autograd.grad(second.sum(), y))
    torch.testing.assert_close(again, plain)


@MODES
def test_vmap_over_a_message(how: str) -> None:
    with mode(how):
        out = func.vmap(lambda row: row.sum())(edges().src(features()))
    torch.testing.assert_close(out, features()[SRC].sum(-1))


@MODES
def test_vmap_over_parameters(how: str) -> None:
    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = torch.nn.Linear(D, 2, dtype=torch.float64)

        def forward(self, graph: gv.Edges, x: Tensor) -> Tensor:
            return graph.mean(self.lin(graph.src(x)))

    models = [Layer() for _ in range(3)]
    parameters, buffers = func.stack_module_state(models)
    x, graph = features(requires_grad=False), edges()
    with mode(how):
        out = func.vmap(lambda p, b: func.functional_call(models[0], (p, b), (graph, x)))(parameters, buffers)
        torch.testing.assert_close(out, torch.stack([m(graph, x) for m in models]))


@MODES
def test_forward_mode(how: str) -> None:
    found = layers(edges())
    x = features(requires_grad=False)
    with mode(how), forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.cos(x))
        out = forward_ad.unpack_dual(found["lazy"](dual))
        want = forward_ad.unpack_dual(found["plain"](dual))
    torch.testing.assert_close(out.primal, want.primal)
    torch.testing.assert_close(out.tangent, want.tangent)


@MODES
def test_gradcheck(how: str) -> None:
    graph = edges()
    with mode(how):
        for layer in (
            lambda x: graph.sum(torch.sin(graph.src(x) * 2.0) * graph.dst(x)),
            lambda x: graph.max(graph.src(x) * 2.0 + graph.dst(x)),
            lambda x: gv.materialise(torch.sinc(graph.src(x)) * graph.dst(x)),
        ):
            assert torch.autograd.gradcheck(layer, (features(),))
            assert torch.autograd.gradgradcheck(layer, (features(),))


# -- checkpoints, saved tensors ------------------------------------------------------------------------------


@MODES
@ENDS
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint_inside_a_message(reentrant: bool, end: str, how: str) -> None:
    found = []
    for gather in (lambda x: x[SRC], edges().src):
        x = features()
        with mode(how):
            m = checkpoint(lambda a: torch.sinc(a * 2.0) * a.exp(), gather(x), use_reentrant=reentrant)
            out = as_tensor(m) if end == "value" else edges().sum(m)
        out.square().sum().backward()
        found.append((out.detach(), x.grad))
    torch.testing.assert_close(found[1], found[0])


@MODES
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint_around_a_layer(reentrant: bool, how: str) -> None:
    found = []
    for layer in layers(edges()).values():
        x = features()
        with mode(how):
            out = checkpoint(lambda x: layer(x).tanh(), x, use_reentrant=reentrant)  # noqa: B023
            out.square().sum().backward()
        found.append((out.detach(), x.grad))
    torch.testing.assert_close(found[1], found[0])


def on_cpu(m: Tensor) -> Tensor:
    with torch.autograd.graph.save_on_cpu():
        return Square.apply(m * 2.0) * m


def as_numpy(m: Tensor) -> Tensor:
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().numpy(), torch.from_numpy):
        return torch.sinc(Square.apply(m)) * m


@MODES
@ENDS
@pytest.mark.parametrize("message", [on_cpu, as_numpy])
def test_hooks_on_saved_tensors(message: Callable[[Tensor], Tensor], end: str, how: str) -> None:
    if message is as_numpy:  # numpy arrays end the graph, so there is no second derivative to compare
        found = []
        for gather in (lambda x: x[SRC], edges().src):
            x = features()
            with mode(how):
                m = message(gather(x))
                out = as_tensor(m) if end == "value" else edges().sum(m)
            found.append(torch.autograd.grad(out.square().sum(), x)[0])
        torch.testing.assert_close(found[1], found[0])
    else:
        assert_like_gather(message, end, how)


# -- gradients of the message itself -------------------------------------------------------------------------


@MODES
def test_retain_grad(how: str) -> None:
    found = []
    for gather in (lambda x: x[SRC], edges().src):
        x = features()
        with mode(how):
            m = gather(x)
            m.retain_grad()
            k = m * 2.0
            k.retain_grad()
            edges().sum(k * m).square().sum().backward()
            assert m.retains_grad
            assert type(m.grad) is Tensor and type(k.grad) is Tensor
        found.append((x.grad, m.grad, k.grad))
    torch.testing.assert_close(found[1], found[0])


@MODES
def test_backward_from_a_message(how: str) -> None:
    found = []
    for gather in (lambda x: x[SRC], edges().src):
        x = features()
        with mode(how):
            (gather(x) * 2.0).backward(weights(E, D), inputs=[x])
        found.append(x.grad)
    torch.testing.assert_close(found[1], found[0])


def test_gradient_asked_for_too_late() -> None:
    """The kernel has taken the gradient past the message: an error, not a wrong number."""
    graph, x = edges(), features()
    m = graph.src(x) * 2.0
    out = graph.sum(m)
    for ask in (
        lambda: m.retain_grad(),
        lambda: m.register_hook(print),
        lambda: torch.autograd.grad(out.sum(), m),
    ):
        with pytest.raises(gv.GrapevineError, match=r"after a kernel had reduced it.*before the aggregation"):
            ask()


# -- dtypes and modes ----------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize(
    "message",
    [
        lambda m, lin: lin(m * 1.0),
        lambda m, lin: lin(m).relu() * m.sum(-1, keepdim=True),
        lambda m, lin: (m @ lin.weight.t()).softmax(-1) + m.exp()[:, :2],
        lambda m, lin: m.norm(dim=-1, keepdim=True) + F.layer_norm(m, (D,)),
    ],
    ids=["linear", "mixed", "matmul", "norm"],
)
def test_autocast(message: Callable[..., Tensor], how: str) -> None:
    lin = torch.nn.Linear(D, 2)
    found = []
    for gather in (lambda x: x[SRC], edges().src):
        x = features(torch.float32)
        with mode(how), torch.autocast("cpu", torch.bfloat16):
            m = gather(x)
            out = as_tensor(message(m, lin))
        found.append((out.detach(), torch.autograd.grad(out.float().square().sum(), x)[0]))
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-5)
    assert found[0][0].dtype is found[1][0].dtype


def test_recorded_before_autocast_runs_as_it_was_meant() -> None:
    lin = torch.nn.Linear(D, 2)
    x = features(torch.float32, requires_grad=False)
    m = lin(edges().src(x))
    with torch.autocast("cpu", torch.bfloat16):
        out = gv.materialise(m)
        total = edges().sum(lin(x)[SRC].float())
    assert out.dtype is torch.float32
    torch.testing.assert_close(out, lin(x)[SRC], rtol=1e-6, atol=1e-6)
    assert total.dtype is torch.float32


@MODES
@pytest.mark.parametrize("guard", [torch.inference_mode, torch.no_grad])
def test_inference(guard: Any, how: str) -> None:
    with mode(how), guard():
        index = torch.stack([SRC, DST])
        x = features().detach() * 1.0
        graph = gv.Edges.of(index, (N, N))
        m = graph.src(x) * 2.0
        column = m[:, 0]
        m += 1
        m.view(-1).mul_(3)
        n = torch.sinc(m)
        out = graph.sum(n * m)
        assert not out.requires_grad
    plain = (x[SRC] * 2 + 1) * 3
    torch.testing.assert_close(out, scattered(torch.sinc(plain) * plain, "sum"))
    torch.testing.assert_close(as_tensor(column), plain[:, 0])


@MODES
def test_inference_message_used_in_training(how: str) -> None:
    with torch.inference_mode():
        x = features().detach() * 1.0
    w = weights(D).requires_grad_()
    with mode(how):
        out = edges().sum(edges().src(x) * w)
    torch.testing.assert_close(torch.autograd.grad(out.sum(), w)[0], features().detach()[SRC].sum(0))


class Counting(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


@MODES
@ENDS
def test_torch_function_modes(end: str, how: str) -> None:
    with Counting() as counting, torch.device("cpu"):
        assert_like_gather(lambda m: torch.sinc(m * 2.0) + m.relu(), end, how)
    assert {"sinc", "relu"} <= set(counting.seen)


@MODES
def test_dispatch_modes_see_plain_ops(how: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    graph, x = edges(), features(requires_grad=False)
    with mode(how), FlopCounterMode(display=False) as flops:
        out = graph.sum(graph.src(x) @ weights(D, 4))
    assert flops.get_total_flops() == 2 * E * D * 4
    torch.testing.assert_close(out, scattered(x[SRC] @ weights(D, 4), "sum"))


# -- what a message is ---------------------------------------------------------------------------------------


def test_a_message_is_a_tensor_that_computes_nothing_for_its_shape() -> None:
    m = edges().src(features()) * 2.0
    assert isinstance(m, Tensor) and torch.is_tensor(m) and type(m) is EdgeTensor
    assert (m.shape, m.size(0), len(m), m.dim(), m.ndim, m.numel()) == ((E, D), E, E, 2, 2, E * D)
    assert m.stride() == (D, 1) and m.is_contiguous() and m.is_floating_point() and not m.is_sparse
    assert (m.dtype, m.device.type, m.layout, m.requires_grad) == (torch.float64, "cpu", torch.strided, True)
    assert not m.is_leaf and m.grad_fn is not None and m.element_size() == 8
    assert hash(m) == hash(m) and m in {m: 1}
    assert m.plain is None, "nothing was computed so far"
    assert repr(m) == "EdgeTensor(shape=[7, 3], dtype=torch.float64, recorded=mul(src, 2.0))"
    assert m.plain is None


def test_values_can_be_copied_and_saved() -> None:
    m = edges().src(features(requires_grad=False)) * 2.0
    want = features(requires_grad=False)[SRC] * 2.0
    buffer = io.BytesIO()
    torch.save({"m": m}, buffer)
    buffer.seek(0)
    for copied in (
        torch.load(buffer)["m"],
        copy.deepcopy([m])[0],
        pickle.loads(pickle.dumps((m,)))[0],
        copy.copy(m),
    ):
        assert type(copied) is Tensor
        torch.testing.assert_close(copied, want)
    assert m.data_ptr() == m.untyped_storage().data_ptr() != 0


def test_copies_that_torch_refuses() -> None:
    x = features()
    for m in (x[SRC] * 2.0, edges().src(x) * 2.0):
        with pytest.raises(RuntimeError, match="created explicitly by the user"):
            copy.deepcopy(m)
        with pytest.raises(RuntimeError, match="requires grad"):
            m.numpy()


@MODES
def test_parameter_of_a_message(how: str) -> None:
    found = []
    for gather in (lambda x: x[SRC], edges().src):
        with mode(how):
            p = torch.nn.Parameter(gather(features(requires_grad=False)) * 2.0)
            assert isinstance(p, torch.nn.Parameter) and p.is_leaf and p.requires_grad
            edges().sum(p * p + torch.sinc(p)).sum().backward()
        found.append(p.grad)
    torch.testing.assert_close(found[1], found[0])


def test_shapes_cannot_change_in_place() -> None:
    m = edges().src(features()) * 2.0
    with pytest.raises(gv.GrapevineError, match=r"unsqueeze_ cannot .* without the underscore"):
        m.unsqueeze_(0)


def test_in_place_on_a_leaf_is_refused_as_by_torch() -> None:
    e = weights(E, D).requires_grad_()
    for m in (e, edges().edge(e)):
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            m += 1


@MODES
def test_change_of_edge_features_reaches_them(how: str) -> None:
    """`edge_attr` in a message is the user's tensor, not a copy."""
    found = []
    for lift in (lambda e: e, edges().edge):
        e = weights(E, D).requires_grad_()
        own = e * 1.0
        with mode(how):
            m = lift(own)
            k = m * 3.0
            m += 1
            m[:, 0] = 0
            out = as_tensor(m * k)
        found.append((own.detach(), torch.autograd.grad((own * out).sum(), e)[0]))
    torch.testing.assert_close(found[1], found[0])


def test_edge_features_changed_after_use_with_a_gradient() -> None:
    own = weights(E, D).requires_grad_() * 1.0
    m = edges().edge(own)
    torch.sinc(m)
    with pytest.raises(gv.GrapevineError, match=r"edge features .*clone"):
        m += 1


def test_unknown_ops_in_a_long_chain() -> None:
    """A tree deeper than Python's stack is computed in between."""
    x, y = features(), features()
    m, plain = edges().src(x), y[SRC]
    for _ in range(700):
        m, plain = m * 0.999 + 0.001, plain * 0.999 + 0.001
    torch.testing.assert_close(edges().sum(m), scattered(plain, "sum"))
    first, second = edges().sum(m).square().sum(), scattered(plain, "sum").square().sum()
    torch.testing.assert_close(torch.autograd.grad(first, x), torch.autograd.grad(second, y))


def test_a_tree_with_shared_parts_stays_small() -> None:
    x, y = features(), features()
    m, plain = edges().src(x), y[SRC]
    for _ in range(40):
        m, plain = (m + m) * 0.5, (plain + plain) * 0.5
    for how in ("sum", "max"):
        torch.testing.assert_close(edges().reduce(m, how), scattered(plain, how))
    torch.testing.assert_close(
        torch.autograd.grad(edges().sum(m).sum(), x), torch.autograd.grad(scattered(plain, "sum").sum(), y)
    )


def test_messages_of_two_graphs_meet() -> None:
    x, y = features(), features()
    other = gv.Edges(torch.stack([DST, SRC]), num_nodes=N)
    out = other.sum(edges().src(x) * other.src(x) + edges().reverse().src(x))
    want = torch.zeros(N, D, dtype=torch.float64).index_add(0, SRC, y[SRC] * y[DST] + y[DST])
    torch.testing.assert_close(out, want)
    torch.testing.assert_close(torch.autograd.grad(out.sum(), x), torch.autograd.grad(want.sum(), y))


# -- threads, memory -----------------------------------------------------------------------------------------


def test_threads() -> None:
    results: list[Tensor] = []
    shared = edges()
    start = features(requires_grad=False)

    def work() -> None:
        with gv.recorded():
            for _ in range(30):
                x = start.clone().requires_grad_()
                m = shared.src(x) * 2.0
                (shared.sum(m) + shared.max(torch.sinc(m))).sum().backward()
                assert x.grad is not None
                results.append(x.grad)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 120
    assert all(torch.equal(r, results[0]) for r in results)


def test_materialised_is_a_matter_of_the_thread() -> None:
    seen = []

    def work() -> None:
        with gv.recorded():
            seen.append(type(edges().src(features())))

    with gv.materialised():
        t = threading.Thread(target=work)
        t.start()
        t.join()
        assert type(edges().src(features())) is Tensor
    assert seen == [EdgeTensor]


def changed(m: Tensor) -> Tensor:
    m = m * 2.0
    v = m[:, :2]
    m += 1
    return torch.cat([m, v], -1)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize(
    "message",
    [
        lambda m: torch.sinc(m * 2.0),
        lambda m: Square.apply(m * 2.0),
        lambda m: m * 2.0,
        lambda m: m.view(E, D, 1)[:, 0] * m[:, :1],
        changed,
        lambda m: m.clone().add_(m).mul_(m),
    ],
    ids=["unknown", "custom", "recorded", "views", "in place with views", "in place with itself"],
)
@ENDS
def test_memory_is_freed_at_once(message: Callable[[Tensor], Tensor], end: str, backward: bool) -> None:
    gc.collect()
    gc.disable()
    try:
        graph, x = edges(), features()
        m = graph.src(x)
        k = message(m)
        out = gv.materialise(k) if end == "value" else graph.sum(k)
        plain = gv.materialise(m)
        held = [weakref.ref(t) for t in (m, x, k, plain, graph)]
        if backward:
            out.sum().backward()
        del m, k, x, out, plain, graph
        assert [r() is None for r in held] == [True] * len(held)
    finally:
        gc.enable()
