"""What embeddings learned from walks share."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.errors import require


def windows(walks: Tensor, size: int) -> Tensor:
    """Every stretch of `size` nodes of walks (W, L), those that start first on top: ((L - size + 1) W, size)."""
    return walks.unfold(1, size, 1).transpose(0, 1).reshape(-1, size)


class WalkEmbedding(torch.nn.Module):
    """Base of embeddings under which nodes of one walk are near each other, and random nodes are not."""

    embedding: torch.nn.Embedding

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        self.embedding.reset_parameters()

    def loss(self, pos_rw: Tensor, neg_rw: Tensor) -> Tensor:
        r"""How badly the first node of each walk tells its companions from random nodes.

        .. math::
            - \overline{\log \sigma(\mathbf{z}_v \cdot \mathbf{z}_u)} - \overline{\log (1 - \sigma(\mathbf{z}_v \cdot
            \mathbf{z}_w))}

        Args:
            pos_rw: stretches of walks, (W, C): v, then all its u.
            neg_rw: random nodes, (W', C): v, then all its w.

        Departures from PyTorch Geometric: large numbers are not lost to rounding, and none is added to avoid log 0.
        """
        return -F.logsigmoid(self._affinity(pos_rw)).mean() - F.logsigmoid(-self._affinity(neg_rw)).mean()

    def _affinity(self, walks: Tensor) -> Tensor:
        z = self.embedding(walks)
        return (z[:, :1] * z[:, 1:]).sum(dim=-1)

    def test(
        self,
        train_z: Tensor,
        train_y: Tensor,
        test_z: Tensor,
        test_y: Tensor,
        solver: str = "lbfgs",
        *args: Any,
        **kwargs: Any,
    ) -> float:
        """Accuracy of a logistic regression on the embeddings (needs scikit-learn).

        Args:
            train_z, train_y: embeddings and classes to fit.
            test_z, test_y: those to predict.
            solver, args, kwargs: of `sklearn.linear_model.LogisticRegression`.
        """
        return separability(train_z, train_y, test_z, test_y, *args, solver=solver, **kwargs)


def separability(
    train_z: Tensor, train_y: Tensor, test_z: Tensor, test_y: Tensor, *args: Any, **kwargs: Any
) -> float:
    """Accuracy of a logistic regression that is fitted to some embeddings (N, F) and classes, and tried on others."""
    model = require("sklearn.linear_model", "scikit-learn").LogisticRegression(*args, **kwargs)
    model.fit(train_z.detach().cpu().numpy(), train_y.detach().cpu().numpy())
    return float(model.score(test_z.detach().cpu().numpy(), test_y.detach().cpu().numpy()))
