"""Checks for models of one's own: does the output turn as the input does?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.nn.equivariant.harmonics import spherical_harmonics

GROUPS = ("E", "SE", "O", "SO", "T")
Kind = str | int


def assert_equivariant(
    model: Callable[..., Any],
    inputs: Sequence[Any] | Mapping[str, Any],
    group: str = "E(3)",
    *,
    kinds: Sequence[Kind] | Mapping[str, Kind],
    outputs: Kind | Sequence[Kind] | Mapping[str, Kind],
    tolerance: float | None = None,
    trials: int = 3,
    distance: float = 30.0,
    seed: int = 0,
) -> dict[str, float]:
    """Moves the inputs at random and compares with the moved outputs.

    A kind says how a tensor moves: "invariant" (not at all), "vector" (its last axis turns), "point" (it turns and
    shifts), or a degree l (its last axis, of 2l + 1, turns as the real harmonics Y_l do; degree 1 is "vector").

    Args:
        model: called as `model(*inputs)` or `model(**inputs)`; deterministic.
        inputs: what it takes.
        group: "E(n)": rotations, reflections and translations; "SE(n)": without reflections; "O(n)", "SO(n)": without
            translations; "T(n)": translations alone.
        kinds: of each input; all others are invariant.
        outputs: kind of the output, or of each of several, in the form the model returns them.
        tolerance: largest error allowed, relative to the largest entry of each output; by default 1e-5 in float32,
            1e-12 in float64.
        trials: number of random motions.
        distance: length of the translations.
        seed: of the random motions.

    Returns:
        The largest relative error of each output.

    Raises:
        AssertionError: with the measured errors, where one exceeds the tolerance.
        GraphValueError: for an unknown group.

    Example:
        >>> import torch
        >>> centre = lambda x: (x.mean(0), x.norm())
        >>> errors = assert_equivariant(centre, [torch.randn(5, 3)], "SO(3)", kinds=["vector"],
        ...                             outputs=["vector", "invariant"])
        >>> max(errors.values()) < 1e-5
        True
    """
    name, _, size = group.partition("(")
    if name not in GROUPS or not size.rstrip(")").isdigit():
        raise GraphValueError(f"expected one of {', '.join(g + '(n)' for g in GROUPS)}, got {group!r}")
    dim = int(size.rstrip(")"))
    generator = torch.Generator().manual_seed(seed)
    still = _named(_call(model, inputs))
    wanted = _named(outputs)
    errors = dict.fromkeys(still, 0.0)
    for _ in range(trials):
        turn, shift = _motion(name, dim, distance, generator)
        moved = _call(model, _moved_inputs(inputs, kinds, turn, shift))
        for key, value in _named(moved).items():
            expected = _move(still[key], wanted[key], turn, shift)
            scale = (expected - (shift.to(expected) if wanted[key] == "point" else 0)).abs().max()
            error = float(((value - expected).abs().max() / scale.clamp(min=1e-30)).detach())
            errors[key] = max(errors[key], error)
    double = all(x.dtype == torch.float64 for x in still.values())
    allowed = tolerance if tolerance is not None else 1e-12 if double else 1e-5
    measured = ", ".join(f"{key}: {error:.1e}" for key, error in errors.items())
    if not all(error <= allowed for error in errors.values()):
        raise AssertionError(
            f"expected outputs that move with the inputs under {group} up to {allowed:.0e}, measured {measured}"
        )
    return errors


def _call(model: Callable[..., Any], inputs: Sequence[Any] | Mapping[str, Any]) -> Any:
    return model(**inputs) if isinstance(inputs, Mapping) else model(*inputs)


def _named(values: Any) -> dict[str, Any]:
    if isinstance(values, Mapping):
        return dict(values)
    if isinstance(values, (tuple, list)):
        return {str(i): v for i, v in enumerate(values)}
    return {"output": values}


def _moved_inputs(inputs: Any, kinds: Any, turn: Tensor, shift: Tensor) -> Any:
    how = _named(kinds)
    moved = {k: _move(v, how.get(k, "invariant"), turn, shift) for k, v in _named(inputs).items()}
    return moved if isinstance(inputs, Mapping) else list(moved.values())


def _motion(group: str, dim: int, distance: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    turn = torch.linalg.qr(torch.randn(dim, dim, dtype=torch.float64, generator=generator))[0]
    flips = group in ("E", "O") and bool(torch.rand((), generator=generator) < 0.5)
    if (turn.det() < 0) != flips:
        turn[:, 0] = -turn[:, 0]
    shift = torch.randn(dim, dtype=torch.float64, generator=generator)
    shift = shift * (distance / shift.norm())
    if group == "T":
        turn = torch.eye(dim, dtype=torch.float64)
    return turn, shift if group in ("E", "SE", "T") else torch.zeros_like(shift)


def _move(x: Any, kind: Kind, turn: Tensor, shift: Tensor) -> Any:
    if kind == "invariant" or kind == 0:
        return x
    if kind in ("vector", "point", 1):
        y = x @ turn.to(x).T
        return y + shift.to(x) if kind == "point" else y
    if not isinstance(kind, int):
        raise GraphValueError(f"expected kind 'invariant', 'vector', 'point' or a degree, got {kind!r}")
    return x @ _turn_of_harmonics(kind, turn).to(x).T


def _turn_of_harmonics(degree: int, turn: Tensor) -> Tensor:
    """The matrix D with Y(R x) = D Y(x), from enough directions."""
    generator = torch.Generator().manual_seed(degree)
    x = torch.randn(8 * degree, 3, dtype=torch.float64, generator=generator)
    before, after = (spherical_harmonics(degree, v) for v in (x, x @ turn.T))
    return torch.linalg.lstsq(before, after).solution.T
