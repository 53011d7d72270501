"""Attention as an explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from grapevine import engine
from grapevine.errors import GraphValueError
from grapevine.explain.algorithm.base import ExplainerAlgorithm, by_type, explanation_of, of_edges, untyped
from grapevine.explain.config import ExplanationType, ModelTaskLevel
from grapevine.explain.explanation import Explanation, HeteroExplanation
from grapevine.nn.edge_masks import explained_layers, masked, modules_of
from grapevine.nn.message_passing import MessagePassing


class AttentionExplainer(ExplainerAlgorithm):
    """Takes the attention of layers such as `GATConv`, `GATv2Conv` or `TransformerConv` for the importance of edges.

    Args:
        reduce: how to join layers and heads: "max", "min", "mean", "sum", or another reduction of torch.

    Departures from PyTorch Geometric: the attention of a self-loop in the graph is that of the loop which the layer
    puts in its place.

    Example:
        >>> import grapevine as gv
        >>> from grapevine.explain import Explainer
        >>> config = {"mode": "regression", "task_level": "graph"}
        >>> explainer = Explainer(gv.nn.GATConv(3, 1), AttentionExplainer(), "model", config, edge_mask_type="object")
        >>> explainer(torch.randn(3, 3), torch.tensor([[0, 1], [1, 2]])).edge_mask.shape
        torch.Size([2])
    """

    def __init__(self, reduce: str = "max") -> None:
        super().__init__()
        self.reduce = reduce

    @torch.no_grad()
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
        """Runs the model once, and listens; see `ExplainerAlgorithm.forward`."""
        edges, xs = by_type(edge_index), by_type(x)
        heard: dict[Any, list[Tensor]] = {kind: [] for kind in edges}
        handles = []
        for kind in edges:
            for root in [model] if kind is None else modules_of(model, kind):
                handles += [
                    layer.register_message_forward_hook(_listener(heard[kind]))
                    for layer in explained_layers(root)
                ]
        ones = {kind: torch.ones(pairs.size(1), device=pairs.device) for kind, pairs in edges.items()}
        try:
            with masked(model, untyped(ones), edge_index, apply_sigmoid=False):  # so that edges stay in order
                model(x, edge_index, **kwargs)
        finally:
            for handle in handles:
                handle.remove()
        if not any(heard.values()):
            raise GraphValueError(
                "expected a model with attention, such as GATConv, GATv2Conv or TransformerConv; "
                "none of its layers has attention coefficients"
            )
        masks = {}
        for kind, alphas in heard.items():
            if not alphas:
                continue
            alpha = self._reduced([self._reduced(of_edges(a, edges[kind])) for a in alphas])
            hard = None
            if self.model_config.task_level is ModelTaskLevel.node:
                ends = [None] if kind is None else [kind[0], kind[-1]]
                num_nodes = max(xs[end].size(0) for end in ends)
                hard = self._get_hard_masks(model, index, edges[kind], num_nodes)[1]
            masks[kind] = self._post_process_mask(alpha, hard, apply_sigmoid=False)
        return explanation_of({}, masks)

    def reasons(self) -> list[str]:
        """Why the algorithm cannot serve the configurations that it is connected to."""
        found, config = [], self.explainer_config
        if config.explanation_type is not ExplanationType.model:
            found.append(f"explanation_type must be 'model', got {config.explanation_type.value!r}")
        if config.node_mask_type is not None:
            found.append(f"node_mask_type must be None, got {config.node_mask_type.value!r}")
        return found

    def _reduced(self, values: Tensor | list[Tensor]) -> Tensor:
        """Reduces heads (E, H), or a list of layers (E,)."""
        if isinstance(values, list):
            values = torch.stack(values, dim=-1)
        if values.dim() == 1:
            return values
        if values.dim() > 2:
            raise GraphValueError(f"expected attention of shape [E] or [E, H], got {list(values.shape)}")
        out = getattr(torch, self.reduce)(values, dim=-1)
        found: Tensor = out if isinstance(out, Tensor) else out[0]
        return found


def _listener(heard: list[Tensor]) -> Callable[[MessagePassing, Any, Any], None]:
    def hook(layer: MessagePassing, inputs: Any, out: Any) -> None:
        alpha = inputs[0].get("alpha")
        alpha = getattr(layer, "_alpha", None) if alpha is None else alpha
        if alpha is not None:
            heard.append(engine.materialise(alpha).detach())

    return hook
