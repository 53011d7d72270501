"""What ranking metrics share: labels looked up in the predicted lists, sums over many batches, collections."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import Module, ModuleDict

from grapevine.errors import GraphTypeError, GraphValueError

Labels = Tensor | tuple[Tensor, Tensor]


class LinkPredMetricData:
    """The predictions and the truth of one batch, and what several metrics need of them, computed once.

    Args:
        pred_index_mat: the items predicted for each of B examples, the best first, int64 (B, K).
        edge_label_index: pairs (example, item) that are true, int64 (2, L) or two tensors (L,).
        edge_label_weight: how relevant each of these is, (L,); those of weight 0 or less are not true.
    """

    def __init__(
        self,
        pred_index_mat: Tensor,
        edge_label_index: Labels,
        edge_label_weight: Tensor | None = None,
    ) -> None:
        example, item = edge_label_index
        if edge_label_weight is not None:
            relevant = edge_label_weight > 0
            example, item = example[relevant], item[relevant]
            edge_label_weight = edge_label_weight[relevant]
        self.pred_index_mat = pred_index_mat
        self.edge_label_index = (example, item)
        self.edge_label_weight = edge_label_weight

    def unweighted(self) -> LinkPredMetricData:
        """The same without weights; what was looked up stays known."""
        data = LinkPredMetricData(self.pred_index_mat, self.edge_label_index)
        data.__dict__["_found"] = self._found
        return data

    @cached_property
    def _found(self) -> tuple[Tensor, Tensor]:
        """Whether each prediction is among the labels, boolean (B, K), and which one it is, int64 (B, K)."""
        example, item = self.edge_label_index
        predicted = self.pred_index_mat
        if item.numel() == 0 or predicted.numel() == 0:
            return torch.zeros_like(predicted, dtype=torch.bool), torch.zeros_like(predicted)
        num_items = int(torch.maximum(predicted.max(), item.max())) + 1
        label, order = (example * num_items + item).sort()
        row = torch.arange(predicted.size(0), device=predicted.device).unsqueeze(1)
        wanted = row * num_items + predicted
        place = torch.searchsorted(label, wanted).clamp_(max=label.numel() - 1)
        return label[place] == wanted, order[place]

    @cached_property
    def pred_rel_mat(self) -> Tensor:
        """Relevance of every prediction, (B, K): boolean, or the weight of the label."""
        hit, which = self._found
        if self.edge_label_weight is None:
            return hit
        if self.edge_label_weight.numel() == 0:
            return torch.zeros_like(hit, dtype=self.edge_label_weight.dtype)
        return self.edge_label_weight[which] * hit

    @cached_property
    def label_count(self) -> Tensor:
        """Number of labels of each example, int64 (B,)."""
        return self.edge_label_index[0].bincount(minlength=self.pred_index_mat.size(0))

    @cached_property
    def label_weight_sum(self) -> Tensor:
        """Sum of the weights of each example's labels, (B,); their number where there are no weights."""
        return (
            self.label_count if self.edge_label_weight is None else self.per_example(self.edge_label_weight)
        )

    @cached_property
    def edge_label_weight_pos(self) -> Tensor | None:
        """Place of every label among those of its example, the heaviest first, int64 (L,)."""
        if self.edge_label_weight is None:
            return None
        by_weight = self.edge_label_weight.argsort(descending=True)
        example = self.edge_label_index[0]
        order = by_weight[example[by_weight].argsort(stable=True)]
        place = torch.empty_like(order)
        place[order] = torch.arange(order.numel(), device=order.device)
        return place - (self.label_count.cumsum(0) - self.label_count)[example]

    def per_example(self, value: Tensor) -> Tensor:
        """Values of labels (L,), summed up for each example (B,)."""
        out = value.new_zeros(self.pred_index_mat.size(0))
        return out.index_add_(0, self.edge_label_index[0], value)


class ListMetric(Module, ABC):
    """A number about the lists that are recommended, gathered batch by batch.

    `update` adds a batch, `compute` tells the value so far, `reset` starts anew. Called as a function, a metric adds a
    batch and tells the value of that batch alone.

    Args:
        k: length of the lists that count.

    Raises:
        GraphValueError: for k below 1.
    """

    higher_is_better: bool | None = None
    is_differentiable = False

    def __init__(self, k: int) -> None:
        super().__init__()
        if k <= 0:
            raise GraphValueError(f"expected k >= 1 in {type(self).__name__}, got {k}")
        self.k = k

    @abstractmethod
    def update(
        self, pred_index_mat: Tensor, edge_label_index: Labels, edge_label_weight: Tensor | None = None
    ) -> None:
        """Adds a batch.

        Args:
            pred_index_mat: the items predicted for each of B examples, the best first, int64 (B, K).
            edge_label_index: pairs (example, item) that are true, int64 (2, L) or two tensors (L,).
            edge_label_weight: how relevant each of these is, (L,); for weighted metrics.
        """

    @abstractmethod
    def compute(self) -> Tensor:
        """The value over all batches: a scalar."""

    @abstractmethod
    def reset(self) -> None:
        """Forgets all batches."""

    def forward(
        self, pred_index_mat: Tensor, edge_label_index: Labels, edge_label_weight: Tensor | None = None
    ) -> Tensor:
        alone = copy.deepcopy(self)
        alone.reset()
        alone.update(pred_index_mat, edge_label_index, edge_label_weight)
        self.update(pred_index_mat, edge_label_index, edge_label_weight)
        return alone.compute()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k})"


class MeanMetric(ListMetric):
    """A list metric that is a mean: `accum` sums up, `total` counts."""

    accum: Tensor
    total: Tensor

    def __init__(self, k: int) -> None:
        super().__init__(k)
        self.register_buffer("accum", torch.tensor(0.0), persistent=False)
        self.register_buffer("total", torch.tensor(0), persistent=False)

    def compute(self) -> Tensor:
        return self.accum / self.total if self.total > 0 else torch.zeros_like(self.accum)

    def reset(self) -> None:
        self.accum.zero_()
        self.total.zero_()


class LinkPredMetric(MeanMetric):
    """A metric of every example's list, averaged over the examples that have labels.

    One's own defines `_compute`, from the batch to the values of its examples (B,).

    Args:
        k: length of the lists that count.

    Attributes:
        weighted: whether it needs the relevance of labels.
    """

    weighted: bool = False

    def update(
        self, pred_index_mat: Tensor, edge_label_index: Labels, edge_label_weight: Tensor | None = None
    ) -> None:
        if self.weighted and edge_label_weight is None:
            raise GraphTypeError(
                f"expected edge_label_weight, which the weighted {type(self).__name__} needs, got None; pass a tensor "
                "(L,), or weighted=False"
            )
        weight = edge_label_weight if self.weighted else None
        self._update(LinkPredMetricData(pred_index_mat, edge_label_index, weight))

    def _update(self, data: LinkPredMetricData) -> None:
        self.accum += self._compute(data).sum()
        self.total += (data.label_count > 0).sum()

    @abstractmethod
    def _compute(self, data: LinkPredMetricData) -> Tensor:
        """The values of the batch's examples, (B,)."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}{', weighted=True' if self.weighted else ''})"


class LinkPredMetricCollection(ModuleDict):
    """Several metrics of the same lists; labels are looked up once for all.

    Args:
        metrics: a list, whose names become `LinkPredRecall@10` and the like, or a dictionary with names of one's own.

    Raises:
        GraphValueError: for no metric.
        GraphTypeError: for something else than a metric, or, in `update`, without weights where one needs them.

    Example:
        >>> from grapevine.metrics import LinkPredPrecision, LinkPredRecall
        >>> metrics = LinkPredMetricCollection([LinkPredPrecision(k=2), LinkPredRecall(k=2)])
        >>> metrics.update(torch.tensor([[1, 0], [2, 3]]), torch.tensor([[0, 0, 0, 1], [1, 2, 3, 2]]))
        >>> metrics.compute()
        {'LinkPredPrecision@2': tensor(0.5000), 'LinkPredRecall@2': tensor(0.6667)}
    """

    def __init__(self, metrics: Iterable[ListMetric] | Mapping[str, ListMetric]) -> None:
        super().__init__()
        if not isinstance(metrics, Mapping):
            metrics = {f"{'Weighted' if _is_weighted(m) else ''}{type(m).__name__}@{m.k}": m for m in metrics}
        if len(metrics) == 0:
            raise GraphValueError("expected at least one metric, got none")
        for name, metric in metrics.items():
            if not isinstance(metric, ListMetric):
                raise GraphTypeError(f"expected metrics of grapevine.metrics, got {type(metric).__name__}")
            self[name] = metric

    @property
    def _all(self) -> dict[str, ListMetric]:
        return {name: metric for name, metric in self.items() if isinstance(metric, ListMetric)}

    @property
    def max_k(self) -> int:
        """The longest list that a metric asks for."""
        return max(metric.k for metric in self._all.values())

    @property
    def weighted(self) -> bool:
        """Whether a metric needs the relevance of labels."""
        return any(_is_weighted(metric) for metric in self._all.values())

    def update(  # type: ignore[override]  # a dictionary's `update` takes other things
        self, pred_index_mat: Tensor, edge_label_index: Labels, edge_label_weight: Tensor | None = None
    ) -> None:
        """Adds a batch to every metric; arguments as for a metric."""
        if self.weighted and edge_label_weight is None:
            raise GraphTypeError(
                "expected edge_label_weight, which a weighted metric needs, got None; pass a tensor (L,)"
            )
        data = LinkPredMetricData(pred_index_mat, edge_label_index, edge_label_weight)
        plain = data.unweighted()
        for metric in self._all.values():
            if isinstance(metric, LinkPredMetric):
                metric._update(data if metric.weighted else plain)
            else:
                metric.update(pred_index_mat, edge_label_index, edge_label_weight)

    def compute(self) -> dict[str, Tensor]:
        """The values over all batches, by name."""
        return {name: metric.compute() for name, metric in self._all.items()}

    def reset(self) -> None:
        """Forgets all batches."""
        for metric in self._all.values():
            metric.reset()

    def __repr__(self) -> str:
        lines = "".join(f"  {name}: {metric},\n" for name, metric in self.items())
        return f"{type(self).__name__}([\n{lines}])"


def _is_weighted(metric: Module) -> bool:
    return isinstance(metric, LinkPredMetric) and metric.weighted
