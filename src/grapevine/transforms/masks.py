"""Masks and indices of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.transforms.base import BaseTransform, needed
from grapevine.utils import index_to_mask, mask_to_index


def _names(attrs: list[str] | None, store: Any, suffix: str) -> list[str]:
    return [key for key in store if key.endswith(suffix)] if attrs is None else attrs


class IndexToMask(BaseTransform):
    """Turns indices ``*_index`` into masks ``*_mask``.

    Args:
        attrs: names of the indices; None takes every attribute whose name ends in ``_index``.
        sizes: sizes of the masks, one for all or one each; None takes the number of nodes, or of edges for
            attributes of edges.
        replace: whether to remove the indices.

    Raises:
        GraphValueError: if there are not as many sizes as attributes.
    """

    def __init__(
        self,
        attrs: str | list[str] | None = None,
        sizes: int | Sequence[int | None] | None = None,
        replace: bool = False,
    ) -> None:
        self.attrs = [attrs] if isinstance(attrs, str) else attrs
        self.sizes = sizes
        self.replace = replace

    def forward(self, data: Any) -> Any:
        for store in data.stores:
            names = _names(self.attrs, store, "_index")
            sizes = self.sizes if isinstance(self.sizes, list | tuple) else [self.sizes] * len(names)
            if len(sizes) != len(names):
                raise GraphValueError(f"expected one size for each of {names}, got {list(sizes)}")
            for name, size in zip(names, sizes):
                if name in store and "edge_index" not in name:
                    if size is None:
                        size = store.num_edges if store.is_edge_attr(name) else store.num_nodes
                    store[f"{name[:-6]}_mask"] = index_to_mask(store[name], size=size)
                    if self.replace:
                        del store[name]
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(attrs={self.attrs}, sizes={self.sizes}, replace={self.replace})"


class MaskToIndex(BaseTransform):
    """Turns masks ``*_mask`` into indices ``*_index``.

    Args:
        attrs: names of the masks; None takes every attribute whose name ends in ``_mask``.
        replace: whether to remove the masks.
    """

    def __init__(self, attrs: str | list[str] | None = None, replace: bool = False) -> None:
        self.attrs = [attrs] if isinstance(attrs, str) else attrs
        self.replace = replace

    def forward(self, data: Any) -> Any:
        for store in data.stores:
            for name in _names(self.attrs, store, "_mask"):
                if name in store:
                    store[f"{name[:-5]}_index"] = mask_to_index(store[name])
                    if self.replace:
                        del store[name]
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(attrs={self.attrs}, replace={self.replace})"


class RemoveTrainingClasses(BaseTransform):
    """Takes the nodes of some classes out of ``train_mask``, to learn without having seen them.

    Args:
        classes: the classes.
    """

    def __init__(self, classes: Iterable[int]) -> None:
        self.classes = classes

    def forward(self, data: Data) -> Data:
        train_mask = needed(data, "train_mask", self).clone()
        for label in self.classes:
            train_mask[needed(data, "y", self) == label] = False
        data.train_mask = train_mask
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.classes})"
