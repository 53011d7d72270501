"""Models for nodes, molecules, links and signed graphs, against torch_geometric."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import (
    SQUARE,
    assert_close,
    assert_same_as_peer,
    assert_same_start,
    integers,
    normal,
    uniform,
)
from torch import Tensor

from grapevine import nn
from grapevine.errors import GraphValueError

pyg = pytest.importorskip("torch_geometric.nn")

GRAPH = SQUARE[0]
#: The same without self-loops: of several at one node the peer hands each the gradient of the last.
LOOPLESS = GRAPH.edge_index[:, GRAPH.edge_index[0] != GRAPH.edge_index[1]]
PEER_WARNS = pytest.mark.filterwarnings(
    "ignore:Sparse invariant checks:UserWarning", "ignore:Sparse CSR tensor support:UserWarning"
)
BATCH = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
SHUFFLED = torch.tensor([1, 0, 2, 1, 0, 0, 2, 1])


def pair(name: str, *args: Any, **kwargs: Any) -> list[Any]:
    """The model of both libraries, which must start from the same numbers and look the same."""
    made = [getattr(library, name)(*args, **kwargs) for library in (nn, pyg)]
    assert_same_start(*(lambda m=m: getattr(m, name)(*args, **kwargs) for m in (nn, pyg)))
    return made


@pytest.mark.parametrize("batch", [None, BATCH])
def test_neural_fingerprint(batch: Tensor | None) -> None:
    models = pair("NeuralFingerprint", 4, 6, 5, num_layers=3)
    assert repr(models[0]) == repr(models[1])
    assert_same_as_peer(*models, GRAPH.features(4), GRAPH.edge_index, batch)


@pytest.mark.parametrize("weighted", [False, True])
def test_rect(weighted: bool) -> None:
    models = pair("RECT_L", 4, 6, dropout=0.4)
    assert repr(models[0]) == repr(models[1])
    weight = uniform(LOOPLESS.size(1)) if weighted else None
    for train in (False, True):
        assert_same_as_peer(*models, GRAPH.features(4), LOOPLESS, weight, train=train)
    x, y, mask = GRAPH.features(4), integers(3, 8), integers(2, 8, seed=1) == 0
    models[1].load_state_dict(models[0].state_dict())
    ours, theirs = (model.embed(x, LOOPLESS, weight) for model in models)
    assert_close(ours, theirs)
    ours, theirs = (model.get_semantic_labels(x, y, mask) for model in models)
    assert_close(ours, theirs)


@pytest.mark.parametrize("train", [False, True])
def test_attentive_fp(train: bool) -> None:
    models = pair("AttentiveFP", 4, 6, 2, edge_dim=3, num_layers=3, num_timesteps=2)
    assert repr(models[0]) == repr(models[1])
    for graph in SQUARE[:2]:
        batch = torch.arange(graph.num_src).sort().values // 4
        inputs = (graph.features(4), graph.edge_index, graph.edge_features(3), batch)
        assert_same_as_peer(*models, *inputs, train=train)


@PEER_WARNS
@pytest.mark.parametrize("sum_res", [True, False])
@pytest.mark.parametrize("depth, ratios", [(1, 0.5), (3, [0.8, 0.7, 0.6])])
def test_graph_unet(sum_res: bool, depth: int, ratios: Any) -> None:
    models = pair("GraphUNet", 4, 6, 2, depth=depth, pool_ratios=ratios, sum_res=sum_res, act="tanh")
    assert repr(models[0]) == repr(models[1])
    for batch, weight in ((None, None), (BATCH, uniform(LOOPLESS.size(1)))):
        assert_same_as_peer(*models, GRAPH.features(4), LOOPLESS, batch, weight)
    with pytest.raises(GraphValueError, match="at least 1"):
        nn.GraphUNet(4, 6, 2, depth=0)
    with pytest.raises(GraphValueError, match="edge_weight"):
        models[0](GRAPH.features(4), GRAPH.edge_index, None, uniform(30).view(-1, 1))


@pytest.mark.parametrize("layers, ratio", [(1, 0.5), (3, 0.25)])
def test_attract_repel(layers: int, ratio: float) -> None:
    models = pair("ARLinkPredictor", 4, 8, 6, num_layers=layers, dropout=0.3, attract_ratio=ratio)
    for train in (False, True):
        assert_same_as_peer(*models, GRAPH.features(4), GRAPH.edge_index, train=train)
    z = normal(5, 2), normal(5, 4)
    assert models[0].calculate_r_fraction(*z) == pytest.approx(models[1].calculate_r_fraction(*z))
    with pytest.raises(GraphValueError, match="between 0 and 1"):
        nn.ARLinkPredictor(4, 8, attract_ratio=2.0)


POS, NEG = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), torch.tensor([[4, 5, 6], [5, 6, 7]])


def test_signed_gcn() -> None:
    models = pair("SignedGCN", 4, 8, num_layers=3)
    assert repr(models[0]) == repr(models[1])
    assert_same_as_peer(*models, GRAPH.features(4), POS, NEG)
    models[1].load_state_dict(models[0].state_dict())
    z = normal(8, 8)
    ours, theirs = (model.discriminate(z, POS) for model in models)
    assert_close(ours, theirs)
    split = []
    for model in models:
        torch.manual_seed(1)
        split.append(model.split_edges(GRAPH.edge_index, 0.3))
    assert all(torch.equal(a, b) for a, b in zip(*split, strict=True))
    # The losses draw missing edges, in their own ways: on average they are the same.
    for name, args in {
        "nll_loss": (POS, NEG),
        "pos_embedding_loss": (POS,),
        "neg_embedding_loss": (NEG,),
        "loss": (POS, NEG),
    }.items():
        ours, theirs = (
            torch.stack([getattr(model, name)(z, *args).detach() for _ in range(100)]) for model in models
        )
        spread = float((ours.var() + theirs.var()) / 100) ** 0.5
        assert abs(float(ours.mean() - theirs.mean())) < 4 * spread + 1e-6, name


def test_signed_gcn_with_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    models = pair("SignedGCN", 3, 8, num_layers=2)
    models[1].load_state_dict(models[0].state_dict())
    z = normal(8, 8)
    assert models[0].test(z, POS, NEG) == pytest.approx(models[1].test(z, POS, NEG))
    pos, neg = GRAPH.edge_index[:, :20], GRAPH.edge_index[:, 20:]
    ours, theirs = (model.create_spectral_features(pos, neg, 8) for model in models)
    # Singular vectors are known up to their sign.
    torch.testing.assert_close(ours.abs(), theirs.abs())


@pytest.mark.parametrize("options", [{}, {"qk_shared": False, "qkv_bias": True, "beta": 0.3}])
def test_polynormer_attention(options: dict[str, Any]) -> None:
    check_attention([library.attention.PolynormerAttention(6, 2, 5, **options) for library in (nn, pyg)])


@pytest.mark.parametrize("options", [{}, {"head_channels": None, "qkv_bias": True}])
def test_sgformer_attention(options: dict[str, Any]) -> None:
    check_attention([library.attention.SGFormerAttention(6, 2, **options) for library in (nn, pyg)])
    with pytest.raises(GraphValueError, match="multiple of heads"):
        nn.attention.SGFormerAttention(6, 4)


def check_attention(models: list[Any]) -> None:
    assert repr(models[0]) == repr(models[1])
    x, mask = normal(2, 5, 6), torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=torch.bool)
    for given in (None, mask):
        assert_same_as_peer(*models, x, given)


def test_qformer() -> None:
    models = [library.attention.QFormer(6, 8, 3, 2, 2, 0.1) for library in (nn, pyg)]
    assert repr(models[0]) == repr(models[1])
    assert_same_as_peer(*models, normal(2, 5, 6))


@pytest.mark.parametrize(
    "options", [{}, {"local_attn": True, "pre_ln": True, "post_bn": False, "qk_shared": True}]
)
@pytest.mark.parametrize("everywhere", [False, True])
def test_polynormer(options: dict[str, Any], everywhere: bool) -> None:
    models = pair("Polynormer", 4, 6, 3, local_layers=3, **options)
    for model in models:
        model._global = everywhere
    for batch in (BATCH, SHUFFLED):
        assert_same_as_peer(*models, GRAPH.features(4), GRAPH.edge_index, batch)
    assert_same_as_peer(*models, GRAPH.features(4), GRAPH.edge_index, BATCH, train=not options)


@pytest.mark.parametrize("aggregate", ["add", "cat"])
def test_sgformer(aggregate: str) -> None:
    models = pair("SGFormer", 4, 6, 3, trans_num_heads=2, graph_weight=0.3, aggregate=aggregate)
    for batch in (BATCH, SHUFFLED):
        assert_same_as_peer(*models, GRAPH.features(4), GRAPH.edge_index, batch)
    assert_same_as_peer(*models, GRAPH.features(4), GRAPH.edge_index, BATCH, train=True)
    assert [p.shape for p in models[0].params1] == [p.shape for p in models[1].params1]
    assert [p.shape for p in models[0].params2] == [p.shape for p in models[1].params2]
    with pytest.raises(GraphValueError, match="'mean'"):
        nn.SGFormer(4, 6, 3, aggregate="mean")


@pytest.mark.parametrize("name", ["Polynormer", "SGFormer"])
def test_one_graph_needs_no_batch(name: str) -> None:
    model = getattr(nn, name)(4, 6, 3).eval()
    model._global = True
    x, zeros = GRAPH.features(4), torch.zeros(8, dtype=torch.long)
    assert_close(model(x, GRAPH.edge_index, None), model(x, GRAPH.edge_index, zeros))


def test_penalties() -> None:
    for p in (2, 1, "fro", "nuc"):
        ours, theirs = (library.functional.bro(normal(8, 4).double(), BATCH, p) for library in (nn, pyg))
        assert_close(ours, theirs)
    torch.set_default_dtype(torch.float64)  # the peer's tiny number is that of the default dtype
    try:
        for w in (uniform(3, 5).double(), normal(4, 7).double()):
            assert_close(nn.functional.gini(w), pyg.functional.gini(w))
    finally:
        torch.set_default_dtype(torch.float32)


def test_reshape() -> None:
    ours, theirs = nn.Reshape(-1, 2, 3), pyg.Reshape(-1, 2, 3)
    assert repr(ours) == repr(theirs)
    assert_same_as_peer(ours, theirs, normal(4, 6))


@PEER_WARNS
def test_graphs_of_other_forms() -> None:
    """A graph without edges, and one whose last nodes have none."""
    for graph in SQUARE[1:]:
        models = pair("GraphUNet", 4, 6, 2, depth=2)
        assert_same_as_peer(*models, graph.features(4), graph.edge_index)
        models = pair("NeuralFingerprint", 4, 6, 5, num_layers=2)
        assert_same_as_peer(*models, graph.features(4), graph.edge_index)
