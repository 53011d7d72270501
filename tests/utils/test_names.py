"""The names that code written for PyTorch Geometric imports."""

from __future__ import annotations

import importlib
import inspect

import pytest

from grapevine import utils

peer = pytest.importorskip("torch_geometric.utils")

# They need packages of their own, or containers of other libraries.
LEFT_OUT = {"from_cugraph", "to_cugraph", "geodesic_distance"}


def test_all_names_are_there():
    assert set(peer.__all__) - set(utils.__all__) == LEFT_OUT
    assert all(hasattr(utils, name) for name in utils.__all__)


@pytest.mark.parametrize("name", sorted(set(peer.__all__) - LEFT_OUT))
def test_parameters_and_defaults_agree(name):
    ours, theirs = (inspect.signature(getattr(module, name)).parameters for module in (utils, peer))
    assert [*ours] == [*theirs]
    for key, parameter in theirs.items():
        assert ours[key].default == parameter.default
        assert ours[key].kind == parameter.kind


MODULES = [
    *(
        "augmentation",
        "convert",
        "dropout",
        "embedding",
        "functions",
        "hetero",
        "isolated",
        "laplacian",
        "loop",
        "map",
    ),
    *(
        "mask",
        "mesh_laplacian",
        "nested",
        "num_nodes",
        "ppr",
        "random",
        "repeat",
        "sparse",
        "undirected",
        "influence",
    ),
]
INTERNAL = {"cat", "cat_coo", "cat_csc", "cat_csr", "compute_loop_attr", "filter_adj", "get_sparse_diag"}


@pytest.mark.parametrize("name", MODULES)
def test_modules_offer_what_the_peers_define(name):
    ours = importlib.import_module(f"grapevine.utils.{name}")
    theirs = importlib.import_module(f"torch_geometric.utils.{name}")
    defined = {
        key
        for key, value in vars(theirs).items()
        if inspect.isfunction(value) and value.__module__ == theirs.__name__ and not key.startswith("_")
    }
    helpers = {key for key in defined if name == "influence" and key != "total_influence"}
    assert {key for key in defined - INTERNAL - LEFT_OUT - helpers if not hasattr(ours, key)} == set()
