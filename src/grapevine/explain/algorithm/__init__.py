"""Algorithms that explain."""

from grapevine.explain.algorithm.attention_explainer import AttentionExplainer
from grapevine.explain.algorithm.base import ExplainerAlgorithm
from grapevine.explain.algorithm.captum_explainer import CaptumExplainer
from grapevine.explain.algorithm.dummy_explainer import DummyExplainer
from grapevine.explain.algorithm.gnn_explainer import GNNExplainer
from grapevine.explain.algorithm.graphmask_explainer import GraphMaskExplainer
from grapevine.explain.algorithm.pg_explainer import PGExplainer

__all__ = [
    "AttentionExplainer",
    "CaptumExplainer",
    "DummyExplainer",
    "ExplainerAlgorithm",
    "GNNExplainer",
    "GraphMaskExplainer",
    "PGExplainer",
]
