"""What a row is run on: one graph in the form that each library wants, tensors and weights that all of them share."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import warnings
import zlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from grapevine.graph import add_remaining_self_loops


def load(name: str) -> Any:
    """A peer's module; what its import warns of is not ours to fix."""
    os.environ.setdefault("DGLBACKEND", "pytorch")
    with warnings.catch_warnings(), contextlib.redirect_stderr(None):
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def draw(name: str, size: tuple[int, ...], scale: float = 1.0) -> Tensor:
    """Normal numbers that depend on the name alone, so that every library gets the same ones."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return torch.empty(size).normal_(0.0, scale, generator=generator)


class Setting:
    """A graph and the tensors that live on it; each form is made when it is first asked for, and kept.

    Args:
        edge_index: `(2, E)`, sources above destinations.
        num_nodes: N.
        features: F.
        inputs: names of the tensors that the row's functions take.
    """

    def __init__(
        self, edge_index: Tensor, num_nodes: int, features: int, inputs: tuple[str, ...] = ("x",)
    ) -> None:
        self.edge_index, self.num_nodes, self.features, self.inputs = edge_index, num_nodes, features, inputs

    @property
    def num_edges(self) -> int:
        return self.edge_index.shape[1]

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """The differentiable inputs, by name: `(N, F)`, `(E, 1)`, `(E, F)`, `(E, 4)`."""
        n, e, f = self.num_nodes, self.num_edges, self.features
        sizes = {"x": (n, f), "y": (n, f), "w": (e, 1), "e": (e, f), "a": (e, 4)}
        return {name: draw(name, sizes[name]).requires_grad_() for name in self.inputs}

    def seed(self, shape: tuple[int, ...]) -> Tensor:
        """The gradient of an output; zero at nodes where nothing arrives, whose share DGL's max gives to others."""
        seed = draw("seed", shape)
        if shape[0] == self.num_nodes:
            seed[torch.bincount(self.edge_index[1], minlength=self.num_nodes) == 0] = 0
        return seed

    @cached_property
    def types(self) -> Tensor:
        """`(E,)`: one of 20 edge types."""
        return torch.randint(20, (self.num_edges,), generator=torch.Generator().manual_seed(5))

    # -- the graph in each library's own form ----------------------------------------------------------
    @cached_property
    def looped_index(self) -> Tensor:
        """With exactly one loop per node: what the layers of torch_geometric make of the graph."""
        return add_remaining_self_loops(self.edge_index, num_nodes=self.num_nodes)[0]

    @cached_property
    def norm(self) -> Tensor:
        """`(E + loops,)`: GCN's weights of the looped graph."""
        src, dst = self.looped_index
        scale = torch.bincount(dst, minlength=self.num_nodes).rsqrt()
        return scale[src] * scale[dst]

    def dgl_graph(self, library: Any, looped: bool = False) -> Any:
        """A DGL graph of one of the two libraries that speak DGL, with its sorted forms built."""
        src, dst = self.looped_index if looped else self.edge_index
        graph = library.graph((src, dst), num_nodes=self.num_nodes)
        graph.create_formats_()
        return graph

    @cached_property
    def graph(self) -> Any:
        return self.dgl_graph(self.dgl)

    def matrix(self, looped: bool = False, values: Tensor | None = None) -> Tensor:
        """The transposed adjacency, `(N, N)` in CSR layout."""
        src, dst = self.looped_index if looped else self.edge_index
        perm = dst.argsort(stable=True)
        ptr = torch.zeros(self.num_nodes + 1, dtype=torch.int64)
        ptr[1:] = torch.bincount(dst, minlength=self.num_nodes).cumsum(0)
        values = torch.ones(len(src)) if values is None else values[perm]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "beta state"
            return torch.sparse_csr_tensor(
                ptr, src[perm], values, (self.num_nodes, self.num_nodes), check_invariants=False
            )

    # -- the peers, imported when asked for -------------------------------------------------------------
    @cached_property
    def pyg(self) -> Any:
        load("torch_geometric.nn")
        return load("torch_geometric")

    @cached_property
    def dgl(self) -> Any:
        return load("dgl")


class Layer:
    """A function of the inputs that has weights: the same numbers in every library.

    Args:
        module: the layer.
        forward: the inputs to its output.
        names: for weights that are called otherwise than in Grapevine, our name; with ".T" where theirs is transposed.
    """

    def __init__(
        self, module: nn.Module, forward: Callable[..., Tensor], names: Mapping[str, str] | None = None
    ) -> None:
        self.forward = forward
        ours = {(names or {}).get(n, n): p for n, p in module.named_parameters()}
        self.weights = {name.removesuffix(".T"): ours[name] for name in sorted(ours)}
        self.transposed = {name.removesuffix(".T") for name in ours if name.endswith(".T")}
        with torch.no_grad():
            for name, weight in self.weights.items():
                size = weight.shape[::-1] if name in self.transposed else weight.shape
                drawn = draw(name, tuple(size), max(size[-1], 4) ** -0.5)
                weight.copy_(drawn.T if name in self.transposed else drawn)

    def __call__(self, *tensors: Tensor) -> Tensor:
        return self.forward(*tensors)


class Contender:
    """One library's way to do a row: a step forward and backward, as a training loop would take it."""

    def __init__(self, function: Callable[..., Tensor], setting: Setting) -> None:
        self.function, self.setting = function, setting
        self.given = [setting.tensors[name] for name in setting.inputs]
        weights = function.weights if isinstance(function, Layer) else {}
        self.inputs = [*self.given, *weights.values()]
        self.names = [*setting.inputs, *weights]
        self.seed: Tensor | None = None  # the gradient of the output, once its shape is known

    def forward(self) -> Tensor:
        return self.function(*self.given)

    def backward(self, out: Tensor) -> tuple[Tensor, ...]:
        if self.seed is None:
            self.seed = self.setting.seed(tuple(out.shape))
        return torch.autograd.grad(out, self.inputs, self.seed.view(out.shape))

    def results(self) -> dict[str, Tensor]:
        """The output and the gradients, by our names and in our shapes."""
        out = self.forward()
        grads = dict(zip(self.names, self.backward(out)))
        transposed = self.function.transposed if isinstance(self.function, Layer) else set()
        grads = {name: g.T if name in transposed else g for name, g in grads.items()}
        return {"output": out.detach().flatten(1), **grads}
