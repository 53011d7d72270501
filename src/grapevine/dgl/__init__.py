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

# Functions that stand under the names of modules above (`dgl.heterograph`, `dgl.batch`, `dgl.merge`), as in DGL.
from grapevine.dgl.convert import *  # isort: skip  # noqa: F403
from grapevine.dgl.batch import *  # isort: skip  # noqa: F403
from grapevine.dgl.merge import *  # isort: skip  # noqa: F403
from grapevine.dgl.subgraph import *  # isort: skip  # noqa: F403

#: The version of DGL that programs see when they ask.
__version__ = "2.5.0"

#: Parts that are imported when first used.
_ROOMS = (
    "backend",
    "contrib",
    "core",
    "cuda",
    "data",
    "dataloading",
    "function",
    "mpops",
    "multiprocessing",
    "nn",
    "ops",
    "optim",
    "sampling",
    "sparse",
    "storages",
    "transform",
    "transforms",
    "udf",
    "utils",
    "view",
)

#: Modules whose public names stand here too, imported when first used.
_OFFERING = (
    "transforms",
    "generators",
    "homophily",
    "readout",
    "propagate",
    "traversal",
    "random",
    "mpops",
    "old",
)

#: Single names of other modules that stand here too.
_NAMES = {
    "apply_each": "utils",
    "load_graphs": "data.utils",
    "save_graphs": "data.utils",
    "set_dst_lazy_features": "dataloading",
    "set_edge_lazy_features": "dataloading",
    "set_node_lazy_features": "dataloading",
    "set_src_lazy_features": "dataloading",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS or name in _OFFERING:
        return importlib.import_module(f"grapevine.dgl.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"grapevine.dgl.{_NAMES[name]}"), name)
    if not name.startswith("_"):
        for offering in _OFFERING:
            module = importlib.import_module(f"grapevine.dgl.{offering}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module 'grapevine.dgl' has no attribute {name!r}")


def __dir__() -> list[str]:
    offered = (importlib.import_module(f"grapevine.dgl.{o}").__all__ for o in _OFFERING)
    return sorted({*globals(), *_ROOMS, *_NAMES, *(name for names in offered for name in names)})
