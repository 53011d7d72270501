"""Rewriting DGL's message passing as `gv.Edges` has it, statement by statement; the rest of a program stays."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grapevine.compat.port import _Reader, parsed, source_of
from grapevine.errors import require

cst: Any = require("libcst")

_SIDES = {"u": ("src", "srcdata"), "v": ("dst", "dstdata"), "e": ("edge", "edata")}
_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "dot": "*"}
_OLD = {"copy_src": "copy_u", "copy_edge": "copy_e", "src_mul_edge": "u_mul_e"}
_CALLS = ("update_all", "apply_edges")
_REDUCTIONS = ("sum", "mean", "max", "min")
#: What built-in functions call their arguments, in their order.
_PARAMETERS = ("lhs_field", "rhs_field", "u", "e", "src", "edge", "msg", "out")
#: In functions of the user: the attribute of a batch of edges, and what stands for it.
_BATCH = {"src": "u", "dst": "v", "data": "e"}


@dataclass(frozen=True)
class Left:
    """A statement that stays as it is.

    Args:
        line: where it stands.
        why: what the rewriter does not know.
    """

    line: int
    why: str


@dataclass
class Rewritten:
    """A program before and after.

    Args:
        before: its text.
        after: its text with message passing rewritten.
        left: message passing that stays as it is.
    """

    before: str
    after: str
    left: list[Left] = field(default_factory=list)

    def diff(self, name: str = "program.py") -> str:
        """The changes, as `patch` takes them.

        Args:
            name: of the file.
        """
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(difflib.unified_diff(before, after, fromfile=name, tofile=name))


class _Unknown(Exception):
    """A form that is left alone; says why."""


def rewrite_file(script: str | Path) -> Rewritten:
    """As `rewrite`, of a file.

    Args:
        script: a Python file.
    """
    return rewrite(source_of(script))


def rewrite(source: str) -> Rewritten:
    """Rewrites `g.update_all(...)` and `g.apply_edges(...)` with built-in functions, or simple ones of the user's.

    Simple are functions whose only statement returns a dict of expressions of `edges.src[...]`, `edges.dst[...]` and
    `edges.data[...]`, and the sum, mean, max or min of `nodes.mailbox[...]` over its second axis.

    Args:
        source: the text of a program.

    Returns:
        the program before and after, and what was left.

    Raises:
        MissingDependencyError: without libcst.

    Example:
        >>> program = '''
        ... import dgl.function as fn
        ... def layer(g):
        ...     g.update_all(fn.copy_u("h", "m"), fn.mean("m", "out"))
        ... '''
        >>> print(rewrite(program).after)
        <BLANKLINE>
        import dgl.function as fn
        import grapevine as gv
        def layer(g):
            edges = gv.Edges(g.edges(), size=(g.num_src_nodes(), g.num_dst_nodes()))
            g.dstdata["out"] = edges.mean(edges.src(g.srcdata["h"]))
        <BLANKLINE>
    """
    tree = parsed(source)
    reader = _Reader()
    reader.visit(tree)
    taken = _taken(tree)
    module = cst.metadata.MetadataWrapper(cst.parse_module(source))
    worker = _Rewriter(reader.known, _functions(tree), taken)
    after = module.visit(worker)
    if worker.changed:
        after = after.visit(_Imports(worker.imports))
    return Rewritten(source, after.code, worker.left)


def _taken(tree: ast.Module) -> set[str]:
    """Names that new variables would hide: what is assigned, imported, or an argument where messages are passed."""
    taken: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            taken.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            taken |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef) and any(
            isinstance(inner, ast.Attribute) and inner.attr in _CALLS for inner in ast.walk(node)
        ):
            taken |= {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
    return taken


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Functions and methods by name; those whose name occurs twice are nobody's."""
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return {name: nodes[0] for name, nodes in found.items() if len(nodes) == 1}


class _Rewriter(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (cst.metadata.PositionProvider,)

    def __init__(self, known: dict[str, str], functions: dict[str, ast.FunctionDef], taken: set[str]) -> None:
        super().__init__()
        self.known = known
        self.functions = functions
        self.edges, self.x, self.y = (
            next(name for name in (short, *(f"{long}{i}" for i in ("", *range(2, 99)))) if name not in taken)
            for short, long in (("edges", "graph_edges"), ("x", "left_operand"), ("y", "right_operand"))
        )
        self.gv = "gv" if "gv" not in taken else "grapevine"
        self.imports: dict[str, None] = {}
        self.left: list[Left] = []
        self.changed = False

    def leave_SimpleStatementLine(self, original_node: Any, updated_node: Any) -> Any:
        call = _passing(original_node)
        if call is None:
            return updated_node
        try:
            lines = self.replaced(call)
        except _Unknown as unknown:
            line = self.get_metadata(cst.metadata.PositionProvider, original_node).start.line
            self.left.append(Left(line, str(unknown)))
            return updated_node
        self.changed = True
        self.imports[f"import grapevine{' as gv' if self.gv == 'gv' else ''}"] = None
        statements = [cst.parse_statement(line) for line in lines]
        statements[0] = statements[0].with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel(statements)

    def replaced(self, call: ast.Call) -> list[str]:
        """The statements that do what the call does."""
        assert isinstance(call.func, ast.Attribute)
        graph = call.func.value
        if not _is_path(graph):
            raise _Unknown(f"the graph {ast.unparse(graph)} is no plain name")
        g = ast.unparse(graph)
        passes = call.func.attr == "update_all"
        names = ("message_func", "reduce_func") if passes else ("func",)
        given = dict(zip(names, call.args)) | {str(k.arg): k.value for k in call.keywords}
        if set(given) != set(names) or len(call.args) > len(names):
            extra = sorted(set(given) - set(names)) or ["too few arguments"]
            raise _Unknown(f"{call.func.attr} with {', '.join(extra)}")
        first = (
            f"{self.edges} = {self.gv}.Edges({g}.edges(), size=({g}.num_src_nodes(), {g}.num_dst_nodes()))"
        )
        messages, before = self.messages(given[names[0]], g)
        if not passes:
            stored = [
                f'{g}.edata["{name}"] = {self.gv}.materialise({expression})'
                for name, expression in messages.items()
            ]
            return [first, *before, *stored]
        how, message, out = self.reduction(given["reduce_func"])
        if message not in messages:
            raise _Unknown(
                f"the reduce function asks for {message!r}, the message function sends {sorted(messages)}"
            )
        return [first, *before, f'{g}.dstdata["{out}"] = {self.edges}.{how}({messages[message]})']

    # -- messages ------------------------------------------------------------------------------------

    def messages(self, node: ast.expr, g: str) -> tuple[dict[str, str], list[str]]:
        """Expressions by the name of the message, and statements that go before."""
        name = self.builtin(node)
        if name is None:
            batch, fields = self.users(node)
            reader = _Batch(batch, g, self.edges)
            found = {key: ast.unparse(reader.visit(value)) for key, value in fields.items()}
            return found, []
        assert isinstance(node, ast.Call)
        words = _texts(node)
        name = _OLD.get(name, name)
        if name in ("copy_u", "copy_e"):
            return {words[1]: self.rows(name[-1], f'{g}.{_SIDES[name[-1]][1]}["{words[0]}"]')}, []
        left, op, right = (name.split("_") + ["", ""])[:3]
        if left not in _SIDES or right not in _SIDES or op not in _OPERATORS or len(words) != 3:
            raise _Unknown(f"the message function {name}")
        self.imports["from grapevine.dgl.function.algebra import aligned"] = None
        sources = [f'{g}.{_SIDES[side][1]}["{word}"]' for side, word in zip((left, right), words)]
        expression = f"{self.rows(left, self.x)} {_OPERATORS[op]} {self.rows(right, self.y)}"
        if op == "dot":
            expression = f"({expression}).sum(-1, keepdim=True)"
        return {words[2]: expression}, [f"{self.x}, {self.y} = aligned({', '.join(sources)})"]

    def rows(self, side: str, tensor: str) -> str:
        return f"{self.edges}.{_SIDES[side][0]}({tensor})"

    def builtin(self, node: ast.expr) -> str | None:
        """The name of a function of `dgl.function` that is called."""
        if not isinstance(node, ast.Call):
            return None
        path = ast.unparse(node.func).split(".")
        full = ".".join([self.known.get(path[0], path[0]), *path[1:]])
        return full.rpartition(".")[2] if full.startswith("dgl.function.") else None

    # -- functions of the user -----------------------------------------------------------------------

    def users(self, node: ast.expr) -> tuple[str, dict[str, ast.expr]]:
        """The parameter of a function, and the expressions of the dict that it returns."""
        if isinstance(node, ast.Lambda):
            parameters, body = [a.arg for a in node.args.args], node.body
        else:
            path = ast.unparse(node).split(".") if _is_path(node) else [""]
            function = self.functions.get(path[-1])
            if function is None or len(path) > 2 or (len(path) == 2 and path[0] != "self"):
                raise _Unknown(
                    f"the function {ast.unparse(node)}, which is not in this file, or in several forms"
                )
            statements = [s for s in function.body if not _is_docstring(s)]
            if (
                len(statements) != 1
                or not isinstance(statements[0], ast.Return)
                or statements[0].value is None
            ):
                raise _Unknown(f"the function {function.name}, which does more than return a dict")
            parameters, body = [a.arg for a in function.args.args], statements[0].value
            if len(path) == 2:
                parameters = parameters[1:]
        if len(parameters) != 1 or not isinstance(body, ast.Dict):
            raise _Unknown("a function of another form than edges -> {...}")
        keys = [key.value if isinstance(key, ast.Constant) else None for key in body.keys]
        if not all(isinstance(key, str) for key in keys):
            raise _Unknown("a dict whose keys are not plain texts")
        return parameters[0], {str(key): value for key, value in zip(keys, body.values)}

    def reduction(self, node: ast.expr) -> tuple[str, str, str]:
        """Sum, mean, max or min; the message; the feature that it becomes."""
        name = self.builtin(node)
        if name is not None:
            assert isinstance(node, ast.Call)
            words = _texts(node)
            if name not in _REDUCTIONS or len(words) != 2:
                raise _Unknown(f"the reduce function {name}")
            return name, words[0], words[1]
        batch, fields = self.users(node)
        if len(fields) != 1:
            raise _Unknown("a reduce function with several results")
        ((out, value),) = fields.items()
        how, box = _reduced(value)
        message = _mail(box, batch)
        if how is None or message is None:
            raise _Unknown(f"the reduction {ast.unparse(value)}")
        return how, message, out


class _Batch(ast.NodeTransformer):
    """`batch.src["h"]` as `edges.src(g.srcdata["h"])`, and so on."""

    def __init__(self, batch: str, g: str, edges: str) -> None:
        self.batch = batch
        self.g = g
        self.edges = edges

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        owner = node.value
        if isinstance(owner, ast.Attribute) and _is_name(owner.value, self.batch) and owner.attr in _BATCH:
            verb, data = _SIDES[_BATCH[owner.attr]]
            text = f"{self.edges}.{verb}({self.g}.{data}[{ast.unparse(node.slice)}])"
            return ast.parse(text, mode="eval").body
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self.batch:
            raise _Unknown(
                f"a function that uses {self.batch} other than by .src[...], .dst[...] and .data[...]"
            )
        return node


class _Imports(cst.CSTTransformer):
    """Adds imports after the first one of DGL."""

    def __init__(self, lines: dict[str, None]) -> None:
        super().__init__()
        self.lines = list(lines)

    def leave_SimpleStatementLine(self, original_node: Any, updated_node: Any) -> Any:
        code = cst.Module([original_node]).code.strip()
        if not self.lines or not code.startswith(("import dgl", "from dgl")):
            return updated_node
        added, self.lines = [cst.parse_statement(line) for line in self.lines], []
        return cst.FlattenSentinel([updated_node, *added])


def _passing(statement: Any) -> ast.Call | None:
    """The call of `update_all` or `apply_edges` that is all of a statement."""
    if len(statement.body) != 1 or not isinstance(statement.body[0], cst.Expr):
        return None
    call = ast.parse(cst.Module([]).code_for_node(statement.body[0].value).strip(), mode="eval").body
    is_one = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _CALLS
    return call if is_one else None


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_path(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _is_path(node.value))


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _texts(call: ast.Call) -> list[str]:
    """The arguments of a built-in function, which are names of features."""
    by_name = {keyword.arg: keyword.value for keyword in call.keywords}
    nodes = [*call.args, *(by_name[name] for name in _PARAMETERS if name in by_name)]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if len(texts) < len(call.args) + len(by_name):
        raise _Unknown("names of features that are not plain texts")
    return texts


def _reduced(value: ast.expr) -> tuple[str | None, ast.expr]:
    """`x.sum(1)`, `torch.mean(x, dim=1)`, `x.max(1)[0]`, `x.max(dim=1).values`: the name, and x."""
    first = isinstance(value, ast.Subscript) and ast.unparse(value.slice) == "0"
    taken = first or (isinstance(value, ast.Attribute) and value.attr == "values")
    if taken:
        value = value.value  # type: ignore[attr-defined]
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return None, value
    how, owner = value.func.attr, value.func.value
    rest = value.args
    if _is_name(owner, "torch") or _is_name(owner, "th"):
        if not rest:
            return None, value
        owner, rest = rest[0], rest[1:]
    axes = [ast.unparse(a) for a in rest] + [f"{k.arg}={ast.unparse(k.value)}" for k in value.keywords]
    fits = axes in (["1"], ["dim=1"], ["axis=1"]) and taken == (how in ("max", "min")) and how in _REDUCTIONS
    return (how if fits else None), owner


def _mail(node: ast.expr, batch: str) -> str | None:
    """The message that `batch.mailbox["m"]` reads."""
    if not isinstance(node, ast.Subscript) or ast.unparse(node.value) != f"{batch}.mailbox":
        return None
    return (
        node.slice.value
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
        else None
    )
