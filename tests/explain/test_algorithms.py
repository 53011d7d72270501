"""Explanations against torch_geometric's: the same masks from the same seed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine import explain
from grapevine.errors import GraphValueError
from grapevine.explain import Explainer
from grapevine.nn.edge_masks import clear_masks, set_hetero_masks, set_masks
from tests.explain.pairs import EDGE_INDEX, EDGES, MODES, RATES, XS, HeteroModel, Model, X, pair
from tests.nn.peer import TOLERANCE, assert_close, integers, normal

peer = pytest.importorskip("torch_geometric.explain")
PG_WARNS = pytest.mark.filterwarnings(
    "ignore:Converting a tensor with requires_grad:UserWarning"
)  # the peer's


def both(
    models: tuple[Model, Model],
    algorithm: str,
    kwargs: dict[str, Any] | None = None,
    explanation_type: str = "model",
    **masks: Any,
) -> list[Any]:
    """An explainer of each library."""
    config = {
        "mode": models[0].mode,
        "task_level": models[0].level,
        "return_type": models[0].return_type,
    }
    found = []
    for library, model in zip((explain, peer), models, strict=True):
        torch.manual_seed(4)
        made = getattr(library, algorithm)(**(kwargs or {}))
        found.append(library.Explainer(model, made, explanation_type, config, **masks))
    return found


def explained(explainers: list[Any], *args: Any, **kwargs: Any) -> Any:
    """Explains with both from the same seed, compares the masks, and returns both explanations."""
    found = []
    for explainer in explainers:
        torch.manual_seed(3)
        found.append(explainer(*args, **kwargs))
    ours, theirs = found
    assert set(ours.available_explanations) == set(theirs.available_explanations)
    for name in ours.available_explanations:
        a, b = (
            (out.collect(name), out.collect(name)) if isinstance(args[0], dict) else ({"": out[name]},) * 2
            for out in found
        )
        assert list(a[0]) == list(b[0])
        for kind, mask in a[0].items():
            assert_close(mask, b[0][kind], what=f"{name} {kind}")
    for name in ("target", "prediction", "index"):
        value = theirs.get(name)
        assert value is None if ours.get(name) is None else torch.allclose(ours[name], value)
    return found


@pytest.mark.parametrize("mode, return_type", MODES)
@pytest.mark.parametrize("level", ["node", "graph"])
@pytest.mark.parametrize("kind", ["model", "phenomenon"])
def test_gnn_explainer(mode: str, return_type: str, level: str, kind: str) -> None:
    if mode == "binary_classification":  # the peer compares with float32 targets
        torch.set_default_dtype(torch.float32)
    models = pair(Model, "GCNConv", mode, level, return_type)
    explainers = both(
        models, "GNNExplainer", {"epochs": 6}, kind, node_mask_type="attributes", edge_mask_type="object"
    )
    rows = 10 if level == "node" else 1
    target = normal(rows, 1).double() if mode == "regression" else integers(2, rows)
    given = {} if kind == "model" else {"target": target}
    index = 2 if level == "node" else None
    x = X.to(torch.get_default_dtype())
    ours, _ = explained(explainers, x, EDGE_INDEX, index=index, scale=torch.ones(1), **given)
    assert ours.validate() and "scale" in ours
    assert all(not layer.explain and layer._edge_mask is None for layer in models[0].convs)


@pytest.mark.parametrize("node_mask_type", [None, "object", "common_attributes", "attributes"])
@pytest.mark.parametrize("edge_mask_type", [None, "object"])
@pytest.mark.parametrize("layer", ["GATConv", "GraphConv", "TransformerConv"])
def test_gnn_explainer_masks(node_mask_type: str | None, edge_mask_type: str | None, layer: str) -> None:
    if node_mask_type is None and edge_mask_type is None:
        pytest.skip("nothing to explain")
    models = pair(Model, layer, "multiclass_classification", "node", "raw")
    kwargs = {"epochs": 4, "lr": 0.1, "edge_size": 0.1, "edge_reduction": "mean", "node_feat_ent": 0.3}
    explainers = both(
        models, "GNNExplainer", kwargs, node_mask_type=node_mask_type, edge_mask_type=edge_mask_type
    )
    ours, _ = explained(explainers, X, EDGE_INDEX, index=torch.tensor([2, 3]))
    if edge_mask_type is not None:
        assert ours.edge_mask[14:16].tolist() == [0.0, 0.0]  # nodes 8 and 9 are far away


@pytest.mark.parametrize("layer", ["GraphConv", "SAGEConv", "GATConv"])
@pytest.mark.parametrize("level", ["node", "graph"])
def test_gnn_explainer_of_typed_graphs(layer: str, level: str) -> None:
    models = pair(HeteroModel, layer, "multiclass_classification", level, "log_probs")
    explainers = both(
        models, "GNNExplainer", {"epochs": 5}, node_mask_type="attributes", edge_mask_type="object"
    )
    ours, _ = explained(explainers, XS, EDGES, index=1 if level == "node" else None)
    assert ours.validate()
    assert ours.get_explanation_subgraph()[RATES].num_edges <= 5


@PG_WARNS
@pytest.mark.parametrize("level", ["node", "graph"])
@pytest.mark.parametrize("mode, return_type", [MODES[1], MODES[2], MODES[5]])
def test_pg_explainer(level: str, mode: str, return_type: str) -> None:
    if mode == "binary_classification":
        torch.set_default_dtype(torch.float32)
    models = pair(Model, "GCNConv", mode, level, return_type)
    explainers = both(
        models, "PGExplainer", {"epochs": 3, "edge_size": 0.01}, "phenomenon", edge_mask_type="object"
    )
    assert_pg(explainers, X.to(torch.get_default_dtype()), EDGE_INDEX)


@PG_WARNS
@pytest.mark.parametrize("level", ["node", "graph"])
def test_pg_explainer_of_typed_graphs(level: str) -> None:
    models = pair(HeteroModel, "SAGEConv", "multiclass_classification", level, "raw")
    assert_pg(
        both(models, "PGExplainer", {"epochs": 3, "edge_size": 0.1}, "phenomenon", edge_mask_type="object"),
        XS,
        EDGES,
    )


def assert_pg(explainers: list[Any], x: Any, edge_index: Any) -> None:
    model = explainers[0].model
    index = 1 if model.level == "node" else None
    target = model(x, edge_index).detach()
    target = target if model.mode == "regression" else explainers[0].get_target(target)
    with pytest.raises(GraphValueError, match="trained for 3 epochs, got 0"):
        explainers[0](x, edge_index, target=target, index=index)
    losses = []
    for explainer in explainers:
        torch.manual_seed(5)
        explainer.model.eval()
        training = [
            explainer.algorithm.train(epoch, explainer.model, x, edge_index, target=target, index=index)
            for epoch in range(3)
        ]
        losses.append(training)
    assert losses[0] == pytest.approx(losses[1], rel=TOLERANCE[torch.get_default_dtype()])
    explained(explainers, x, edge_index, target=target, index=index)
    if model.level == "node":
        with pytest.raises(GraphValueError, match="one node"):
            explainers[0](x, edge_index, target=target)


@pytest.mark.parametrize("layer", ["GATConv", "GATv2Conv", "TransformerConv"])
@pytest.mark.parametrize("reduce", ["max", "mean"])
def test_attention_explainer(layer: str, reduce: str) -> None:
    loopless = EDGE_INDEX[:, EDGE_INDEX[0] != EDGE_INDEX[1]]
    models = pair(Model, layer, "multiclass_classification", "node", "raw")
    explainers = both(models, "AttentionExplainer", {"reduce": reduce}, edge_mask_type="object")
    explained(explainers, X, loopless, index=2)
    explained(explainers, X, loopless)


def test_attention_explainer_of_typed_graphs() -> None:
    models = pair(HeteroModel, "GATConv", "multiclass_classification", "node", "raw")
    explained(both(models, "AttentionExplainer", edge_mask_type="object"), XS, EDGES)


def test_attention_of_self_loops() -> None:
    """A layer replaces the loops of the graph by its own; their attention is found at the graph's loops."""
    model = pair(Model, "GATConv", "multiclass_classification", "node", "raw")[0]
    model.convs[1] = gv.nn.GATConv(8, 3)
    (explainer, _) = both((model, model), "AttentionExplainer", edge_mask_type="object")
    found = explainer(X, EDGE_INDEX).edge_mask
    first, second = model.convs
    expected = torch.zeros(EDGE_INDEX.size(1))
    h = X
    for conv in (first, second):
        h, (pairs, alpha) = conv(h, EDGE_INDEX, return_attention_weights=True)
        for i, edge in enumerate(EDGE_INDEX.t()):
            same = (pairs == edge.view(2, 1)).all(dim=0)
            expected[i] = torch.maximum(expected[i], alpha[same].max())
        h = h.relu()
    assert_close(found, expected)


def test_dummy_explainer() -> None:
    models = pair(Model, "GCNConv", "regression", "node", "raw")
    masks = {"node_mask_type": "common_attributes", "edge_mask_type": "object"}
    explained(both(models, "DummyExplainer", **masks), X, EDGE_INDEX)
    typed = pair(HeteroModel, "SAGEConv", "regression", "node", "raw")
    explained(both(typed, "DummyExplainer", node_mask_type="object", edge_mask_type="object"), XS, EDGES)


CAPTUM: dict[str, dict[str, Any]] = {
    "IntegratedGradients": {"n_steps": 3},
    "Saliency": {},
    "InputXGradient": {},
    "Deconvolution": {},
    "ShapleyValueSampling": {"n_samples": 1},
    "GuidedBackprop": {},
}


@pytest.mark.filterwarnings("ignore:Setting backward hooks:UserWarning", "ignore:Input Tensor:UserWarning")
@pytest.mark.parametrize("method", CAPTUM)
@pytest.mark.parametrize("mode, return_type", [MODES[1], MODES[2], MODES[5]])
def test_captum_explainer(method: str, mode: str, return_type: str) -> None:
    pytest.importorskip("captum")
    models = pair(Model, "GCNConv", mode, "node", return_type)
    kwargs = {"attribution_method": method, **CAPTUM[method]}
    both_masks = {"node_mask_type": "attributes", "edge_mask_type": "object"}
    for masks in (both_masks, {"edge_mask_type": "object"}):
        explainers = both(models, "CaptumExplainer", kwargs, **masks)
        if method != "ShapleyValueSampling" or mode != "regression":
            explained(explainers, X, EDGE_INDEX, index=2)
            continue
        # The peer fails; but Shapley values add up to what all inputs together bring.
        found = explainers[0](X, EDGE_INDEX, index=2)
        nothing = explainers[0].get_masked_prediction(
            X * (len(masks) == 1), EDGE_INDEX, None, torch.zeros(18)
        )
        total = sum(found[name].sum() for name in found.available_explanations)
        assert_close(total, (models[0](X, EDGE_INDEX)[2, 0] - nothing[2, 0]).float())


@pytest.mark.filterwarnings("ignore:Input Tensor:UserWarning")
def test_captum_explainer_of_typed_graphs() -> None:
    pytest.importorskip("captum")
    models = pair(HeteroModel, "SAGEConv", "multiclass_classification", "node", "raw")
    saliency = {"attribution_method": "Saliency"}
    explained(both(models, "CaptumExplainer", saliency, node_mask_type="attributes"), XS, EDGES, index=1)
    # The peer sends masks of typed graphs through a sigmoid, those of others not; a gradient tells the truth.
    (explainer, _) = both(models, "CaptumExplainer", saliency, edge_mask_type="object")
    found = explainer(XS, EDGES, index=1)
    masks = {kind: torch.ones(pairs.size(1), requires_grad=True) for kind, pairs in EDGES.items()}
    set_hetero_masks(models[0], masks, EDGES, apply_sigmoid=False)
    out = models[0](XS, EDGES)[1]
    gradients = torch.autograd.grad(out[out.argmax()], list(masks.values()))
    clear_masks(models[0])
    for mask, gradient in zip(found.edge_mask_dict.values(), gradients, strict=True):
        assert_close(mask, gradient.abs())


@pytest.mark.parametrize(
    "algorithm, explanation_type, config, masks, message",
    [
        (explain.PGExplainer(3), "model", ("regression", "node"), {"edge_mask_type": "object"}, "'phenomenon'"),
        (explain.PGExplainer(3), "phenomenon", ("regression", "edge"), {"edge_mask_type": "object"}, "'edge'"),
        (explain.PGExplainer(3), "phenomenon", ("regression", "node"), {"node_mask_type": "object"}, "be None"),
        (explain.AttentionExplainer(), "phenomenon", ("regression", "node"), {"edge_mask_type": "object"}, "'model'"),
    ],
)  # fmt: skip
def test_what_an_algorithm_cannot_do(
    algorithm: Any, explanation_type: str, config: Any, masks: Any, message: str
) -> None:
    with pytest.raises(GraphValueError, match=message):
        Explainer(torch.nn.Identity(), algorithm, explanation_type, config, **masks)


def test_models_that_do_not_use_what_is_masked() -> None:
    class Nothing(torch.nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return x

    config = {"mode": "regression", "task_level": "node"}
    explainer = Explainer(Nothing(), explain.GNNExplainer(1), "model", config, "object", "object")
    with pytest.raises(GraphValueError, match="edges"):
        explainer(X, EDGE_INDEX)
    attention = Explainer(Nothing(), explain.AttentionExplainer(), "model", config, None, "object")
    with pytest.raises(GraphValueError, match="attention"):
        attention(X, EDGE_INDEX)
    with pytest.raises(GraphValueError, match="not connected"):
        _ = explain.GNNExplainer().model_config


def test_masks_cost_no_stored_messages() -> None:
    """Masked layers run as one kernel or one program: nothing of size edges x features is stored."""
    x, edge_index = normal(50, 64).double(), integers(50, 2, 2000)
    mask = normal(2000).double().requires_grad_()
    for conv in (
        gv.nn.GCNConv(64, 64),
        gv.nn.SAGEConv(64, 64),
        gv.nn.GraphConv(64, 64),
        gv.nn.GINConv(gv.nn.MLP([64, 64])),
    ):
        expected = conv(x, edge_index)
        set_masks(conv, mask, edge_index)
        assert not any(step.stored for step in gv.plan(conv, x, edge_index).steps)
        assert not torch.allclose(conv(x, edge_index), expected)
        set_masks(conv, torch.ones(2000), edge_index, apply_sigmoid=False)
        assert_close(conv(x, edge_index), expected)
        clear_masks(conv)
        assert "_edge_mask" not in dict(conv.named_parameters())


def test_layers_may_stay_out() -> None:
    conv = gv.nn.GCNConv(5, 3)
    conv.explain = False
    expected = conv(X, EDGE_INDEX)
    set_masks(conv, torch.zeros(18), EDGE_INDEX, apply_sigmoid=False)
    assert_close(conv(X, EDGE_INDEX), expected)
    clear_masks(conv)
    assert conv.__dict__["_explain"] is False
