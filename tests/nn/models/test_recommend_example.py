"""The example of recommendations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from tests.test_examples import FOLDER, example

from grapevine.data import HeteroData


def test_recommend(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "hetero" / "gowalla_lightgcn.zip", tmp_path)
    record, picture = tmp_path / "recommend.json", tmp_path / "recommend.png"
    arguments = ["--root", tmp_path, "--fast", "--json", record, "--picture", picture]
    numbers = example("recommend").main([str(a) for a in arguments])
    (run,) = numbers["runs"]
    assert json.loads(record.read_text()) == numbers
    assert picture.read_bytes()[1:4] == b"PNG"
    assert run["recall"] > 0.04  # 20 places at random of 11,000: 0.002
    assert [point["epoch"] for point in run["curve"]] == [3, 6]


def test_figures_by_hand() -> None:
    """Three users, five places: recall and NDCG of the two best that were not visited, worked out on paper."""
    module = example("recommend")
    data = HeteroData()
    data["user"].num_nodes, data["place"].num_nodes = 3, 5
    visits = data["user", "visits", "place"]
    visits.edge_index = torch.tensor([[0, 1, 2], [0, 1, 2]])
    visits.edge_label_index = torch.tensor([[0, 0, 1, 2], [1, 2, 0, 4]])
    check_ins = module.CheckIns(data)
    likes = torch.tensor([[9.0, 8, 1, 7, 0], [3, 9, 2, 1, 0], [5, 4, 9, 3, 1]])

    class Model(torch.nn.Module):
        def get_embedding(self, edges: object) -> torch.Tensor:
            return torch.cat([likes, torch.eye(5)])  # scores are the likes

    found = module.evaluate(Model(), check_ins, torch.arange(3), k=2)
    # lists: 1, 3 (of 1, 2: hit, miss); 0, 2 (of 0: hit, miss); 0, 1 (of 4: miss, miss)
    second = 1 / torch.log2(torch.tensor(3.0)).item()
    assert found["recall"] == round((1 / 2 + 1 + 0) / 3, 4)
    assert found["ndcg"] == round((1 / (1 + second) + 1 + 0) / 3, 4)
    subset = module.CheckIns(data, num_users=2)
    assert (subset.num_users, subset.num_places, subset.edges.num_edges) == (2, 3, 4)


def test_the_recorded_recommendations() -> None:
    record = json.loads((FOLDER / "recommend.json").read_text())
    assert record["published"] == {"recall": 0.183, "ndcg": 0.1554}
    assert record["runs"][0]["recall"] > 0.15
