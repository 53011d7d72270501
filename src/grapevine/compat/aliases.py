"""The importer that answers for the peers' names, and switching it on and off."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from grapevine.compat import names
from grapevine.compat.old_names import room
from grapevine.errors import GraphKeyError, GraphValueError

#: Tells child processes which names to answer for; `hook/sitecustomize.py` reads it.
VARIABLE = "GRAPEVINE_COMPAT"
_HOOK = str(Path(__file__).with_name("hook"))


class _Aliases(MetaPathFinder, Loader):
    """Finds `dgl.nn` as the module `grapevine.dgl.nn` itself: one module, one set of classes, under two names."""

    def __init__(self, roots: Iterable[str]) -> None:
        self.roots = set(roots)
        self.given: set[str] = set()  # what this importer put into `sys.modules`

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root = fullname.partition(".")[0]
        if root not in self.roots:
            return None
        place = names.target(fullname)
        if place is None:
            # Not None: the importers after this one would load our files a second time, as other modules.
            raise ModuleNotFoundError(
                f"Grapevine, which answers for {root!r} here, has no module {fullname!r}; "
                f"`grapevine port` lists what a program uses that is not covered",
                name=fullname,
            )
        return ModuleSpec(fullname, self, origin=place, is_package=True)

    def create_module(self, spec: ModuleSpec) -> None:
        return None  # an empty module, which `exec_module` replaces

    def exec_module(self, module: ModuleType) -> None:
        alias = module.__name__
        real = names.target(alias)
        assert real is not None
        sys.modules[alias] = room(alias, importlib.import_module(real))
        self._give(alias, sys.modules[alias])
        # What is loaded by now has been placed by its package, where a function may stand under a module's name
        # (`dgl.batch`): an import that found nothing in `sys.modules` would put the module over it.
        for loaded, other in list(sys.modules.items()):
            if loaded.startswith(f"{real}."):
                below = alias + loaded[len(real) :]
                self._give(below, room(below, other))

    def _give(self, alias: str, module: ModuleType) -> None:
        for name in (alias, *names.files(alias)):
            if sys.modules.setdefault(name, module) is module:
                self.given.add(name)


def install(*packages: str, force: bool = False) -> tuple[str, ...]:
    """Makes `import dgl`, `import torch_geometric` and their companions resolve to Grapevine.

    Here, in subprocesses and in the workers of a `DataLoader`. Nothing is imported before the program does so.

    Args:
        packages: of `dgl`, `torch_geometric`, `torch_scatter`, `torch_cluster`, `torch_sparse`: take these names, even
            where such a package is installed. Without any: take all that are not installed.
        force: take installed ones too.

    Returns:
        All names that Grapevine answers for now.

    Raises:
        GraphKeyError: for a name that is not in the list above.
        GraphValueError: if a package to be taken has been imported already.

    Example:
        >>> from grapevine import compat
        >>> compat.install("torch_scatter")
        ('torch_scatter',)
        >>> from torch_scatter import scatter_add
        >>> compat.uninstall()
    """
    for name in packages:
        if name not in names.ROOTS:
            raise GraphKeyError(f"expected names of {', '.join(names.ROOTS)}, got {name!r}")
    wanted = packages or tuple(name for name in names.ROOTS if force or not installed(name))
    taken = answered()
    for name in wanted:
        if name in sys.modules and name not in taken:
            raise GraphValueError(
                f"expected to be called before the first `import {name}`, got a process that has imported the "
                f"installed one; call grapevine.compat.install() at the start, or use `grapevine run`"
            )
    importer = _current()
    if importer is None:
        importer = _Aliases(())
        sys.meta_path.insert(0, importer)
    importer.roots.update(wanted)
    _tell_children(sorted(importer.roots))
    return answered()


def uninstall() -> None:
    """Undoes `install`: later imports find the installed packages, or none. Modules in use stay in use.

    Example:
        >>> from grapevine import compat
        >>> compat.uninstall(), compat.answered()
        (None, ())
    """
    importer = _current()
    if importer is None:
        return
    sys.meta_path.remove(importer)
    for name in importer.given:
        sys.modules.pop(name, None)
    _tell_children([])


def answered() -> tuple[str, ...]:
    """The packages that Grapevine answers for in this process, sorted.

    Example:
        >>> from grapevine import compat
        >>> compat.answered()
        ()
    """
    importer = _current()
    return () if importer is None else tuple(sorted(importer.roots))


def installed(package: str) -> bool:
    """Whether a package of this name is installed, whoever answers for it now.

    Example:
        >>> installed("torch"), installed("a_package_of_no_one")
        (True, False)
    """
    return PathFinder.find_spec(package) is not None


def _current() -> _Aliases | None:
    return next((finder for finder in sys.meta_path if isinstance(finder, _Aliases)), None)


def _tell_children(roots: list[str]) -> None:
    """A new interpreter imports `sitecustomize` before its program: ours stands first on its path."""
    path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != _HOOK]
    if roots:
        os.environ[VARIABLE] = ",".join(roots)
        path.insert(0, _HOOK)
    else:
        os.environ.pop(VARIABLE, None)
    if path:
        os.environ["PYTHONPATH"] = os.pathsep.join(path)
    else:
        os.environ.pop("PYTHONPATH", None)
