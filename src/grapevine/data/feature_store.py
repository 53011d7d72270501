"""`FeatureStore`: features of a graph that live elsewhere, asked for by group, name and rows."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy
from typing_extensions import Self

from grapevine.errors import GrapevineError, GraphKeyError, GraphValueError

Features: TypeAlias = Tensor | NDArray[Any]


class FieldStatus(Enum):
    """What a field holds that was not given; None is a value like any other."""

    UNSET = None


UNSET = FieldStatus.UNSET


class Cast:
    """Records that can be given as themselves, as a tuple, as a dictionary, or as arguments."""

    @classmethod
    def cast(cls, *args: Any, **kwargs: Any) -> Self:
        """Makes a record of whatever describes one."""
        if len(args) == 1 and not kwargs:
            (given,) = args
            if isinstance(given, cls):
                return given
            if isinstance(given, tuple):
                return cls(*given)
            if isinstance(given, dict):
                return cls(**given)
        return cls(*args, **kwargs)


@dataclass(eq=False)
class TensorAttr(Cast):
    """Which features are meant; fields that were not given are unset.

    Subclasses may add fields; their order is that of the arguments and of indexing.

    Attributes:
        group_name: a node type, an edge type, or None.
        attr_name: such as ``"x"``.
        index: which rows: a tensor, an array, a slice, an integer; None means all.
    """

    group_name: Any = UNSET
    attr_name: Any = UNSET
    index: Any = UNSET

    def is_set(self, key: str) -> bool:
        """Whether a field was given."""
        return getattr(self, key) is not UNSET

    def is_fully_specified(self) -> bool:
        """Whether all fields were given."""
        return all(self.is_set(field.name) for field in fields(self))

    def fully_specified(self) -> Self:
        """A copy in which what was not given is None."""
        out = copy.copy(self)
        for field in fields(out):
            if not out.is_set(field.name):
                setattr(out, field.name, None)
        return out

    def update(self, attr: TensorAttr) -> Self:
        """Takes over the fields that `attr` was given."""
        for field in fields(self):
            if attr.is_set(field.name):
                setattr(self, field.name, getattr(attr, field.name))
        return self

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            _same(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        )


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor | np.ndarray) or isinstance(b, Tensor | np.ndarray):
        return type(a) is type(b) and a.shape == b.shape and bool((a == b).all())
    return bool(a == b)


class ViewAttributeError(GrapevineError, AttributeError):
    """A field that a view does not have, or no longer needs."""


class AttrView:
    """Features of a store of which not all fields are given yet.

    Attributes and items fill the next field; the last one reads the features, as does a call with what there is:
    ``store["paper"].x[index]`` and ``store["paper", "x"]()`` are tensors.

    Args:
        store: where the features are.
        attr: what is given already.
    """

    def __init__(self, store: FeatureStore, attr: TensorAttr) -> None:
        self.__dict__.update(_store=store, _attr=attr)

    def __getattr__(self, key: Any) -> Any:
        if isinstance(key, str) and key.startswith("__"):  # what copy and pickle look for is no feature
            raise ViewAttributeError(f"a view has no attribute {key!r}")
        return self[key]

    def __getitem__(self, key: Any) -> Any:
        attr = copy.copy(self._attr)
        unset = [field.name for field in fields(attr) if not attr.is_set(field.name)]
        if not unset:
            raise ViewAttributeError(f"expected a view with a field to fill by {key!r}, got {self!r}")
        setattr(attr, unset[0], key)
        return self._store.get_tensor(attr) if len(unset) == 1 else AttrView(self._store, attr)

    def __setattr__(self, key: str, value: Any) -> None:
        known = [field.name for field in fields(self._attr)]
        if key not in known:
            raise GraphValueError(f"expected a field of {known}, got {key!r}")
        setattr(self._attr, key, value)

    __setitem__ = __setattr__

    def __call__(self) -> Features:
        """Reads the features; what was not given is None."""
        features: Features = self._store.get_tensor(self._attr.fully_specified())
        return features

    def __copy__(self) -> AttrView:
        return AttrView(self._store, copy.copy(self._attr))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AttrView) and self._store is other._store and self._attr == other._attr

    def __repr__(self) -> str:
        return f"{type(self).__name__}(store={self._store}, attr={self._attr})"


class FeatureStore(ABC):
    """The base class of places where features live: in memory, on disk, behind a network.

    Define `_put_tensor`, `_get_tensor`, `_remove_tensor`, `_get_tensor_size` and `get_all_tensor_attrs`. All that
    they are handed is fully specified; ``index`` None means all rows.

    Args:
        tensor_attr_cls: the class of descriptions, `TensorAttr` if None.
    """

    def __init__(self, tensor_attr_cls: type[TensorAttr] | None = None) -> None:
        super().__init__()
        self.__dict__["_tensor_attr_cls"] = tensor_attr_cls or TensorAttr

    # To be defined ------------------------------------------------------------------------------------------

    @abstractmethod
    def _put_tensor(self, tensor: Features, attr: TensorAttr) -> bool:
        """Writes features; returns whether that was possible."""

    @abstractmethod
    def _get_tensor(self, attr: TensorAttr) -> Features | None:
        """Reads features; None if there are none."""

    @abstractmethod
    def _remove_tensor(self, attr: TensorAttr) -> bool:
        """Removes features; returns whether there were any."""

    @abstractmethod
    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...] | None:
        """The shape of features; None if there are none."""

    @abstractmethod
    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Descriptions of all that is stored, without an index."""

    def _multi_get_tensor(self, attrs: list[TensorAttr]) -> list[Features | None]:
        """Reads several; to be overridden where that can be done at once."""
        return [self._get_tensor(attr) for attr in attrs]

    # What callers use ---------------------------------------------------------------------------------------

    def _described(self, *args: Any, **kwargs: Any) -> TensorAttr:
        attr = self._cast(*args, **kwargs)
        if not attr.is_fully_specified():
            raise GraphValueError(
                f"expected group name, attribute name and index, got {attr}; do this instead: pass index=None "
                "for all rows"
            )
        return attr

    def _cast(self, *args: Any, **kwargs: Any) -> TensorAttr:
        attr: TensorAttr = self.__dict__["_tensor_attr_cls"].cast(*args, **kwargs)
        return attr

    def put_tensor(self, tensor: Features, *args: Any, **kwargs: Any) -> bool:
        """Writes features.

        Args:
            tensor: the rows.
            *args: a `TensorAttr`, or its fields.
            **kwargs: fields of a `TensorAttr`.

        Returns:
            Whether that was possible.

        Raises:
            GraphValueError: if a field is missing.
        """
        return self._put_tensor(tensor, self._described(*args, **kwargs))

    def get_tensor(self, *args: Any, convert_type: bool = False, **kwargs: Any) -> Features:
        """Reads features.

        Args:
            *args: a `TensorAttr`, or its fields.
            convert_type: whether to return a tensor for an index that is one, and an array likewise.
            **kwargs: fields of a `TensorAttr`.

        Raises:
            GraphValueError: if a field is missing.
            GraphKeyError: if there are no such features.
        """
        return self.multi_get_tensor([self._described(*args, **kwargs)], convert_type)[0]

    def multi_get_tensor(self, attrs: list[Any], convert_type: bool = False) -> list[Features]:
        """Reads features of several descriptions; see `get_tensor`."""
        described = [self._described(attr) for attr in attrs]
        out = []
        for attr, found in zip(described, self._multi_get_tensor(described), strict=True):
            if found is None:
                raise GraphKeyError(f"no features for {attr}; stored are {self.get_all_tensor_attrs()}")
            out.append(_converted(attr.index, found) if convert_type else found)
        return out

    def remove_tensor(self, *args: Any, **kwargs: Any) -> bool:
        """Removes features; returns whether there were any."""
        return self._remove_tensor(self._described(*args, **kwargs))

    def update_tensor(self, tensor: Features, *args: Any, **kwargs: Any) -> bool:
        """Writes features in the place of others; returns whether that was possible."""
        attr = self._described(*args, **kwargs)
        self.remove_tensor(attr)
        return self.put_tensor(tensor, attr)

    def get_tensor_size(self, *args: Any, **kwargs: Any) -> tuple[int, ...] | None:
        """The shape of features, of all rows if no index is given; None if there are none."""
        attr = copy.copy(self._cast(*args, **kwargs))
        if not attr.is_set("index"):
            attr.index = None
        return self._get_tensor_size(attr)

    def view(self, *args: Any, **kwargs: Any) -> AttrView:
        """Features of which not all fields are given yet."""
        return AttrView(self, self._cast(*args, **kwargs))

    def __setitem__(self, key: Any, value: Features) -> None:
        self.put_tensor(value, key)

    def __getitem__(self, key: Any) -> Any:
        attr = self._cast(key)
        return self.get_tensor(attr) if attr.is_fully_specified() else self.view(attr)

    def __delitem__(self, key: Any) -> None:
        self.remove_tensor(self._cast(key).fully_specified())

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _converted(index: Any, found: Features) -> Features:
    if isinstance(index, Tensor) and isinstance(found, np.ndarray):
        return from_numpy(found)
    if isinstance(index, np.ndarray) and isinstance(found, Tensor):
        array: NDArray[Any] = found.detach().cpu().numpy()
        return array
    return found
