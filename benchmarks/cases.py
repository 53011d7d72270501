"""The rows of the benchmark: one record each.

A form takes the `Setting` and gives the function of the row's inputs as a user of that library would write it.
`bytes` counts what one forward and backward pass has to move, whatever the library: each edge reads the rows that it
needs, each node's row is read or written once per pass, indices are 4 bytes, dense products count their operands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import grapevine.nn
import grapevine.utils
from benchmarks.setting import Layer, Setting
from grapevine import dgl as our_dgl

Form = Callable[[Setting], Callable[..., Tensor]]


@dataclass(frozen=True)
class Case:
    """A row.

    Attributes:
        name: of the row.
        what: what is computed.
        ours, pyg, dgl, sparse: the same function in Grapevine, torch_geometric, DGL and torch.sparse.
        inputs: the tensors of `Setting` that it takes; gradients are taken for all of them, and for the weights.
        bytes: of E, N, F: what forward and backward have to move.
        graph: the name of one of `benchmarks.graphs`.
        features: F.
        goal: times faster than torch_geometric and than DGL.
        tolerance: of the results' difference, see `measure.difference`.
    """

    name: str
    what: str
    ours: Form
    pyg: Form | None = None
    dgl: Form | None = None
    sparse: Form | None = None
    inputs: tuple[str, ...] = ("x",)
    bytes: Callable[[int, int, int], float] = lambda e, n, f: 2 * gather(e, n, f)
    graph: str = "power law"
    features: int = 64
    goal: tuple[float | None, float | None] = (None, None)
    tolerance: float = 1e-4

    def forms(self) -> dict[str, Form]:
        """By the names of the libraries, ours first."""
        found = {
            "grapevine": self.ours,
            "torch_geometric": self.pyg,
            "dgl": self.dgl,
            "torch.sparse": self.sparse,
        }
        return {name: form for name, form in found.items() if form is not None}


def gather(e: float, n: float, f: float, rows: int = 1) -> float:
    """Bytes of one pass: `rows` rows of F floats and an index per edge, one row per node."""
    return 4 * (rows * e * f + n * f + e)


def product(n: float, f_in: float, f_out: float) -> float:
    """Bytes of a linear map of n rows and of its two gradients."""
    return 3 * 4 * (n * f_in + n * f_out + f_in * f_out)


# ------------------------------------------------------------------------------- one text for two libraries
def message(
    aggr: str, function: Callable[..., Tensor], network: Callable[[int], nn.Module] | None = None
) -> dict[str, Any]:
    """A user's own message on both `MessagePassing` classes; a network is handed through `propagate`."""
    function.__name__ = "message"  # by which torch_geometric asks for its signature

    def on(base: type, s: Setting) -> Callable[..., Tensor]:
        def forward(self: Any, **given: Any) -> Any:
            return self.propagate(s.edge_index, **given)

        own: Any = type("Own", (base,), {"message": function, "forward": forward, "__module__": __name__})
        module = own(aggr=aggr)
        if network is None:
            return lambda *tensors: module(**dict(zip(s.inputs, tensors)))
        net = network(s.features)
        return Layer(net, lambda *tensors: module(network=net, **dict(zip(s.inputs, tensors))))

    return {
        "ours": lambda s: on(grapevine.nn.MessagePassing, s),
        "pyg": lambda s: on(s.pyg.nn.MessagePassing, s),
    }


def layer(make: Callable[[Any, int], nn.Module], *more: str) -> dict[str, Any]:
    """A layer of the same name in both libraries; `more` are arguments after the inputs, taken from the setting."""

    def on(library: Any, s: Setting) -> Layer:
        module = make(library, s.features)
        return Layer(module, lambda x, *e: module(x, s.edge_index, *e, *(getattr(s, m) for m in more)))

    return {"ours": lambda s: on(grapevine.nn, s), "pyg": lambda s: on(s.pyg.nn, s)}


def utility(function: Callable[..., Tensor]) -> dict[str, Any]:
    """A function of `utils` in both libraries: `function(utils, setting, *tensors)`."""

    def on(library: Any, s: Setting) -> Callable[..., Tensor]:
        return lambda *tensors: function(library, s, *tensors)

    return {"ours": lambda s: on(grapevine.utils, s), "pyg": lambda s: on(s.pyg.utils, s)}


def in_dgl(function: Callable[..., Tensor]) -> dict[str, Any]:
    """A program written for DGL, run by both: `function(library, graph, *tensors)`."""

    def on(library: Any, s: Setting) -> Callable[..., Tensor]:
        graph = s.dgl_graph(library)
        return lambda *tensors: function(library, graph, *tensors)

    return {"ours": lambda s: on(our_dgl, s), "dgl": lambda s: on(s.dgl, s)}


def dgl_module(make: Callable[[Any, int], nn.Module]) -> dict[str, Any]:
    """A layer of DGL's, run by both, on a graph with self-loops."""

    def on(library: Any, s: Setting) -> Layer:
        module, graph = make(library.nn, s.features), s.dgl_graph(library, looped=True)
        return Layer(module, lambda *tensors: module(graph, *tensors))

    return {"ours": lambda s: on(our_dgl, s), "dgl": lambda s: on(s.dgl, s)}


# ------------------------------------------------------------------------------------- forms of the peers
def like(
    make: Callable[[Any, int], nn.Module], names: dict[str, str], looped: bool = False, **more: str
) -> Form:
    """DGL's layer of the same meaning; `names` are its weights in our words, `more` arguments from the setting."""

    def form(s: Setting) -> Layer:
        module, graph = make(s.dgl.nn, s.features), s.dgl_graph(s.dgl, looped)
        options = {keyword: getattr(s, name) for keyword, name in more.items()}
        return Layer(module, lambda *tensors: module(graph, *tensors, **options), names)

    return form


def dgl_op(name: str) -> Form:
    """A function of `dgl.ops`."""

    def form(s: Setting) -> Callable[..., Tensor]:
        graph, op = s.dgl_graph(s.dgl), getattr(s.dgl.ops, name)
        return lambda *tensors: op(graph, *tensors)

    return form


def user_defined(
    function: Callable[..., Tensor], reduce: str, network: Callable[[int], nn.Module] | None = None
) -> Form:
    """A user-defined message in DGL: `function(edges)`, or `function(edges, network)`."""

    def form(s: Setting) -> Callable[..., Tensor]:
        graph, fn = s.dgl_graph(s.dgl), getattr(s.dgl.function, reduce)("m", "out")
        if network is None:
            return lambda *tensors: updated(graph, function, fn, **dict(zip(s.inputs, tensors)))
        net = network(s.features)
        return Layer(
            net,
            lambda *tensors: updated(
                graph, lambda edges: function(edges, net), fn, **dict(zip(s.inputs, tensors))
            ),
        )

    return form


def updated(graph: Any, message: Any, reduce: Any, **tensors: Tensor) -> Tensor:
    """`update_all` with features that are gone afterwards; a plain function as message gives rows per edge."""
    with graph.local_scope():
        for name, tensor in tensors.items():
            (graph.ndata if name == "x" else graph.edata)[name] = tensor
        function = type(message).__name__ == "function"
        graph.update_all((lambda edges: {"m": message(edges)}) if function else message, reduce)
        out: Tensor = graph.ndata["out"]
        return out


def spmm(reduce: str | None = None) -> Form:
    """A product with the sparse adjacency."""

    def form(s: Setting) -> Callable[[Tensor], Tensor]:
        matrix = s.matrix()
        if reduce is None:
            return lambda x: matrix @ x
        return lambda x: torch.sparse.mm(matrix, x, reduce)

    return form


def sparse_gcn(s: Setting) -> Layer:
    matrix, linear = s.matrix(looped=True, values=s.norm), nn.Linear(s.features, s.features)
    names = {"weight": "lin.weight"}
    return Layer(linear, lambda x: matrix @ (x @ linear.weight.T) + linear.bias, names)


#: Where messages are rounded differently, another of two nearly equal ones may be the largest, or one near zero may
#: pass a ReLU: then both libraries are equally far from what float64 gives, 9e-5 for the gradients of messageNN.
NEARLY_EQUAL = 5e-3


# ------------------------------------------------------------------------------------------------ networks
def one_layer(f: int) -> nn.Module:
    return nn.Sequential(nn.Linear(2 * f, f), nn.ReLU())


def two_layers(f: int) -> nn.Module:
    return nn.Sequential(nn.Linear(2 * f, f), nn.ReLU(), nn.Linear(f, f))


def throw_away(library: Any, graph: Any, x: Tensor, a: Tensor) -> Tensor:
    """A graph that is built, used once and dropped: dot products, a softmax over them, a sum."""
    fresh = library.graph(graph.edges(), num_nodes=graph.num_nodes())
    keys = a.unflatten(1, (4, 1)).expand(-1, -1, x.shape[1] // 4).contiguous()
    scores = library.ops.e_dot_v(fresh, keys, x.unflatten(1, (4, -1)))
    out: Tensor = library.ops.copy_e_sum(fresh, library.ops.edge_softmax(fresh, scores) * keys).flatten(1)
    return out


PNA = {
    "aggregators": ["mean", "min", "max", "std"],
    "scalers": ["identity", "amplification", "attenuation"],
    "deg": torch.ones(64, dtype=torch.long),
}
GCN_IN_DGL = like(
    lambda nn, f: nn.GraphConv(f, f, norm="none"), {"weight": "lin.weight.T"}, looped=True, edge_weight="norm"
)
GAT_IN_DGL = {"fc.weight": "lin.weight", "attn_l": "att_src", "attn_r": "att_dst"}
GATV2_IN_DGL = {"fc_src.weight": "lin_l.weight", "fc_dst.weight": "lin_r.weight", "attn": "att"}
SAGE_IN_DGL = {
    "fc_neigh.weight": "lin_l.weight",
    "fc_self.weight": "lin_r.weight",
    "fc_self.bias": "lin_l.bias",
}
NN_IN_DGL = {"edge_func.weight": "nn.weight", "edge_func.bias": "nn.bias"}
RGCN_IN_DGL = {"linear_r.W": "weight", "loop_weight": "root", "h_bias": "bias"}
LIN_IN_NN = {"apply_func.weight": "nn.weight", "apply_func.bias": "nn.bias"}

CASES = (
    # ------------------------------------------------------------------------ messages
    Case("sum", "x_j, sum", **message("sum", lambda self, x_j: x_j),
         dgl=dgl_op("copy_u_sum"), sparse=spmm(), goal=(12, 1)),
    Case("mean", "x_j, mean", **message("mean", lambda self, x_j: x_j),
         dgl=dgl_op("copy_u_mean"), sparse=spmm("mean"), goal=(12, 1)),
    Case("scaled", "w * x_j, sum; w learned per edge", **message("sum", lambda self, x_j, w: w * x_j),
         dgl=dgl_op("u_mul_e_sum"), inputs=("x", "w"),
         bytes=lambda e, n, f: 3 * gather(e, n, f) + 3 * 4 * e, goal=(12, 6)),
    Case("max", "x_j, max", **message("max", lambda self, x_j: x_j),
         dgl=dgl_op("copy_u_max"), sparse=spmm("amax"),
         bytes=lambda e, n, f: gather(e, n, f) + 3 * 4 * n * f, goal=(15, 1)),
    Case("own message", "relu(x_j + w * x_i), sum",
         **message("sum", lambda self, x_i, x_j, w: (x_j + w * x_i).relu()),
         dgl=user_defined(lambda e: (e.src["x"] + e.data["w"] * e.dst["x"]).relu(), "sum"), inputs=("x", "w"),
         bytes=lambda e, n, f: 2 * gather(e, n, f) + gather(e, n, f, 2) + 3 * 4 * e + 3 * 4 * n * f, goal=(8, 8)),
    Case("messageNN mean", "relu(Linear(cat(x_i, x_j))), mean", tolerance=NEARLY_EQUAL,
         **message("mean", lambda self, x_i, x_j, network: network(torch.cat([x_i, x_j], -1)), one_layer),
         dgl=user_defined(lambda e, net: net(torch.cat([e.dst["x"], e.src["x"]], -1)), "mean", one_layer),
         bytes=lambda e, n, f: 2 * product(n, f, f) + 2 * gather(e, n, f) + gather(e, n, f, 2), goal=(12, 12)),
    # ------------------------------------------------------------------------ layers with attention
    Case("GATConv", "4 heads of F / 4", **layer(lambda nn, f: nn.GATConv(f, f // 4, heads=4)),
         dgl=like(lambda nn, f: nn.GATConv(f, f // 4, 4), GAT_IN_DGL, looped=True),
         bytes=lambda e, n, f: product(n, f, f) + 3 * gather(e, n, f) + 5 * 4 * 4 * e, goal=(8, 4)),
    Case("GATv2Conv", "4 heads of F / 4, no bias", **layer(lambda nn, f: nn.GATv2Conv(f, f // 4, heads=4, bias=False)),
         dgl=like(lambda nn, f: nn.GATv2Conv(f, f // 4, 4, bias=False), GATV2_IN_DGL, looped=True),
         bytes=lambda e, n, f: 2 * product(n, f, f) + 2 * gather(e, n, f) + gather(e, n, f, 2) + 5 * 4 * 4 * e,
         goal=(8, 5)),
    Case("TransformerConv", "4 heads of F / 4", **layer(lambda nn, f: nn.TransformerConv(f, f // 4, heads=4)),
         bytes=lambda e, n, f: 4 * product(n, f, f) + 3 * gather(e, n, f, 2) + 5 * 4 * 4 * e, goal=(8, None)),
    # ------------------------------------------------------------------------ layers, F = 128
    Case("gcn", "GCNConv", **layer(lambda nn, f: nn.GCNConv(f, f)), features=128, dgl=GCN_IN_DGL, sparse=sparse_gcn,
         bytes=lambda e, n, f: product(n, f, f) + 2 * gather(e + n, n, f) + 2 * 4 * e, goal=(5, None)),
    Case("sage", "SAGEConv, mean", **layer(lambda nn, f: nn.SAGEConv(f, f)), features=128,
         dgl=like(lambda nn, f: nn.SAGEConv(f, f, "mean"), SAGE_IN_DGL),
         bytes=lambda e, n, f: 2 * product(n, f, f) + 2 * gather(e, n, f), goal=(5, None)),
    Case("gin", "GINConv of a linear map", **layer(lambda nn, f: nn.GINConv(torch.nn.Linear(f, f))), features=128,
         dgl=like(lambda nn, f: nn.GINConv(torch.nn.Linear(f, f), "sum"), LIN_IN_NN),
         bytes=lambda e, n, f: product(n, f, f) + 2 * gather(e, n, f), goal=(5, None)),
    # ------------------------------------------------------------------------ programs written for DGL
    Case("dgl copy_u/sum", "update_all", **in_dgl(lambda library, g, x: updated(
             g, library.function.copy_u("x", "m"), library.function.sum("m", "out"), x=x)), goal=(None, 1)),
    Case("dgl u_mul_e/sum", "update_all", **in_dgl(lambda library, g, x, w: updated(
             g, library.function.u_mul_e("x", "w", "m"), library.function.sum("m", "out"), x=x, w=w)),
         inputs=("x", "w"), bytes=lambda e, n, f: 3 * gather(e, n, f) + 3 * 4 * e, goal=(None, 6)),
    Case("dgl UDF", "update_all(relu(x_j + w * x_i), sum)", **in_dgl(lambda library, g, x, w: updated(
             g, lambda e: (e.src["x"] + e.data["w"] * e.dst["x"]).relu(), library.function.sum("m", "out"), x=x, w=w)),
         inputs=("x", "w"),
         bytes=lambda e, n, f: 2 * gather(e, n, f) + gather(e, n, f, 2) + 3 * 4 * e + 3 * 4 * n * f, goal=(None, 8)),
    Case("dgl GATConv", "4 heads of F / 4", **dgl_module(lambda nn, f: nn.GATConv(f, f // 4, 4)),
         bytes=lambda e, n, f: product(n, f, f) + 3 * gather(e + n, n, f) + 5 * 4 * 4 * e, goal=(None, 4)),
    Case("dgl edge_softmax", "4 scores per edge", **in_dgl(lambda library, g, a: library.ops.edge_softmax(g, a)),
         inputs=("a",), bytes=lambda e, n, f: 5 * 4 * 4 * e + 2 * 4 * e, goal=(None, 1)),
    Case("dgl EdgeConv", "max of theta(x_j - x_i) + phi(x_i)", **dgl_module(lambda nn, f: nn.EdgeConv(f, f)),
         graph="middle", goal=(None, 1), tolerance=NEARLY_EQUAL,
         bytes=lambda e, n, f: 2 * product(n, f, f) + gather(e + n, n, f) + 3 * 4 * n * f),
    Case("dgl throw-away graph", "built, e_dot_v, edge_softmax, copy_e_sum", **in_dgl(throw_away), inputs=("x", "a"),
         graph="complete", features=16, bytes=lambda e, n, f: 10 * 4 * e * f, goal=(None, 1)),
    # ------------------------------------------------------------------------ small layers
    Case("Cora GCNConv", "16 -> 16", **layer(lambda nn, f: nn.GCNConv(f, f)), graph="Cora-sized", features=16,
         dgl=GCN_IN_DGL,
         bytes=lambda e, n, f: product(n, f, f) + 2 * gather(e + n, n, f) + 2 * 4 * e, goal=(1.3, None)),
    Case("Cora SAGEConv", "16 -> 16", **layer(lambda nn, f: nn.SAGEConv(f, f)), graph="Cora-sized", features=16,
         dgl=like(lambda nn, f: nn.SAGEConv(f, f, "mean"), SAGE_IN_DGL),
         bytes=lambda e, n, f: 2 * product(n, f, f) + 2 * gather(e, n, f), goal=(1.3, None)),
    Case("Cora GATConv", "16 -> 16", **layer(lambda nn, f: nn.GATConv(f, f)), graph="Cora-sized", features=16,
         dgl=like(lambda nn, f: nn.GATConv(f, f, 1), GAT_IN_DGL, looped=True),
         bytes=lambda e, n, f: product(n, f, f) + 3 * gather(e, n, f) + 5 * 4 * e, goal=(1.3, None)),
    Case("Cora GINConv", "16 -> 16", **layer(lambda nn, f: nn.GINConv(torch.nn.Linear(f, f))), graph="Cora-sized",
         features=16, dgl=like(lambda nn, f: nn.GINConv(torch.nn.Linear(f, f), "sum"), LIN_IN_NN),
         bytes=lambda e, n, f: product(n, f, f) + 2 * gather(e, n, f), goal=(1.3, None)),
    Case("Cora GATv2Conv", "16 -> 16, no bias", **layer(lambda nn, f: nn.GATv2Conv(f, f, bias=False)),
         graph="Cora-sized", features=16,
         dgl=like(lambda nn, f: nn.GATv2Conv(f, f, 1, bias=False), GATV2_IN_DGL, looped=True),
         bytes=lambda e, n, f: 2 * product(n, f, f) + 4 * gather(e, n, f), goal=(1.3, None)),
    Case("Cora TransformerConv", "16 -> 16", **layer(lambda nn, f: nn.TransformerConv(f, f)), graph="Cora-sized",
         features=16, goal=(1.3, None),
         bytes=lambda e, n, f: 4 * product(n, f, f) + 3 * gather(e, n, f, 2) + 5 * 4 * e),
    # ------------------------------------------------------------------------ further ops of the field
    Case("min", "x_j, min", **message("min", lambda self, x_j: x_j), graph="middle", sparse=spmm("amin"),
         dgl=dgl_op("copy_u_min"), bytes=lambda e, n, f: gather(e, n, f) + 3 * 4 * n * f),
    Case("std", "x_j, standard deviation", **message("std", lambda self, x_j: x_j), graph="middle",
         bytes=lambda e, n, f: gather(e, n, f) + gather(e, n, f, 2)),
    Case("two-layer messageNN", "MLP(cat(x_i, x_j)), sum", graph="middle",
         **message("sum", lambda self, x_i, x_j, network: network(torch.cat([x_i, x_j], -1)), two_layers),
         dgl=user_defined(lambda e, net: net(torch.cat([e.dst["x"], e.src["x"]], -1)), "sum", two_layers),
         bytes=lambda e, n, f: 3 * product(n, f, f) + 2 * gather(e, n, f) + gather(e, n, f, 2)),
    Case("dot products", "x_i . x_j, summed", graph="middle",
         **message("sum", lambda self, x_i, x_j: (x_i * x_j).sum(-1, keepdim=True)),
         dgl=lambda s: lambda x: s.dgl.ops.copy_e_sum(s.graph, s.dgl.ops.u_dot_v(s.graph, x, x)),
         bytes=lambda e, n, f: 3 * gather(e, n, f)),
    Case("segment softmax", "4 scores per edge", graph="middle", inputs=("a",),
         **utility(lambda utils, s, a: utils.softmax(a, s.edge_index[1], num_nodes=s.num_nodes)),
         dgl=lambda s: lambda a: s.dgl.ops.edge_softmax(s.graph, a), bytes=lambda e, n, f: 5 * 4 * 4 * e + 2 * 4 * e),
    Case("scatter", "rows per edge, summed", graph="middle", inputs=("e",),
         **utility(lambda utils, s, e: utils.scatter(e, s.edge_index[1], 0, s.num_nodes, "sum")),
         dgl=dgl_op("copy_e_sum"), bytes=lambda e, n, f: 2 * gather(e, n, f)),
    # ------------------------------------------------------------------------ further layers of the field
    Case("GraphConv", "with learned weights", **layer(lambda nn, f: nn.GraphConv(f, f)), graph="middle",
         inputs=("x", "w"), bytes=lambda e, n, f: 2 * product(n, f, f) + 3 * gather(e, n, f) + 3 * 4 * e),
    Case("GINEConv", "of a linear map", **layer(lambda nn, f: nn.GINEConv(torch.nn.Linear(f, f))), graph="middle",
         inputs=("x", "e"), dgl=like(lambda nn, f: nn.GINEConv(torch.nn.Linear(f, f)), LIN_IN_NN),
         bytes=lambda e, n, f: product(n, f, f) + 3 * gather(e, n, f, 2)),
    Case("EdgeConv", "two-layer network, max", graph="middle", tolerance=NEARLY_EQUAL,
         **layer(lambda nn, f: nn.EdgeConv(two_layers(f))),
         bytes=lambda e, n, f: 3 * product(n, f, f) + 2 * gather(e, n, f) + gather(e, n, f, 2)),
    Case("NNConv", "a matrix per edge, F = 16", graph="middle", features=16, inputs=("x", "a"),
         **layer(lambda nn, f: nn.NNConv(f, f, torch.nn.Linear(4, f * f), root_weight=False)),
         dgl=like(lambda nn, f: nn.NNConv(f, f, torch.nn.Linear(4, f * f), "sum"), NN_IN_DGL),
         bytes=lambda e, n, f: product(n, f, 5 * f) + 3 * gather(e, n, f) + 3 * 4 * 4 * e),
    Case("PNAConv", "4 aggregators, 3 scalers", **layer(lambda nn, f: nn.PNAConv(f, f, **PNA)), graph="middle",
         bytes=lambda e, n, f: 2 * product(n, f, f) + product(n, 13 * f, f) + gather(e, n, 4 * f) + gather(e, n, f, 4)),
    Case("RGCNConv", "20 relations, sum", **layer(lambda nn, f: nn.RGCNConv(f, f, 20, aggr="sum"), "types"),
         dgl=like(lambda nn, f: nn.RelGraphConv(f, f, 20), RGCN_IN_DGL, etypes="types"), graph="middle",
         bytes=lambda e, n, f: product(n, f, f) + 3 * 4 * 20 * f * f + 2 * gather(e, n, f)),
    Case("ChebConv", "K = 3", **layer(lambda nn, f: nn.ChebConv(f, f, 3)), graph="middle",
         bytes=lambda e, n, f: 3 * product(n, f, f) + 4 * (gather(e, n, f) + 4 * e)),
    Case("TAGConv", "K = 3", **layer(lambda nn, f: nn.TAGConv(f, f)), graph="middle",
         bytes=lambda e, n, f: 4 * product(n, f, f) + 6 * (gather(e, n, f) + 4 * e)),
    Case("APPNP", "K = 10", **layer(lambda nn, f: nn.APPNP(10, 0.1)), graph="middle",
         bytes=lambda e, n, f: 20 * (gather(e, n, f) + 4 * e)),
    Case("ResGatedGraphConv", "gates per edge", **layer(lambda nn, f: nn.ResGatedGraphConv(f, f)), graph="middle",
         bytes=lambda e, n, f: 4 * product(n, f, f) + 2 * gather(e, n, f, 2) + gather(e, n, f, 2)),
    Case("CGConv", "gates per edge", **layer(lambda nn, f: nn.CGConv(f)), graph="middle",
         bytes=lambda e, n, f: 4 * product(n, f, f) + 2 * gather(e, n, f, 2) + gather(e, n, f, 3)),
    Case("GENConv", "softmax per feature", **layer(lambda nn, f: nn.GENConv(f, f)), graph="middle",
         bytes=lambda e, n, f: 3 * product(n, f, f) + 2 * gather(e, n, f) + gather(e, n, f, 2)),
    Case("GatedGraphConv", "2 steps of a GRU", **layer(lambda nn, f: nn.GatedGraphConv(f, 2)), graph="middle",
         bytes=lambda e, n, f: 2 * (7 * product(n, f, f) + 2 * gather(e, n, f))),
)  # fmt: skip
