"""GraphMask: the edges that a prediction rests on are known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.explain import Explainer, GraphMaskExplainer
from grapevine.explain.algorithm import graphmask_explainer
from grapevine.nn import GATConv, GCNConv, GraphConv, SimpleConv
from tests.explain.pairs import EDGE_INDEX, X

REGRESSION = {"mode": "regression", "task_level": "node"}


class Sum(torch.nn.Module):
    """What the first feature of the neighbours sums up to, in one step or more."""

    def __init__(self, num_layers: int = 2) -> None:
        super().__init__()
        self.convs = torch.nn.ModuleList(SimpleConv(aggr="sum") for _ in range(num_layers))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index)
        return x[:, 0]


def explained(model: Any, x: Tensor, edge_index: Tensor, index: Any = None, **kwargs: Any) -> Any:
    masks = {name: kwargs.pop(name) for name in ("node_mask_type",) if name in kwargs}
    level = "graph" if index is None else "node"
    config = {"mode": "regression", "task_level": level}
    algorithm = GraphMaskExplainer(len(model.convs), log=False, **kwargs)
    explainer = Explainer(model, algorithm, "model", config, edge_mask_type="object", **masks)
    return explainer(x, edge_index, index=index)


def test_the_messages_that_matter() -> None:
    """Ten nodes hear from four others each, of which one has something to say."""
    targets = torch.arange(10).repeat_interleave(4)
    edge_index = torch.stack([10 + torch.arange(40), targets])
    edge_index = torch.cat([edge_index, torch.tensor([[0], [10]])], dim=1)  # leads away from the ten
    matters = torch.arange(40) % 4 == torch.arange(10).repeat_interleave(4) % 4
    x = torch.randn(50, 3)
    x[:, 0] = 0.0
    x[10:, 0][matters] = 2 + 3 * torch.rand(10)
    out = explained(Sum(1), x, edge_index, index=torch.arange(10), epochs=200, lr=0.03)
    assert out.edge_mask[:40][matters].min() > 0.9
    assert out.edge_mask[:40][~matters].max() < 0.1
    assert out.edge_mask[40] == 0


@pytest.mark.parametrize("layer", [GraphConv, GCNConv, GATConv])
@pytest.mark.parametrize("node_mask_type", [None, "object", "common_attributes", "attributes"])
def test_the_model_is_left_as_it_was(layer: Any, node_mask_type: str | None) -> None:
    """Loops in the graph and loops that layers add; parameters keep their gradients, layers their settings."""

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = torch.nn.ModuleList([layer(5, 8), layer(8, 1)])

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.convs[1](self.convs[0](x, edge_index).relu(), edge_index)

    model = Model()
    edge_index = torch.cat([EDGE_INDEX, torch.tensor([[3], [3]])], dim=1)
    before = model(X, edge_index)
    out = explained(model, X, edge_index, index=2, epochs=3, node_mask_type=node_mask_type)
    assert out.validate() and out.edge_mask.shape == (19,)
    assert out.edge_mask[14:16].tolist() == [0.0, 0.0]  # nodes 8 and 9 are far away
    assert ("node_mask" in out) == (node_mask_type is not None)
    torch.testing.assert_close(model(X, edge_index), before, rtol=1e-12, atol=1e-12)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(not conv.explain and not conv._hooks.get("message") for conv in model.convs)


def test_gates_that_are_open_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all gates at 1 the model with replaced messages is the model: the loss is that of the prediction."""
    ones = staticmethod(lambda self, inputs: (torch.ones(inputs[0].size(0)), self.bias.sum()))
    monkeypatch.setattr(graphmask_explainer._Gate, "draw", ones.__func__)
    losses: list[Tensor] = []
    known = GraphMaskExplainer._loss_regression

    def loss(self: Any, y_hat: Tensor, y: Tensor) -> Tensor:
        losses.append(known(self, y_hat, y))
        return losses[-1]

    monkeypatch.setattr(GraphMaskExplainer, "_loss_regression", loss)
    explained(Sum(), X, EDGE_INDEX, epochs=2)
    assert len(losses) == 1 + 2 * 2 and max(losses) == 0.0


def test_refusals() -> None:
    with pytest.raises(GraphValueError, match="penalty_scaling between 0 and 10, got 11"):
        GraphMaskExplainer(2, penalty_scaling=11)
    with pytest.raises(GraphValueError, match="edge_mask_type must be 'object'"):
        Explainer(Sum(), GraphMaskExplainer(2), "model", REGRESSION, node_mask_type="object")
    three = Explainer(Sum(), GraphMaskExplainer(3, log=False), "model", REGRESSION, edge_mask_type="object")
    with pytest.raises(GraphValueError, match=r"do this instead: GraphMaskExplainer\(num_layers=2\)"):
        three(X, EDGE_INDEX, index=0)
    with pytest.raises(GraphTypeError, match="without types"):
        three.algorithm(Sum(), {"a": X}, {}, target=X[:, 0])
