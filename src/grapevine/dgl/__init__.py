"""The DGL dialect: programs written for DGL, on Grapevine's engine.

from grapevine import dgl

g = dgl.graph((src, dst), num_nodes=N)
g.ndata["h"] = x
g.update_all(dgl.function.copy_u("h", "m"), dgl.function.mean("m", "h"))
"""

from __future__ import annotations

import importlib
from typing import Any

from grapevine.dgl.base import ALL, EID, ETYPE, NID, NTYPE, DGLError
from grapevine.dgl.frame import LazyFeature
from grapevine.dgl.heterograph import DGLGraph
from grapevine.dgl.heterograph import DGLGraph as DGLHeteroGraph

# The functions below stand under the names of the modules above (`dgl.heterograph`), as in DGL.
from grapevine.dgl.convert import block_to_graph, create_block, graph, heterograph  # isort: skip

#: Of the last release of DGL whose programs run here.
__version__ = "2.5.0"

#: Parts that are imported when first used.
_ROOMS = (
    "backend",
    "base",
    "convert",
    "core",
    "data",
    "dataloading",
    "frame",
    "function",
    "geometry",
    "init",
    "mpops",
    "nn",
    "ops",
    "propagate",
    "readout",
    "sampling",
    "sparse",
    "subgraph",
    "transforms",
    "traversal",
    "udf",
    "utils",
)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"grapevine.dgl.{name}")
    raise AttributeError(f"module 'grapevine.dgl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
