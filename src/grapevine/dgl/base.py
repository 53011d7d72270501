"""Names and small things that every part of the dialect shares."""

from __future__ import annotations

import warnings
from typing import Any, Final

from grapevine.errors import GrapevineError

#: The features under which derived graphs keep the ids and types of their parents' nodes and edges.
NID: Final = "_ID"
EID: Final = "_ID"
NTYPE: Final = "_TYPE"
ETYPE: Final = "_TYPE"

#: Stands for all nodes or all edges.
ALL: Final = "__ALL__"


class DGLError(GrapevineError):
    """What the dialect raises where DGL raises its own error."""


class DGLWarning(UserWarning):
    """What the dialect warns with."""


def is_all(argument: Any) -> bool:
    """True where an argument stands for all nodes or edges.

    Example:
        >>> is_all(ALL), is_all([0, 1])
        (True, False)
    """
    return isinstance(argument, str) and argument == ALL


def dgl_warning(message: str, category: type[Warning] = DGLWarning, stacklevel: int = 2) -> None:
    """Warns, as seen from the caller's caller."""
    warnings.warn(message, category=category, stacklevel=stacklevel + 1)
