"""GNNExplainer: the smallest masks under which the prediction stays."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.errors import GraphValueError
from grapevine.explain.algorithm.base import (
    ExplainerAlgorithm,
    by_type,
    explanation_of,
    node_mask_shape,
    untyped,
)
from grapevine.explain.explanation import Explanation, HeteroExplanation
from grapevine.nn.edge_masks import masked


class GNNExplainer(ExplainerAlgorithm):
    r"""Masks over edges and features, optimised for one prediction: small, decided, and enough to predict the same.

    .. math::
        \min_{M} \; \ell\big(f(\mathbf{X} \odot \sigma(M_x), \mathbf{A} \odot \sigma(M_a)), y\big)
        + \sum_{M} \lambda_{\text{size}} \, |\sigma(M)| + \lambda_{\text{ent}} \, H[\sigma(M)]

    The masks of edges are one more factor of the messages, in the engine: an explanation stores no message.

    Args:
        epochs: steps of Adam.
        lr: their size.
        **kwargs: weights in place of those in `default_coeffs`: `edge_size`, `edge_ent`, `node_feat_size`,
            `node_feat_ent`, and `edge_reduction`, `node_feat_reduction` ("sum" or "mean").

    Departures from the paper: what has no gradient in the first step takes no part in the prediction; it is not
    regularised, and gets importance 0.

    Example:
        >>> GNNExplainer(epochs=200).coeffs["edge_size"]
        0.005

    Source: "GNNExplainer: Generating Explanations for Graph Neural Networks" (arXiv:1903.03894).
    """

    default_coeffs: ClassVar[dict[str, Any]] = {
        "edge_size": 0.005,
        "edge_reduction": "sum",
        "node_feat_size": 1.0,
        "node_feat_reduction": "mean",
        "edge_ent": 1.0,
        "node_feat_ent": 0.1,
        "EPS": 1e-15,
    }

    def __init__(self, epochs: int = 100, lr: float = 0.01, **kwargs: Any) -> None:
        super().__init__()
        self.epochs = epochs
        self.lr = lr
        self.coeffs = {**self.default_coeffs, **kwargs}

    def forward(
        self,
        model: Module,
        x: Any,
        edge_index: Any,
        *,
        target: Tensor,
        index: int | Tensor | None = None,
        **kwargs: Any,
    ) -> Explanation | HeteroExplanation:
        """Optimises the masks for this prediction; see `ExplainerAlgorithm.forward`."""
        xs = by_type(x)
        nodes, edges = self._start(xs, by_type(edge_index))
        masks = [mask for mask in (*nodes.values(), *edges.values()) if mask is not None]
        takes_part: dict[int, Tensor] = {}
        optimizer = torch.optim.Adam(masks, lr=self.lr)
        with masked(model, _given(edges), edge_index):
            for _ in range(self.epochs):
                optimizer.zero_grad()
                h = {
                    kind: values if nodes[kind] is None else values * nodes[kind].sigmoid()
                    for kind, values in xs.items()
                }
                y_hat, y = model(untyped(h), edge_index, **kwargs), target
                if index is not None:
                    y_hat, y = y_hat[index], y[index]
                loss = self._prediction_loss(y_hat, y)
                for found, what in ((edges, "edge"), (nodes, "node_feat")):
                    for mask in found.values():
                        if mask is not None and id(mask) in takes_part:
                            loss = loss + self._size_and_entropy(mask[takes_part[id(mask)]], what)
                loss.backward()
                optimizer.step()
                if not takes_part:
                    takes_part = {id(mask): _nonzero(mask.grad, mask, nodes) for mask in masks}

        def final(mask: Tensor | None) -> Tensor | None:
            return None if mask is None else self._post_process_mask(mask, takes_part.get(id(mask)))

        return explanation_of(
            {kind: final(mask) for kind, mask in nodes.items()},
            {kind: final(mask) for kind, mask in edges.items()},
        )

    def _start(
        self, xs: dict[Any, Tensor], edges: dict[Any, Tensor]
    ) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """Masks of normal numbers: of standard deviation 0.1 for nodes, of sqrt(2 / N) for edges."""
        config = self.explainer_config
        node_masks: dict[Any, Tensor | None] = dict.fromkeys(xs)
        edge_masks: dict[Any, Tensor | None] = dict.fromkeys(edges)
        if config.node_mask_type is not None:
            for kind, values in xs.items():
                start = (
                    torch.randn(node_mask_shape(config.node_mask_type, values), device=values.device) * 0.1
                )
                node_masks[kind] = start.requires_grad_()
        if config.edge_mask_type is not None:
            std = (2.0 / max(values.size(0) for values in xs.values())) ** 0.5
            for kind, pairs in edges.items():
                start = torch.randn(pairs.size(1), device=pairs.device) * std
                edge_masks[kind] = start.requires_grad_()
        return node_masks, edge_masks

    def _size_and_entropy(self, mask: Tensor, what: str) -> Tensor:
        m, eps = mask.sigmoid(), self.coeffs["EPS"]
        size = getattr(torch, self.coeffs[f"{what}_reduction"])(m)
        entropy = -m * torch.log(m + eps) - (1 - m) * torch.log(1 - m + eps)
        return self.coeffs[f"{what}_size"] * size + self.coeffs[f"{what}_ent"] * entropy.mean()


def _given(masks: dict[Any, Any]) -> Any:
    """The masks for the model; None where there are none."""
    return None if any(mask is None for mask in masks.values()) else untyped(masks)


def _nonzero(gradient: Tensor | None, mask: Tensor, nodes: dict[Any, Any]) -> Tensor:
    if gradient is None:
        of_nodes = any(mask is node_mask for node_mask in nodes.values())
        what, argument = ("node features", "node_mask_type") if of_nodes else ("edges", "edge_mask_type")
        raise GraphValueError(
            f"expected the prediction to depend on the {what}, but it has no gradient with respect to them; use them "
            f"in the model, or leave them out with {argument}=None"
        )
    return gradient != 0.0
