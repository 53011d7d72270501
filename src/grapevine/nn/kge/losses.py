"""Losses that compare a true triplet with sampled, or with all, false ones."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def self_adversarial_loss(positive: Tensor, negative: Tensor, temperature: float = 1.0) -> Tensor:
    r"""True triplets score above zero, false ones below; hard negatives weigh more.

    .. math::
        \mathcal{L} = -\tfrac{1}{2} \log \sigma(s) - \tfrac{1}{2} \sum_k p_k \log \sigma(-s_k), \quad
        p = \mathrm{softmax}(\alpha s_1, \dots, \alpha s_K)

    No gradient flows through the weights p.

    Args:
        positive: scores s of true triplets, (B,).
        negative: scores of false ones for each, (B, K); minus infinity: none.
        temperature: alpha; 0 weighs all negatives alike (uniform negatives).

    Returns:
        The mean, a scalar.

    Example:
        >>> round(float(self_adversarial_loss(torch.zeros(2), torch.zeros(2, 3))), 4)
        0.6931

    Source: Sun et al., "RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space",
    arXiv:1902.10197, section 3.2.
    """
    with torch.no_grad():
        # 0 * -inf is not a number, so that a missing negative is told to the softmax separately
        missing = negative.isneginf()
        weight = (negative * temperature).masked_fill(missing, -torch.inf).softmax(dim=1).nan_to_num(0.0)
    wrong = (weight * F.logsigmoid(-negative)).sum(dim=1)
    return -(F.logsigmoid(positive) + wrong).mean() / 2


def softmax_loss(positive: Tensor, negative: Tensor) -> Tensor:
    r"""Cross-entropy of the true triplet among the false ones.

    .. math::
        \mathcal{L} = -s + \log \left( e^{s} + \sum_k e^{s_k} \right)

    Args:
        positive: scores s of true triplets, (B,).
        negative: scores of false ones for each, (B, K); minus infinity: none.

    Returns:
        The mean, a scalar.

    Example:
        >>> round(float(softmax_loss(torch.zeros(2), torch.zeros(2, 3))), 4)  # log 4
        1.3863

    Source: Lacroix et al., "Canonical Tensor Decomposition for Knowledge Base Completion", arXiv:1806.07297.
    """
    scores = torch.cat([positive.unsqueeze(1), negative], dim=1)
    return F.cross_entropy(scores, torch.zeros_like(positive, dtype=torch.int64))
