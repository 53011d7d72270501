"""Metrics of explanations, against torch_geometric, scikit-learn and closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from grapevine import explain
from grapevine.errors import GraphValueError
from grapevine.explain import groundtruth_metrics
from tests.explain.pairs import EDGE_INDEX, EDGES, XS, HeteroModel, Model, X, pair
from tests.explain.test_algorithms import both
from tests.nn.peer import assert_close, integers, uniform

peer = pytest.importorskip("torch_geometric.explain")
MASKS: dict[str, Any] = {"node_mask_type": "attributes", "edge_mask_type": "object"}


@pytest.mark.parametrize("seed", range(4))
def test_groundtruth_metrics(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores = (uniform(30, seed=seed) * 5).round() / 5 - 0.1  # with ties
    truth = integers(2, 30, seed=seed)
    found = (scores > 0.4).numpy()
    expected = [
        metrics.accuracy_score(truth, found),
        metrics.recall_score(truth, found),
        metrics.precision_score(truth, found),
        metrics.f1_score(truth, found),
        metrics.roc_auc_score(truth, scores),
    ]
    actual = groundtruth_metrics(scores.view(5, 6), truth.view(5, 6).float(), threshold=0.4)
    assert actual == pytest.approx(expected)
    assert groundtruth_metrics(scores, truth, "auroc") == pytest.approx(expected[-1])


def test_groundtruth_metrics_without_a_truth() -> None:
    names = ["recall", "precision", "f1_score", "auroc"]
    assert groundtruth_metrics(torch.zeros(3), torch.zeros(3), names) == (0.0,) * 4
    with pytest.raises(GraphValueError, match="'speed'"):
        groundtruth_metrics(torch.zeros(3), torch.zeros(3), ["speed"])


@pytest.mark.parametrize("kind", ["model", "phenomenon"])
@pytest.mark.parametrize(
    "mode, return_type", [("binary_classification", "raw"), ("multiclass_classification", "probs")]
)
def test_fidelity(kind: str, mode: str, return_type: str) -> None:
    models = pair(Model, "GCNConv", mode, "node", return_type)
    explainers = both(models, "DummyExplainer", None, kind, **MASKS)
    given = {} if kind == "model" else {"target": integers(2, 10)}
    changed = 0.0
    for index in (None, torch.arange(6)):
        results = []
        for library, explainer in zip((explain, peer), explainers, strict=True):
            torch.manual_seed(1)
            explanation = explainer(X, EDGE_INDEX, index=index, scale=torch.tensor(3.0), **given)
            results.append(library.fidelity(explainer, explanation.threshold("topk_hard", 5)))
        assert results[0] == pytest.approx(results[1])
        changed += sum(results[0])
    assert changed > 0


@pytest.mark.parametrize("kind", ["model", "phenomenon"])
@pytest.mark.parametrize("return_type", ["raw", "probs", "log_probs"])
def test_unfaithfulness(kind: str, return_type: str) -> None:
    models = pair(Model, "GCNConv", "multiclass_classification", "node", return_type)
    explainers = both(models, "DummyExplainer", None, kind, **MASKS)
    given = {} if kind == "model" else {"target": integers(3, 10)}
    for top_k, index in ((None, None), (2, 3)):
        results = []
        for library, explainer in zip((explain, peer), explainers, strict=True):
            torch.manual_seed(1)
            explanation = explainer(X, EDGE_INDEX, index=index, **given)
            results.append(library.unfaithfulness(explainer, explanation, top_k))
        assert results[0] == pytest.approx(results[1], rel=1e-6)
        assert 0.0 < results[0] < 1.0


def test_metrics_of_typed_graphs() -> None:
    """Everything masked out: the output is that of a graph without edges and features."""
    model = pair(HeteroModel, "SAGEConv", "multiclass_classification", "node", "raw")[0]
    (explainer, _) = both((model, model), "DummyExplainer", **MASKS)
    explanation = explainer(XS, EDGES)
    for key in ("node_mask", "edge_mask"):
        masks = explanation.collect(key).items()
        explanation.set_value_dict(key, {kind: torch.zeros_like(mask) for kind, mask in masks})
    nothing = {kind: torch.zeros_like(x) for kind, x in XS.items()}
    no_edges = {kind: pairs[:, :0] for kind, pairs in EDGES.items()}
    with torch.no_grad():
        y, empty = model(XS, EDGES), model(nothing, no_edges)
    p, q = y.softmax(dim=1), empty.softmax(dim=1)
    expected = 1 - math.exp(-float((q * (q / p).log()).sum(dim=1).mean()))
    assert explain.unfaithfulness(explainer, explanation) == pytest.approx(expected)
    same = float((y.argmax(dim=1) == empty.argmax(dim=1)).double().mean())
    assert explain.fidelity(explainer, explanation) == (0.0, pytest.approx(1 - same))


def test_scores_of_fidelities() -> None:
    pos, neg = uniform(7) / 2, uniform(7, seed=1) / 2
    for weights in ((0.5, 0.5), (0.3, 0.7)):
        ours, theirs = (lib.characterization_score(pos, neg, *weights) for lib in (explain, peer))
        assert_close(ours, theirs)
    x = torch.linspace(0, 2, 7, dtype=torch.float32)
    assert_close(explain.fidelity_curve_auc(pos, neg, x), peer.fidelity_curve_auc(pos, neg, x))
    with pytest.raises(GraphValueError, match="sum up to 1"):
        explain.characterization_score(pos, neg, 0.5, 0.6)
    with pytest.raises(GraphValueError, match="ascending"):
        explain.fidelity_curve_auc(pos, neg, -x)
    with pytest.raises(GraphValueError, match="infinite"):
        explain.fidelity_curve_auc(pos, neg.new_ones(7), x)


def test_regressions_have_no_fidelity() -> None:
    models = pair(Model, "GCNConv", "regression", "node", "raw")
    (explainer, _) = both(models, "DummyExplainer", node_mask_type="object")
    explanation = explainer(X, EDGE_INDEX)
    for metric in (explain.fidelity, explain.unfaithfulness):
        with pytest.raises(GraphValueError, match="regression"):
            metric(explainer, explanation)
    classes = pair(Model, "GCNConv", "multiclass_classification", "node", "raw")
    (explainer, _) = both(classes, "DummyExplainer", node_mask_type="object")
    with pytest.raises(GraphValueError, match="top_k"):
        explain.unfaithfulness(explainer, explainer(X, EDGE_INDEX), top_k=2)
