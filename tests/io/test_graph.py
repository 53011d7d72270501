"""Graphs saved and read again are the same graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from grapevine.data import Batch, Data, HeteroData, Role
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.io import load_graph, save_graph


def full_graph() -> Data:
    x = torch.randn(4, 3)
    return Data(
        x=x,
        half=x.t(),  # neither contiguous nor of its own memory
        edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]),
        y=torch.tensor([0, 1, -1, 2]),
        train_mask=torch.tensor([True, False, False, True]),
        low=torch.randn(2).to(torch.bfloat16),
        wave=torch.randn(2, dtype=torch.complex64),
        table=np.arange(6).reshape(2, 3),
        name="four",
        scale=0.5,
        flags=[True, None, "a", 3],
        pair=(1, (torch.ones(2), "b")),
        nested={"a": torch.zeros(1), "b": {"$tensor": 3}},
        count=np.int64(7),
    )


def test_every_kind_of_attribute_survives(tmp_path: Path) -> None:
    data = full_graph()
    save_graph(data, tmp_path / "g.safetensors")
    read = load_graph(tmp_path / "g.safetensors")
    assert type(read) is Data and list(read.to_dict()) == list(data.to_dict())
    for key in ("x", "half", "edge_index", "y", "train_mask", "low", "wave"):
        assert read[key].dtype == data[key].dtype and torch.equal(read[key], data[key]), key
    assert isinstance(read.table, np.ndarray) and (read.table == data.table).all()
    assert (read.name, read.scale, read.flags, read.count) == ("four", 0.5, [True, None, "a", 3], 7)
    assert (
        isinstance(read.pair, tuple)
        and torch.equal(read.pair[1][0], torch.ones(2))
        and read.pair[1][1] == "b"
    )
    assert torch.equal(read.nested["a"], torch.zeros(1)) and read.nested["b"] == {"$tensor": 3}


@pytest.mark.parametrize("layout", ["coo", "csr", "csc"])
@pytest.mark.filterwarnings("ignore:Sparse (CSR|CSC) tensor support is in beta:UserWarning")
def test_sparse_adjacencies_survive(tmp_path: Path, layout: str) -> None:
    dense = torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, 3.0]])
    data = Data(adj_t=getattr(dense, "to_sparse_" + layout if layout != "coo" else "to_sparse")())
    save_graph(data, tmp_path / "g.safetensors")
    read = load_graph(tmp_path / "g.safetensors").adj_t
    assert read.layout == data.adj_t.layout and torch.equal(read.to_dense(), dense)


def test_heterogeneous_graphs_and_roles_survive(tmp_path: Path) -> None:
    data = HeteroData()
    data["paper"].x = torch.randn(3, 2)
    data["a b/c"].num_nodes = 5
    data["paper", "cites", "paper"].edge_index = torch.tensor([[0, 1], [1, 2]])
    data["a b/c", "writes", "paper"].edge_index = torch.tensor([[4], [0]])
    data.year = 2020
    save_graph(data, tmp_path / "g.safetensors")
    read = load_graph(tmp_path / "g.safetensors")
    assert isinstance(read, HeteroData) and read.metadata() == data.metadata() and read.year == 2020
    assert read["a b/c"].num_nodes == 5 and torch.equal(read["paper"].x, data["paper"].x)
    assert torch.equal(read["a b/c", "paper"].edge_index, torch.tensor([[4], [0]]))

    tree = Data(x=torch.zeros(3, 1), parent=torch.tensor([0, 0, 1])).declare(
        parent=Role("node", points_to="nodes")
    )
    save_graph(tree, tmp_path / "t.safetensors")
    both = Batch.from_data_list([load_graph(tmp_path / "t.safetensors")] * 2)
    assert both.parent.tolist() == [0, 0, 1, 3, 3, 4]


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphTypeError, match=r"got object in attribute 'thing'; convert it or remove it"):
        save_graph(Data(thing=object()), tmp_path / "g")
    with pytest.raises(GraphTypeError, match=r"expected a Data or HeteroData, got DataBatch.*to_data_list"):
        save_graph(Batch.from_data_list([Data(x=torch.zeros(1, 1))]), tmp_path / "g")


def test_what_is_no_saved_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphValueError, match="which is not a file"):
        load_graph(tmp_path / "absent")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(GraphValueError, match="expected a safetensors file"):
        load_graph(tmp_path / "text")
    save_file({"w": torch.zeros(1)}, tmp_path / "weights")
    with pytest.raises(GraphValueError, match="got other tensors"):
        load_graph(tmp_path / "weights")
