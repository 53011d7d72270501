"""A sequence of modules that says which value goes where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from grapevine.errors import GraphTypeError, GraphValueError


class _Step(NamedTuple):
    name: str
    inputs: list[str]
    outputs: list[str]

    def __str__(self) -> str:
        return f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}"

    def named(self, result: Any) -> dict[str, Any]:
        """What the module returned, by name."""
        if len(self.outputs) == 1:
            return {self.outputs[0]: result}
        several = isinstance(result, (tuple, list))
        if not several or len(result) != len(self.outputs):
            raise GraphValueError(
                f"expected {len(self.outputs)} values from {self.name!r}, for {', '.join(self.outputs)}, "
                f"got {len(result) if several else f'a {type(result).__name__}'}"
            )
        return dict(zip(self.outputs, result))


def _split_top(text: str) -> list[str]:
    """Splits at the commas that stand in no bracket, as in `"x: Dict[str, Tensor], edge_index"`."""
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _names(text: str, where: str) -> list[str]:
    """`"x, edge_index: Tensor"` to `["x", "edge_index"]`: annotations are allowed, and mean nothing here."""
    names = [part.split(":", 1)[0].strip() for part in _split_top(text)]
    for name in names:
        if not name.isidentifier():
            raise GraphValueError(f"expected names with commas between them in {where!r}, got {name!r}")
    return names


def _arrow(text: Any) -> tuple[list[str], list[str]]:
    if not isinstance(text, str) or text.count("->") != 1:
        raise GraphValueError(f"expected a signature such as 'x, edge_index -> x', got {text!r}")
    inputs, outputs = text.split("->")
    return _names(inputs, text), _names(outputs, text)


class Sequential(torch.nn.Module):
    """Runs modules one after the other, each on the named values that its signature lists.

    Args:
        input_args: names of the arguments, such as `"x, edge_index"`; type annotations are allowed.
        modules: modules and functions, each alone or in a pair with its signature such as `"x, edge_index ->
            x"`; one without a signature takes what its predecessor returned, and returns it under the same
            names. The first needs one. Or a dictionary of them, whose keys become the names of the
            submodules.

    Returns:
        what the last module returns.

    Raises:
        GraphValueError: where a signature cannot be read, or wants a value that nothing has returned yet.
        GraphTypeError: where an entry is not callable, or the arguments of a call do not fit `input_args`.

    In a call, a GraphValueError says that a module did not return as many values as it has names for.

    Example:
        >>> model = Sequential("x, batch", [
        ...     (torch.nn.Linear(4, 8), "x -> x1"),
        ...     torch.nn.ReLU(),
        ...     (lambda x, x1: torch.cat([x, x1], dim=-1), "x, x1 -> x"),
        ... ])
        >>> model(torch.ones(3, 4), None).shape
        torch.Size([3, 12])
    """

    def __init__(
        self,
        input_args: str,
        modules: Sequence[tuple[Callable[..., Any], str] | Callable[..., Any]] | Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.input_args = _names(input_args.split("->")[0], input_args)
        if not isinstance(modules, Mapping):
            modules = {f"module_{i}": module for i, module in enumerate(modules)}
        if len(modules) == 0:
            raise GraphValueError(
                f"expected a non-empty list of modules for {self.__class__.__name__}, got none"
            )

        self._steps: list[_Step] = []
        known = set(self.input_args)
        for name, entry in modules.items():
            module, step = self._read(name, entry)
            for value in step.inputs:
                if value not in known:
                    raise GraphValueError(
                        f"expected the inputs of {name!r} among {', '.join(sorted(known))}, "
                        f"got {value!r} in '{step}'; "
                        "add it to 'input_args', or return it from an earlier module"
                    )
            known.update(step.outputs)
            setattr(self, name, module)
            self._steps.append(step)

    def _read(self, name: str, entry: Any) -> tuple[Callable[..., Any], _Step]:
        module, signature = entry, None
        if isinstance(entry, (tuple, list)):
            if len(entry) not in (1, 2):
                raise GraphValueError(
                    f"expected a module, or a pair of a module and its signature, got {entry!r}"
                )
            module, signature = (*entry, None)[:2]
        if not callable(module):
            raise GraphTypeError(f"expected a callable module for {name!r}, got {module!r}")
        if signature is not None:
            return module, _Step(name, *_arrow(signature))
        if not self._steps:
            raise GraphValueError(
                f"expected a signature for the first module, got {module!r} alone; "
                f"pass (module, '{', '.join(self.input_args)} -> x')"
            )
        passed_on = self._steps[-1].outputs
        return module, _Step(name, passed_on, passed_on)

    def reset_parameters(self) -> None:
        """Resets every module that can be reset."""
        for module in self:
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, idx: int) -> Any:
        return getattr(self, self._steps[idx].name)

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, step.name) for step in self._steps)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        values = self._bind(args, kwargs)
        result = None
        for step in self._steps:
            result = getattr(self, step.name)(*(values[name] for name in step.inputs))
            values.update(step.named(result))
        return result

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(zip(self.input_args, args), **kwargs)
        given = [*self.input_args[: len(args)], *kwargs]
        if len(args) > len(self.input_args) or sorted(given) != sorted(self.input_args):
            raise GraphTypeError(
                f"expected the arguments {', '.join(self.input_args)} of {self.__class__.__name__}, "
                f"got {len(args)} positional ones and {', '.join(kwargs) or 'no'} keywords"
            )
        return values

    def __repr__(self) -> str:
        lines = [f"  ({i}) - {self[i]}: {step}" for i, step in enumerate(self._steps)]
        return "\n".join([f"{self.__class__.__name__}(", *lines, ")"])
