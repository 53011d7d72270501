"""From a name to a module: `activation_resolver("relu")`, `aggregation_resolver("mean")`, ...

The packages of aggregations and normalisations enter their classes here when they are imported, so this file
needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.errors import GraphValueError

__all__ = [
    "Resolver",
    "activation_resolver",
    "activations",
    "aggregation_resolver",
    "aggregations",
    "normalization_resolver",
    "normalizations",
    "optimizer_resolver",
    "optimizers",
    "swish",
]


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


class Resolver:
    """A table of classes and functions that are found by name.

    Case, `-`, `_`, blanks and the common part of the names do not matter: `"batch_norm"`, `"BatchNorm"` and
    `"batch"` find the same class.

    Args:
        kind: what the entries are, for messages.
        common: the part that the names share and a query may leave out, such as `"Norm"`.
        entries: classes and functions to begin with.

    Example:
        >>> table = Resolver("activation", "Act", [torch.nn.LeakyReLU])
        >>> table("leaky_relu", 0.2)
        LeakyReLU(negative_slope=0.2)
    """

    def __init__(self, kind: str, common: str = "", entries: Iterable[Callable[..., Any]] = ()) -> None:
        self.kind = kind
        self.common = _plain(common)
        self.known: list[str] = []
        self._table: dict[str, Callable[..., Any]] = {}
        self.register(*entries)

    def register(self, *entries: Callable[..., Any], **aliases: Callable[..., Any]) -> None:
        """Enters classes and functions by their own names, and `aliases`; what a name meant before stays."""
        for name, entry in [*((entry.__name__, entry) for entry in entries), *aliases.items()]:
            self.known.append(name)
            self._table.setdefault(_plain(name), entry)
            self._table.setdefault(_plain(name).replace(self.common, ""), entry)

    def __call__(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """The function, or a new object of the class, of that name; what is no string comes back as it is.

        Raises:
            GraphValueError: for an unknown name; the message lists the known ones.
        """
        if not isinstance(query, str):
            return query
        entry = self.entry(query)
        return entry(*args, **kwargs) if isinstance(entry, type) else entry

    def entry(self, name: str) -> Callable[..., Any]:
        """The class or function of that name.

        Raises:
            GraphValueError: for an unknown name; the message lists the known ones.
        """
        if _plain(name) not in self._table:
            raise GraphValueError(
                f"expected the name of a known {self.kind}, got {name!r}; "
                f"use one of {', '.join(sorted(self.known))}, or pass the object itself"
            )
        return self._table[_plain(name)]


def _classes(namespace: Any, base: type) -> list[type]:
    return [
        entry for entry in vars(namespace).values() if isinstance(entry, type) and issubclass(entry, base)
    ]


def swish(x: Tensor) -> Tensor:
    """`x · sigmoid(x)`, the activation of arXiv:1710.05941."""
    return F.silu(x)


activations = Resolver("activation", "Act", [*_classes(torch.nn.modules.activation, torch.nn.Module), swish])
aggregations = Resolver("aggregation", "Aggregation")
normalizations = Resolver("normalization", "Norm")
optimizers = Resolver("optimizer", "Optimizer", _classes(torch.optim, torch.optim.Optimizer))


def activation_resolver(query: Any = "relu", *args: Any, **kwargs: Any) -> Any:
    """The activation of that name, one of `torch.nn`'s or `"swish"`; what is no string comes back as it is.

    Args:
        query: name, such as `"relu"` or `"LeakyReLU"`, or a callable, or None.
        args, kwargs: for the class's constructor.

    Raises:
        GraphValueError: for an unknown name; the message lists the known ones.

    Example:
        >>> activation_resolver("leaky_relu", negative_slope=0.2)
        LeakyReLU(negative_slope=0.2)
    """
    return activations(query, *args, **kwargs)


def normalization_resolver(query: Any, *args: Any, **kwargs: Any) -> Any:
    """The normalisation layer of that name (see `grapevine.nn.norm`); what is no string comes back as it is.

    Args:
        query: name, such as `"batch_norm"` or `"GraphNorm"`, or a module.
        args, kwargs: for the class's constructor.

    Raises:
        GraphValueError: for an unknown name; the message lists the known ones.

    Example:
        >>> normalization_resolver("graph_norm", 16)
        GraphNorm(16)
    """
    return normalizations(query, *args, **kwargs)


def aggregation_resolver(query: Any, *args: Any, **kwargs: Any) -> Any:
    """The aggregation of that name (see `grapevine.nn.aggr`), or a `MultiAggregation` for a list.

    Args:
        query: name, such as `"mean"` or `"SumAggregation"`, or a list of names and modules, or a module.
        args, kwargs: for the class's constructor.

    Raises:
        GraphValueError: for an unknown name; the message lists the known ones.

    Example:
        >>> aggregation_resolver("powermean", learn=True)
        PowerMeanAggregation(learn=True)
    """
    if isinstance(query, (list, tuple)):
        return aggregations("MultiAggregation", query, *args, **kwargs)
    return aggregations(query, *args, **kwargs)


def optimizer_resolver(query: Any, *args: Any, **kwargs: Any) -> Any:
    """The optimizer of `torch.optim` of that name; what is no string comes back as it is.

    Args:
        query: name, such as `"adam"`, or an optimizer.
        args, kwargs: for the class's constructor: the parameters, `lr`, ...

    Raises:
        GraphValueError: for an unknown name; the message lists the known ones.

    Example:
        >>> optimizer_resolver("sgd", torch.nn.Linear(2, 2).parameters(), lr=0.1).defaults["lr"]
        0.1
    """
    return optimizers(query, *args, **kwargs)
