"""Names that moved or went away."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
import torch

from grapevine.compat import old_names, pyg_old
from grapevine.compat.port import resolve
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn import GCNConv

NAMES = [f"{room}.{name}" for room, table in old_names._OLD.items() for name in table]


@pytest.mark.parametrize("name", NAMES)
def test_every_old_name_leads_somewhere(name: str) -> None:
    place = resolve(name)
    assert place is not None
    module, _, leaf = place.rpartition(".")
    room, _, old = name.rpartition(".")
    answering = importlib.import_module(resolve(room) or "")
    found = getattr(old_names.room(room, answering), old)
    assert found is getattr(importlib.import_module(module), leaf)


def test_rooms_are_what_they_stand_for() -> None:
    """Apart from old names a room has the same things, lists them, and `import *` brings no old ones."""
    import grapevine.data
    import grapevine.nn

    room = old_names.room("torch_geometric.data", grapevine.data)
    assert isinstance(room, ModuleType) and room.Data is grapevine.data.Data
    assert {"DataLoader", "Data"} <= set(dir(room)) and room.__all__ == list(grapevine.data.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        room.no_such_name
    assert old_names.room("torch_geometric.datasets", grapevine.data) is grapevine.data
    inner = old_names.room("torch_geometric.nn", grapevine.nn).models
    assert inner.GNNExplainer is pyg_old.GNNExplainer and inner.GCN is grapevine.nn.GCN


def test_the_explainer_of_old() -> None:
    x, edge_index = torch.rand(4, 3), torch.tensor([[0, 1, 2, 3], [1, 2, 0, 3]])
    for kind, shape in (("feature", (3,)), ("individual_feature", (4, 3)), ("scalar", (4,))):
        explainer = pyg_old.GNNExplainer(GCNConv(3, 2), epochs=3, return_type="raw", feat_mask_type=kind)
        features, edges = explainer.explain_node(1, x, edge_index)
        assert features.shape == shape and edges.shape == (4,) and edges[3] == 0  # far away
    _, edges = pyg_old.GNNExplainer(
        GCNConv(3, 1), epochs=3, return_type="regression", allow_edge_mask=False
    ).explain_graph(x, edge_index)
    assert edges.tolist() == [1.0] * 4
    with pytest.raises(GraphValueError, match="got 'logits'"):
        pyg_old.GNNExplainer(GCNConv(3, 2), return_type="logits")
    with pytest.raises(GraphValueError, match="got 'node'"):
        pyg_old.GNNExplainer(GCNConv(3, 2), feat_mask_type="node")


def test_shares_of_nodes() -> None:
    from grapevine.compat import pyg_distributed
    from grapevine.data import HeteroData
    from grapevine.loader import NeighborLoader

    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 5, 2
    data["item", "to", "user"].edge_index = torch.tensor([[0, 1, 0], [0, 1, 4]])
    loader = pyg_distributed.DistributedNeighborLoader(data, [1], "user", rank=1, world_size=2, batch_size=4)
    assert isinstance(loader, NeighborLoader)
    assert [batch["user"].n_id[:2].tolist() for batch in loader] == [[1, 3]]
    mask = torch.tensor([True, False, True, True])
    sampler = pyg_distributed.DistNeighborSampler(torch.tensor([[0, 1], [1, 2]]), [2], mask, batch_size=9)
    assert [n_id[:size].tolist() for size, n_id, _ in sampler] == [[0, 2, 3]]
    with pytest.raises(GraphTypeError, match=r"sizes=\[10, 10\]"):
        pyg_distributed.DistNeighborSampler(torch.tensor([[0], [1]]))
