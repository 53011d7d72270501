"""Outputs and gradients of the reference networks: `GRAPEVINE_GOLDEN`, or `../shared/golden` next to the checkout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

FOLDER = Path(os.environ.get("GRAPEVINE_GOLDEN", Path(__file__).resolve().parents[4] / "shared" / "golden"))
#: Tolerances relative to a tensor's largest entry.
OUTPUT, GRADIENT, EXACT = 2e-6, 2e-5, 1e-12


@lru_cache
def golden(name: str) -> Any:
    file = FOLDER / name
    if not file.exists():
        pytest.skip(f"no reference outputs at {FOLDER}; set GRAPEVINE_GOLDEN")
    return torch.load(file)


def names(file: str, *without: str) -> list[str]:
    """Names of the cases; one that will be skipped where the folder is absent."""
    if not (FOLDER / file).exists():
        return ["absent"]
    return [name for name in torch.load(FOLDER / file)["cases"] if name not in without]


def apart(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest entry."""
    assert ours.shape == theirs.shape
    return float((ours.detach() - theirs.detach()).abs().max() / theirs.detach().abs().max().clamp(min=1e-30))


def assert_like(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], within: float) -> None:
    for key, value in theirs.items():
        assert apart(ours[key], value) <= within, key


def assert_same_gradients(
    outputs: Mapping[str, Tensor], case: Mapping[str, Any], inputs: Mapping[str, Tensor], module: nn.Module
) -> None:
    """Gradients of the case's loss, for its inputs and all parameters; a tensor without entries stands for none."""
    torch.stack([(outputs[k] * c).sum() for k, c in case["cotangents"].items()]).sum().backward()
    assert_like({k: grad(inputs[k]) for k in case["grad_inputs"]}, case["grad_inputs"], GRADIENT)
    found = dict(module.named_parameters())
    for name, expected in case["grad_params"].items():
        if expected.numel() == 0:
            assert found[name].grad is None or not found[name].grad.any(), name
        else:
            assert apart(grad(found[name]), expected) <= GRADIENT, name


def grad(x: Tensor) -> Tensor:
    return torch.zeros_like(x) if x.grad is None else x.grad
