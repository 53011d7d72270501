"""Unfaithfulness: how far the prediction on an explanation is from that on the graph."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.explain.config import MaskType, ModelMode, ModelReturnType
from grapevine.explain.explainer import Explainer
from grapevine.explain.explanation import Explanation, HeteroExplanation


def unfaithfulness(
    explainer: Explainer, explanation: Explanation | HeteroExplanation, top_k: int | None = None
) -> float:
    r"""How far the class probabilities on the explanation are from those on the whole graph.

    .. math:: \text{GEF}(y, \hat{y}) = 1 - \exp(- \text{KL}(\hat{y} \, \Vert \, y))

    Args:
        explainer: what explained.
        explanation: what it found.
        top_k: keep the values of only so many features, the most important ones, in place of the mask over nodes.

    Returns:
        Between 0 (the explanation says it all) and 1.

    Raises:
        GraphValueError: for a regression, and for `top_k` of a mask that knows no features.

    Departures from the paper: the divergence is taken the other way round, as PyTorch Geometric does.

    Source: "Evaluating Explainability for Graph Neural Networks" (arXiv:2208.09339).
    """
    if explainer.model_config.mode is ModelMode.regression:
        raise GraphValueError(
            "expected a classification, got a regression, for which unfaithfulness is not defined"
        )
    if top_k is not None and explainer.node_mask_type is MaskType.object:
        raise GraphValueError(
            "expected masks over features for top_k, got node_mask_type='object'; leave top_k out"
        )
    x, edge_index, kwargs = explanation.inputs()
    node_mask, edge_mask = explanation.masks()
    if top_k is not None:
        if isinstance(node_mask, dict):
            node_mask = {kind: _most_important(mask, top_k) for kind, mask in node_mask.items()}
        elif node_mask is not None:
            node_mask = _most_important(node_mask, top_k)
    y = explanation.get("prediction")
    if y is None:
        y = explainer.get_prediction(x, edge_index, **kwargs)
    y_hat = explainer.get_masked_prediction(x, edge_index, node_mask, edge_mask, **kwargs)
    index = explanation.get("index")
    if index is not None:
        y, y_hat = y[index], y_hat[index]
    kind: Any = explainer.model_config.return_type
    if kind is ModelReturnType.raw:
        y, y_hat = y.softmax(dim=-1), y_hat.softmax(dim=-1)
    elif kind is ModelReturnType.log_probs:
        y, y_hat = y.exp(), y_hat.exp()
    return 1.0 - math.exp(-float(F.kl_div(y.log(), y_hat, reduction="batchmean")))


def _most_important(mask: Tensor, top_k: int) -> Tensor:
    best = mask.sum(dim=0).topk(top_k).indices
    out = torch.zeros_like(mask)
    out[:, best] = 1.0
    return out
