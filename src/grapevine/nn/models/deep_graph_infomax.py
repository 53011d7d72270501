"""Deep graph infomax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, Parameter

from grapevine.nn.inits import reset, uniform
from grapevine.nn.models._walks import separability

_EPS = 1e-15


class DeepGraphInfomax(Module):
    r"""Learns embeddings that a summary of the graph tells from those of a corrupted graph.

    .. math:: D(\mathbf{z}, \mathbf{s}) = \sigma ( \mathbf{z}^{\top} \mathbf{W} \mathbf{s} )

    Args:
        hidden_channels: size of the embeddings F.
        encoder: from features and edges to embeddings, (N, F).
        summary: from embeddings, and what the encoder was given, to (F,).
        corruption: from what the encoder was given to the same of a corrupted graph.

    Forward:
        args, kwargs: of the encoder.

    Returns:
        embeddings of the graph, of the corrupted graph, and the summary.

    Example:
        >>> model = DeepGraphInfomax(
        ...     8, torch.nn.Linear(16, 8), lambda z, x: z.mean(dim=0).sigmoid(), lambda x: x[torch.randperm(len(x))]
        ... )
        >>> model.loss(*model(torch.randn(4, 16))).dim()
        0

    Source: "Deep Graph Infomax" (arXiv:1809.10341).
    """

    def __init__(
        self,
        hidden_channels: int,
        encoder: Module,
        summary: Callable[..., Tensor],
        corruption: Callable[..., Any],
    ) -> None:
        super().__init__()
        self.hidden_channels = hidden_channels
        self.encoder = encoder
        self.summary = summary
        self.corruption = corruption
        self.weight = Parameter(torch.empty(hidden_channels, hidden_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new numbers."""
        reset(self.encoder)
        reset(self.summary)
        uniform(self.hidden_channels, self.weight)

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
        pos_z = self.encoder(*args, **kwargs)
        corrupted = self.corruption(*args, **kwargs)
        corrupted = corrupted if isinstance(corrupted, tuple) else (corrupted,)
        others = {**kwargs, **dict(zip(kwargs, corrupted[len(args) :]))}
        neg_z = self.encoder(*corrupted[: len(args)], **others)
        return pos_z, neg_z, self.summary(pos_z, *args, **kwargs)

    def discriminate(self, z: Tensor, summary: Tensor, sigmoid: bool = True) -> Tensor:
        """How probably embeddings (N, F) belong to the graph with this summary (F,), or (B, F) for several."""
        value = z @ (self.weight @ (summary.t() if summary.dim() > 1 else summary))
        return value.sigmoid() if sigmoid else value

    def loss(self, pos_z: Tensor, neg_z: Tensor, summary: Tensor) -> Tensor:
        """Binary cross entropy of what `forward` returned."""
        found, false = self.discriminate(pos_z, summary), self.discriminate(neg_z, summary)
        return -(found + _EPS).log().mean() - (1 - false + _EPS).log().mean()

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.hidden_channels})"
