from __future__ import annotations

import pytest
import torch

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphValueError
from tests.data.peer import BOTH, hetero, same


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"dummy_values": False},
        {"add_node_type": False, "add_edge_type": False},
        {"node_attrs": ["x"], "edge_attrs": []},
    ],
)
def test_to_homogeneous_is_that_of_the_peer(seed: int, kwargs: dict) -> None:
    found = []
    for module in BOTH:
        data = hetero(module, seed)
        data["venue"].x = torch.ones(2, 2)  # narrower than the others
        data["cites"].time = torch.arange(data["cites"].num_edges)
        found.append(data.to_homogeneous(**kwargs))
    ours, theirs = found
    for name in ("_node_type_names", "_edge_type_names"):
        assert getattr(ours, name) == getattr(theirs, name)
    same(ours, theirs)
    assert repr(ours) == repr(theirs)


def test_fillers() -> None:
    for module in BOTH:
        data = module.HeteroData(a={"x": torch.ones(1, 2), "m": torch.tensor([True]), "i": torch.tensor([3])})
        data["b"].num_nodes = 1
        out = data.to_homogeneous()
        assert out.x[1].isnan().all() and out.m.tolist() == [True, False] and out.i.tolist() == [3, -1]
        assert out.node_type.tolist() == [0, 1] and "edge_index" not in out and out.num_nodes == 2


@pytest.mark.parametrize("seed", range(4))
def test_there_and_back(seed: int) -> None:
    found = []
    for module in BOTH:
        data = hetero(module, seed)
        del data["author"].name, data["writes"].edge_label_index, data["cites"].edge_attr, data["paper"].y
        data["venue"].x = torch.ones(2, 4)
        out = data.to_homogeneous().to_heterogeneous()
        found.append(out)
        assert out.metadata() == data.metadata()
        for edge_type in data.edge_types:
            same(out[edge_type].edge_index, data[edge_type].edge_index)
    same(*found)


def test_names_are_found_or_given() -> None:
    found = []
    for module in BOTH:
        data = module.Data(
            x=torch.arange(4.0),
            edge_index=torch.tensor([[0, 1, 2], [2, 3, 3]]),
            edge_attr=torch.arange(3.0),
            node_type=torch.tensor([0, 0, 1, 1]),
            edge_type=torch.tensor([0, 0, 1]),
            graph=torch.zeros(2, 2),
            name="n",
        )
        names = ["a", "b"], [("a", "r", "b"), ("b", "s", "b")]
        plain = module.Data(x=torch.zeros(2, 1), edge_index=torch.tensor([[0], [1]]))
        found.append(
            [
                data.to_heterogeneous(),
                data.to_heterogeneous(node_type_names=names[0], edge_type_names=names[1]),
                plain.to_heterogeneous(),
                module.Data(edge_index=data.edge_index, num_nodes=4).to_heterogeneous(
                    data.node_type, data.edge_type, *names
                ),
            ]
        )
    same(*found)


def test_edge_types_must_join_one_pair() -> None:
    data = Data(
        edge_index=torch.tensor([[0, 1], [1, 0]]),
        node_type=torch.tensor([0, 1]),
        edge_type=torch.tensor([0, 0]),
    )
    with pytest.raises(
        GraphValueError, match="expected edges of type 0 to join one node type with one other"
    ):
        data.to_heterogeneous()


def test_nothing_to_join() -> None:
    out = HeteroData().to_homogeneous()
    assert out.num_nodes == 0 and out.node_type.numel() == 0
