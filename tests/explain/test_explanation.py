"""Explanations as graphs, their configurations, and pictures of them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from grapevine import explain
from grapevine.errors import GraphValueError
from grapevine.explain import Explainer, Explanation, HeteroExplanation, ThresholdConfig
from grapevine.explain.visualization import draw_scores, visualize_graph, visualize_hetero_graph
from tests.explain.pairs import EDGE_INDEX, EDGES, RATED, RATES, XS, X
from tests.nn.peer import assert_close, uniform

peer = pytest.importorskip("torch_geometric.explain")
EDGE_MASK = torch.tensor([0.9, 0.0, 0.3, 0.3, 0.0, 0.7] * 3)
NODE_MASKS = {
    "object": (torch.arange(10) % 3).view(10, 1) / 2,
    "attributes": uniform(10, 5) * (torch.arange(10) != 4).view(10, 1),
}


def explanations(library: Any, node_mask: Tensor, edge_mask: Tensor = EDGE_MASK) -> Any:
    given = {"x": X, "edge_index": EDGE_INDEX, "edge_attr": torch.arange(18), "y": torch.arange(10)}
    return library.Explanation(node_mask=node_mask, edge_mask=edge_mask, name="one", **given)


def hetero(library: Any) -> Any:
    out = library.HeteroExplanation()
    for kind, x in XS.items():
        rows = torch.arange(x.size(0)).view(-1, 1)
        out[kind].x, out[kind].node_mask = x, uniform(x.size(0), 5) * (rows != 1)
    for kind, pairs in EDGES.items():
        out[kind].edge_index, out[kind].edge_mask = pairs, EDGE_MASK[: pairs.size(1)]
        out[kind].edge_attr = torch.arange(pairs.size(1))
    return out


@pytest.mark.parametrize("kind", NODE_MASKS)
@pytest.mark.parametrize("part", ["get_explanation_subgraph", "get_complement_subgraph"])
def test_subgraphs(kind: str, part: str) -> None:
    ours, theirs = (getattr(explanations(lib, NODE_MASKS[kind]), part)() for lib in (explain, peer))
    assert type(ours) is Explanation
    assert set(ours.keys()) == set(theirs.keys())
    for key in sorted(theirs.keys()):
        value = theirs[key]
        assert torch.equal(ours[key], value) if isinstance(value, Tensor) else ours[key] == value, key


def test_masks_over_features_concern_no_node() -> None:
    ours = explanations(explain, uniform(1, 5)).get_explanation_subgraph()
    assert ours.num_nodes == 10
    assert ours.num_edges == int((EDGE_MASK > 0).sum())


@pytest.mark.parametrize("part", ["get_explanation_subgraph", "get_complement_subgraph"])
def test_subgraphs_of_typed_graphs(part: str) -> None:
    ours, theirs = (getattr(hetero(lib), part)() for lib in (explain, peer))
    assert type(ours) is HeteroExplanation
    for kind in [*XS, *EDGES]:
        assert set(ours[kind].keys()) == set(theirs[kind].keys())
        for key in sorted(theirs[kind].keys()):
            assert torch.equal(ours[kind][key], theirs[kind][key]), (kind, key)


@pytest.mark.parametrize(
    "args", [("hard", 0.5), ("topk", 3), ("topk_hard", 4), ("topk", 1000), ("topk_hard", 1000)]
)
def test_thresholds(args: Any) -> None:
    mask = uniform(18)
    ours, theirs = (explanations(lib, NODE_MASKS["attributes"], mask) for lib in (explain, peer))
    before = copy.deepcopy(ours)
    for given in (args, (args,), ({"threshold_type": args[0], "value": args[1]},)):
        found, expected = ours.threshold(*given), theirs.threshold(*given)
        assert_close(found.node_mask, expected.node_mask)
        assert_close(found.edge_mask, expected.edge_mask)
    assert torch.equal(ours.edge_mask, before.edge_mask)
    assert ours.threshold(None) is ours
    typed, expected = hetero(explain).threshold(*args), hetero(peer).threshold(*args)
    assert torch.equal(typed[RATES].edge_mask, expected[RATES].edge_mask)
    assert torch.equal(typed["user"].node_mask, expected["user"].node_mask)


@pytest.mark.parametrize(
    "name, mask, message",
    [
        ("node_mask", torch.ones(10), "two dimensions"),
        ("node_mask", torch.ones(9, 1), "10 rows"),
        ("node_mask", torch.ones(10, 4), "5 columns"),
        ("edge_mask", torch.ones(17), "one per edge"),
        ("edge_mask", torch.ones(18, 1), "one per edge"),
    ],
)
def test_masks_of_other_shapes(name: str, mask: Tensor, message: str) -> None:
    explanation = Explanation(x=X, edge_index=EDGE_INDEX, **{name: mask})
    with pytest.raises(GraphValueError, match=message):
        explanation.validate()
    with pytest.warns(UserWarning, match=message):
        assert not explanation.validate(raise_on_error=False)


def test_configurations() -> None:
    for name, args in {
        "ExplainerConfig": ("model", "attributes", "object"),
        "ModelConfig": ("multiclass_classification", "node", "log_probs"),
        "ThresholdConfig": ("topk", 3),
    }.items():
        ours, theirs = getattr(explain, name).cast(args), getattr(peer, name).cast(args)
        values = [getattr(value, "value", value) for value in ours]
        assert values == [getattr(value, "value", value) for value in theirs]
        assert getattr(explain, name).cast(ours) is ours
    assert ThresholdConfig.cast(None) is None


@pytest.mark.parametrize(
    "name, args",
    [
        ("ExplainerConfig", ("model",)),
        ("ExplainerConfig", ("models", "object")),
        ("ExplainerConfig", ("model", None, "attributes")),
        ("ExplainerConfig", ("model", "edges")),
        ("ModelConfig", ("regression", "node", "probs")),
        ("ModelConfig", ("binary_classification", "node", "log_probs")),
        ("ModelConfig", ("multiclass_classification", "node")),
        ("ThresholdConfig", ("hard", 1.5)),
        ("ThresholdConfig", ("topk", 0)),
        ("ThresholdConfig", ("topk", 0.5)),
        ("ThresholdConfig", ("hard", None)),
    ],
)
def test_what_configurations_refuse(name: str, args: Any) -> None:
    with pytest.raises(GraphValueError, match="expected"):
        getattr(explain, name)(*args)
    with pytest.raises(ValueError):
        getattr(peer, name)(*args)


class Sum(torch.nn.Module):
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return x.sum(dim=1)


def test_targets() -> None:
    config = {"mode": "regression", "task_level": "node"}
    explainer = Explainer(Sum(), explain.DummyExplainer(), "phenomenon", config, "object")
    with pytest.raises(GraphValueError, match="target"):
        explainer(X, EDGE_INDEX)
    cut: Any = ("topk_hard", 2)
    explainer = Explainer(Sum(), explain.DummyExplainer(), "model", config, "object", threshold_config=cut)
    with pytest.warns(UserWarning, match="finds its target"):
        out = explainer(X, EDGE_INDEX, target=X.sum(dim=1), index=1)
    assert_close(out.target, X.sum(dim=1))
    assert out.node_mask.sum() == 2.0
    assert out.index.tolist() == [1]
    assert explainer.model.training


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    one, two = explanations(explain, NODE_MASKS["attributes"]), hetero(explain)
    paths = [str(tmp_path / f"{i}.png") for i in range(4)]
    names = {kind: [f"{kind}{i}" for i in range(x.size(0))] for kind, x in XS.items()}
    one.visualize_graph(paths[0], backend="networkx", node_labels=[f"n{i}" for i in range(10)])
    two.visualize_graph(paths[1], node_labels=names)
    one.visualize_feature_importance(paths[2], top_k=3)
    two.visualize_feature_importance(paths[3], feat_labels={kind: list("abcde") for kind in XS})
    assert all(Path(path).read_bytes()[1:4] == b"PNG" for path in paths)


def test_what_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("networkx")
    path = str(tmp_path / "graph.svg")
    graph = visualize_graph(EDGE_INDEX, EDGE_MASK, path, "networkx")
    shown = {(int(u), int(v)) for (u, v), w in zip(EDGE_INDEX.t(), EDGE_MASK, strict=True) if w > 0}
    assert set(graph.edges) == shown
    assert graph.edges[0, 1]["weight"] == 1.0
    assert graph.edges[1, 2]["weight"] == pytest.approx(1 / 3)
    alike = visualize_graph(EDGE_INDEX, torch.full((18,), 0.5), path, "networkx")
    assert all(weight == 1.0 for *_, weight in alike.edges.data("weight"))
    masks = {RATES: torch.tensor([0.0, 0.5, 0.0, 1.0, 0.0]), RATED: torch.zeros(6)}
    typed = visualize_hetero_graph(EDGES, masks, path)
    assert set(typed.edges) == {(("user", 1), ("item", 0)), (("user", 3), ("item", 1))}
    with pytest.raises(GraphValueError, match="backend"):
        visualize_graph(EDGE_INDEX, None, path, "paint")
    with pytest.raises(GraphValueError, match="labels"):
        draw_scores(torch.ones(3), ["a"], path)
    with pytest.raises(GraphValueError, match="over features"):
        explanations(explain, NODE_MASKS["object"]).visualize_feature_importance(path)
    with pytest.raises(GraphValueError, match="'edge_mask'"):
        Explanation(x=X, node_mask=NODE_MASKS["object"]).visualize_graph(path)
    with pytest.raises(GraphValueError, match="node_labels"):
        hetero(explain).visualize_graph(path, node_labels={"user": ["one"]})
