"""The same graphs in our classes and in those of PyTorch Geometric, and their comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import grapevine.data as ours

theirs = pytest.importorskip("torch_geometric.data")
BOTH = (ours, theirs)


def same(a: Any, b: Any, where: str = "") -> None:
    """Asserts that two values, or two graphs of either library, hold the same, to the bit and the dtype."""
    if hasattr(a, "stores"):
        a, b = a.to_dict(), b.to_dict()
    if isinstance(a, Tensor):
        assert isinstance(b, Tensor) and a.dtype == b.dtype and a.layout == b.layout, where
        if a.layout != torch.strided:
            a, b = a.to_dense(), b.to_dense()
        assert a.shape == b.shape, f"{where}: {a.shape} {b.shape}"
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True, msg=where)
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, Mapping):
        assert set(a) == set(b), f"{where}: {list(a)} {list(b)}"
        for key in a:
            same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, Sequence) and not isinstance(a, str):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, f"{where}[{i}]")
    else:
        assert a == b and type(a) is type(b), f"{where}: {a!r} {b!r}"


def edges(generator: torch.Generator, num_src: int, num_dst: int, num_edges: int) -> Tensor:
    row = torch.randint(num_src, (num_edges,), generator=generator)
    return torch.stack([row, torch.randint(num_dst, (num_edges,), generator=generator)])


def graph(module: Any, seed: int, num_nodes: int = 0, num_edges: int = 0) -> Any:
    """A random graph with attributes of every kind."""
    g = torch.Generator().manual_seed(seed)
    n, e = num_nodes or 3 + seed % 5, num_edges or 4 + seed % 7
    return module.Data(
        x=torch.randn(n, 4, generator=g),
        edge_index=edges(g, n, n, e),
        edge_attr=torch.randn(e, 2, generator=g),
        edge_weight=torch.rand(e, generator=g),
        y=torch.tensor([seed % 3]),
        pos=torch.randn(n, 3, generator=g),
        train_mask=torch.rand(n, generator=g) > 0.5,
        face=torch.randint(n, (3, 2), generator=g),
        label=seed,
        score=seed / 4,
        flag=bool(seed % 2),
        scalar=torch.tensor(float(seed)),
        name=f"graph {seed}",
        words=[f"{seed}", "b"],
        levels=[torch.randn(n, generator=g), torch.randn(2, generator=g)],
        parts={"node_index": torch.arange(n), "z": torch.randn(n, 1, generator=g)},
        array=np.arange(seed),
        kinds={seed, "a"},
    )


def hetero(module: Any, seed: int) -> Any:
    """A random graph with three node types, one of them without features, and four edge types."""
    g = torch.Generator().manual_seed(seed)
    sizes = {"paper": 4 + seed % 3, "author": 3 + seed % 4, "venue": 2}
    data = module.HeteroData()
    data["paper"].x = torch.randn(sizes["paper"], 4, generator=g)
    data["paper"].y = torch.randint(3, (sizes["paper"],), generator=g)
    data["author"].x = torch.randn(sizes["author"], 4, generator=g)
    data["author"].name = [f"a{i}" for i in range(sizes["author"])]
    data["venue"].num_nodes = sizes["venue"]
    for src, rel, dst in (
        ("author", "writes", "paper"),
        ("paper", "cites", "paper"),
        ("paper", "appears", "venue"),
        ("paper", "extends", "paper"),
    ):
        data[src, rel, dst].edge_index = edges(g, sizes[src], sizes[dst], 5 + seed % 3)
    data["cites"].edge_attr = torch.randn(5 + seed % 3, 2, generator=g)
    data["author", "paper"].edge_label_index = edges(g, sizes["author"], sizes["paper"], 2)
    data.year = 2000 + seed
    data.code = torch.tensor([seed, seed + 1])
    return data


def events(module: Any, seed: int, num_events: int = 20) -> Any:
    g = torch.Generator().manual_seed(seed)
    return module.TemporalData(
        src=torch.randint(5, (num_events,), generator=g),
        dst=torch.randint(7, (num_events,), generator=g),
        t=torch.arange(num_events) * 10,
        msg=torch.randn(num_events, 3, generator=g),
        y=torch.randint(2, (num_events,), generator=g),
    )
