"""Explanations: which nodes, features and edges a prediction rests on, and how good such an explanation is.

explainer = Explainer(model, GNNExplainer(epochs=200), "model", model_config, edge_mask_type="object")
explanation = explainer(data.x, data.edge_index, index=10)
explanation.visualize_graph("explanation.png")
"""

from grapevine.explain import metric
from grapevine.explain.algorithm import (
    AttentionExplainer,
    CaptumExplainer,
    DummyExplainer,
    ExplainerAlgorithm,
    GNNExplainer,
    GraphMaskExplainer,
    PGExplainer,
)
from grapevine.explain.config import ExplainerConfig, ModelConfig, ThresholdConfig
from grapevine.explain.explainer import Explainer
from grapevine.explain.explanation import Explanation, HeteroExplanation
from grapevine.explain.metric import *  # noqa: F403 (its `__all__` says what comes)

__all__ = [
    "AttentionExplainer",
    "CaptumExplainer",
    "DummyExplainer",
    "Explainer",
    "ExplainerAlgorithm",
    "ExplainerConfig",
    "Explanation",
    "GNNExplainer",
    "GraphMaskExplainer",
    "HeteroExplanation",
    "ModelConfig",
    "PGExplainer",
    "ThresholdConfig",
]
__all__ += metric.__all__
