"""Who may import whom (ARCHITECTURE.md): a package sees its own layer's siblings only where the order says so."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "src" / "grapevine"

# From the ground up; those in one row see the rows below and themselves, not one another.
LAYERS = [
    {"errors"},
    {"ops"},
    {"topology"},
    {"engine"},
    {"edges"},
    {"graph", "geometry"},
    {"data"},
    {"utils"},
    {"nn", "transforms", "metrics"},
    {"sampler", "loader", "datasets", "io", "explain", "training", "testing"},
    {"distributed"},
    {"dgl", "compat", "cli"},  # leaves: nobody imports them
]
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
# Siblings within a row that build on one another, in this direction only.
SIBLINGS = {("loader", "sampler"), ("datasets", "io"), ("datasets", "explain"), ("cli", "compat")}
OUTSIDE = {
    "__init__",
    "__main__",
    "_build",
    "_core",
}  # the front door, the entry point, what the build leaves


def package(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(file: Path, module: str) -> Iterator[tuple[int, str]]:
    """Every `grapevine...` module named by an import in `file`, inside functions too, with its line."""
    is_package = file.name == "__init__.py"
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[
                    : None if is_package and node.level == 1 else -node.level + is_package
                ]
                base = ".".join([*parents, *([node.module] if node.module else [])])
            if base == "grapevine":  # `from grapevine import nn, Edges`: submodules count as such
                for alias in node.names:
                    yield node.lineno, f"grapevine.{alias.name}"
            else:
                yield node.lineno, base


def violations(module: str, file: Path) -> Iterator[str]:
    here = package(module)
    for line, target in imports(file, module):
        there = package(target) if target.split(".")[0] == "grapevine" else None
        if there is None or there == here or there in OUTSIDE - {"__init__"}:
            continue
        where = f"{file.relative_to(ROOT.parent)}:{line}"
        if there not in RANK:  # `import grapevine`, or a name that the front door re-exports
            if here not in {"dgl", "compat", "cli"}:
                yield f"{where}: imports the front door ({target}); import the module that defines it"
        elif RANK[there] >= RANK[here] and (here, there) not in SIBLINGS:
            yield f"{where}: {here} must not import {there}"


def sources() -> list[tuple[str, Path]]:
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT.parent).with_suffix("").parts
        found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), file))
    return found


def test_every_package_has_its_layer() -> None:
    unknown = {package(module) for module, _ in sources()} - set(RANK) - OUTSIDE
    assert not unknown, f"give {unknown} a place in LAYERS (and in ARCHITECTURE.md)"


def test_nobody_imports_upwards() -> None:
    found = [
        v for module, file in sources() if package(module) not in OUTSIDE for v in violations(module, file)
    ]
    assert not found, "\n" + "\n".join(found)


def test_the_check_sees_what_it_must_see(tmp_path: Path, monkeypatch) -> None:
    """A hidden import inside a function, a relative one, and one through the front door are all found."""
    monkeypatch.setitem(globals(), "ROOT", tmp_path / "grapevine")
    file = tmp_path / "grapevine" / "ops" / "x.py"
    file.parent.mkdir(parents=True)
    lines = ("from ..nn import a", "from grapevine import Edges, data", "from . import y", "import torch")
    file.write_text("def f():\n" + "".join(f"    {line}\n" for line in lines))
    assert [v.split(": ", 1)[1] for v in violations("grapevine.ops.x", file)] == [
        "ops must not import nn",
        "imports the front door (grapevine.Edges); import the module that defines it",
        "ops must not import data",
    ]


def test_optional_packages_and_peers_are_not_loaded() -> None:
    code = "import sys, grapevine, grapevine.cli; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"grapevine.nn", "grapevine.cli"} <= set(run.stdout.split())
    assert not {"torch_geometric", "dgl", "matplotlib", "pandas", "networkx.drawing"} & set(
        run.stdout.split()
    )
