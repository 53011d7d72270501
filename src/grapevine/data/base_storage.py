"""`BaseStorage`: a dictionary of attributes, which are read and written like attributes of an object."""

from __future__ import annotations

import copy
import weakref
from collections import namedtuple
from collections.abc import (
    Callable,
    Collection,
    ItemsView,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    ValuesView,
)
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from grapevine.data.aliases import Level
from grapevine.data.nested import map_tensors, select
from grapevine.data.roles import Role, named_role
from grapevine.data.tensors import Tensors
from grapevine.errors import GrapevineError, GraphKeyError, GraphTypeError

_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


class MissingAttributeError(GrapevineError, AttributeError):
    """An attribute that a graph does not have."""


class BaseStorage(Tensors, MutableMapping[str, Any]):
    """A dictionary whose items are also attributes: `storage.x` and `storage["x"]` are the same.

    Names that begin with an underscore are private: set as attributes they are no items, so they are neither
    listed nor batched. Assigning `None` removes an item.

    Args:
        _mapping: the first items.
        **kwargs: more items, and private attributes such as `_parent` (the graph, held weakly) and `_key`
            (the node or edge type).

    Example:
        >>> storage = BaseStorage(x=1, _hidden=2)
        >>> storage.y = 3
        >>> storage, storage._hidden
        ({'x': 1, 'y': 3}, 2)
    """

    _holds_edges: ClassVar[bool] = False
    _mapping: dict[str, Any]
    _parent: Any  # reading gives a weak reference to the graph; writing takes the graph

    def __init__(self, _mapping: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.__dict__["_mapping"] = {}
        for key, value in chain((_mapping or {}).items(), kwargs.items()):
            setattr(self, key, value)

    # Items and attributes -----------------------------------------------------------------------------------

    @property
    def _key(self) -> Any:
        return None

    def __getattr__(self, key: str) -> Any:
        mapping = self.__dict__.get("_mapping", {})
        if key in mapping:
            return mapping[key]
        raise MissingAttributeError(
            f"'{type(self).__name__}' object has no attribute '{key}'; it holds {list(mapping)}"
        )

    def __setattr__(self, key: str, value: Any) -> None:
        descriptor = getattr(type(self), key, None)
        if isinstance(descriptor, property) and descriptor.fset is not None:
            descriptor.fset(self, value)
        elif key == "_parent":
            self.__dict__[key] = weakref.ref(value)
        elif key.startswith("_"):
            self.__dict__[key] = value
        else:
            self[key] = value

    def __delattr__(self, key: str) -> None:
        if key.startswith("_"):
            del self.__dict__[key]
        else:
            del self[key]

    def __getitem__(self, key: str) -> Any:
        if key not in self._mapping:
            raise GraphKeyError(f"expected one of {list(self._mapping)}, got '{key}'")
        return self._mapping[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Returns an item, or `default` where there is none."""
        return self._mapping.get(key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        if value is None:
            self._mapping.pop(key, None)
        else:
            self._mapping[key] = value

    def __delitem__(self, key: str) -> None:
        self._mapping.pop(key, None)

    def __contains__(self, key: object) -> bool:
        return key in self._mapping

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._mapping))

    def __len__(self) -> int:
        return len(self._mapping)

    def __repr__(self) -> str:
        return repr(self._mapping)

    def _subset(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {key: self._mapping[key] for key in names or self._mapping if key in self._mapping}

    def keys(self, *args: str) -> KeysView[str]:
        """Returns the names of all items, or of those among `args` that exist; later changes do not show."""
        return self._subset(args).keys()

    def values(self, *args: str) -> ValuesView[Any]:
        """Returns the values of all items, or of those among `args` that exist."""
        return self._subset(args).values()

    def items(self, *args: str) -> ItemsView[str, Any]:
        """Returns all items, or those among `args` that exist."""
        return self._subset(args).items()

    # Copies -------------------------------------------------------------------------------------------------

    def __copy__(self) -> Self:
        out = type(self).__new__(type(self))
        out.__dict__.update(self.__dict__)
        out.__dict__["_mapping"] = dict(self._mapping)
        return out

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        out = type(self).__new__(type(self))
        out.__dict__.update(self.__dict__)
        for value in self._mapping.values():
            if isinstance(value, Tensor) and value.layout in _COMPRESSED:
                # torch cannot deep-copy these
                memo[id(value)] = value.detach().clone().requires_grad_(value.requires_grad)
        out.__dict__["_mapping"] = copy.deepcopy(self._mapping, memo)
        return out

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if state.get("_parent") is not None:
            state["_parent"] = state["_parent"]()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.__dict__.get("_parent") is not None:
            self.__dict__["_parent"] = weakref.ref(self.__dict__["_parent"])

    def to_dict(self) -> dict[str, Any]:
        """Returns the items as a dictionary, with what is private to batching where there is any."""
        hidden: dict[str, Any] = {k: self.__dict__[k] for k in ("_num_nodes", "_roles") if k in self.__dict__}
        return {**self._mapping, **hidden}

    def to_namedtuple(self) -> Any:
        """Returns the items as a named tuple."""
        return namedtuple(f"{type(self).__name__}Tuple", list(self))(**self._mapping)

    # Tensors ------------------------------------------------------------------------------------------------

    def apply(self, func: Callable[[Any], Any], *args: str) -> Self:
        """Replaces every tensor, in all items or in those named, by `func(tensor)`."""
        for key, value in self.items(*args):
            self[key] = map_tensors(value, func)
        return self

    def apply_(self, func: Callable[[Any], Any], *args: str) -> Self:
        """Calls the in-place function `func` on every tensor, in all items or in those named."""
        for value in self.values(*args):
            map_tensors(value, func)
        return self

    # Roles and rows -----------------------------------------------------------------------------------------

    def declare(self, **roles: Role) -> Self:
        """Declares the batching roles of attributes, which then win over the naming rules; see `Role`."""
        if roles:
            self.__dict__["_roles"] = {**self.__dict__.get("_roles", {}), **roles}
        return self

    def _declared(self) -> Mapping[str, Role]:
        """The declared roles: on the class of the graph, and on this storage, which win."""
        data, own = self._graph(), self.__dict__.get("_roles")
        on_class: Mapping[str, Role] = {} if data is None else data.__roles__
        return {**on_class, **own} if own else on_class

    def _graph(self) -> Any:
        """The graph that this storage is part of, or `None` if that is gone."""
        parent = self.__dict__.get("_parent")
        return None if parent is None else parent()

    def _cat_dim(self, key: str) -> int | tuple[int, ...] | None:
        """Returns the dimension along which an attribute is joined with that of other graphs."""
        data = self._graph()
        if data is None:
            return named_role(key, self[key], holds_ids=self._holds_edges and "index" in key).cat_dim
        dim: int | tuple[int, ...] | None = data.__cat_dim__(key, self[key], self)
        return dim

    def _rows(self, key: str) -> int | None:
        """How many items an attribute holds along the dimension along which it is joined, if there is one."""
        value = self._mapping[key]
        if isinstance(value, list | tuple):
            return len(value)
        if not isinstance(value, Tensor | np.ndarray) or value.ndim == 0:
            return None
        dim = self._cat_dim(key)
        if not isinstance(dim, int):
            return None
        return int(value.size(dim)) if isinstance(value, Tensor) else int(value.shape[dim])

    def _revealed(self, level: Level, names: Collection[str], word: str) -> int | None:
        """The rows of the first array that tells: by its role, by a known name, by a word in it."""
        roles = {key: role.level for key, role in self._declared().items() if role.level is not None}
        rules: tuple[Callable[[str], bool], ...] = (names.__contains__, lambda key: word in key)
        for tells in ((lambda key: key in roles), *rules) if roles else rules:
            for key, value in self._mapping.items():
                if tells(key) and roles.get(key, level) == level and isinstance(value, Tensor | np.ndarray):
                    rows = self._rows(key)
                    if rows is not None:
                        return rows
        return None

    def _counts(self) -> dict[Level, int | None]:
        """Returns the number of rows of each level that this storage describes."""
        return {}

    def _level(self, key: str, counts: Mapping[Level, int | None] | None = None) -> Level | None:
        """Returns whether an attribute describes nodes, edges, or (None) neither.

        A declared level decides. Otherwise the number of its rows is compared with the number of nodes and of
        edges; where both are the same, names with "edge" in them belong to edges.

        Args:
            key: the attribute's name.
            counts: what `_counts()` returned, where many attributes are asked for.
        """
        role = self._declared().get(key)
        if role is not None and role.level is not None:
            return role.level
        rows = self._rows(key)
        if rows is None:
            return None
        fitting = [level for level, count in (counts or self._counts()).items() if count == rows]
        if len(fitting) == 2:
            return "edge" if "edge" in key else "node"
        return fitting[0] if fitting else None

    def _levels(self) -> dict[str, Level | None]:
        """Returns the level of every attribute."""
        counts = self._counts()
        return {key: self._level(key, counts) for key in self}

    def is_node_attr(self, key: str) -> bool:
        """Returns whether an attribute has one row per node."""
        return self._level(key) == "node"

    def is_edge_attr(self, key: str) -> bool:
        """Returns whether an attribute has one row per edge."""
        return self._level(key) == "edge"

    def node_attrs(self) -> list[str]:
        """Returns the names of all attributes with one row per node."""
        return [key for key, level in self._levels().items() if level == "node"]

    def edge_attrs(self) -> list[str]:
        """Returns the names of all attributes with one row per edge."""
        return [key for key, level in self._levels().items() if level == "edge"]

    def _select_rows(self, level: Level, index_or_mask: Tensor) -> Self:
        """Keeps the given rows of all attributes of a level, in place; node ids stay as they are."""
        for key in [key for key, found in self._levels().items() if found == level]:
            self[key] = select(self[key], index_or_mask, self._cat_dim(key))
        return self

    def concat(self, other: Self) -> Self:
        """Appends the rows of another storage with the same attributes, in place."""
        if set(self) != set(other):
            raise MissingAttributeError(
                f"expected two storages with the same attributes, got {sorted(self)} and {sorted(other)}; "
                "do this instead: remove or add the ones that differ"
            )
        for key, value in self.items():
            if key in ("num_nodes", "num_edges") or isinstance(value, list):
                self[key] = value + other[key]
            elif isinstance(value, Tensor):
                dim = self._cat_dim(key)
                self[key] = torch.cat([value, other[key]], dim=dim if isinstance(dim, int) else 0)
            else:
                raise GraphTypeError(
                    f"expected tensors or lists to concatenate, got {type(value).__name__} for '{key}'; "
                    f"do this instead: del data['{key}'] first, or store it as a tensor"
                )
        return self
