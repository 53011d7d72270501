"""Metrics of recommended lists: each is fed batch by batch (`update`), and tells the value over all (`compute`)."""

from grapevine.metrics.base import LinkPredMetric, LinkPredMetricCollection
from grapevine.metrics.lists import (
    LinkPredAveragePopularity,
    LinkPredCoverage,
    LinkPredDiversity,
    LinkPredPersonalization,
)
from grapevine.metrics.relevance import (
    LinkPredF1,
    LinkPredHitRatio,
    LinkPredMAP,
    LinkPredMRR,
    LinkPredNDCG,
    LinkPredPrecision,
    LinkPredRecall,
)

__all__ = [
    "LinkPredAveragePopularity",
    "LinkPredCoverage",
    "LinkPredDiversity",
    "LinkPredF1",
    "LinkPredHitRatio",
    "LinkPredMAP",
    "LinkPredMRR",
    "LinkPredMetric",
    "LinkPredMetricCollection",
    "LinkPredNDCG",
    "LinkPredPersonalization",
    "LinkPredPrecision",
    "LinkPredRecall",
]
