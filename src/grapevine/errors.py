"""One family of errors: each says what was expected, what came, and what to do instead."""

from __future__ import annotations

import importlib
from types import ModuleType


class GrapevineError(Exception):
    """The root of everything Grapevine raises on purpose."""


class GraphValueError(GrapevineError, ValueError):
    """A value, shape or size that does not fit."""


class GraphTypeError(GrapevineError, TypeError):
    """An argument of the wrong kind, or one that is missing."""


class GraphIndexError(GrapevineError, IndexError):
    """An index that points outside the graph."""


class GraphKeyError(GrapevineError, KeyError):
    """An unknown name."""

    def __str__(self) -> str:  # KeyError would print the message in quotes
        return str(self.args[0]) if self.args else ""


class MissingDependencyError(GrapevineError, ImportError):
    """An optional package that this function needs is not installed."""


def require(module: str, install: str | None = None) -> ModuleType:
    """Imports an optional dependency, or says what to install.

    Args:
        module: dotted name of the module.
        install: name of the distribution on PyPI, where it differs.

    Raises:
        MissingDependencyError: if the module cannot be imported.

    Example:
        >>> require("math").sqrt(4.0)
        2.0
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = install or module.split(".")[0]
        raise MissingDependencyError(
            f"this needs the optional package {module!r}, which could not be imported ({error}); "
            f"do this instead: pip install {package}"
        ) from error
