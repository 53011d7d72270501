"""Fidelity: does the explanation suffice for the prediction, and is it needed?"""

from __future__ import annotations

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.explain.config import ExplanationType, ModelMode
from grapevine.explain.explainer import Explainer
from grapevine.explain.explanation import Explanation, HeteroExplanation


def fidelity(explainer: Explainer, explanation: Explanation | HeteroExplanation) -> tuple[float, float]:
    r"""How often the prediction changes without the explained part, and with nothing but it.

    With :math:`\hat{y}` the prediction, :math:`\hat{y}^S` that on the explanation, :math:`\hat{y}^{C}` that on the
    rest of the graph, over the explained rows of the output, of a model

    .. math:: \text{fid}_{+} = 1 - \overline{[\hat{y}^{C} = \hat{y}]}, \qquad
        \text{fid}_{-} = 1 - \overline{[\hat{y}^S = \hat{y}]}

    and of a phenomenon with target y

    .. math:: \text{fid}_{+} = \overline{\left| [\hat{y} = y] - [\hat{y}^{C} = y] \right|}, \qquad
        \text{fid}_{-} = \overline{\left| [\hat{y} = y] - [\hat{y}^S = y] \right|}

    Args:
        explainer: what explained.
        explanation: what it found.

    Returns:
        fid+ (good if near 1: the explanation is needed) and fid- (good if near 0: it suffices).

    Raises:
        GraphValueError: for a regression.

    Source: "GraphFramEx: Towards Systematic Evaluation of Explainability Methods for Graph Neural Networks"
    (arXiv:2206.09677).
    """
    if explainer.model_config.mode is ModelMode.regression:
        raise GraphValueError(
            "expected a classification, got a regression, for which fidelity is not defined"
        )
    x, edge_index, kwargs = explanation.inputs()
    node_mask, edge_mask = explanation.masks()
    index = explanation.get("index")

    def rows(prediction: Tensor) -> Tensor:
        return prediction if index is None else prediction[index]

    def predicted(nodes: object, edges: object) -> Tensor:
        out = explainer.get_masked_prediction(x, edge_index, nodes, edges, **kwargs)
        return rows(explainer.get_target(out))

    y = rows(explanation.target)
    kept = (predicted(node_mask, edge_mask) == y).float()
    rest = (predicted(_complement(node_mask), _complement(edge_mask)) == y).float()
    if explainer.explanation_type is ExplanationType.model:
        whole = torch.ones_like(kept)
    else:
        whole = (predicted(None, None) == y).float()
    return float((whole - rest).abs().mean()), float((whole - kept).abs().mean())


def _complement(mask: object) -> object:
    if isinstance(mask, dict):
        return {kind: 1.0 - values for kind, values in mask.items()}
    return None if mask is None else 1.0 - mask  # type: ignore[operator]


def characterization_score(
    pos_fidelity: Tensor, neg_fidelity: Tensor, pos_weight: float = 0.5, neg_weight: float = 0.5
) -> Tensor:
    r"""Both fidelities in one number: their weighted harmonic mean.

    .. math:: \frac{w_{+} + w_{-}}{w_{+} / \text{fid}_{+} + w_{-} / (1 - \text{fid}_{-})}

    Args:
        pos_fidelity: fid+, of any shape.
        neg_fidelity: fid-, of that shape.
        pos_weight: w+.
        neg_weight: w-; the weights sum up to 1.

    Raises:
        GraphValueError: for other weights.

    Example:
        >>> characterization_score(torch.tensor(1.0), torch.tensor(0.5))
        tensor(0.6667)

    Source: arXiv:2206.09677.
    """
    if abs(pos_weight + neg_weight - 1.0) > 1e-9:
        raise GraphValueError(f"expected weights that sum up to 1, got {pos_weight} and {neg_weight}")
    return 1.0 / (pos_weight / pos_fidelity + neg_weight / (1.0 - neg_fidelity))


def fidelity_curve_auc(pos_fidelity: Tensor, neg_fidelity: Tensor, x: Tensor) -> Tensor:
    r"""The area under :math:`\text{fid}_{+} / (1 - \text{fid}_{-})`, as it depends on x (such as a threshold).

    Args:
        pos_fidelity: fid+ at each point, (P,).
        neg_fidelity: fid- at each point, (P,), below 1.
        x: the points in ascending order, (P,).

    Raises:
        GraphValueError: where fid- is 1, or the points are not in order.

    Example:
        >>> fidelity_curve_auc(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 0.5]), torch.tensor([0.0, 2.0]))
        tensor(3.)

    Source: arXiv:2206.09677.
    """
    if bool((neg_fidelity == 1).any()):
        raise GraphValueError("expected neg_fidelity below 1, got 1: the curve is infinite there")
    if bool((x.diff() < 0).any()):
        raise GraphValueError("expected x in ascending order; sort the points first")
    return torch.trapezoid(pos_fidelity / (1.0 - neg_fidelity), x)
