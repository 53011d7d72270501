"""What PyTorch Geometric had in older releases and Grapevine has under other names."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.errors import GraphValueError
from grapevine.explain import Explainer
from grapevine.explain import GNNExplainer as Algorithm
from grapevine.graph import k_hop_subgraph
from grapevine.nn import AttentionalAggregation, SortAggregation
from grapevine.nn.message_passing import MessagePassing
from grapevine.utils import scatter

__all__ = [
    "GNNExplainer",
    "GlobalAttention",
    "accuracy",
    "f1_score",
    "false_negative",
    "false_positive",
    "global_sort_pool",
    "intersection_and_union",
    "mean_iou",
    "precision",
    "recall",
    "scatter_",
    "true_negative",
    "true_positive",
]


def scatter_(name: str, src: Tensor, index: Tensor, dim: int = 0, dim_size: int | None = None) -> Tensor:
    """`grapevine.utils.scatter` by the name of the reduction: "add", "mean", "max" or "min".

    Example:
        >>> scatter_("add", torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 0]))
        tensor([5., 2.])
    """
    return scatter(src, index, dim, dim_size, reduce=name)


class GlobalAttention(AttentionalAggregation):
    """`AttentionalAggregation`, called with `size` instead of `dim_size`.

    Example:
        >>> GlobalAttention(torch.nn.Linear(2, 1))(torch.ones(3, 2), torch.tensor([0, 0, 1]))
        tensor([[1., 1.],
                [1., 1.]], grad_fn=<...>)
    """

    def __call__(  # type: ignore[override]
        self, x: Tensor, batch: Tensor | None = None, size: int | None = None
    ) -> Tensor:
        out: Tensor = super().__call__(x, batch, dim_size=size)
        return out


def global_sort_pool(x: Tensor, batch: Tensor | None, k: int) -> Tensor:
    """`SortAggregation` as a function: the k rows of each graph with the largest last feature, (B, k * F).

    Example:
        >>> global_sort_pool(torch.tensor([[1.0], [3.0], [2.0]]), torch.tensor([0, 0, 0]), k=2)
        tensor([[3., 2.]])
    """
    out: Tensor = SortAggregation(k)(x, batch)
    return out


# utils.metric ---------------------------------------------------------------------------------------------------


def accuracy(pred: Tensor, target: Tensor) -> float:
    """The share of right predictions.

    Example:
        >>> accuracy(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
        0.75
    """
    return float((pred == target).sum()) / target.numel()


def _counts(pred: Tensor, target: Tensor, num_classes: int, predicted: bool, true: bool) -> Tensor:
    classes = torch.arange(num_classes, device=target.device).view(-1, 1)
    return (((pred == classes) == predicted) & ((target == classes) == true)).sum(1)


def true_positive(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """How many of each class are predicted as such, int64 (C,)."""
    return _counts(pred, target, num_classes, True, True)


def true_negative(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """How many of other classes are predicted as others, int64 (C,)."""
    return _counts(pred, target, num_classes, False, False)


def false_positive(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """How many of other classes are predicted as each class, int64 (C,)."""
    return _counts(pred, target, num_classes, True, False)


def false_negative(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """How many of each class are predicted as others, int64 (C,)."""
    return _counts(pred, target, num_classes, False, True)


def precision(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """The share of right ones among the predictions of each class, 0 without any, (C,).

    Example:
        >>> precision(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), num_classes=3)
        tensor([0.5000, 1.0000, 0.0000])
    """
    right = true_positive(pred, target, num_classes).float()
    return right / (right + false_positive(pred, target, num_classes)).clamp(min=1)


def recall(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """The share of each class that is found, 0 where there is none, (C,).

    Example:
        >>> recall(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), num_classes=3)
        tensor([1.0000, 0.5000, 0.0000])
    """
    right = true_positive(pred, target, num_classes).float()
    return right / (right + false_negative(pred, target, num_classes)).clamp(min=1)


def f1_score(pred: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """The harmonic mean of precision and recall, (C,).

    Example:
        >>> f1_score(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), num_classes=2)
        tensor([0.6667, 0.6667])
    """
    p, r = precision(pred, target, num_classes), recall(pred, target, num_classes)
    return (2 * p * r / (p + r)).nan_to_num(0.0)


def intersection_and_union(
    pred: Tensor, target: Tensor, num_classes: int, batch: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """How many points are of a class in prediction and truth, and in one of both: (C,), or (B, C) by graph.

    Example:
        >>> intersection_and_union(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), num_classes=2)
        (tensor([1, 1]), tensor([2, 2]))
    """
    classes = torch.arange(num_classes, device=target.device)
    found, true = pred.view(-1, 1) == classes, target.view(-1, 1) == classes
    both, any_ = (found & true).long(), (found | true).long()
    if batch is None:
        return both.sum(0), any_.sum(0)
    return scatter(both, batch, 0, reduce="sum"), scatter(any_, batch, 0, reduce="sum")


def mean_iou(
    pred: Tensor, target: Tensor, num_classes: int, batch: Tensor | None = None, omitnans: bool = False
) -> Tensor:
    """The mean over classes of intersection over union; classes that occur in neither count 1, or with `omitnans` not.

    Example:
        >>> mean_iou(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), num_classes=3)
        tensor(0.6667)
        >>> mean_iou(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), num_classes=3, omitnans=True)
        tensor(0.5000)
    """
    intersection, union = intersection_and_union(pred, target, num_classes, batch)
    iou = intersection / union
    return iou.nanmean(-1) if omitnans else iou.nan_to_num(1.0).mean(-1)


# The explainer of releases before 2.2 -----------------------------------------------------------------------------

_LEVELS = {"feature": "common_attributes", "individual_feature": "attributes", "scalar": "object"}


class GNNExplainer(Module):
    """`grapevine.explain.GNNExplainer` as it was called before `Explainer` came.

    Args:
        model: called as `model(x, edge_index, **kwargs)`.
        epochs: steps of Adam.
        lr: their size.
        num_hops: how many steps messages take, to draw the neighbourhood; that of the model if None.
        return_type: what the model returns: "log_prob", "prob", "raw" or "regression".
        feat_mask_type: "feature", one mask for all nodes, "individual_feature", or "scalar", one number for each node.
        allow_edge_mask: whether edges are explained too.
        log: accepted for compatibility.
        **kwargs: weights of `grapevine.explain.GNNExplainer`.

    Raises:
        GraphValueError: for another `return_type` or `feat_mask_type`.

    Example:
        >>> from grapevine.nn import GCNConv
        >>> explainer = GNNExplainer(GCNConv(3, 2), epochs=5, return_type="raw")
        >>> features, edges = explainer.explain_node(0, torch.rand(3, 3), torch.tensor([[1, 2], [0, 0]]))
        >>> features.shape, edges.shape
        (torch.Size([3]), torch.Size([2]))

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    def __init__(
        self,
        model: Module,
        epochs: int = 100,
        lr: float = 0.01,
        num_hops: int | None = None,
        return_type: str = "log_prob",
        feat_mask_type: str = "feature",
        allow_edge_mask: bool = True,
        log: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        returns = {"log_prob": "log_probs", "prob": "probs", "raw": "raw", "regression": "raw"}
        if return_type not in returns:
            raise GraphValueError(f"expected return_type among {', '.join(returns)}, got {return_type!r}")
        if feat_mask_type not in _LEVELS:
            raise GraphValueError(
                f"expected feat_mask_type among {', '.join(_LEVELS)}, got {feat_mask_type!r}"
            )
        self.model = model
        self.num_hops = num_hops
        mode = "regression" if return_type == "regression" else "multiclass_classification"
        self._config = {"mode": mode, "return_type": returns[return_type]}
        self._masks: dict[str, Any] = {
            "node_mask_type": _LEVELS[feat_mask_type],
            "edge_mask_type": "object" if allow_edge_mask else None,
        }
        self._algorithm = Algorithm(epochs, lr, **kwargs)

    def _explained(self, level: str, x: Tensor, edge_index: Tensor, **kwargs: Any) -> tuple[Tensor, Tensor]:
        config = {**self._config, "task_level": level}
        out = Explainer(self.model, self._algorithm, "model", config, **self._masks)(x, edge_index, **kwargs)
        features: Tensor = out["node_mask"]
        edges: Tensor = out.get("edge_mask", torch.ones(edge_index.size(1)))
        kind = self._masks["node_mask_type"]
        return (features if kind == "attributes" else features.view(-1)), edges

    def explain_node(
        self, node_idx: int, x: Tensor, edge_index: Tensor, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """The masks of features, (F,), (N, F) or (N,), and edges, (E,), for the prediction of a node."""
        return self._explained("node", x, edge_index, index=int(node_idx), **kwargs)

    def explain_graph(self, x: Tensor, edge_index: Tensor, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """The masks of features and edges for the prediction of a graph."""
        return self._explained("graph", x, edge_index, **kwargs)

    def visualize_subgraph(
        self,
        node_idx: int,
        edge_index: Tensor,
        edge_mask: Tensor,
        y: Tensor | None = None,
        threshold: float | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        """Draws the neighbourhood of a node with matplotlib; returns the axes and the graph.

        Args:
            node_idx: the node; -1 for the whole graph.
            edge_index: the edges, (2, E).
            edge_mask: their importance, (E,).
            y: labels that colour the nodes, (N,).
            threshold: edges are drawn black from here on, others not; without it as dark as they are important.
            **kwargs: of `networkx.draw_networkx_nodes`.
        """
        import matplotlib.pyplot as plt
        import networkx as nx

        if threshold is not None:
            edge_mask = (edge_mask >= threshold).to(torch.float)
        kept = torch.ones(edge_index.size(1), dtype=torch.bool)
        if node_idx != -1:
            hops = self.num_hops or sum(isinstance(part, MessagePassing) for part in self.model.modules())
            _, _, _, kept = k_hop_subgraph(node_idx, hops, edge_index)
        graph = nx.DiGraph()
        graph.add_nodes_from(edge_index[:, kept].flatten().unique().tolist() or [node_idx])
        for (u, v), weight in zip(edge_index[:, kept].t().tolist(), edge_mask[kept].tolist()):
            graph.add_edge(u, v, att=weight)
        places, axes = nx.spring_layout(graph, seed=0), plt.gca()
        colours = None if y is None else [float(y[node]) for node in graph]
        nx.draw_networkx_nodes(graph, places, ax=axes, node_color=colours or "tab:blue", **kwargs)
        strengths = [max(weight, 0.1) for *_, weight in graph.edges.data("att")]
        nx.draw_networkx_edges(graph, places, ax=axes, alpha=strengths)
        nx.draw_networkx_labels(graph, places, ax=axes, font_size=10)
        return axes, graph
