"""An explanation against the truth, where that is known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grapevine.errors import GraphValueError

METRICS = ["accuracy", "recall", "precision", "f1_score", "auroc"]


def groundtruth_metrics(
    pred_mask: Tensor,
    target_mask: Tensor,
    metrics: str | Sequence[str] | None = None,
    threshold: float = 0.5,
) -> float | tuple[float, ...]:
    """Compares a mask with the true one.

    Args:
        pred_mask: importances between 0 and 1, of any shape.
        target_mask: what is truly important: at least `threshold`; of the same number of entries.
        metrics: "accuracy", "recall", "precision", "f1_score", "auroc" (area under the ROC curve), or several of them;
            all by default.
        threshold: an importance above it counts as found.

    Returns:
        One number per metric, or just the number of a single one; 0 where it is undefined.

    Raises:
        GraphValueError: for an unknown metric.

    Example:
        >>> groundtruth_metrics(torch.tensor([0.9, 0.6, 0.1]), torch.tensor([1.0, 0.0, 0.0]), ["recall", "precision"])
        (1.0, 0.5)
    """
    names = METRICS if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise GraphValueError(
            f"expected metrics among {', '.join(METRICS)}, got {', '.join(map(repr, unknown))}"
        )
    scores, truth = pred_mask.detach().flatten(), target_mask.flatten() >= threshold
    found = scores > threshold
    hits = int((found & truth).sum())
    num_found, num_true = int(found.sum()), int(truth.sum())
    values = {
        "accuracy": float((found == truth).float().mean()),
        "recall": _ratio(hits, num_true),
        "precision": _ratio(hits, num_found),
        "f1_score": _ratio(2 * hits, num_true + num_found),
        "auroc": _auroc(scores, truth),
    }
    out = tuple(values[name] for name in names)
    return out if len(out) > 1 else out[0]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _auroc(scores: Tensor, truth: Tensor) -> float:
    """The probability that a true entry scores higher than another one; ties count half."""
    others = scores[~truth].sort().values
    pairs = others.numel() * int(truth.sum())
    lower = torch.searchsorted(others, scores[truth])
    not_higher = torch.searchsorted(others, scores[truth], right=True)
    return float((lower + not_higher).sum()) / (2 * pairs) if pairs else 0.0
