"""The rows of the benchmark: each builds one contender per library from the same weights and inputs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch_geometric.nn as pyg
from torch import Tensor

import grapevine.nn as gnn

Run = Callable[[], tuple[Tensor, ...]]
HAS_DGL = importlib.util.find_spec("dgl") is not None


@dataclass(frozen=True)
class Case:
    """A row: `build(edge_index, num_nodes, features)` gives one forward + backward per contender."""

    name: str
    build: Callable[[Tensor, int, int], dict[str, Run]]


def step(forward: Callable[..., Tensor], inputs: list[Tensor], seed: Tensor) -> Run:
    """Output and gradients of one call."""

    def run() -> tuple[Tensor, ...]:
        out = forward()
        return (out.detach(), *torch.autograd.grad(out, inputs, seed))

    return run


def features_of(num_nodes: int, features: int) -> Tensor:
    return torch.randn(num_nodes, features, generator=torch.Generator().manual_seed(1)).requires_grad_()


def layer(name: str, make: Callable[[Any, int], torch.nn.Module]) -> Case:
    """A layer of the same name in both libraries, with the same weights; gradients for x and the weights."""

    def build(edge_index: Tensor, num_nodes: int, features: int) -> dict[str, Run]:
        ours, theirs = make(gnn, features), make(pyg, features)
        theirs.load_state_dict(ours.state_dict())
        x = features_of(num_nodes, features)
        seed = torch.randn_like(ours(x, edge_index))

        def contender(module: torch.nn.Module) -> Run:
            return step(lambda: module(x, edge_index), [x, *module.parameters()], seed)

        return {"grapevine": contender(ours), "torch_geometric": contender(theirs)}

    return Case(name, build)


def message(name: str, make: Callable[[Any], Any], aggr: str, weighted: bool, dgl: Any = None) -> Case:
    """A user's own message: the same class on both base classes."""

    def build(edge_index: Tensor, num_nodes: int, features: int) -> dict[str, Run]:
        x = features_of(num_nodes, features)
        w = torch.rand(edge_index.shape[1], 1, generator=torch.Generator().manual_seed(2)).requires_grad_()
        seed = torch.randn(num_nodes, features, generator=torch.Generator().manual_seed(3))
        inputs = [x, w] if weighted else [x]

        def contender(base: Any) -> Run:
            own = make(base)(aggr=aggr)
            return step(lambda: own(x, edge_index, w), inputs, seed)

        runs = {"grapevine": contender(gnn.MessagePassing), "torch_geometric": contender(pyg.MessagePassing)}
        if dgl is not None and HAS_DGL:
            import dgl as peer

            graph = peer.graph((edge_index[0], edge_index[1]), num_nodes=num_nodes)
            graph.create_formats_()
            runs["dgl"] = step(lambda: dgl(peer, graph, x, w), inputs, seed)
        return runs

    return Case(name, build)


def copy(base: Any) -> Any:
    class Copy(base):
        def forward(self, x: Tensor, edge_index: Tensor, w: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x)

        def message(self, x_j: Tensor) -> Tensor:
            return x_j

    return Copy


def scale(base: Any) -> Any:
    class Scale(base):
        def forward(self, x: Tensor, edge_index: Tensor, w: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x, w=w)

        def message(self, x_j: Tensor, w: Tensor) -> Tensor:
            return w * x_j

    return Scale


def gated(base: Any) -> Any:
    class Gated(base):
        def forward(self, x: Tensor, edge_index: Tensor, w: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x, w=w)

        def message(self, x_i: Tensor, x_j: Tensor, w: Tensor) -> Tensor:
            return (x_j + w * x_i).relu()

    return Gated


def gated_in_dgl(dgl: Any, graph: Any, x: Tensor, w: Tensor) -> Tensor:
    with graph.local_scope():
        graph.ndata["x"], graph.edata["w"] = x, w
        graph.update_all(
            lambda edges: {"m": (edges.src["x"] + edges.data["w"] * edges.dst["x"]).relu()},
            dgl.function.sum("m", "out"),
        )
        return graph.ndata["out"]


def heads(name: str) -> Callable[[Any, int], torch.nn.Module]:
    return lambda library, f: getattr(library, name)(f, f // 4, heads=4)


def edge_network(library: Any, features: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return library.EdgeConv(
        torch.nn.Sequential(torch.nn.Linear(2 * features, features), torch.nn.ReLU()), aggr="mean"
    )


CASES = (
    layer("gcn", lambda library, f: library.GCNConv(f, f)),
    layer("sage", lambda library, f: library.SAGEConv(f, f)),
    layer("gin", lambda library, f: library.GINConv(torch.nn.Linear(f, f))),
    message("sum", copy, "sum", False, lambda d, g, x, w: d.ops.copy_u_sum(g, x)),
    message("mean", copy, "mean", False, lambda d, g, x, w: d.ops.copy_u_mean(g, x)),
    message("max", copy, "max", False, lambda d, g, x, w: d.ops.copy_u_max(g, x)),
    message("scaled", scale, "sum", True, lambda d, g, x, w: d.ops.u_mul_e_sum(g, x, w)),
    message("gated", gated, "sum", True, gated_in_dgl),
    layer("edge_network", edge_network),
    layer("gat", heads("GATConv")),
    layer("gatv2", heads("GATv2Conv")),
    layer("transformer", heads("TransformerConv")),
)

__all__ = ["CASES", "Case"]
