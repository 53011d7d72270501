"""Metrics of how much of what is true a list holds, and how early."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.metrics.base import LinkPredMetric, LinkPredMetricData


class LinkPredPrecision(LinkPredMetric):
    r"""Precision@k: the share of the first k predictions that are true.

    .. math:: \frac{1}{k} \sum_{i \leq k} \mathrm{rel}_i

    Args:
        k: length of the lists that count.

    Example:
        >>> metric = LinkPredPrecision(k=2)
        >>> metric.update(torch.tensor([[1, 0], [2, 3]]), torch.tensor([[0, 0, 0, 1], [1, 2, 3, 2]]))
        >>> metric.compute()
        tensor(0.5000)
    """

    higher_is_better = True

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        return data.pred_rel_mat[:, : self.k].sum(dim=-1) / self.k


class LinkPredRecall(LinkPredMetric):
    r"""Recall@k: the share of what is true that is among the first k predictions.

    .. math:: \sum_{i \leq k} \mathrm{rel}_i \Big/ \sum_{\mathrm{labels}} \mathrm{rel}

    Args:
        k: length of the lists that count.
        weighted: count labels by their relevance.

    Example:
        >>> metric = LinkPredRecall(k=2)
        >>> metric.update(torch.tensor([[1, 0], [2, 3]]), torch.tensor([[0, 0, 0, 1], [1, 2, 3, 2]]))
        >>> metric.compute()
        tensor(0.6667)
    """

    higher_is_better = True

    def __init__(self, k: int, weighted: bool = False) -> None:
        super().__init__(k)
        self.weighted = weighted

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        return data.pred_rel_mat[:, : self.k].sum(dim=-1) / data.label_weight_sum.clamp(min=1e-7)


class LinkPredF1(LinkPredMetric):
    r"""F1@k: the harmonic mean of precision and recall.

    .. math:: 2 P R / (P + R)

    Args:
        k: length of the lists that count.

    Example:
        >>> metric = LinkPredF1(k=2)
        >>> metric.update(torch.tensor([[1, 0], [2, 3]]), torch.tensor([[0, 0, 0, 1], [1, 2, 3, 2]]))
        >>> metric.compute()
        tensor(0.5333)
    """

    higher_is_better = True

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        hits = data.pred_rel_mat[:, : self.k].sum(dim=-1)
        precision, recall = hits / self.k, hits / data.label_count.clamp(min=1e-7)
        return 2 * precision * recall / (precision + recall).clamp(min=1e-7)


class LinkPredMAP(LinkPredMetric):
    r"""MAP@k: the precision at the places of what is true, averaged.

    .. math:: \frac{1}{\min(k, L)} \sum_{i \leq k} \mathrm{rel}_i \, \mathrm{Precision@}i

    Args:
        k: length of the lists that count.

    Example:
        >>> metric = LinkPredMAP(k=2)
        >>> metric.update(torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0, 1], [1, 2]]))
        >>> metric.compute()
        tensor(0.7500)
    """

    higher_is_better = True

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        relevant = data.pred_rel_mat[:, : self.k]
        precision = relevant.cumsum(dim=1) / _places(relevant)
        return (precision * relevant).sum(dim=-1) / data.label_count.clamp(min=1e-7, max=self.k)


class LinkPredNDCG(LinkPredMetric):
    r"""NDCG@k: relevance, the less the later it comes, as a share of what the best order would give.

    .. math:: \sum_{i \leq k} \frac{\mathrm{rel}_i}{\log_2(i + 1)} \Big/ \sum_{i \leq k}
        \frac{\mathrm{rel}^*_i}{\log_2(i + 1)}

    Args:
        k: length of the lists that count.
        weighted: count labels by their relevance.

    Example:
        >>> metric = LinkPredNDCG(k=2)
        >>> metric.update(torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0, 1], [1, 2]]))
        >>> metric.compute()
        tensor(0.8155)
    """

    higher_is_better = True
    discount: Tensor

    def __init__(self, k: int, weighted: bool = False) -> None:
        super().__init__(k)
        self.weighted = weighted
        discount = torch.arange(2, k + 2, dtype=torch.get_default_dtype()).log2()
        self.register_buffer("discount", discount, persistent=False)

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        relevant = data.pred_rel_mat[:, : self.k]
        gain = (relevant / self.discount[: relevant.size(1)]).sum(dim=-1)
        if data.edge_label_weight is None:
            ideal = torch.cat([self.discount.new_zeros(1), self.discount.reciprocal().cumsum(0)])
            best = ideal[data.label_count.clamp(max=self.k)]
        else:
            place = data.edge_label_weight_pos
            assert place is not None
            beyond = self.discount.new_full((1,), torch.inf)  # what comes after place k counts nothing
            best = data.per_example(
                data.edge_label_weight / torch.cat([self.discount, beyond])[place.clamp(max=self.k)]
            )
        return torch.where(best > 0, gain / best, 0.0)


class LinkPredMRR(LinkPredMetric):
    r"""MRR@k: one over the place of the first true prediction, 0 without one.

    .. math:: \max_{i \leq k} \mathrm{rel}_i / i

    Args:
        k: length of the lists that count.

    Example:
        >>> metric = LinkPredMRR(k=2)
        >>> metric.update(torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0, 1], [1, 2]]))
        >>> metric.compute()
        tensor(0.7500)
    """

    higher_is_better = True

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        relevant = data.pred_rel_mat[:, : self.k]
        return (relevant / _places(relevant)).amax(dim=-1)


class LinkPredHitRatio(LinkPredMetric):
    r"""Hit ratio@k: the share of examples with at least one true prediction among the first k.

    .. math:: \max_{i \leq k} \mathrm{rel}_i

    Args:
        k: length of the lists that count.

    Example:
        >>> metric = LinkPredHitRatio(k=1)
        >>> metric.update(torch.tensor([[0, 1], [2, 3]]), torch.tensor([[0, 1], [1, 2]]))
        >>> metric.compute()
        tensor(0.5000)
    """

    higher_is_better = True

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        return data.pred_rel_mat[:, : self.k].any(dim=-1).to(torch.get_default_dtype())


def _places(relevant: Tensor) -> Tensor:
    """1, 2, ..., one for each column."""
    return torch.arange(1, relevant.size(1) + 1, device=relevant.device)
