"""An explainer that knows nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.explain.algorithm.base import ExplainerAlgorithm, by_type, explanation_of, node_mask_shape
from grapevine.explain.explanation import Explanation, HeteroExplanation


class DummyExplainer(ExplainerAlgorithm):
    """Random masks: for tests, and what every other explainer must beat.

    Example:
        >>> from grapevine.explain import Explainer
        >>> config = {"mode": "regression", "task_level": "graph"}
        >>> explainer = Explainer(torch.nn.Identity(), DummyExplainer(), "phenomenon", config, "object")
        >>> explainer(torch.ones(3, 2), torch.tensor([[0, 1], [1, 2]]), target=torch.ones(1)).node_mask.shape
        torch.Size([3, 1])
    """

    def forward(
        self,
        model: Module,
        x: Any,
        edge_index: Any,
        *,
        target: Tensor | None = None,
        index: int | Tensor | None = None,
        **kwargs: Any,
    ) -> Explanation | HeteroExplanation:
        """Draws the masks that are asked for, uniformly between 0 and 1."""
        config = self.explainer_config
        nodes, edges = {}, {}
        for kind, values in by_type(x).items():
            given = config.node_mask_type
            shape = None if given is None else node_mask_shape(given, values)
            nodes[kind] = None if shape is None else torch.rand(shape, device=values.device)
        for kind, pairs in by_type(edge_index).items():
            given = config.edge_mask_type
            edges[kind] = None if given is None else torch.rand(pairs.size(1), device=pairs.device)
        return explanation_of(nodes, edges)
