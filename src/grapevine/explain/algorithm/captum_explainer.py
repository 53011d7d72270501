"""Captum's attribution methods as explainers."""

from __future__ import annotations

import inspect
import warnings
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.errors import GraphValueError, require
from grapevine.explain.algorithm.base import ExplainerAlgorithm, explanation_of
from grapevine.explain.config import MaskType, ModelMode, ModelReturnType
from grapevine.explain.explanation import Explanation, HeteroExplanation
from grapevine.nn.models.captum import CaptumModel, captum_output_to_dicts, to_captum_input


class CaptumExplainer(ExplainerAlgorithm):
    """Explains by an attribution method of Captum, an optional package.

    Args:
        attribution_method: "IntegratedGradients", "Saliency", "InputXGradient", "Deconvolution",
            "ShapleyValueSampling" or "GuidedBackprop", or such a class of `captum.attr`.
        **kwargs: arguments of its `attribute`.

    Raises:
        MissingDependencyError: where Captum is not installed.
        GraphValueError: for another method.

    Source: "Captum: A unified and generic model interpretability library for PyTorch" (arXiv:2009.07896).
    """

    SUPPORTED_METHODS: ClassVar[list[str]] = [
        "IntegratedGradients",
        "Saliency",
        "InputXGradient",
        "Deconvolution",
        "ShapleyValueSampling",
        "GuidedBackprop",
    ]

    def __init__(self, attribution_method: str | Any, **kwargs: Any) -> None:
        super().__init__()
        attr = require("captum.attr", "captum")
        name = attribution_method if isinstance(attribution_method, str) else attribution_method.__name__
        if name not in self.SUPPORTED_METHODS:
            raise GraphValueError(
                f"expected an attribution method among {', '.join(self.SUPPORTED_METHODS)}, got {name!r}"
            )
        method: Any = getattr(attr, name) if isinstance(attribution_method, str) else attribution_method
        self.attribution_method_class = method
        self.kwargs = dict(kwargs)
        if "internal_batch_size" in inspect.signature(method.attribute).parameters:
            if kwargs.get("internal_batch_size", 1) != 1:
                warnings.warn("internal_batch_size is 1 for graphs, whatever is asked for", stacklevel=2)
            self.kwargs["internal_batch_size"] = 1

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
        """Attributes the prediction to features and edges; see `ExplainerAlgorithm.forward`."""
        config, typed = self.explainer_config, isinstance(x, dict)
        asked = (("node", config.node_mask_type), ("edge", config.edge_mask_type))
        mask_type = "_and_".join(name for name, kind in asked if kind is not None)
        inputs, more = to_captum_input(x, edge_index, mask_type, *kwargs.values())
        metadata: Any = (list(x), list(edge_index)) if typed else ([None], [None])
        captum_model: Module = CaptumModel(model, mask_type, index, metadata if typed else None)
        labels: Tensor | None = target if index is None else target[index]
        if self.model_config.mode is ModelMode.binary_classification:
            captum_model = _TwoClasses(captum_model)
        elif self.model_config.mode is ModelMode.regression:
            labels = None
        found = self.attribution_method_class(captum_model).attribute(
            inputs=inputs, target=labels, additional_forward_args=more, **self.kwargs
        )
        found = tuple(value.view_as(given) for value, given in zip(found, inputs, strict=True))
        nodes, edges = captum_output_to_dicts(found, mask_type, metadata)
        return explanation_of(_detached(nodes), _detached(edges))

    def reasons(self) -> list[str]:
        """Why the algorithm cannot serve the configurations that it is connected to."""
        found, kind, model = [], self.explainer_config.node_mask_type, self.model_config
        if kind not in (None, MaskType.attributes):
            found.append(f"node_mask_type must be None or 'attributes', got {kind.value!r}")
        binary = model.mode is ModelMode.binary_classification
        if binary and model.return_type is not ModelReturnType.probs:
            found.append(
                f"return_type must be 'probs' for binary classification, got {model.return_type.value!r}"
            )
        return found


class _TwoClasses(Module):
    """A probability p as those of two classes, (1 - p, p)."""

    def __init__(self, model: Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *args: Any) -> Tensor:
        p = self.model(*args).view(-1, 1)
        return torch.cat([1 - p, p], dim=-1)


def _detached(masks: dict[Any, Tensor] | None) -> dict[Any, Tensor]:
    return {kind: mask.detach() for kind, mask in (masks or {}).items()}
