"""What all algorithms that explain have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Module

from grapevine.errors import GraphValueError
from grapevine.explain.config import ExplainerConfig, ModelConfig, ModelMode, ModelReturnType
from grapevine.explain.explanation import Explanation, HeteroExplanation
from grapevine.graph import k_hop_subgraph
from grapevine.nn.message_passing import MessagePassing


class ExplainerAlgorithm(Module, ABC):
    """Base class of algorithms: override `forward`, and `supports` (or `reasons`, which says why not)."""

    _explainer_config: ExplainerConfig | None = None
    _model_config: ModelConfig | None = None

    @abstractmethod
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
        """Explains a prediction.

        Args:
            model: called as `model(x, edge_index, **kwargs)`.
            x: features, (N, F), or by node type.
            edge_index: edges, (2, E), or by edge type.
            target: what is to be explained.
            index: the rows of the output to explain; all by default.
            **kwargs: what else the model is called with.
        """

    def reasons(self) -> list[str]:
        """Why the algorithm cannot serve the configurations that it is connected to; empty where it can."""
        return []

    def supports(self) -> bool:
        """Whether the algorithm can serve the configurations that it is connected to."""
        return not self.reasons()

    @property
    def explainer_config(self) -> ExplainerConfig:
        """What the explanations consist of."""
        return self._connected(self._explainer_config)

    @property
    def model_config(self) -> ModelConfig:
        """What the model predicts."""
        return self._connected(self._model_config)

    def _connected(self, config: Any) -> Any:
        if config is None:
            name = type(self).__name__
            raise GraphValueError(
                f"{name} is not connected yet; pass it to Explainer(model, {name}(...), ...), or call its connect"
            )
        return config

    def connect(self, explainer_config: ExplainerConfig, model_config: ModelConfig) -> None:
        """Tells the algorithm what to explain.

        Args:
            explainer_config: what the explanations consist of.
            model_config: what the model predicts.

        Raises:
            GraphValueError: where the algorithm cannot do that.
        """
        self._explainer_config = ExplainerConfig.cast(explainer_config)
        self._model_config = ModelConfig.cast(model_config)
        if not self.supports():
            why = "; ".join(self.reasons()) or "see its supports()"
            raise GraphValueError(f"{type(self).__name__} does not support these settings: {why}")

    # -- for the algorithms -----------------------------------------------------------------------------------

    @staticmethod
    def _post_process_mask(
        mask: Tensor | None, hard_mask: Tensor | None = None, apply_sigmoid: bool = True
    ) -> Tensor | None:
        """A mask for the explanation: between 0 and 1, and 0 for what takes no part in the prediction."""
        if mask is None:
            return None
        mask = mask.detach().sigmoid() if apply_sigmoid else mask.detach().clone()
        if hard_mask is not None and mask.size(0) == hard_mask.size(0):
            mask[~hard_mask] = 0.0
        return mask

    @staticmethod
    def _get_hard_masks(
        model: Module, node_index: int | Tensor | None, edge_index: Tensor, num_nodes: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """Which nodes and edges messages to some nodes can come from and along, (N,) and (E,); None for all."""
        if node_index is None:
            return None, None
        nodes, _, _, edge_mask = k_hop_subgraph(
            node_index,
            ExplainerAlgorithm._num_hops(model),
            edge_index,
            num_nodes=num_nodes,
            flow=ExplainerAlgorithm._flow(model),
        )
        node_mask = torch.zeros(num_nodes, dtype=torch.bool, device=edge_index.device)
        node_mask[nodes] = True
        return node_mask, edge_mask

    @staticmethod
    def _num_hops(model: Module) -> int:
        """How many layers send messages."""
        return sum(isinstance(module, MessagePassing) for module in model.modules())

    @staticmethod
    def _flow(model: Module) -> str:
        """In which direction messages travel."""
        layers = (module for module in model.modules() if isinstance(module, MessagePassing))
        return next((layer.flow for layer in layers), "source_to_target")

    def _prediction_loss(self, y_hat: Tensor, y: Tensor) -> Tensor:
        """How far a prediction is from the target, as the model's mode says."""
        losses: dict[ModelMode, Callable[[Tensor, Tensor], Tensor]] = {
            ModelMode.binary_classification: self._loss_binary_classification,
            ModelMode.multiclass_classification: self._loss_multiclass_classification,
            ModelMode.regression: self._loss_regression,
        }
        return losses[self.model_config.mode](y_hat, y)

    def _loss_binary_classification(self, y_hat: Tensor, y: Tensor) -> Tensor:
        raw = self.model_config.return_type is ModelReturnType.raw
        loss = F.binary_cross_entropy_with_logits if raw else F.binary_cross_entropy
        return loss(y_hat.view_as(y), y.to(y_hat.dtype))

    def _loss_multiclass_classification(self, y_hat: Tensor, y: Tensor) -> Tensor:
        if self.model_config.return_type is ModelReturnType.raw:
            return F.cross_entropy(y_hat, y)
        log_probs = y_hat.log() if self.model_config.return_type is ModelReturnType.probs else y_hat
        return F.nll_loss(log_probs, y)

    def _loss_regression(self, y_hat: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(y_hat, y)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def by_type(value: Any) -> dict[Any, Any]:
    """Values by type; those of a graph without types under the key None."""
    return dict(value) if isinstance(value, Mapping) else {None: value}


def untyped(values: Mapping[Any, Any]) -> Any:
    """The inverse of `by_type`."""
    return values[None] if None in values else dict(values)


def explanation_of(
    node_masks: Mapping[Any, Any], edge_masks: Mapping[Any, Any]
) -> Explanation | HeteroExplanation:
    """The explanation with these masks by type; None stands for no mask."""
    if None in node_masks or None in edge_masks:
        return Explanation(node_mask=node_masks.get(None), edge_mask=edge_masks.get(None))
    explanation = HeteroExplanation()
    for name, masks in (("node_mask", node_masks), ("edge_mask", edge_masks)):
        explanation.set_value_dict(name, {kind: mask for kind, mask in masks.items() if mask is not None})
    return explanation


def of_edges(values: Tensor, edge_index: Tensor) -> Tensor:
    """The values (E, ...) of the graph's own edges, where a layer has put self-loops of its own at their end."""
    if values.size(0) == edge_index.size(1):
        return values
    loop = edge_index[0] == edge_index[1]
    out = values.new_zeros(edge_index.size(1), *values.shape[1:])
    num_others = int((~loop).sum())
    out[~loop] = values[:num_others]
    out[loop] = values[num_others + edge_index[0, loop]]
    return out


def node_mask_shape(mask_type: Any, x: Tensor) -> tuple[int, int]:
    """The shape of a mask over nodes with features x, (N, F)."""
    rows = 1 if mask_type.value == "common_attributes" else x.size(0)
    return rows, 1 if mask_type.value == "object" else x.size(1)
