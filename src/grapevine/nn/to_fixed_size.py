"""Models that know how many graphs a batch has."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from torch.nn import Module

from grapevine.nn.aggr.base import Aggregation
from grapevine.nn.message_passing import MessagePassing


def to_fixed_size(module: Module, batch_size: int, debug: bool = False) -> Module:
    """A model whose global poolings take the number of graphs as given, so that nothing waits for a device to tell it.

    Args:
        module: the model; its parameters are shared with the result.
        batch_size: graphs in each batch, B.
        debug: accepted for compatibility.

    Returns:
        a copy of the model in which each aggregation outside of message passing layers is called with `dim_size=B`.

    Example:
        >>> import torch
        >>> from grapevine.nn import SumAggregation
        >>> pool = to_fixed_size(torch.nn.Sequential(SumAggregation()), batch_size=3)
        >>> pool[0](torch.ones(2, 1), torch.tensor([0, 1])).shape
        torch.Size([3, 1])
    """
    shared = {id(value): value for value in (*module.parameters(), *module.buffers())}
    out = copy.deepcopy(module, shared)

    def visit(part: Module) -> None:
        if isinstance(part, Aggregation):
            part.register_forward_pre_hook(partial(_fixed, batch_size), with_kwargs=True)
        elif not isinstance(part, MessagePassing):
            for child in part.children():
                visit(child)

    visit(out)
    return out


def _fixed(batch_size: int, _: Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return args, kwargs | {"dim_size": batch_size}
