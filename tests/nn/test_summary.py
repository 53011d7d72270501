"""Tables of layers, against torch_geometric's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import nn
from tests.nn.peer import SQUARE, normal

pyg = pytest.importorskip("torch_geometric.nn")
pytest.importorskip("tabulate")

GRAPH = SQUARE[0]


class Model(torch.nn.Module):
    """Layers in layers, one used twice, one not at all, one that waits for its size."""

    def __init__(self, library: Any) -> None:
        super().__init__()
        self.gcn = library.GCN(6, 8, num_layers=2, out_channels=8)
        self.deep = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(8, 8))))
        self.unused = torch.nn.Linear(3, 3)
        self._private = torch.nn.Linear(3, 3)
        self.lazy = library.GATConv(-1, 4, heads=2)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        x = self.gcn(x, edge_index)
        return self.lazy(self.deep(self.deep(x)), edge_index)


def cells(table: str) -> list[list[str]]:
    """The rows of a table; the peer moves columns of numbers to the right."""
    return [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in table.splitlines()
        if line.startswith("| ")
    ]


@pytest.mark.parametrize("options", [{}, {"max_depth": 1}, {"max_depth": 5, "leaf_module": None}])
def test_summary(options: dict[str, Any]) -> None:
    models = [Model(library) for library in (nn, pyg)]
    ours, theirs = (
        library.summary(model, normal(8, 6), GRAPH.edge_index, **options)
        for library, model in zip((nn, pyg), models, strict=True)
    )
    if "leaf_module" in options:  # the insides of layers differ; what they hold does not
        assert [row for row in cells(ours) if "Linear" in row[0]] == [
            row for row in cells(theirs) if "Linear" in row[0]
        ]
    else:
        assert cells(ours) == cells(theirs)
    assert all(module.training for module in models[0].modules())
