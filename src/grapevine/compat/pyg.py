"""What stands directly under the name `torch_geometric`; its rooms are those of Grapevine."""

from __future__ import annotations

import importlib
import random
from types import ModuleType

import numpy as np
import torch

from grapevine.compat import names
from grapevine.compat.old_names import room

#: The version of PyTorch Geometric that programs see when they ask.
__version__ = "2.8.1"

__path__: list[str] = []


def seed_everything(seed: int) -> None:
    """Seeds Python's, numpy's and torch's generators.

    Example:
        >>> seed_everything(1)
        >>> first = torch.rand(1)
        >>> seed_everything(1)
        >>> torch.equal(first, torch.rand(1))
        True
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (programs draw from numpy's global generator)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)


#: Compiles a model; nothing but torch's own is needed.
compile = torch.compile


def is_compiling() -> bool:
    """Whether `torch.compile` is tracing."""
    return torch.compiler.is_compiling()


def device(device: str | torch.device) -> torch.device:
    """A device by name; "auto" is a GPU where there is one.

    Example:
        >>> device("cpu")
        device(type='cpu')
    """
    if device != "auto":
        return torch.device(device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def __getattr__(name: str) -> ModuleType:
    alias = f"torch_geometric.{name}"
    place = None if name.startswith("_") else names.target(alias)
    if place is None:
        raise AttributeError(
            f"module 'torch_geometric' has no attribute {name!r} (Grapevine answers for it here)"
        )
    return room(alias, importlib.import_module(place))
