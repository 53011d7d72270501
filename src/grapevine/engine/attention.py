"""Softmaxes that wait for what their weights will be used for: one sum takes scores and all in a single pass."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from grapevine.engine import kernels
from grapevine.engine.plan import note
from grapevine.engine.table import VIEWS
from grapevine.engine.tree import MIXED, Apply, Leaf, Node, Side, version
from grapevine.topology import Topology

#: Views that leave numbers out, or keep all in their order.
_ORDERLY = VIEWS - {"transpose", "permute", "expand", "detach"}


class EdgeSoftmax:
    """A softmax over the edges of each destination, as an op of a tree.

    Attributes:
        topology: the edges.
        scores: (E, ...).
        value: the weights, once somebody needed them, and
        version: theirs then.
        used: some sum has taken the scores; another will want the weights.
        wrapper: a weak reference to the lazy tensor that stands for the weights.
    """

    __slots__ = ("scores", "topology", "used", "value", "version", "wrapper")

    def __init__(self, topology: Topology, scores: Tensor) -> None:
        self.topology = topology
        self.scores = Leaf(Side.EDGE, scores)
        self.value: Tensor | None = None
        self.version = 0
        self.used = False
        self.wrapper: Any = None

    def __call__(self, scores: Tensor) -> Tensor:
        return kernels.softmax(self.topology, scores)

    def node(self) -> Apply:
        """The op applied to its scores."""
        scores = self.scores
        return Apply(MIXED, self, (scores,), {}, scores.tail, scores.dtype)

    def wanted(self) -> bool:
        """True where the weights have a gradient."""
        return self.scores.tensor.requires_grad and torch.is_grad_enabled()

    def weights(self) -> Tensor:
        """The weights, stored, with their gradient."""
        value = self.value
        changed = value is not None and version(value) != self.version
        if value is None or changed or (self.wanted() and not value.requires_grad):
            value = self(self.scores.read())
            note("softmax", "edges", value.shape, "segment_softmax", value)
            if not value.is_inference():
                self.value, self.version = value, version(value)
        return value


def softmax_of(node: object) -> EdgeSoftmax | None:
    """The softmax that a node stands for; None for any other."""
    return node.func if isinstance(node, Apply) and isinstance(node.func, EdgeSoftmax) else None


def softmax_below(node: Node) -> EdgeSoftmax | None:
    """The same for a node that shows all of a softmax's numbers in another shape."""
    inner = node
    while isinstance(inner, Apply) and inner.name in _ORDERLY:
        inner = inner.args[0]
    return softmax_of(inner) if math.prod(inner.tail) == math.prod(node.tail) else None
