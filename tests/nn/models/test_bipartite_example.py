"""The example of links between users and places."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from tests.test_examples import FOLDER, example

from grapevine.data import HeteroData


def test_bipartite(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    shutil.copy(shared_data / "hetero" / "gowalla_lightgcn.zip", tmp_path)
    record = tmp_path / "bipartite.json"
    arguments = ["--root", tmp_path, "--fast", "--json", record]
    numbers = example("bipartite").main([str(a) for a in arguments])
    assert json.loads(record.read_text())["figures"] == numbers
    assert numbers["network"]["auc"]["mean"] > 0.6  # chance: 0.5


def test_the_check_ins_of_few_users() -> None:
    pytest.importorskip("sklearn")
    data = HeteroData()
    data["user"].num_nodes, data["place"].num_nodes = 3, 6
    visits = data["user", "visits", "place"]
    visits.edge_index = torch.tensor([[0, 1, 1, 2], [4, 1, 4, 0]])
    visits.edge_label_index = torch.tensor([[0, 1, 2], [1, 5, 4]])
    few = example("bipartite").few_users(data, 2)
    assert (few["user"].num_nodes, few["place"].num_nodes) == (2, 2)
    assert few["user", "visits", "place"].edge_index.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert few["user", "visits", "place"].edge_label_index.tolist() == [[0], [0]]  # nobody was at place 5


def test_the_recorded_links() -> None:
    figures = json.loads((FOLDER / "bipartite.json").read_text())["figures"]
    assert figures["network"]["auc"]["mean"] > figures["popularity"]["auc"]["mean"] + 0.1
