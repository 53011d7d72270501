from __future__ import annotations

import pytest
import torch

from grapevine.data import GROUPS, NODES, Batch, Data, HeteroData, Role
from grapevine.errors import GraphValueError
from tests.data.peer import same


class Pair(Data):
    __roles__ = {
        "edge_index_s": Role("edge", -1, points_to="x_s"),
        "edge_index_t": Role("edge", -1, points_to="x_t"),
        "across": Role("edge", -1, points_to=("x_s", "x_t")),
    }


def test_roles_of_a_class_replace_overridden_methods() -> None:
    ends = torch.zeros(2, 1, dtype=torch.long)
    graphs = [
        Pair(
            x_s=torch.randn(n, 1),
            x_t=torch.randn(n + 1, 1),
            edge_index_s=ends,
            edge_index_t=ends,
            across=ends,
        )
        for n in (2, 5)
    ]
    batch = Batch.from_data_list(graphs)
    assert batch.edge_index_s.tolist() == [[0, 2], [0, 2]] and batch.edge_index_t.tolist() == [[0, 3], [0, 3]]
    assert batch.across.tolist() == [[0, 2], [0, 3]]
    same(batch.to_data_list(), graphs)


def test_roles_of_an_object_win_over_names() -> None:
    data = Data(x=torch.zeros(3, 1), parent=torch.tensor([0, 0, 1]), index_of_refraction=torch.tensor([1.5]))
    data.declare(parent=Role("node", points_to=NODES), index_of_refraction=Role("graph"))
    other = Data(**data.to_dict())
    batch = Batch.from_data_list([data, other])
    assert batch.parent.tolist() == [0, 0, 1, 3, 3, 4] and batch.index_of_refraction.tolist() == [1.5, 1.5]
    assert batch[1].parent.tolist() == [0, 0, 1] and batch[1]._store._declared() == data._store._declared()
    assert batch.node_attrs() == ["x", "parent", "batch"]


def test_stacking_and_groups() -> None:
    data = Data(x=torch.zeros(2, 1), target=torch.arange(3), ring=torch.tensor([0, 1]))
    data.declare(target=Role("graph", cat_dim=None), ring=Role("node", points_to=GROUPS))
    batch = Batch.from_data_list([data, data])
    assert batch.target.shape == (2, 3) and batch.ring.tolist() == [0, 1, 2, 3]
    same(batch[0], data)


def test_roles_of_types() -> None:
    data = HeteroData(a={"x": torch.zeros(2, 1)}, b={"x": torch.zeros(3, 1)})
    data["a"].best = torch.tensor([0, 2])
    data["a"].peer = torch.tensor([1, 0])
    data["a"].declare(best=Role("node", points_to="b"), peer=Role("node", points_to=NODES))
    batch = Batch.from_data_list([data, data])
    assert batch["a"].best.tolist() == [0, 2, 3, 5] and batch["a"].peer.tolist() == [1, 0, 3, 2]
    same(batch[1], data)


def test_graphs_of_a_batch_declare_the_same() -> None:
    graphs = [Data(x=torch.zeros(1), p=torch.zeros(1)) for _ in range(2)]
    graphs[0].declare(p=Role("node", points_to=NODES))
    with pytest.raises(
        GraphValueError, match=r"to declare the same roles, got .* and {} in graph 1; do this"
    ):
        Batch.from_data_list(graphs)


def test_pointing_nowhere() -> None:
    data = Data(a=torch.zeros(1)).declare(a=Role(points_to="b"))
    with pytest.raises(
        GraphValueError, match="points_to='b'; do this instead: name one of \\['a'\\], or 'nodes'"
    ):
        Batch.from_data_list([data, data])
    with (
        pytest.warns(UserWarning, match="infer"),
        pytest.raises(ValueError, match="Unable to infer 'num_nodes'"),
    ):
        Data(a_index=torch.zeros(1)).__inc__("a_index", torch.zeros(1))
    with pytest.raises(GraphValueError, match="both ends of edge type"):
        data = HeteroData(a={"num_nodes": 1})
        data["a", "b"].edge_index = torch.zeros(2, 1)
        Batch.from_data_list([data, data])
