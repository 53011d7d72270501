"""The plain path uses such ATen ops only as accelerators without kernels of ours implement.

Layers and models run forward and backward without the compiled core, under a dispatch mode that notes every op: once as
tracers and small messages run them, once recorded, planned and reduced by the reference kernels. A device whose own
`scatter_reduce` is not to be counted on (Ascend NPUs) folds rows by a sort instead: it is what runs here.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

import grapevine as gv
from grapevine import nn
from grapevine.engine import mode, plain
from grapevine.nn import conv, equivariant
from grapevine.nn.equivariant import Fiber
from grapevine.ops import _fold, fold_rows
from tests.nn.conv.cases import CASES
from tests.nn.conv.propagation import PROPAGATION
from tests.nn.peer import Graph, integers, normal, uniform

pyg = pytest.importorskip("torch_geometric.nn")

# What Ascend NPUs implement, of what is used: torch_npu 2.14.0, csrc/aten/npu_native_functions.yaml and
# npu_native_functions_by_codegen.yaml (in its wheel), all overloads of a name together. scatter_reduce stands there
# too, but falls back to the CPU on most of them.
IMPLEMENTED = """
    _cdist_forward _local_scalar_dense _log_softmax _log_softmax_backward_data _softmax _softmax_backward_data
    _thnn_fused_gru_cell _to_copy _unique2 abs add add_ addcmul addmm all amax aminmax any arange atan2 bernoulli_
    bincount bitwise_and bitwise_and_ bitwise_not bmm cat ceil clamp clamp_min clone constant_pad_nd copy_ cos
    cumprod cumsum div div_ elu elu_backward embedding embedding_dense_backward empty empty_like empty_strided eq
    exp fill_ flip floor_divide gather ge gelu gelu_backward gt index index_add index_copy index_copy_ index_put
    index_put_ index_select isfinite le leaky_relu leaky_relu_backward linalg_cross linalg_vector_norm log log1p
    log2 logical_and_ lt masked_fill_ max maximum mean min minimum mm mul mul_ native_batch_norm
    native_batch_norm_backward native_dropout native_dropout_backward native_group_norm native_group_norm_backward
    native_layer_norm native_layer_norm_backward ne neg nonzero ones ones_like pow randperm reciprocal relu relu_
    remainder repeat repeat_interleave rsqrt scaled_dot_product_attention scatter_ scatter_add_ searchsorted sigmoid
    sigmoid_ sigmoid_backward sign silu silu_backward sin softplus softplus_backward sort sqrt stack sub sum tanh
    tanh_ tanh_backward threshold_backward topk where zero_ zeros
"""
# What needs no kernel: views, and ops that torch itself makes out of those above on every device.
COMPOSED = """
    _unsafe_view alias block_diag detach expand full full_like index_add_ lift_fresh masked_fill new_empty
    new_empty_strided new_full new_ones new_zeros permute promote_types rand scalar_tensor select select_backward slice
    slice_backward split split_with_sizes squeeze t transpose unbind unsafe_split unsqueeze view zeros_like
"""
ALLOWED = {*IMPLEMENTED.split(), *COMPOSED.split()}


class Noted(TorchDispatchMode):
    """Counts the ATen ops that run inside the block."""

    def __init__(self) -> None:
        super().__init__()
        self.ops: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._overloadpacket.__name__
        # One function, with a kernel of its own for each kind of device.
        attention = name.startswith("_scaled_dot_product")
        self.ops["scaled_dot_product_attention" if attention else name] += 1
        return func(*args, **(kwargs or {}))


FIRST: dict[type, Any] = {}
for each in (*PROPAGATION, *CASES):
    FIRST.setdefault(type(each.make(conv)), each)
RING = torch.stack([integers(9, 40, seed=1), integers(9, 40, seed=2)])
X, WEIGHT, ATTR, POS = normal(9, 6), uniform(40), normal(40, 3, seed=1), normal(9, 3, seed=2)
Z, BATCH = integers(9, 9, seed=3), torch.tensor([0] * 5 + [1] * 4)
TYPES = {"paper": 6, "author": 6}
RELATIONS = [("paper", "to", "author"), ("author", "to", "paper")]
XS, INDICES = dict.fromkeys(TYPES, X), dict.fromkeys(RELATIONS, RING)
FULL = torch.ones(9, 9).fill_diagonal_(0).nonzero().t()
DEGREES = torch.tensor([1, 2, 3, 4, 2])


def mlp(*channels: int) -> torch.nn.Module:
    return nn.MLP(list(channels), norm=None)


def case_of(case: Any) -> tuple[Callable[[], torch.nn.Module], Callable[[], Any]]:
    g: Graph = case.graphs[0]
    return lambda: case.make(conv), lambda: case.inputs(g, g.edge_index.clone())


def own(make: Callable[[], Any], *inputs: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Inputs of its own for each run: what is remembered about a graph goes with its tensor."""
    return make, lambda: tree_map(lambda t: t.clone() if isinstance(t, Tensor) else t, inputs)


LAYERS = {
    **{cls.__name__: case_of(case) for cls, case in FIRST.items()},
    "DNAConv": own(lambda: conv.DNAConv(6, 2), normal(9, 2, 6), RING),
    "DynamicEdgeConv": own(lambda: conv.DynamicEdgeConv(mlp(12, 4), 3), X, BATCH),
    "ECConv": own(lambda: conv.ECConv(6, 4, mlp(3, 24)), X, RING, ATTR),
    "GPSConv": own(lambda: conv.GPSConv(6, conv.GCNConv(6, 6), heads=2), X, RING, BATCH),
    "GravNetConv": own(lambda: conv.GravNetConv(6, 4, 3, 5, 3), X, BATCH),
    "HANConv": own(lambda: conv.HANConv(6, 4, (list(TYPES), RELATIONS), heads=2), XS, INDICES),
    "HGTConv": own(lambda: conv.HGTConv(6, 4, (list(TYPES), RELATIONS), heads=2), XS, INDICES),
    "HeteroConv": own(lambda: conv.HeteroConv({r: conv.SAGEConv(6, 4) for r in RELATIONS}), XS, INDICES),
    "PANConv": own(lambda: conv.PANConv(6, 4, 2), X, RING),
    "SplineConv": own(lambda: conv.SplineConv(6, 4, 3, 4, degree=2), X, RING, uniform(40, 3)),
    "PointGNNConv": own(lambda: conv.PointGNNConv(mlp(6, 3), mlp(9, 4), mlp(4, 6)), X, POS, RING),
}
MODELS = {
    "GCN": own(lambda: nn.GCN(6, 8, 2, 3), X, RING, WEIGHT),
    "GraphSAGE": own(lambda: nn.GraphSAGE(6, 8, 2, 3, norm="batch_norm", jk="cat"), X, RING),
    "GAT": own(lambda: nn.GAT(6, 8, 2, 3, heads=2, dropout=0.5), X, RING),
    "GIN": own(lambda: nn.GIN(6, 8, 2, 3), X, RING),
    "PNA": own(lambda: nn.PNA(6, 8, 2, 3, aggregators=["max", "std"], scalers=["amplification"], deg=DEGREES), X, RING),
    "EdgeCNN": own(lambda: nn.EdgeCNN(6, 8, 2, 3), X, RING),
    "LightGCN": own(lambda: nn.LightGCN(9, 6, 2), RING),
    "LINKX": own(lambda: nn.LINKX(9, 6, 8, 3, 2), X, RING),
    "AttentiveFP": own(lambda: nn.AttentiveFP(6, 8, 3, 3, 2, 2), X, RING, ATTR, BATCH),
    "GraphUNet": own(lambda: nn.GraphUNet(6, 8, 3, 2), X, RING, BATCH),
    "Polynormer": own(lambda: nn.Polynormer(6, 8, 3, 2, 1), X, RING, BATCH),
    "SGFormer": own(lambda: nn.SGFormer(6, 8, 3), X, RING, BATCH),
    "SignedGCN": own(lambda: nn.SignedGCN(6, 8, 2), X, RING, RING.flip(1)),
    "SchNet": own(lambda: nn.SchNet(16, 16, 2, 8), Z, POS, BATCH),
    "DimeNet++": own(lambda: nn.DimeNetPlusPlus(8, 1, 1, 8, 4, 8, 3, 2), Z, POS, BATCH),
    "PaiNN": own(lambda: equivariant.PaiNN(8, 2), Z, POS, BATCH),
    "ViSNet": own(lambda: nn.ViSNet(2, "max_min", False, 2, 2, 8, 5, vertex=True), Z, POS, BATCH),
    "GNNFF": own(lambda: nn.GNNFF(8, 6, 2), Z, POS, BATCH),
    "EGNN": own(lambda: equivariant.EGNN(6, 8, 3, n_layers=2, attention=True), X, POS, RING),
    "FrameAttention": own(
        lambda: equivariant.FrameAttention(6, 4, heads=2), X, normal(9, 4, 3), POS, torch.eye(3).expand(9, 3, 3), RING
    ),
    "the n-body example": own(
        lambda: equivariant.EGNN_vel(1, 1, 8, n_layers=2), X[:, :1], POS, FULL, POS, normal(72, 1)
    ),
}  # fmt: skip


class OnPoints(torch.nn.Module):
    """The SE(3)-Transformer with its graph made of tensors."""

    def __init__(self) -> None:
        super().__init__()
        fibers = [Fiber({0: 6}), Fiber({0: 4, 1: 4}), Fiber({0: 4, 1: 2})]
        self.net = equivariant.SE3Transformer(1, *fibers, 2, 2)

    def forward(self, x: Tensor, pos: Tensor, edge_index: Tensor) -> Any:
        return self.net(
            gv.Edges(edge_index, 9), {"0": x.unsqueeze(-1)}, rel_pos=pos[edge_index[1]] - pos[edge_index[0]]
        )


class OwnMessage(torch.nn.Module):
    """A user's message, as in `examples/learned_message.py`: attention and a maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(6, 6)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        edges = gv.Edges(edge_index, 9)
        weight = edges.softmax(
            (edges.src(self.linear(x)) * edges.dst(x)).sum(-1, keepdim=True) / math.sqrt(6)
        )
        return edges.sum(weight * edges.src(x)) + edges.max((edges.src(x) - edges.dst(x)).relu())


MODELS["SE3Transformer"] = own(OnPoints, X, POS, FULL[:, FULL[0] < 5])
MODELS["a message of one's own"] = own(OwnMessage, X, RING)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a device without the compiled core, without Triton and without cuDNN's or oneDNN's recurrent layers."""
    monkeypatch.setattr(_fold, "SCATTERING", ())
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    with gv.backend("reference"):
        yield
    torch._C._set_mkldnn_enabled(enabled)


def stepped(layer: torch.nn.Module, inputs: Any) -> list[Tensor]:
    """Outputs of a layer, and the gradients of its parameters and inputs."""
    layer.zero_grad()
    inputs = tree_map(
        lambda t: t.detach().requires_grad_() if isinstance(t, Tensor) and t.is_floating_point() else t,
        inputs,
    )
    torch.manual_seed(3)  # dropout
    out = [t for t in tree_leaves(layer(*inputs)) if isinstance(t, Tensor) and t.layout is torch.strided]
    sum(t.square().sum() for t in out if t.requires_grad).backward()
    leaves = [*layer.parameters(), *(t for t in tree_leaves(inputs) if isinstance(t, Tensor))]
    return [*(t.detach() for t in out), *(t.grad for t in leaves if t.grad is not None)]


@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("name", [*LAYERS, *MODELS])
@pytest.mark.usefixtures("elsewhere")
def test_portable_ops_only(name: str, recorded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    make, inputs = LAYERS.get(name) or MODELS[name]
    torch.manual_seed(0)
    layer = make()
    layer(*inputs())  # gives waiting weights their size
    given = inputs()
    if recorded:
        monkeypatch.setattr(mode, "_len_torch_dispatch_stack", lambda: 0)
    with Noted() as noted, gv.recorded() if recorded else contextlib.nullcontext():
        stepped(layer, given)
    sparse = (
        {"_sparse_coo_tensor_with_dims_and_tensors"} if name in ("PANConv", "GraphUNet") else set()
    )  # a result
    assert sorted(noted.ops.keys() - ALLOWED - sparse) == []
    assert {"index_add", "index_add_", "index_select", "index", "bmm"} & noted.ops.keys()


#: What blocks the host: a value, or a size that depends on values, is fetched from the device.
WAITS = {"_local_scalar_dense", "nonzero", "_unique2", "masked_select"}


def waits(layer: torch.nn.Module, inputs: Any) -> int:
    with Noted() as noted, torch.no_grad():
        layer(*inputs)
    return sum(noted.ops[op] for op in WAITS)


@pytest.mark.parametrize("case", [pytest.param(case, id=cls.__name__) for cls, case in FIRST.items()])
@pytest.mark.usefixtures("elsewhere")
def test_the_host_waits_where_it_does_in_the_peer_only(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a graph is known, a layer fetches no value from the device, unless its counterpart in PyG does."""
    g: Graph = case.graphs[0]
    inputs = case.inputs(g, g.edge_index.clone())
    layers = [case.make(namespace) for namespace in (conv, pyg)]
    for layer in layers:
        layer.eval()(*inputs)
    monkeypatch.setattr(mode, "_len_torch_dispatch_stack", lambda: 0)
    with gv.recorded():
        layers[0](*inputs)
        mine = waits(layers[0], inputs)
    assert mine == 0 or waits(layers[1], inputs) > 0


@pytest.mark.parametrize("how", ["max", "min", "mul"])
@pytest.mark.parametrize("shape", [(40,), (40, 3), (40, 2, 2)], ids=str)
def test_rows_folded_by_a_sort(how: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, and evenly shared gradients, of `scatter_reduce`; ties, infinities and empty rows among them."""
    index = integers(9, shape[0], seed=4)
    whole = normal(*shape, seed=5).double().round()
    m = whole.index_fill(0, torch.tensor([3]), math.inf) if how == "max" else whole
    weight = normal(12, *shape[1:], seed=6).double()
    found = []
    for devices in (_fold.SCATTERING, ()):
        monkeypatch.setattr(_fold, "SCATTERING", devices)
        leaf = m.clone().requires_grad_()
        out = plain.reduce(index, 12, leaf, how)
        (out.nan_to_num(posinf=0.0) * weight).sum().backward()
        found.append((out.detach(), leaf.grad))
        integers_too = fold_rows(index, 12, whole.long(), how, empty=7)
        assert torch.equal(integers_too, fold_rows(index, 12, whole, how, empty=7).long())
        assert torch.equal(fold_rows(index[:0], 12, m[:0], how, empty=7), torch.full_like(out, 7))
    torch.testing.assert_close(*found)


ELSEWHERE = [
    "GCNConv", "GATConv", "TransformerConv", "SAGEConv", "EdgeConv", "PNAConv", "RGCNConv", "HANConv", "GraphUNet",
    "PaiNN", "EGNN", "a message of one's own",
]  # fmt: skip


def test_same_values_on_another_device() -> None:
    """See `other_device.py`."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.other_device", *ELSEWHERE]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == ELSEWHERE
