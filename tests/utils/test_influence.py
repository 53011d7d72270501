from __future__ import annotations

import pytest
import torch
from torch import nn

from grapevine import utils
from grapevine.data import Data
from grapevine.errors import GraphValueError

peer = pytest.importorskip("torch_geometric.utils")


class Net(nn.Module):
    """Two rounds of messages in plain PyTorch."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x, edge_index):
        for layer in (self.first, self.second):
            x = layer(x + torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])).tanh()
        return x


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("max_hops", [0, 2, 3])
def test_total_influence(normalize, average, max_hops):
    data = Data(x=torch.randn(9, 3), edge_index=torch.randint(9, (2, 16)))
    outs = []
    model = Net()
    for module in (utils, peer):
        torch.manual_seed(5)
        outs.append(module.total_influence(model, data, max_hops, 6, normalize, average))
    torch.testing.assert_close(outs[0][0], outs[1][0], rtol=1e-5, atol=1e-6)
    assert outs[0][1] == pytest.approx(outs[1][1], rel=1e-5)


def test_a_graph_without_features_is_refused():
    with pytest.raises(GraphValueError, match="expected data with x and edge_index"):
        utils.total_influence(Net(), Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2), 1)
