"""GPSE and its encoder against the peer with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.nn.peer import assert_close, assert_same_as_peer, integers, normal, uniform
from torch import Tensor

from grapevine.data import Batch, Data
from grapevine.errors import GraphValueError
from grapevine.nn import GPSE, GPSENodeEncoder
from grapevine.nn.models.gpse import IdentityHead
from grapevine.transforms import AddGPSE

pyg = pytest.importorskip("torch_geometric.nn")
peer_data = pytest.importorskip("torch_geometric.data")

SIZES: dict[str, Any] = {
    "dim_in": 4,
    "dim_inner": 6,
    "layers_mp": 3,
    "num_node_targets": 3,
    "num_graph_targets": 2,
    "multi_head_dim_inner": 5,
}
OWNER = torch.tensor([0, 0, 0, 0, 1, 1, 1])
EDGES = torch.cat([integers(4, 2, 9, seed=1), integers(3, 2, 6, seed=2) + 4], dim=1)
X, Y, Y_GRAPH = normal(7, 4), uniform(7, 3), uniform(2, 2, seed=1)


class Called(torch.nn.Module):
    """The model called with tensors."""

    def __init__(self, model: torch.nn.Module, kind: Any) -> None:
        super().__init__()
        self.model = model
        self.kind = kind

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor, y: Tensor, y_graph: Tensor) -> Any:
        return self.model(self.kind(x=x, edge_index=edge_index, batch=batch, y=y, y_graph=y_graph))


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stage_type": "skipconcat", "virtual_node": False, "graph_pooling": "mean", "layers_pre_mp": 2},
        {"stage_type": "none", "head_bn": True, "has_bn": False, "layers_post_mp": 3, "has_l2norm": False},
        {"final_act": False, "has_act": False, "final_l2norm": False, "graph_pooling": "max", "act": "elu"},
    ],
    ids=lambda options: "-".join(options) or "defaults",
)
def test_same_as_peer(options: dict[str, Any], train: bool) -> None:
    if train and not options:
        options = {"dropout": 0.0}
    elif train:
        options = options | {"dropout": 0.3}
    ours, theirs = GPSE(**(SIZES | options)), pyg.GPSE(**(SIZES | options))
    assert_same_as_peer(
        Called(ours, Data), Called(theirs, peer_data.Data), X, EDGES, OWNER, Y, Y_GRAPH, train=train
    )


def test_starts_like_the_peer() -> None:
    torch.manual_seed(0)
    ours = GPSE(**SIZES)
    torch.manual_seed(0)
    theirs = pyg.GPSE(**SIZES)
    for (name, value), (other, expected) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == other
        assert_close(value, expected, what=name)
    before = ours.pre_mp.Layer_0.layer["model"].weight.clone()
    ours.reset_parameters()
    assert not torch.equal(before, ours.pre_mp.Layer_0.layer["model"].weight)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"expand_x": True, "dim_in": 4, "n_layers": 1},
        {"model_type": "linear", "norm_type": "none"},
        {"n_layers": 3},
    ],
    ids=lambda options: "-".join(options) or "defaults",
)
@pytest.mark.parametrize("train", [False, True])
def test_encoder(options: dict[str, Any], train: bool) -> None:
    sizes = {"dim_emb": 10, "dim_pe_in": 6, "dim_pe_out": 4, **options}
    torch.manual_seed(0)
    ours = GPSENodeEncoder(**sizes)
    torch.manual_seed(0)
    theirs = pyg.GPSENodeEncoder(**sizes)
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name
    assert_same_as_peer(ours, theirs, X, normal(7, 6, seed=3), train=train)


def pretrained(library: Any, head: torch.nn.Module) -> Any:
    torch.manual_seed(0)
    model = library.GPSE(**SIZES)
    model.post_mp = head
    return model.eval()


@pytest.mark.parametrize("use_vn", [True, False])
def test_encodings_are_added(use_vn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch_geometric.transforms as peer_transforms
    from torch_geometric.nn.models import gpse as peer

    import grapevine.nn as ours_nn

    numbers = normal(8 if use_vn else 7, 4, seed=5)
    monkeypatch.setattr(np.random, "normal", lambda **_: numbers.numpy())
    monkeypatch.setitem(AddGPSE.forward.__globals__["_RANDOM"], "NormalSE", lambda *_: numbers.clone())
    graph = Data(x=X, edge_index=EDGES, y=Y)
    mine = AddGPSE(pretrained(ours_nn, IdentityHead()), use_vn)(graph)
    other = peer_transforms.AddGPSE(pretrained(pyg, peer.IdentityHead()), use_vn)(
        peer_data.Data(x=X, edge_index=EDGES, y=Y)
    )
    assert mine.pestat_GPSE.shape == (7, 6)
    assert_close(mine.pestat_GPSE, other.pestat_GPSE)
    assert torch.equal(mine.x, X) and torch.equal(mine.edge_index, EDGES) and "num_nodes" not in graph


def test_a_checkpoint_at_hand(tmp_path: Path) -> None:
    saved = GPSE()
    state = {f"model.{key}": value for key, value in saved.state_dict().items()}
    torch.save({"model_state": state}, tmp_path / "gpse_model_zinc_1.0.pt")
    model = GPSE.from_pretrained("zinc", str(tmp_path))
    assert not model.training
    graph = Data(x=normal(3, 20), edge_index=torch.tensor([[0, 1], [1, 2]]))
    encodings, _ = model(Batch.from_data_list([graph]))
    assert encodings.shape == (3, 512)
    saved.post_mp = IdentityHead()
    assert_close(encodings, saved.eval()(graph)[0])
    with pytest.raises(GraphValueError, match="molpcba"):
        GPSE.from_pretrained("qm9", str(tmp_path))


@pytest.mark.parametrize("kind", ["UniformSE", "BernoulliSE"])
def test_other_random_features(kind: str) -> None:
    torch.manual_seed(0)
    seen = []
    model = GPSE(**SIZES)
    model.post_mp = IdentityHead()
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].x))
    AddGPSE(model, use_vn=False, rand_type=kind)(Data(edge_index=EDGES, y=Y, num_nodes=7))
    (x,) = seen
    assert x.shape == (7, 4) and float(x.min()) >= 0 and float(x.max()) <= 1
    assert (set(x.flatten().tolist()) == {0.0, 1.0}) == (kind == "BernoulliSE")


def test_refusals() -> None:
    for options, what in (({"layer_type": "gcn"}, "resgated"), ({"graph_pooling": "sum"}, "'add'")):
        with pytest.raises(GraphValueError, match=what):
            GPSE(**(SIZES | options))
    for sizes, what in (
        ({"dim_pe_out": 10}, "below"),
        ({"dim_pe_out": 4, "model_type": "cnn"}, "'mlp'"),
        ({"dim_pe_out": 4, "expand_x": True}, "dim_in"),
    ):
        with pytest.raises(GraphValueError, match=what):
            GPSENodeEncoder(dim_emb=10, dim_pe_in=6, **sizes)  # type: ignore[arg-type]
    with pytest.raises(GraphValueError, match="NormalSE"):
        AddGPSE(torch.nn.Linear(2, 2), rand_type="normal")
