"""Runs before the program of a child process: switches `grapevine.compat` on, as in the parent, at the first import.

It stands in a folder of its own, which `grapevine.compat.install` puts on the `PYTHONPATH` of children.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_HERE = os.path.dirname(os.path.abspath(__file__))


class _AtFirstImport(MetaPathFinder):
    """Waits for the first import of a peer's name: children that never do so pay nothing."""

    def __init__(self, packages: list[str]) -> None:
        self.packages = packages

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.packages:
            return None
        sys.meta_path.remove(self)
        if PathFinder.find_spec("grapevine") is None:
            sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(_HERE))))
        importlib.import_module("grapevine.compat").install(*self.packages)
        return sys.meta_path[0].find_spec(fullname, None, target)


def _run_the_next_one() -> None:
    """There may be another `sitecustomize`, which this one hides."""
    places = [place for place in sys.path if os.path.abspath(place) != _HERE]
    spec = PathFinder.find_spec("sitecustomize", places)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if __name__ == "sitecustomize":
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != _HERE]
    if os.environ.get("GRAPEVINE_COMPAT"):
        sys.meta_path.insert(0, _AtFirstImport(os.environ["GRAPEVINE_COMPAT"].split(",")))
    _run_the_next_one()
