"""Metrics of recommended lists that ask for no truth: how varied, how personal, how popular they are."""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.metrics.base import Labels, ListMetric, MeanMetric


class LinkPredCoverage(ListMetric):
    r"""Coverage@k: the share of all items that someone is recommended.

    .. math:: \frac{1}{N} \Big| \bigcup_u \mathrm{list}_u \Big|

    Args:
        k: length of the lists that count.
        num_dst_nodes: number of items N.

    Example:
        >>> metric = LinkPredCoverage(k=2, num_dst_nodes=4)
        >>> metric.update(torch.tensor([[0, 1], [1, 2]]), torch.empty(2, 0, dtype=torch.int64))
        >>> metric.compute()
        tensor(0.7500)
    """

    higher_is_better = True
    mask: Tensor

    def __init__(self, k: int, num_dst_nodes: int) -> None:
        super().__init__(k)
        self.num_dst_nodes = num_dst_nodes
        self.register_buffer("mask", torch.zeros(num_dst_nodes, dtype=torch.bool), persistent=False)

    def update(
        self, pred_index_mat: Tensor, edge_label_index: Labels, edge_label_weight: Tensor | None = None
    ) -> None:
        self.mask[pred_index_mat[:, : self.k].flatten()] = True

    def compute(self) -> Tensor:
        return self.mask.to(torch.get_default_dtype()).mean()

    def reset(self) -> None:
        self.mask.zero_()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, num_dst_nodes={self.num_dst_nodes})"


class LinkPredDiversity(MeanMetric):
    r"""Diversity@k: the share of pairs within a list whose items are of different categories.

    .. math:: 1 - \frac{1}{k (k - 1)} \sum_{i \neq j} [c_i = c_j]

    Args:
        k: length of the lists that count.
        category: category of each item, integers (N,).

    Example:
        >>> metric = LinkPredDiversity(k=3, category=torch.tensor([0, 0, 1, 1]))
        >>> metric.update(torch.tensor([[0, 1, 2]]), torch.empty(2, 0, dtype=torch.int64))
        >>> metric.compute()
        tensor(0.6667)
    """

    higher_is_better = True
    category: Tensor

    def __init__(self, k: int, category: Tensor) -> None:
        super().__init__(k)
        self.register_buffer("category", category, persistent=False)

    def update(
        self, pred_index_mat: Tensor, edge_label_index: Labels, edge_label_weight: Tensor | None = None
    ) -> None:
        category = self.category[pred_index_mat[:, : self.k]].sort(dim=1).values
        # In a sorted list, item i has i - first[i] equals before it: each is one pair, seen from both ends
        first = torch.searchsorted(category, category)
        equals = torch.arange(category.size(1), device=category.device) - first
        self.accum += (1 - 2 * equals.sum(dim=1) / (self.k * (self.k - 1))).sum()
        self.total += pred_index_mat.size(0)


class LinkPredPersonalization(ListMetric):
    r"""Personalization@k: how little two lists have in common, averaged over all pairs of examples.

    .. math:: 1 - \frac{2}{n (n - 1)} \sum_{u < v} \frac{|\mathrm{list}_u \cap \mathrm{list}_v|}{k}

    Common items are counted item by item, at a cost that grows with the number of predictions, not of pairs.

    Args:
        k: length of the lists that count.
        max_src_nodes: how many examples count, the first ones; None: all.
        batch_size: accepted for compatibility.

    Example:
        >>> metric = LinkPredPersonalization(k=2)
        >>> metric.update(torch.tensor([[0, 1], [1, 2]]), torch.empty(2, 0, dtype=torch.int64))
        >>> metric.compute()
        tensor(0.5000)
    """

    higher_is_better = True
    total: Tensor

    def __init__(self, k: int, max_src_nodes: int | None = 2**12, batch_size: int = 2**16) -> None:
        super().__init__(k)
        self.max_src_nodes = max_src_nodes
        self.batch_size = batch_size
        self.preds: list[Tensor] = []
        self.register_buffer("total", torch.tensor(0), persistent=False)

    def update(
        self, pred_index_mat: Tensor, edge_label_index: Labels, edge_label_weight: Tensor | None = None
    ) -> None:
        rows = pred_index_mat.size(0)
        if self.max_src_nodes is not None:
            rows = min(rows, self.max_src_nodes - int(self.total))
        if rows > 0:
            self.preds.append(pred_index_mat[:rows, : self.k].cpu())
            self.total += rows

    def compute(self) -> Tensor:
        dtype = torch.get_default_dtype()
        lists = torch.cat(self.preds) if self.preds else torch.empty(0, self.k, dtype=torch.int64)
        rows, width = lists.shape
        pairs = rows * (rows - 1) // 2
        if pairs == 0 or width == 0:
            return torch.zeros((), dtype=dtype, device=self.total.device)
        # Every (item, example) once, sorted, with how often the item stands in the list: an item that stands m times
        # in one list is m common items with each of the later lists that hold it.
        code = lists * rows + torch.arange(rows).unsqueeze(1)
        code, times = code.flatten().unique(return_counts=True)
        holders = (code // rows).unique_consecutive(return_counts=True)[1]
        later = holders.cumsum(0).repeat_interleave(holders) - torch.arange(1, code.numel() + 1)
        common = int((times * later).sum())
        return torch.tensor(1 - common / (width * pairs), dtype=dtype, device=self.total.device)

    def reset(self) -> None:
        self.preds = []
        self.total.zero_()


class LinkPredAveragePopularity(MeanMetric):
    r"""Average popularity@k of what is recommended.

    .. math:: \frac{1}{k} \sum_{i \leq k} p_i

    Args:
        k: length of the lists that count.
        popularity: popularity p of each item, (N,): how often it was rated, say.

    Example:
        >>> metric = LinkPredAveragePopularity(k=2, popularity=torch.tensor([10, 2, 4]))
        >>> metric.update(torch.tensor([[0, 1], [1, 2]]), torch.empty(2, 0, dtype=torch.int64))
        >>> metric.compute()
        tensor(4.5000)
    """

    higher_is_better = False
    popularity: Tensor

    def __init__(self, k: int, popularity: Tensor) -> None:
        super().__init__(k)
        self.register_buffer("popularity", popularity, persistent=False)

    def update(
        self, pred_index_mat: Tensor, edge_label_index: Labels, edge_label_weight: Tensor | None = None
    ) -> None:
        popularity = self.popularity[pred_index_mat[:, : self.k]].to(self.accum.dtype).mean(dim=-1)
        self.accum += popularity.sum()
        self.total += popularity.numel()
