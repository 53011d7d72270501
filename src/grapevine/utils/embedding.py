"""What a model's message passing layers put out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, ModuleDict


def passes_messages(module: Module) -> bool:
    """Whether a module is a message passing layer: it has `propagate`, `message` and `aggregate`."""
    return all(callable(getattr(module, name, None)) for name in ("propagate", "message", "aggregate"))


def get_num_hops(model: Module) -> int:
    """How many hops a model sees: the number of its message passing layers.

    Args:
        model: any module.

    Example:
        >>> get_num_hops(torch.nn.Linear(2, 2))
        0
    """
    return sum(passes_messages(module) for module in model.modules())


def _run_with_hooks(
    model: Module, modules: Iterable[Module], hook: Callable[[Any], None], kind: str, args: Any, kwargs: Any
) -> None:
    """Evaluates the model once, with `hook(output)` after each of the modules."""
    handles = [module.register_forward_hook(lambda _module, _inputs, out: hook(out)) for module in modules]
    if len(handles) == 0:
        warnings.warn(f"the model has no {kind} layers, so there are no embeddings", stacklevel=3)
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()


def get_embeddings(model: Module, *args: Any, **kwargs: Any) -> list[Tensor]:
    """The outputs of all message passing layers of a model, in the order in which they run.

    Args:
        model: any module with such layers.
        *args: what the model is called with (in evaluation mode, without gradients).
        **kwargs: likewise.

    Returns:
        One tensor per layer call.
    """
    found: list[Tensor] = []

    def hook(out: Any) -> None:
        found.append((out[0] if isinstance(out, tuple) else out).clone())

    layers = [module for module in model.modules() if passes_messages(module)]
    _run_with_hooks(model, layers, hook, "message passing", args, kwargs)
    return found


def get_embeddings_hetero(
    model: Module, supported_models: list[type[Module]] | None = None, *args: Any, **kwargs: Any
) -> dict[str, list[Tensor]]:
    """The outputs of all heterogeneous layers of a model, in the order in which they run.

    Args:
        model: any module with such layers.
        supported_models: the classes of these layers; by default message passing layers, and modules that
            hold them in a `ModuleDict` (such as `HeteroConv`), of which those count that return a dictionary.
        *args: what the model is called with (in evaluation mode, without gradients).
        **kwargs: likewise.

    Returns:
        One list per node type, with one tensor per layer call.
    """
    found: dict[str, list[Tensor]] = {}

    def hook(out: Any) -> None:
        if isinstance(out, dict):
            for node_type, value in out.items():
                found.setdefault(node_type, []).append(value.clone())

    def is_layer(module: Module) -> bool:
        if supported_models:
            return isinstance(module, tuple(supported_models))
        per_type = [child for child in module.children() if isinstance(child, ModuleDict)]
        return passes_messages(module) or any(
            passes_messages(layer) for d in per_type for layer in d.values()
        )

    layers = [module for module in model.modules() if is_layer(module)]
    _run_with_hooks(model, layers, hook, "heterogeneous message passing", args, kwargs)
    return found
