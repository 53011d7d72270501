"""`summary`: a table of a model's layers."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import Module
from torch.nn.parameter import is_lazy

from grapevine.nn.message_passing import MessagePassing

_HEAD = ("Layer", "Input Shape", "Output Shape", "#Param")


def summary(
    model: Module,
    *args: Any,
    max_depth: int = 3,
    leaf_module: type[Module] | tuple[type[Module], ...] | list[type[Module]] | str | None = "MessagePassing",
    **kwargs: Any,
) -> str:
    """A table of a model's layers: what goes in and comes out, and how many parameters they have.

    Args:
        model: the model.
        *args: what it is called with, once, in evaluation mode.
        max_depth: how deep to look into layers.
        leaf_module: classes of layers not to look into; "MessagePassing": those that send messages.
        **kwargs: further arguments of the model.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU())
        >>> print(summary(model, torch.randn(10, 4)))
        +-------------+---------------+----------------+----------+
        | Layer       | Input Shape   | Output Shape   | #Param   |
        |-------------+---------------+----------------+----------|
        | Sequential  | [10, 4]       | [10, 8]        | 40       |
        | ├─(0)Linear | [10, 4]       | [10, 8]        | 40       |
        | ├─(1)ReLU   | [10, 8]       | [10, 8]        | --       |
        +-------------+---------------+----------------+----------+
    """
    leaves: Any = MessagePassing if leaf_module == "MessagePassing" else leaf_module
    leaves = tuple(leaves) if isinstance(leaves, list) else leaves or ()
    rows: list[tuple[str, Module]] = []

    def walk(module: Module, name: str, depth: int) -> None:
        prefix = "" if depth == 0 else "├─" if depth == 1 else "│    " * (depth - 1) + "└─"
        rows.append((prefix + name + type(module).__name__, module))
        if depth < max_depth and not isinstance(module, leaves):
            for key, child in module._modules.items():
                if child is not None and not key.startswith("_"):
                    walk(child, f"({key})", depth + 1)

    walk(model, "", 0)
    seen: dict[Module, list[tuple[str, str]]] = {module: [] for _, module in rows}

    def hook(module: Module, inputs: Any, output: Any) -> None:
        seen[module].append((_shapes(inputs), _shapes(output)))

    modes = {module: module.training for module in model.modules()}
    handles = [
        module.register_forward_hook(hook)
        for module in seen
        if not isinstance(module, torch.jit.ScriptModule)
    ]
    model.eval()
    try:
        with torch.no_grad():
            counts = [_count(module) for _, module in rows]
            model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    table: list[tuple[str, ...]] = []
    for (name, module), count in zip(rows, counts):
        shapes = seen[module].pop(0) if seen[module] else ("--", "--")
        table.append((name, *shapes, count))
    return _drawn(table)


def _count(module: Module) -> str:
    parameters = list(module.parameters())
    if any(is_lazy(parameter) for parameter in parameters):
        return "-1"
    total = sum(parameter.numel() for parameter in parameters)
    return f"{total:,}" if total else "--"


def _shapes(values: Any) -> str:
    values = values if isinstance(values, (tuple, list)) else (values,)
    return ", ".join(str(list(value.size())) for value in values if hasattr(value, "size"))


def _drawn(table: list[tuple[str, ...]]) -> str:
    width = [max(len(head) + 2, *(len(row[i]) for row in table)) for i, head in enumerate(_HEAD)]
    rule = ["-" * (w + 2) for w in width]

    def line(row: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, width)) + " |"

    edge = "+" + "+".join(rule) + "+"
    return "\n".join([edge, line(_HEAD), "|" + "+".join(rule) + "|", *map(line, table), edge])
