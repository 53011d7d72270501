"""Masks over edges, which weigh every message of a model: what explainers optimise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from grapevine.nn.message_passing import MessagePassing

EdgeType = tuple[str, str, str]


def set_masks(model: Module, mask: Tensor, edge_index: Tensor, apply_sigmoid: bool = True) -> None:
    r"""Weighs every message of a model by a mask over the edges.

    .. math:: \mathbf{m}^{\prime}_{ji} = \sigma(w_{ji}) \, \mathbf{m}_{ji}

    Self-loops that layers add themselves weigh 1. The mask is one more factor of the message, so that nothing of size
    edges x features is stored for it.

    Args:
        model: all its message passing layers take part, except those with `explain = False`.
        mask: w, (E,); gradients reach it.
        edge_index: the edges of the mask, (2, E).
        apply_sigmoid: send the mask through a sigmoid.

    Example:
        >>> import grapevine as gv
        >>> conv, edge_index = gv.nn.SimpleConv(), torch.tensor([[0, 1], [1, 0]])
        >>> set_masks(conv, torch.tensor([1.0, 0.0]), edge_index, apply_sigmoid=False)
        >>> conv(torch.ones(2, 1), edge_index).tolist()
        [[0.0], [1.0]]
        >>> clear_masks(conv)
    """
    loop_mask = edge_index[0] != edge_index[1]
    for layer in explained_layers(model):
        layer.explain = True
        layer._parameters.pop("_edge_mask", None)
        layer.__dict__["_edge_mask"] = mask  # no parameter of the model, even if it is one
        layer._loop_mask = loop_mask
        layer._apply_sigmoid = apply_sigmoid


def set_hetero_masks(
    model: Module,
    mask_dict: Mapping[EdgeType, Tensor],
    edge_index_dict: Mapping[EdgeType, Tensor],
    apply_sigmoid: bool = True,
) -> None:
    """Weighs the messages of each edge type by a mask of its own.

    Args:
        model: its layers are found in dictionaries of modules by edge type, as in `HeteroConv` and `to_hetero`.
        mask_dict: (E,) by edge type.
        edge_index_dict: (2, E) by edge type.
        apply_sigmoid: send the masks through a sigmoid.
    """
    for edge_type, mask in mask_dict.items():
        for module in modules_of(model, edge_type):
            set_masks(module, mask, edge_index_dict[edge_type], apply_sigmoid)


def clear_masks(model: Module) -> None:
    """Takes all masks off a model again."""
    for layer in explained_layers(model):
        layer.explain = None
        layer._parameters.pop("_edge_mask", None)
        layer.__dict__["_edge_mask"] = None
        layer._loop_mask = None
        layer._apply_sigmoid = True


def modules_of(model: Module, edge_type: EdgeType) -> Iterator[Module]:
    """The modules that a model keeps for an edge type in its dictionaries of modules."""
    for modules in model.modules():
        if isinstance(modules, torch.nn.ModuleDict):
            names: tuple[Any, ...] = (edge_type, "__".join(edge_type))
            yield from (modules[name] for name in names if name in modules)


@contextmanager
def masked(model: Module, masks: Any, edge_index: Any, apply_sigmoid: bool = True) -> Iterator[None]:
    """Weighs messages inside the block by a mask, by masks per edge type, or (None) not at all."""
    if isinstance(masks, Mapping):
        set_hetero_masks(model, masks, edge_index, apply_sigmoid)
    elif masks is not None:
        set_masks(model, masks, edge_index, apply_sigmoid)
    try:
        yield
    finally:
        clear_masks(model)


def explained_layers(model: Module) -> Iterator[MessagePassing]:
    """The layers of a model that take part in explanations: all that send messages, unless `explain` is False."""
    for module in model.modules():
        if isinstance(module, MessagePassing) and module.__dict__["_explain"] is not False:
            yield module
