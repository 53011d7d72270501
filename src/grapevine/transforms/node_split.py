"""Random splits of nodes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.transforms.base import BaseTransform

_SPLITS = ("train_rest", "test_rest", "random")


class RandomNodeSplit(BaseTransform):
    """Adds random masks ``train_mask``, ``val_mask`` and ``test_mask`` of nodes.

    Args:
        split: who gets the rest. ``"train_rest"``: validation and test nodes are drawn, all others train.
            ``"test_rest"``: training nodes are drawn for each class, then validation nodes, all others test.
            ``"random"``: like that, but the test nodes are drawn too.
        num_splits: number of splits; several become columns of the masks.
        num_train_per_class: training nodes per class (not for ``"train_rest"``).
        num_val: validation nodes, as a number or as a fraction of all nodes (float).
        num_test: test nodes, likewise (not for ``"test_rest"``).
        key: name of the labels; only node types that have them are split. None splits all.

    Raises:
        GraphValueError: for an unknown `split`, or one by class without a `key`.

    Example:
        >>> from grapevine.data import Data
        >>> data = RandomNodeSplit(num_val=0.2, num_test=0.3)(Data(y=torch.zeros(10), num_nodes=10))
        >>> int(data.train_mask.sum()), int(data.val_mask.sum()), int(data.test_mask.sum())
        (5, 2, 3)
    """

    def __init__(
        self,
        split: str = "train_rest",
        num_splits: int = 1,
        num_train_per_class: int = 20,
        num_val: int | float = 500,
        num_test: int | float = 1000,
        key: str | None = "y",
    ) -> None:
        if split not in _SPLITS:
            raise GraphValueError(f"expected a split of {_SPLITS}, got {split!r}")
        if split != "train_rest" and key is None:
            raise GraphValueError(f"expected the name of the labels as key for split={split!r}, got None")
        self.split = split
        self.num_splits = num_splits
        self.num_train_per_class = num_train_per_class
        self.num_val = num_val
        self.num_test = num_test
        self.key = key

    def forward(self, data: Any) -> Any:
        for store in data.node_stores:
            if self.key is None or self.key in store:
                masks = torch.stack([self._split(store) for _ in range(self.num_splits)], dim=-1).squeeze(-1)
                store.train_mask, store.val_mask, store.test_mask = masks.unbind(0)
        return data

    def _split(self, store: Any) -> Tensor:
        num_nodes = store.num_nodes
        num_val, num_test = (
            round(num_nodes * n) if isinstance(n, float) else n for n in (self.num_val, self.num_test)
        )
        masks = torch.zeros(3, num_nodes, dtype=torch.bool)
        train, val, test = masks.unbind(0)
        if self.split == "train_rest":
            order = torch.randperm(num_nodes)
            val[order[:num_val]] = True
            test[order[num_val : num_val + num_test]] = True
            train[order[num_val + num_test :]] = True
            return masks

        y = store[self.key]
        for label in range(int(y.max()) + 1):
            nodes = (y == label).nonzero().view(-1)
            train[nodes[torch.randperm(nodes.numel())][: self.num_train_per_class]] = True
        rest = (~train).nonzero().view(-1)
        rest = rest[torch.randperm(rest.numel())]
        val[rest[:num_val]] = True
        test[rest[num_val:] if self.split == "test_rest" else rest[num_val : num_val + num_test]] = True
        return masks

    def __repr__(self) -> str:
        return f"{type(self).__name__}(split={self.split})"
