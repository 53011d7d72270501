"""Layers on sampled batches: the whole graph's answers, for models of one type and of several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from grapevine.data import HeteroData
from grapevine.io import load_graph, save_graph
from grapevine.loader import NeighborLoader
from grapevine.nn import GAT, GCN, GIN, GraphSAGE, to_hetero
from tests.loader.test_neighbor_loader import heterogeneous, homogeneous
from tests.test_examples import FOLDER, example


def connected() -> HeteroData:
    """Every node type is the destination of some edge type, as `to_hetero` asks; edges have features."""
    data = heterogeneous()
    g = torch.Generator().manual_seed(7)
    back = data["paper", "in", "venue"].edge_index.flip(0)
    data["venue", "holds", "paper"].edge_index = back
    data["venue", "holds", "paper"].edge_attr = torch.randn(back.shape[1], 2, generator=g)
    return data


MODELS = {
    "sage": lambda nn: nn.GraphSAGE((-1, -1), 8, 2, 3),
    "gat": lambda nn: nn.GAT((-1, -1), 8, 2, 3, add_self_loops=False, edge_dim=2),
    "gin": lambda nn: nn.GIN(4, 8, 2, 3),
}


@pytest.mark.parametrize("kind", MODELS)
def test_models_of_several_types_on_batches(kind: str) -> None:
    """All neighbours give the whole graph's answer on the seeds, trimmed or not, and that is the peer's."""
    import grapevine.nn as ours

    data = connected()
    torch.manual_seed(0)
    model = to_hetero(MODELS[kind](ours), data.metadata()).eval()
    options = {"edge_attr": data.edge_attr_dict} if kind == "gat" else {}
    with torch.no_grad():
        expected = model(data.x_dict, data.edge_index_dict, **options)["paper"]
    peer = pytest.importorskip("torch_geometric.nn")
    theirs = peer.to_hetero(MODELS[kind](peer), data.metadata()).eval()
    with torch.no_grad():
        theirs(data.x_dict, data.edge_index_dict, **options)  # lazy sizes
        theirs.load_state_dict(model.state_dict())
        answer = theirs(data.x_dict, data.edge_index_dict, **options)["paper"]
    torch.testing.assert_close(expected, answer, rtol=1e-5, atol=1e-5)
    for batch in NeighborLoader(data, [-1, -1], "paper", batch_size=7):
        options = {"edge_attr": batch.edge_attr_dict} if kind == "gat" else {}
        hops = {
            "num_sampled_nodes_per_hop": batch.num_sampled_nodes_dict,
            "num_sampled_edges_per_hop": batch.num_sampled_edges_dict,
        }
        for trimmed in ({}, hops):
            with torch.no_grad():
                out = model(batch.x_dict, batch.edge_index_dict, **options, **trimmed)["paper"]
            size = batch["paper"].batch_size
            torch.testing.assert_close(out[:size], expected[batch["paper"].input_id], rtol=1e-5, atol=1e-5)
        assert out.shape[0] < batch["paper"].num_nodes or batch["paper"].num_nodes == size


@pytest.mark.parametrize("model", [GCN, GraphSAGE, GIN, GAT])
def test_models_of_one_type_on_batches(model: type) -> None:
    """With all neighbours, trimmed or not; layer by layer, with progress and with features on disk."""
    data = homogeneous()
    options = {"normalize": False} if model is GCN else {"add_self_loops": False} if model is GAT else {}
    torch.manual_seed(0)
    net = model(8, 16, 2, 3, **options).eval()
    weight = {"edge_weight": data.weight_of_edge} if model is GCN else {}
    with torch.no_grad():
        expected = net(data.x, data.edge_index, **weight)
        for batch in NeighborLoader(data, [-1, -1], batch_size=9):
            weight = {"edge_weight": batch.weight_of_edge} if model is GCN else {}
            hops = {
                "num_sampled_nodes_per_hop": batch.num_sampled_nodes,
                "num_sampled_edges_per_hop": batch.num_sampled_edges,
            }
            for trimmed in ({}, hops):
                out = net(batch.x, batch.edge_index, **weight, **trimmed)[: batch.batch_size]
                torch.testing.assert_close(out, expected[batch.input_id], rtol=1e-5, atol=1e-5)


def test_inference_layer_by_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = homogeneous()
    save_graph(data, tmp_path / "g")
    read = load_graph(tmp_path / "g", in_memory=0)
    net = GraphSAGE(8, 16, 3, 5).eval()
    with torch.no_grad():
        expected = net(data.x, data.edge_index)
    for graph in (data, read):
        for options in ({}, {"cache": True}, {"progress_bar": True}):
            out = net.inference(NeighborLoader(graph, [-1], batch_size=30), **options)
            torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    shown = capsys.readouterr()
    assert "layer 3 of 3" in shown.out + shown.err


def test_acm(shared_data: Path) -> None:
    numbers = example("acm").main(["--root", str(shared_data / "hetero"), "--fast"])
    assert all(numbers[way]["accuracy"] > 0.7 for way in ("full", "neighbors"))


def test_the_recorded_runs_reach_the_whole_graphs_accuracy() -> None:
    """Neighbourhoods do as well as the whole graph, within twice the spread over seeds; clusters nearly."""
    for name in ("sampled", "acm"):
        numbers = json.loads((FOLDER / f"{name}.json").read_text())
        full, way = numbers["full"], numbers["neighbors"]
        noise = 2 * (full["std"] ** 2 + way["std"] ** 2) ** 0.5
        assert way["accuracy"] > full["accuracy"] - noise, name
    numbers = json.loads((FOLDER / "sampled.json").read_text())
    assert numbers["clusters"]["accuracy"] > numbers["full"]["accuracy"] - 0.025
    assert numbers["links"]["area under ROC curve"] > 0.9
