"""What a program uses of DGL and PyTorch Geometric, read from its source, and what answers for it here."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grapevine.compat import names
from grapevine.compat.old_names import moved
from grapevine.compat.program import check_program
from grapevine.errors import GraphValueError


@dataclass(frozen=True)
class Use:
    """A name of a peer in a program.

    Args:
        line: where it stands.
        name: the dotted name, as the peer calls it.
        target: the dotted name that answers for it; None where nothing does yet.
    """

    line: int
    name: str
    target: str | None


def port(script: str | Path) -> list[Use]:
    """Every use of `dgl`, `torch_geometric`, `torch_scatter`, `torch_cluster` and `torch_sparse` in a program.

    Names are followed through imports and their `as`; methods of objects (`g.update_all`) are not.

    Args:
        script: a Python file.

    Returns:
        The uses in the order of lines, each name once a line.

    Raises:
        GraphValueError: if the file holds no Python program.
    """
    return uses(source_of(script), str(script))


def source_of(script: str | Path) -> str:
    """The text of a Python file.

    Raises:
        GraphValueError: for what is none, or no text.
    """
    check_program(script)
    try:
        return Path(script).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise GraphValueError(f"expected a Python program in UTF-8, got {str(script)!r}: {error}") from None


def parsed(source: str, filename: str = "<program>") -> ast.Module:
    """The syntax tree of a program.

    Raises:
        GraphValueError: naming the line at which it is no Python.
    """
    try:
        return ast.parse(source, filename)
    except (SyntaxError, ValueError) as error:  # the second for null bytes
        line = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
        raise GraphValueError(f"expected a program of Python 3, got {filename}, {line}") from None


def uses(source: str, filename: str = "<program>") -> list[Use]:
    """As `port`, of a program given as text.

    Example:
        >>> for use in uses("import dgl.function as fn; fn.copy_u('h', 'm'); import torch_geometric.graphgym"):
        ...     print(use.line, use.name, "->", use.target)
        1 dgl.function -> grapevine.dgl.function
        1 dgl.function.copy_u -> grapevine.dgl.function.copy_u
        1 torch_geometric.graphgym -> None
    """
    tree = parsed(source, filename)
    reader = _Reader()
    reader.visit(tree)
    found = dict.fromkeys(sorted(reader.found))
    return [Use(line, name, resolve(name)) for line, name in found]


def resolve(name: str) -> str | None:
    """The dotted name of what answers for a peer's name; None if nothing does.

    Example:
        >>> resolve("torch_geometric.nn.GCNConv"), resolve("dgl.no_such_name")
        ('grapevine.nn.GCNConv', None)
    """
    parts = name.split(".")
    modules = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    if (old := moved(name)) is not None:
        return old
    # A private file of the peer's may have the name of a function (`utils.degree`), which goes before it.
    for places in (names.target, _file):
        for end, module in zip(range(len(parts), 0, -1), modules):
            place = places(module)
            if place is not None and _has(importlib.import_module(place), parts[end:]):
                return ".".join([place, *parts[end:]])
    return None


def _file(name: str) -> str | None:
    package = name.rpartition(".")[0]
    return names.target(package) if name in names.files(package) else None


def _has(thing: Any, attributes: list[str]) -> bool:
    for attribute in attributes:
        if not hasattr(thing, attribute):
            return False
        thing = getattr(thing, attribute)
    return True


class _Reader(ast.NodeVisitor):
    """Collects (line, dotted name) of what belongs to a peer."""

    def __init__(self) -> None:
        self.found: set[tuple[int, str]] = set()
        self.known: dict[str, str] = {}  # name in the program -> dotted name

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            if root in names.ROOTS:
                self.known[alias.asname or root] = alias.name if alias.asname else root
                self.found.add((node.lineno, alias.name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or (node.module or "").partition(".")[0] not in names.ROOTS:
            return
        for alias in node.names:
            if alias.name == "*":
                self.found.add((node.lineno, str(node.module)))
                continue
            self.known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            self.found.add((node.lineno, f"{node.module}.{alias.name}"))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self._dotted(node)
        if name is None:
            self.generic_visit(node)
        else:
            self.found.add((node.lineno, name))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and node.id in self.known and node.id not in names.ROOTS:
            self.found.add((node.lineno, self.known[node.id]))

    def _dotted(self, node: ast.expr) -> str | None:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id in self.known:
            return ".".join([self.known[node.id], *reversed(parts)])
        return None


def summary(found: list[Use]) -> Iterator[str]:
    """One line for each use, and a last one with the counts.

    Example:
        >>> print(*summary(uses("import dgl; dgl.graph; dgl.no_such_name")), sep="\\n")
        line 1: dgl -> grapevine.dgl
        line 1: dgl.graph -> grapevine.dgl.graph
        line 1: dgl.no_such_name -> not covered yet
        3 uses, 1 not covered yet
    """
    for use in found:
        yield f"line {use.line}: {use.name} -> {use.target or 'not covered yet'}"
    yield f"{len(found)} uses, {sum(use.target is None for use in found)} not covered yet"
