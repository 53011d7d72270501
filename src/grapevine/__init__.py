"""Grapevine: graph neural networks on PyTorch. Write the message, get the kernel.

import grapevine as gv

edges = gv.Edges(edge_index, num_nodes=N)
out = edges.max(0.5 * edges.dst(x) + 2 * edges.src(x))
"""

from __future__ import annotations

import importlib
from typing import Any

from grapevine.edges import Edges
from grapevine.engine import EdgeTensor, Plan, materialise, materialised, memory_budget, plan, recorded
from grapevine.errors import GrapevineError
from grapevine.ops import backend

__version__ = "0.1.0"

#: Rooms that are imported when first used, so that `import grapevine` stays quick.
_ROOMS = (
    "data",
    "datasets",
    "dgl",
    "distributed",
    "engine",
    "explain",
    "geometry",
    "graph",
    "io",
    "loader",
    "metrics",
    "nn",
    "ops",
    "sampler",
    "testing",
    "training",
    "transforms",
    "utils",
)

#: What rooms hold and the front door shows too.
_SHOWN = {"load_graph": "io", "save_graph": "io"}

__all__ = [
    "EdgeTensor",
    "Edges",
    "GrapevineError",
    "Plan",
    "backend",
    "materialise",
    "materialised",
    "memory_budget",
    "plan",
    "recorded",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"grapevine.{name}")
    if name in _SHOWN:
        return getattr(importlib.import_module(f"grapevine.{_SHOWN[name]}"), name)
    raise AttributeError(f"module 'grapevine' has no attribute {name!r}; its rooms are {', '.join(_ROOMS)}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS, *_SHOWN])
