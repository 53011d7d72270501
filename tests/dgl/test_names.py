"""Names and modules that programs import."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from grapevine import dgl

MODULES = [
    "_ffi.base",
    "base",
    "batch",
    "convert",
    "core",
    "frame",
    "function",
    "generators",
    "heterograph",
    "homophily",
    "init",
    "merge",
    "mpops",
    "multiprocessing",
    "nn",
    "ops",
    "partition",
    "propagate",
    "random",
    "readout",
    "sparse",
    "subgraph",
    "transform",
    "transforms",
    "transforms.functional",
    "transforms.module",
    "traversal",
    "udf",
    "utils",
]


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    assert importlib.import_module(f"grapevine.dgl.{name}").__doc__


def test_functions_stand_under_the_names_of_modules() -> None:
    importlib.import_module("grapevine.dgl.batch")
    for name in ("batch", "heterograph", "graph", "merge", "to_block", "reverse", "seed", "sum_nodes"):
        assert callable(getattr(dgl, name)), name
    assert dgl.DGLHeteroGraph is dgl.DGLGraph
    assert dgl.NID == dgl.EID == "_ID" and dgl.NTYPE == dgl.ETYPE == "_TYPE"
    assert issubclass(importlib.import_module("grapevine.dgl._ffi.base").DGLError, Exception)
    assert "to_block" in dir(dgl) and "sum_nodes" in dir(dgl)
    with pytest.raises(AttributeError):
        dgl.no_such_name


def test_the_front_is_light() -> None:
    code = "import sys, grapevine.dgl; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"grapevine.dgl.nn", "grapevine.dgl.transforms", "networkx.drawing", "dgl"} & set(
        run.stdout.split()
    )
