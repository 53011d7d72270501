from __future__ import annotations

import pytest
import torch

from grapevine import utils
from grapevine.data import Batch, Data
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")
peer_data = pytest.importorskip("torch_geometric.data")


@pytest.mark.parametrize("with_attr", [True, False])
def test_split(with_attr):
    edge_index, edge_attr = utils.to_undirected(torch.randint(12, (2, 30)), torch.rand(30))
    outs = []
    for module, cls in ((utils, Data), (peer, peer_data.Data)):
        data = cls(edge_index=edge_index, num_nodes=12, edge_attr=edge_attr if with_attr else None)
        torch.manual_seed(3)
        with pytest.warns(UserWarning, match="'train_test_split_edges' is deprecated"):
            outs.append(module.train_test_split_edges(data, 0.2, 0.3))
    ours, theirs = (data.to_dict() for data in outs)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(ours[key], value) if isinstance(value, torch.Tensor) else ours[key] == value


def test_errors():
    edge_index = torch.tensor([[0, 1], [1, 0]])
    for data, match in (
        (
            Batch.from_data_list([Data(edge_index=edge_index, num_nodes=2)]),
            "expected a single graph, got a batch",
        ),
        (Data(num_nodes=3), "expected data with edge_index and num_nodes"),
    ):
        with (
            pytest.warns(UserWarning, match="deprecated"),
            pytest.raises(GraphValueError, match=match),
        ):
            utils.train_test_split_edges(data)
