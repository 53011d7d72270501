"""Random communities: the chances that were asked for, and the features that sklearn draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import grapevine.datasets as ours
from grapevine.errors import GraphValueError
from grapevine.utils import is_undirected


@pytest.mark.parametrize("undirected", [True, False])
def test_chances_of_edges(undirected: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes, chances = [60, 40], torch.tensor([[0.3, 0.05], [0.05, 0.6]])
    data = ours.StochasticBlockModelDataset(str(tmp_path), sizes, chances, is_undirected=undirected)[0]
    assert data.y.bincount().tolist() == sizes and is_undirected(data.edge_index) == undirected
    pairs = data.y[data.edge_index]
    for i in range(2):
        for j in range(2):
            found = int(((pairs[0] == i) & (pairs[1] == j)).sum())
            tries = sizes[i] * (sizes[j] - (i == j))
            spread = (2 * tries * chances[i, j] * (1 - chances[i, j])) ** 0.5
            assert abs(found - tries * chances[i, j]) < 4 * spread


def test_features_are_those_of_sklearn(tmp_path: Path) -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    sizes, chances = [40, 30, 20], torch.full((3, 3), 0.1)
    dataset = ours.StochasticBlockModelDataset(
        str(tmp_path), sizes, chances, num_graphs=2, num_channels=4, random_state=3
    )
    assert len(dataset) == 2 and torch.equal(dataset[0].edge_index, dataset[1].edge_index)
    x, y = sklearn.make_classification(
        90, 4, n_informative=4, n_redundant=0, n_classes=3, weights=[4 / 9, 3 / 9, 2 / 9], flip_y=0, shuffle=False,
        random_state=3,
    )  # fmt: skip
    assert np.bincount(y).tolist() == sizes == dataset[0].y.bincount().tolist()
    torch.testing.assert_close(dataset[0].x, torch.from_numpy(x[np.argsort(y)]).float(), rtol=0, atol=0)


def test_homophily_and_degree(tmp_path: Path) -> None:
    torch.manual_seed(1)
    data = ours.RandomPartitionGraphDataset(str(tmp_path), 4, 250, 0.6, 10.0)[0]
    src, dst = data.y[data.edge_index]
    assert float((src == dst).float().mean()) == pytest.approx(0.6, abs=0.03)
    assert data.num_edges / data.num_nodes == pytest.approx(10.0, abs=0.5)
    again = ours.RandomPartitionGraphDataset(str(tmp_path), 4, 250, 0.6, 10.0)[0]
    np.testing.assert_array_equal(again.edge_index, data.edge_index)
    with pytest.raises(GraphValueError, match="num_graphs=0"):
        ours.StochasticBlockModelDataset(str(tmp_path), [2], [[1.0]], num_graphs=0)
