"""The same models in both libraries, with the same weights, and graphs to explain them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import grapevine as gv
from tests.nn.peer import normal

pyg = pytest.importorskip("torch_geometric.nn")

#: A graph of ten nodes with a self-loop, a double edge and, far away, a pair of its own.
EDGE_INDEX = torch.tensor(
    [
        [0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 5, 2, 3, 6, 8, 9, 2, 2],
        [1, 0, 2, 1, 3, 2, 4, 3, 0, 4, 2, 5, 3, 5, 9, 8, 6, 6],
    ]
)
X = normal(10, 5).double()
RATES, RATED = ("user", "rates", "item"), ("item", "rated_by", "user")
EDGES = {
    RATES: torch.tensor([[0, 1, 2, 3, 3], [0, 0, 1, 1, 2]]),
    RATED: torch.tensor([[0, 0, 1, 1, 2, 0], [0, 1, 2, 3, 3, 2]]),
}
XS = {"user": normal(4, 5, seed=1).double(), "item": normal(3, 5, seed=2).double()}

MODES = [
    ("binary_classification", "raw"),
    ("binary_classification", "probs"),
    ("multiclass_classification", "raw"),
    ("multiclass_classification", "probs"),
    ("multiclass_classification", "log_probs"),
    ("regression", "raw"),
]


class Model(torch.nn.Module):
    """Two layers, for nodes or for the graph, whose outputs are as `mode` and `return_type` say."""

    def __init__(self, nn: Any, layer: str, mode: str, level: str, return_type: str) -> None:
        super().__init__()
        channels = 3 if mode == "multiclass_classification" else 1
        self.convs = torch.nn.ModuleList([getattr(nn, layer)(5, 8), getattr(nn, layer)(8, channels)])
        self.mode, self.level, self.return_type = mode, level, return_type

    def forward(self, x: Tensor, edge_index: Tensor, scale: Tensor | None = None) -> Tensor:
        first, second = self.convs
        x = second(first(x, edge_index).relu(), edge_index)
        return self.finished(x if scale is None else x * scale)

    def finished(self, x: Tensor) -> Tensor:
        x = x.mean(dim=0, keepdim=True) if self.level == "graph" else x
        x = x.view(-1) if self.mode == "binary_classification" else x
        several = self.mode == "multiclass_classification"
        if self.return_type == "raw":
            return x
        if self.return_type == "log_probs":
            return x.log_softmax(dim=-1)
        return x.softmax(dim=-1) if several else x.sigmoid()


class HeteroModel(Model):
    """Two layers of one convolution per edge type."""

    def __init__(self, nn: Any, layer: str, mode: str, level: str, return_type: str) -> None:
        super().__init__(nn, "GraphConv", mode, level, return_type)
        kwargs = {"add_self_loops": False} if "GAT" in layer else {}

        def convolution(channels: int) -> Any:
            make = getattr(nn, layer)
            return nn.HeteroConv({kind: make((-1, -1), channels, **kwargs) for kind in EDGES})

        self.convs = torch.nn.ModuleList([convolution(8), convolution(3 if "multi" in mode else 1)])

    def forward(self, x: dict[str, Tensor], edge_index: dict[Any, Tensor]) -> Tensor:  # type: ignore[override]
        first, second = self.convs
        x = {kind: value.relu() for kind, value in first(x, edge_index).items()}
        return self.finished(second(x, edge_index)["item"])


def pair(make: Callable[..., Model], *args: Any) -> tuple[Model, Model]:
    """Ours and the peer's, with the same weights."""
    torch.manual_seed(12)
    ours, theirs = make(gv.nn, *args), make(pyg, *args)
    with torch.no_grad():
        for model in (ours, theirs):
            model(XS, EDGES) if make is HeteroModel else model(X.to(torch.get_default_dtype()), EDGE_INDEX)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs
