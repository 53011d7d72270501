"""Self-loops: added, completed, removed. Edge types between different node types are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from grapevine.transforms.base import BaseTransform
from grapevine.utils import add_remaining_self_loops, add_self_loops, remove_self_loops


def _loopable(data: Any) -> Iterator[Any]:
    return (store for store in data.edge_stores if "edge_index" in store and not store.is_bipartite())


class AddSelfLoops(BaseTransform):
    """Adds a self-loop to every node.

    Args:
        attr: name of the edge weights or features to extend, where there are any; other attributes of edges
            are not extended.
        fill_value: what self-loops get: a number, a tensor, or how to aggregate the features of the edges
            that point to the node (``"add"``, ``"mean"``, ``"min"``, ``"max"``, ``"mul"``).

    Example:
        >>> import torch
        >>> from grapevine.data import Data
        >>> AddSelfLoops()(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2)).edge_index
        tensor([[0, 0, 1],
                [1, 0, 1]])
    """

    def __init__(self, attr: str = "edge_weight", fill_value: float | Tensor | str = 1.0) -> None:
        self.attr = attr
        self.fill_value = fill_value

    def forward(self, data: Any) -> Any:
        for store in _loopable(data):
            store.edge_index, store[self.attr] = add_self_loops(
                store.edge_index, store.get(self.attr), self.fill_value, num_nodes=store.size(0)
            )
        return data


class AddRemainingSelfLoops(BaseTransform):
    """Adds a self-loop to every node that has none; those that are there keep their features.

    Args:
        attr: name of the edge weights or features to extend, where there are any.
        fill_value: what self-loops get: a number, a tensor, or how to aggregate the features of the edges
            that point to the node (``"add"``, ``"mean"``, ``"min"``, ``"max"``, ``"mul"``).
    """

    def __init__(self, attr: str = "edge_weight", fill_value: float | Tensor | str = 1.0) -> None:
        self.attr = attr
        self.fill_value = fill_value

    def forward(self, data: Any) -> Any:
        for store in _loopable(data):
            store.edge_index, store[self.attr] = add_remaining_self_loops(
                store.edge_index, store.get(self.attr), self.fill_value, num_nodes=store.size(0)
            )
        return data


class RemoveSelfLoops(BaseTransform):
    """Removes all self-loops.

    Args:
        attr: name of the edge weights or features to shorten, where there are any.
    """

    def __init__(self, attr: str = "edge_weight") -> None:
        self.attr = attr

    def forward(self, data: Any) -> Any:
        for store in _loopable(data):
            store.edge_index, store[self.attr] = remove_self_loops(store.edge_index, store.get(self.attr))
        return data
