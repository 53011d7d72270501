"""A dictionary of modules whose keys may be anything that names a node or edge type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.nn import Module

Key = str | tuple[str, ...]
_TAKEN = frozenset(dir(torch.nn.ModuleDict))


class ModuleDict(torch.nn.ModuleDict):
    """A `torch.nn.ModuleDict` whose keys may be tuples, hold dots, or be the names of its own methods.

    Args:
        modules: modules by key.

    Example:
        >>> modules = ModuleDict({("paper", "cites", "paper"): torch.nn.Identity(), "type": torch.nn.Identity()})
        >>> list(modules.keys())
        [('paper', 'cites', 'paper'), 'type']
    """

    def __init__(self, modules: Mapping[Any, Module] | None = None) -> None:
        super().__init__({self.to_internal_key(key): module for key, module in (modules or {}).items()})

    @classmethod
    def to_internal_key(cls, key: Key) -> str:
        """The name under which the module of a key stands in a `state_dict`.

        Example:
            >>> [ModuleDict.to_internal_key(key) for key in [("a", "to", "b"), "a.b", "keys"]]
            ['<a___to___b>', 'a#b', '<keys>']
        """
        name = f"<{'___'.join(key)}>" if isinstance(key, tuple) else key
        return (f"<{name}>" if name in _TAKEN else name).replace(".", "#")

    @classmethod
    def to_external_key(cls, key: str) -> Key:
        """The key of the module that stands under a name in a `state_dict`."""
        key = key.replace("#", ".")
        inside = key[1:-1] if key.startswith("<") and key.endswith(">") else ""
        if inside in _TAKEN:
            return inside
        return tuple(inside.split("___")) if "___" in inside else key

    def __getitem__(self, key: Key) -> Module:
        return super().__getitem__(self.to_internal_key(key))

    def __setitem__(self, key: Key, module: Module) -> None:
        super().__setitem__(self.to_internal_key(key), module)

    def __delitem__(self, key: Key) -> None:
        super().__delitem__(self.to_internal_key(key))

    def __contains__(self, key: Any) -> bool:
        return super().__contains__(self.to_internal_key(key))

    def keys(self) -> Iterable[Any]:
        return [self.to_external_key(key) for key in super().__iter__()]

    def items(self) -> Iterable[tuple[Any, Module]]:
        return [(self.to_external_key(key), module) for key, module in super().items()]


class ParameterDict(torch.nn.ParameterDict):
    """A `torch.nn.ParameterDict` whose keys may be tuples, hold dots, or be the names of its own methods.

    Args:
        parameters: parameters by key; they are entered in alphabetical order.

    Example:
        >>> parameters = ParameterDict({("paper", "cites", "paper"): torch.ones(2)})
        >>> list(parameters), list(parameters.state_dict())
        ([('paper', 'cites', 'paper')], ['<paper___cites___paper>'])
    """

    def __init__(self, parameters: Mapping[Any, Any] | None = None) -> None:
        super().__init__()
        for key in sorted(parameters or {}, key=ModuleDict.to_internal_key):
            self[key] = (parameters or {})[key]

    def _key_to_attr(self, key: Any) -> str:
        return ModuleDict.to_internal_key(key)
