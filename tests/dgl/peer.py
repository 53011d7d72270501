"""The peer of the differential tests: DGL 1.1.3, whose wheels stop at Python 3.11."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

os.environ["DGLBACKEND"] = "pytorch"
with warnings.catch_warnings(), contextlib.redirect_stderr(None):
    warnings.simplefilter("ignore")  # its import is not ours to fix
    peer: Any = pytest.importorskip("dgl", minversion="1.1.3", reason="the peer dgl==1.1.3 is not installed")


def assert_same_graph(ours: Any, theirs: Any, features: bool = True) -> None:
    """The same types, numbers of nodes, edges in the order of ids, and features."""
    assert list(ours.ntypes) == list(theirs.ntypes)
    assert list(ours.canonical_etypes) == list(theirs.canonical_etypes)
    assert ours.idtype == theirs.idtype
    assert ours.is_block == theirs.is_block
    for side in ("srctypes", "dsttypes"):
        assert list(getattr(ours, side)) == list(getattr(theirs, side))
    for ntype in ours.srctypes:
        assert ours.num_src_nodes(ntype) == theirs.num_src_nodes(ntype)
    for ntype in ours.dsttypes:
        assert ours.num_dst_nodes(ntype) == theirs.num_dst_nodes(ntype)
    for etype in ours.canonical_etypes:
        for mine, other in zip(ours.edges(etype=etype), theirs.edges(etype=etype)):
            assert_same(mine, other)
    if features:
        for ntype in ours.srctypes:
            assert_same(dict(ours.srcnodes[ntype].data), dict(theirs.srcnodes[ntype].data))
        for ntype in ours.dsttypes:
            assert_same(dict(ours.dstnodes[ntype].data), dict(theirs.dstnodes[ntype].data))
        for etype in ours.canonical_etypes:
            assert_same(dict(ours.edges[etype].data), dict(theirs.edges[etype].data))


def assert_same(ours: Any, theirs: Any) -> None:
    """Equal values of equal types: tensors, graphs, and dicts, lists and tuples of them."""
    if hasattr(theirs, "canonical_etypes"):
        assert_same_graph(ours, theirs)
    elif isinstance(theirs, Tensor):
        assert isinstance(ours, Tensor)
        tolerance = 1e-10 if theirs.dtype == torch.float64 else 1e-5
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    elif isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs):
            assert_same(mine, other)
    else:
        assert ours == theirs
