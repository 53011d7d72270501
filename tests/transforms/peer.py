"""Comparing a transform with its counterpart in torch_geometric, on the same graph under the same seeds."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from grapevine import transforms as ours
from grapevine.data import Data, HeteroData

torch_geometric = pytest.importorskip("torch_geometric")
theirs = pytest.importorskip("torch_geometric.transforms")

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def seed(value: int) -> None:
    random.seed(value)
    np.random.seed(value)  # noqa: NPY002
    torch.manual_seed(value)


def to_peer(data: Data | HeteroData) -> Any:
    if isinstance(data, HeteroData):
        out = torch_geometric.data.HeteroData()
        for store in data.stores:
            target = out if store._key is None else out[store._key]
            for key, value in store.items():
                target[key] = value
        return out
    return torch_geometric.data.Data(**data.to_dict())


def assert_same(mine: Any, peer: Any, where: str = "", shape_only: str = "\0") -> None:
    """Graphs, tensors (dense or sparse) and collections of them are the same, up to rounding.

    Of tensors whose name contains `shape_only`, only shape and type are compared.
    """
    if hasattr(mine, "to_dict"):
        mine, peer = mine.to_dict(), peer.to_dict()
    if isinstance(peer, Mapping):
        assert set(mine) == set(peer), where
        for key in peer:
            assert_same(mine[key], peer[key], f"{where}.{key}", shape_only)
    elif isinstance(peer, list | tuple):
        assert len(mine) == len(peer), where
        for i, (a, b) in enumerate(zip(mine, peer)):
            assert_same(a, b, f"{where}[{i}]", shape_only)
    elif isinstance(peer, Tensor):
        assert mine.layout == peer.layout, where
        if shape_only in where:
            assert mine.shape == peer.shape and mine.dtype == peer.dtype, where
            return
        tolerance = TOLERANCE.get(peer.dtype, 0)
        torch.testing.assert_close(
            mine.to_dense(),
            peer.to_dense(),
            rtol=tolerance,
            atol=tolerance,
            equal_nan=True,
            msg=lambda text: f"{where}: {text}",
        )
    else:
        assert mine == pytest.approx(peer), where


def assert_same_as_peer(
    name: str, data: Data | HeteroData, *args: Any, shape_only: str = "\0", **kwargs: Any
) -> Any:
    """The transform of that name does what the peer's does, shows itself alike, changes no argument."""
    mine, peer = getattr(ours, name)(*args, **kwargs), getattr(theirs, name)(*args, **kwargs)
    assert repr(mine) == repr(peer)
    before = copy.copy(data).apply(lambda tensor: tensor.clone())
    seed(12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about how the peer builds sparse matrices
        expected = peer(to_peer(data))
    seed(12)
    got = mine(data)
    assert_same(data, before)
    assert_same(got, expected, shape_only=shape_only)
    return got


def graph(kind: str) -> Data:
    """A small graph with features of every level: directed, undirected, isolated (nodes), loops, empty."""
    generator = torch.Generator().manual_seed(3)

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    if kind == "empty":
        edge_index, n = torch.empty(2, 0, dtype=torch.long), 3
    elif kind == "undirected":
        edges = torch.tensor([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2], [4, 3]])
        edge_index, n = torch.stack([edges, edges.flip(1)], dim=1).view(-1, 2).t().contiguous(), 5
    elif kind == "isolated":
        edge_index, n = torch.tensor([[5, 2, 2, 4, 0], [2, 5, 4, 0, 2]]), 8
    elif kind == "loops":
        edge_index, n = torch.tensor([[0, 0, 1, 2, 2, 3], [0, 1, 2, 2, 3, 1]]), 4
    else:
        edge_index, n = torch.tensor([[0, 0, 1, 3, 3, 4, 2], [1, 2, 2, 0, 4, 1, 4]]), 5
    e = edge_index.size(1)
    edge_attr = rand(e, 3)
    if kind == "undirected":
        edge_attr = rand(e // 2, 3).repeat_interleave(2, 0)
    return Data(
        x=rand(n, 4) - 0.3,
        edge_index=edge_index,
        edge_attr=edge_attr,
        edge_weight=rand(e) + 0.5,
        y=torch.arange(n) % 2,
        pos=rand(n, 3),
        train_mask=torch.arange(n) < 2,
    )


def hetero() -> HeteroData:
    """A graph of papers and authors, with edges within and between the types."""
    generator = torch.Generator().manual_seed(4)
    data = HeteroData()
    data["paper"].x = torch.rand(6, 3, generator=generator)
    data["paper"].y = torch.tensor([0, 1, 0, 1, 2, 2])
    data["author"].x = torch.rand(5, 2, generator=generator)
    data["author", "writes", "paper"].edge_index = torch.tensor(
        [[0, 0, 1, 2, 3, 3, 1], [0, 2, 2, 3, 4, 0, 4]]
    )
    data["author", "writes", "paper"].edge_weight = torch.rand(7, generator=generator)
    data["paper", "cites", "paper"].edge_index = torch.tensor([[0, 2, 3, 4, 4], [2, 3, 0, 0, 2]])
    data["paper", "cites", "paper"].edge_attr = torch.rand(5, 2, generator=generator)
    return data
