"""`Explainer`: what a model's prediction rests on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.errors import GraphValueError
from grapevine.explain.algorithm.base import ExplainerAlgorithm
from grapevine.explain.config import (
    ExplainerConfig,
    ExplanationType,
    MaskType,
    ModelConfig,
    ModelMode,
    ModelReturnType,
    ThresholdConfig,
)
from grapevine.explain.explanation import Explanation, HeteroExplanation
from grapevine.nn.edge_masks import masked


class Explainer:
    """Explains what a model says of a graph: which nodes, features and edges its prediction rests on.

    Args:
        model: called as `model(x, edge_index, **kwargs)`, with tensors, or with dictionaries by type.
        algorithm: how to find out.
        explanation_type: "model": explain what the model predicts; "phenomenon": what the true target is.
        model_config: what the model predicts: a `ModelConfig`, or a dictionary of its arguments.
        node_mask_type: what to weigh of the nodes: None, "object", "common_attributes" or "attributes"; see `MaskType`.
        edge_mask_type: None, or "object" to weigh edges.
        threshold_config: which part of the masks to keep; all by default.

    Raises:
        GraphValueError: where the algorithm does not know how to explain this.

    Example:
        >>> import grapevine as gv
        >>> from grapevine.explain import Explainer, GNNExplainer
        >>> explainer = Explainer(
        ...     model=gv.nn.GCNConv(3, 2),
        ...     algorithm=GNNExplainer(epochs=2),
        ...     explanation_type="model",
        ...     model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
        ...     edge_mask_type="object",
        ... )
        >>> explanation = explainer(torch.randn(4, 3), torch.tensor([[0, 1, 2], [1, 2, 3]]), index=2)
        >>> explanation.edge_mask.shape, float(explanation.edge_mask[0])
        (torch.Size([3]), 0.0)
    """

    def __init__(
        self,
        model: Module,
        algorithm: ExplainerAlgorithm,
        explanation_type: ExplanationType | str,
        model_config: ModelConfig | dict[str, Any],
        node_mask_type: MaskType | str | None = None,
        edge_mask_type: MaskType | str | None = None,
        threshold_config: ThresholdConfig | None = None,
    ) -> None:
        config = ExplainerConfig(explanation_type, node_mask_type, edge_mask_type)
        self.model = model
        self.algorithm = algorithm
        self.explanation_type = config.explanation_type
        self.model_config: ModelConfig = ModelConfig.cast(model_config)
        self.node_mask_type = config.node_mask_type
        self.edge_mask_type = config.edge_mask_type
        self.threshold_config = ThresholdConfig.cast(threshold_config)
        self.algorithm.connect(config, self.model_config)

    @torch.no_grad()
    def get_prediction(self, *args: Any, **kwargs: Any) -> Tensor:
        """What the model puts out, in evaluation mode and without gradients.

        Args:
            *args: what the model is called with.
            **kwargs: likewise.
        """
        with _evaluating(self.model):
            out: Tensor = self.model(*args, **kwargs)
        return out

    def get_masked_prediction(
        self, x: Any, edge_index: Any, node_mask: Any = None, edge_mask: Any = None, **kwargs: Any
    ) -> Tensor:
        """What the model puts out when nodes and edges are weighed.

        Args:
            x: features, (N, F), or by node type.
            edge_index: edges, (2, E), or by edge type.
            node_mask: factors of the features, (N, 1), (1, F) or (N, F), or by node type.
            edge_mask: factors of the messages, (E,), or by edge type.
            **kwargs: what else the model is called with.
        """
        if isinstance(x, Mapping):
            x = {kind: value * (node_mask or {}).get(kind, 1.0) for kind, value in x.items()}
        elif node_mask is not None:
            x = x * node_mask
        with masked(self.model, edge_mask, edge_index, apply_sigmoid=False):
            return self.get_prediction(x, edge_index, **kwargs)

    def __call__(
        self,
        x: Any,
        edge_index: Any,
        *,
        target: Tensor | None = None,
        index: int | Tensor | None = None,
        **kwargs: Any,
    ) -> Explanation | HeteroExplanation:
        """Explains a prediction.

        Args:
            x: features, (N, F), or by node type.
            edge_index: edges, (2, E), or by edge type.
            target: what is to be explained, where `explanation_type` is "phenomenon": class labels, or values.
            index: the rows of the model's output to explain; all by default.
            **kwargs: what else the model is called with.

        Returns:
            The graph with its masks, and `target`, `index` and (of a "model" explanation) the `prediction`.

        Raises:
            GraphValueError: where a `target` is needed and missing.
        """
        prediction: Tensor | None = None
        if self.explanation_type is ExplanationType.phenomenon:
            if target is None:
                raise GraphValueError(
                    "expected the target of a 'phenomenon' explanation, got none; pass target=data.y"
                )
        else:
            if target is not None:
                warnings.warn("a 'model' explanation finds its target itself: leave target out", stacklevel=2)
            prediction = self.get_prediction(x, edge_index, **kwargs)
            target = self.get_target(prediction)
        if isinstance(index, int):
            index = torch.tensor([index])

        with _evaluating(self.model):
            explanation = self.algorithm(self.model, x, edge_index, target=target, index=index, **kwargs)
        explanation._model_config = self.model_config
        explanation._model_args = list(kwargs)
        explanation.prediction = prediction
        explanation.target = target
        explanation.index = index
        for name, value in {"x": x, "edge_index": edge_index, **kwargs}.items():
            if isinstance(explanation, HeteroExplanation) and isinstance(value, Mapping):
                explanation.set_value_dict(name.removesuffix("_dict"), value)
            else:
                explanation[name] = value
        explanation.validate_masks()
        found: Explanation | HeteroExplanation = explanation.threshold(self.threshold_config)
        return found

    def get_target(self, prediction: Tensor) -> Tensor:
        """What a model's output stands for: the predicted class, or the prediction itself in a regression."""
        if self.model_config.mode is ModelMode.binary_classification:
            least = 0.0 if self.model_config.return_type is ModelReturnType.raw else 0.5
            return (prediction > least).long().view(-1)
        if self.model_config.mode is ModelMode.multiclass_classification:
            return prediction.argmax(dim=-1)
        return prediction


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Evaluation mode inside the block; afterwards every part is in the mode in which it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
