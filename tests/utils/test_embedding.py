from __future__ import annotations

import pytest
import torch
from torch import nn

from grapevine import utils
from grapevine.nn.message_passing import MessagePassing


class Plus(MessagePassing):
    def forward(self, x, edge_index):
        return x + self.propagate(edge_index, x=x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Plus(), Plus()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x, edge_index):
        return self.second(self.dropout(self.first(x, edge_index)), edge_index)


EDGES = torch.tensor([[0, 1], [1, 2]])
X = torch.tensor([[1.0], [2.0], [4.0]])


def test_get_num_hops():
    assert utils.get_num_hops(Net()) == 2
    assert utils.get_num_hops(nn.Linear(1, 1)) == 0
    peer = pytest.importorskip("torch_geometric.nn")
    assert utils.get_num_hops(peer.GCN(3, 4, num_layers=5, out_channels=2)) == 5


def test_get_embeddings():
    model = Net()
    first, second = utils.get_embeddings(model, X, edge_index=EDGES)
    assert first.tolist() == [[1.0], [3.0], [6.0]]
    assert second.tolist() == [[1.0], [4.0], [9.0]]
    assert not second.requires_grad and model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_without_layers_warns():
    with pytest.warns(UserWarning, match="the model has no message passing layers"):
        assert utils.get_embeddings(nn.Linear(1, 1), X) == []


def test_hooks_are_gone_after_an_error():
    model = Net()
    with pytest.raises(TypeError):
        utils.get_embeddings(model, X)
    assert not any(module._forward_hooks for module in model.modules())


class PerType(nn.Module):
    """As HeteroConv: layers in a dictionary, a dictionary of outputs."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleDict({"a__to__a": Plus(), "b__to__b": Plus()})

    def forward(self, x_dict, edge_index):
        return {key: self.convs[f"{key}__to__{key}"](x, edge_index) for key, x in x_dict.items()}


class HeteroNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([PerType(), PerType()])

    def forward(self, x_dict, edge_index):
        for layer in self.layers:
            x_dict = layer(x_dict, edge_index)
        return x_dict


@pytest.mark.parametrize("supported", [None, [PerType]])
def test_get_embeddings_hetero(supported):
    out = utils.get_embeddings_hetero(HeteroNet(), supported, {"a": X, "b": 2 * X}, EDGES)
    assert [x.tolist() for x in out["a"]] == [[[1.0], [3.0], [6.0]], [[1.0], [4.0], [9.0]]]
    assert [x.tolist() for x in out["b"]] == [[[2.0], [6.0], [12.0]], [[2.0], [8.0], [18.0]]]
    with pytest.warns(UserWarning, match="no heterogeneous message passing layers"):
        assert utils.get_embeddings_hetero(nn.Linear(1, 1), None, X) == {}
