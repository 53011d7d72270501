"""`torch_geometric.logging`: what the examples of PyTorch Geometric print."""

from __future__ import annotations

import sys
from typing import Any

from grapevine.errors import require

__all__ = ["init_wandb", "log"]

_wandb: Any = None


def init_wandb(name: str, **kwargs: Any) -> None:
    """Starts a run of Weights & Biases with these settings, if the program was called with ``--wandb``.

    Args:
        name: of the project.
        **kwargs: the settings.

    Raises:
        MissingDependencyError: if wandb is asked for and not installed.
    """
    global _wandb
    if "--wandb" in sys.argv:
        _wandb = require("wandb")
        _wandb.init(project=name, config=kwargs)


def log(**kwargs: Any) -> None:
    """Prints a line of names and numbers.

    Example:
        >>> log(Epoch=3, Loss=0.25, Model="GCN")
        Epoch: 003, Loss: 0.2500, Model: GCN
    """

    def text(value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{value:03d}"
        return f"{value:.4f}" if isinstance(value, float) else str(value)

    print(", ".join(f"{name}: {text(value)}" for name, value in kwargs.items()))  # noqa: T201
    if _wandb is not None:
        _wandb.log(kwargs)
