"""Networks of one kind of layer against their counterparts in torch_geometric."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from tests.nn.conv.propagation import ONE_LOOP
from tests.nn.peer import SQUARE, Graph, assert_close, assert_same_as_peer, assert_same_start, normal, uniform
from torch import Tensor

import grapevine as gv
from grapevine.nn import models
from grapevine.nn.models.basic_gnn import BasicGNN
from grapevine.utils import to_torch_csr_tensor

pyg = pytest.importorskip("torch_geometric.nn")

GRAPH = ONE_LOOP[0]
PNA = {
    "aggregators": ["mean", "max", "std"],
    "scalers": ["identity", "linear"],
    "deg": torch.tensor([1, 2, 4, 5]),
}
KINDS: dict[str, dict[str, Any]] = {
    "GCN": {"improved": True},
    "GraphSAGE": {"aggr": "max"},
    "GIN": {"train_eps": True},
    "GAT": {"heads": 2, "edge_dim": 3},
    "PNA": PNA,
    "EdgeCNN": {},
}
OPTIONS: list[dict[str, Any]] = [
    {"num_layers": 1},
    {"num_layers": 1, "out_channels": 4},
    {"num_layers": 3, "out_channels": 4},
    {"num_layers": 2, "jk": "last", "act": None},
    {"num_layers": 3, "out_channels": 4, "jk": "cat", "norm": "batch_norm", "act": "elu", "act_first": True},
    {"num_layers": 2, "out_channels": 4, "jk": "max", "norm": "layer_norm", "norm_kwargs": {"mode": "node"}},
    {
        "num_layers": 2,
        "jk": "lstm",
        "norm": "graph_norm",
        "act": "leaky_relu",
        "act_kwargs": {"negative_slope": 0.3},
    },
]


def make(nn: Any, name: str, **options: Any) -> torch.nn.Module:
    return getattr(nn, name)(6, 8, **KINDS[name], **options)


def of_edges(name: str) -> dict[str, Tensor]:
    if name == "GCN":
        return {"edge_weight": uniform(GRAPH.edge_index.size(1))}
    return {"edge_attr": GRAPH.edge_features(3)} if name == "GAT" else {}


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", KINDS)
def test_same_as_peer(name: str, options: dict[str, Any]) -> None:
    pair = [make(nn, name, **options) for nn in (models, pyg)]
    for train in (False, True):
        assert_same_as_peer(*pair, GRAPH.features(6), GRAPH.edge_index, kwargs=of_edges(name), train=train)
    assert repr(pair[0]) == repr(pair[1])
    assert list(map(repr, pair[0].convs)) == list(map(repr, pair[1].convs))
    assert_same_start(lambda: make(models, name, **options), lambda: make(pyg, name, **options))


@pytest.mark.parametrize("name", KINDS)
def test_batches(name: str) -> None:
    """Normalisation graph by graph."""
    batch = torch.arange(8) // 4
    pair = [make(nn, name, num_layers=2, norm="graph_norm", jk="cat") for nn in (models, pyg)]
    assert_same_as_peer(
        *pair, GRAPH.features(6), GRAPH.edge_index, kwargs={"batch": batch, "batch_size": 2, **of_edges(name)}
    )


def test_pairs_and_lazy_sizes() -> None:
    pair = [nn.GraphSAGE((-1, -1), 8, num_layers=2, out_channels=4) for nn in (models, pyg)]
    assert_same_as_peer(*pair, GRAPH.features(6), GRAPH.edge_index)
    pair = [nn.GCN(-1, 8, num_layers=2) for nn in (models, pyg)]
    assert_same_as_peer(*pair, GRAPH.features(6), GRAPH.edge_index)


def test_second_kind_of_attention() -> None:
    pair = [
        nn.GAT(6, 8, num_layers=2, out_channels=4, v2=True, heads=2, concat=False) for nn in (models, pyg)
    ]
    assert_same_as_peer(*pair, GRAPH.features(6), GRAPH.edge_index)
    assert [type(layer).__name__ for layer in pair[0].convs] == ["GATv2Conv", "GATv2Conv"]


def test_dropout_starts_from_the_same_numbers() -> None:
    pair = [nn.GraphSAGE(6, 8, num_layers=3, dropout=0.5) for nn in (models, pyg)]
    assert_same_as_peer(*pair, GRAPH.features(6), GRAPH.edge_index, train=True, seed=3)


# A sampled neighbourhood: two seeds, three neighbours of theirs, two of those.
HOPS = torch.tensor([[2, 3, 4, 5, 6], [0, 0, 1, 2, 4]])
TRIMMED = {"num_sampled_nodes_per_hop": [2, 3, 2], "num_sampled_edges_per_hop": [3, 2]}


@pytest.mark.parametrize("name", KINDS)
def test_trimming(name: str) -> None:
    """Layers leave out what the seeds do not need any more."""
    kwargs: dict[str, Any] = dict(TRIMMED)
    if name == "GCN":
        kwargs["edge_weight"] = uniform(5)
    elif name == "GAT":
        kwargs["edge_attr"] = normal(5, 3)
    pair = [make(nn, name, num_layers=2, out_channels=4) for nn in (models, pyg)]
    out = assert_same_as_peer(*pair, normal(7, 6), HOPS, kwargs=kwargs)
    assert out.size(0) == 5
    if name != "GCN":  # whose weights depend on the edges that are left
        call = {key: value for key, value in kwargs.items() if isinstance(value, Tensor)}
        model = pair[0].eval()
        assert_close(model(normal(7, 6), HOPS, **kwargs)[:2], model(normal(7, 6), HOPS, **call)[:2])


class OneHop:
    """Batches of two seeds with all their neighbours, as a neighbour loader gives them."""

    class Batch(dict):
        def __getattr__(self, name: str) -> Any:
            return self[name]

    def __init__(self, x: Tensor, edge_index: Tensor, form: str) -> None:
        self.data = self.Batch(x=x)
        self.edge_index, self.form = edge_index, form

    def __len__(self) -> int:
        return (self.data.x.size(0) + 1) // 2

    def __iter__(self) -> Any:
        for start in range(0, self.data.x.size(0), 2):
            seeds = torch.arange(start, min(start + 2, self.data.x.size(0)))
            pairs = self.edge_index[:, torch.isin(self.edge_index[1], seeds)]
            others = pairs[0].unique()
            n_id = torch.cat([seeds, others[~torch.isin(others, seeds)]])
            local = torch.searchsorted(n_id.sort()[0], pairs)
            local = n_id.argsort()[local]
            size = (n_id.numel(), n_id.numel())
            form = {"edge_index": local}
            if self.form == "adj_t":
                form = {"adj_t": to_torch_csr_tensor(local.flip(0), size=size)}
            yield self.Batch(n_id=n_id, batch_size=seeds.numel(), **form)


@pytest.mark.parametrize("form", ["edge_index", "adj_t"])
@pytest.mark.parametrize("options", [{}, {"cache": True, "progress_bar": True}], ids=["plain", "cached"])
@pytest.mark.parametrize("jk", [None, "last"])
def test_inference_layer_by_layer(form: str, options: dict[str, Any], jk: str | None) -> None:
    graph = Graph("unique", SQUARE[1].edge_index.unique(dim=1), 9, 9)  # a matrix holds no edge twice
    model = models.GraphSAGE(6, 8, num_layers=3, out_channels=4, norm="batch_norm", jk=jk, aggr="max").eval()
    x = graph.features(6)
    found = model.inference(OneHop(x, graph.edge_index, form), **options)
    assert_close(found, model(x, graph.edge_index).detach())
    assert not found.requires_grad


@pytest.mark.parametrize("name", KINDS)
def test_copies(name: str) -> None:
    model = make(models, name, num_layers=2, jk="cat").eval()
    call = (GRAPH.features(6), GRAPH.edge_index)
    expected = model(*call, **of_edges(name))
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(copied(*call, **of_edges(name)), expected)


@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")
@pytest.mark.parametrize("name", ["GCN", "GraphSAGE", "GIN", "EdgeCNN"])
def test_compiles_without_a_graph_break(name: str) -> None:
    torch._dynamo.reset()
    model = make(models, name, num_layers=2, out_channels=4)
    traced = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert_close(traced(GRAPH.features(6), GRAPH.edge_index), model(GRAPH.features(6), GRAPH.edge_index))


WRONG = [
    (lambda: BasicGNN(6, 8, num_layers=2), r"expected BasicGNN to define init_conv"),
    (
        lambda: models.GAT(6, 8, num_layers=2, heads=3),
        "expected heads to divide the 8 features of a layer, got 3",
    ),
    (
        lambda: models.GCN(6, 8, num_layers=2)(normal(7, 6), HOPS, uniform(5), normal(5, 3), **TRIMMED),
        "expected edge_weight or edge_attr with num_sampled_nodes_per_hop, got both",
    ),
    (
        lambda: models.GCN(6, 8, num_layers=2).inference(OneHop(normal(7, 6), HOPS, "edge_index")),
        r"call model.eval\(\) first",
    ),
    (
        lambda: (
            models.GCN(6, 8, num_layers=2, jk="cat")
            .eval()
            .inference(OneHop(normal(7, 6), HOPS, "edge_index"))
        ),
        "expected jk=None or jk='last' for inference layer by layer, got 'cat'",
    ),
]


@pytest.mark.parametrize(("call", "text"), WRONG)
def test_errors_teach(call: Any, text: str) -> None:
    with pytest.raises(gv.GrapevineError, match=text):
        call()
