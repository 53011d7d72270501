"""How good an explanation is."""

from grapevine.explain.metric.basic import groundtruth_metrics
from grapevine.explain.metric.faithfulness import unfaithfulness
from grapevine.explain.metric.fidelity import characterization_score, fidelity, fidelity_curve_auc

__all__ = [
    "characterization_score",
    "fidelity",
    "fidelity_curve_auc",
    "groundtruth_metrics",
    "unfaithfulness",
]
