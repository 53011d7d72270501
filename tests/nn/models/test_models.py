"""The other models against their counterparts in torch_geometric, or against closed forms."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.peer import (
    SQUARE,
    Graph,
    assert_close,
    assert_same_as_peer,
    assert_same_start,
    integers,
    normal,
    uniform,
)
from torch import Tensor
from torch.nn import LayerNorm, Linear, ReLU

import grapevine as gv
from grapevine.nn import conv, models
from grapevine.nn.models.lightgcn import BPRLoss
from grapevine.nn.models.linkx import SparseLinear

pyg = pytest.importorskip("torch_geometric.nn")

GRAPH = SQUARE[0]


@pytest.mark.parametrize("mode", ["cat", "max", "lstm"])
def test_jumping_knowledge(mode: str) -> None:
    sizes = (mode, 6, 3)
    xs = [normal(8, 6, seed=i) for i in range(3)]
    pair = [nn.JumpingKnowledge(*sizes) for nn in (models, pyg)]
    assert_same_as_peer(*pair, xs)
    assert_same_start(lambda: models.JumpingKnowledge(*sizes), lambda: pyg.JumpingKnowledge(*sizes))
    assert repr(pair[0]) == repr(pair[1])
    hetero = [nn.HeteroJumpingKnowledge(["a", "b"], *sizes) for nn in (models, pyg)]
    assert_same_as_peer(*hetero, {"a": xs, "b": [x[:4] for x in xs]})
    assert repr(hetero[0]) == repr(hetero[1])


@pytest.mark.parametrize("graph", SQUARE, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_label_propagation(graph: Graph, weighted: bool) -> None:
    weight = uniform(graph.edge_index.size(1)) if weighted else None
    mask = integers(2, graph.num_src) == 0
    mask[0] = True
    pair = [nn.LabelPropagation(3, 0.7) for nn in (models, pyg)]
    classes = torch.cat([integers(4, graph.num_src - 1), torch.tensor([3])])
    scores = graph.features(4).softmax(dim=-1)
    for known in (None, mask, mask.nonzero().view(-1)):
        assert_same_as_peer(*pair, scores, graph.edge_index, known, weight, grad=False)
        assert_same_as_peer(
            *pair, classes, graph.edge_index, known, weight, grad=False, dtypes=[torch.float32]
        )
    step = {"post_step": lambda x: x.softmax(dim=-1)}
    assert_same_as_peer(*pair, scores, graph.edge_index, mask, weight, kwargs=step, grad=False)
    assert repr(pair[0]) == repr(pair[1])


@pytest.mark.parametrize("autoscale", [False, True])
@pytest.mark.parametrize("indices", [False, True])
def test_correct_and_smooth(autoscale: bool, indices: bool) -> None:
    mask = torch.tensor([True, True, False, True, False, False, True, False])
    y_soft, y_true = GRAPH.features(4).softmax(dim=-1), integers(4, 4)
    pair = [nn.CorrectAndSmooth(2, 0.8, 3, 0.7, autoscale, 0.9) for nn in (models, pyg)]
    known = mask.nonzero().view(-1) if indices else mask
    for edge_weight in ((), (uniform(30),)):
        assert_same_as_peer(*pair, y_soft, y_true, known, GRAPH.edge_index, *edge_weight, grad=False)
        assert_same_as_peer(*pair, y_soft, y_soft[:4], known, GRAPH.edge_index, *edge_weight, grad=False)
    assert repr(pair[0]) == repr(pair[1])


@pytest.mark.parametrize("block", ["res+", "res", "dense", "plain"])
def test_deep_layers(block: str) -> None:
    pair = [nn.DeepGCNLayer(nn.GraphConv(6, 6), LayerNorm(6), ReLU(), block, 0.3) for nn in (gv.nn, pyg)]
    for train in (False, True):
        assert_same_as_peer(*pair, GRAPH.features(6), GRAPH.edge_index, train=train)
    assert repr(pair[0]) == repr(pair[1])
    pair[0].reset_parameters()
    bare = [nn.DeepGCNLayer(nn.GraphConv(6, 6), block=block) for nn in (gv.nn, pyg)]
    assert_same_as_peer(*bare, GRAPH.features(6), GRAPH.edge_index)


@pytest.mark.parametrize("block", ["res+", "res"])
def test_checkpointing_changes_no_gradient(block: str) -> None:
    layer, x = (
        models.DeepGCNLayer(conv.GraphConv(6, 6), LayerNorm(6), ReLU(), block),
        GRAPH.features(6).requires_grad_(),
    )
    gradients = []
    for layer.ckpt_grad in (False, True):
        out = layer(x, GRAPH.edge_index)
        gradients.append(torch.autograd.grad(out.square().sum(), [x, *layer.parameters()]))
    for actual, expected in zip(*gradients, strict=True):
        assert_close(actual, expected)


class Encoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mu, self.logstd = Linear(6, 4), Linear(6, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.mu(x), self.logstd(x)


class Call(torch.nn.Module):
    """A method of a model as the forward of a module, so that it can be compared."""

    def __init__(self, model: torch.nn.Module, call: Any) -> None:
        super().__init__()
        self.model, self.call = model, call

    def forward(self, *args: Any) -> Any:
        return self.call(self.model, *args)


AUTOENCODERS = {
    "GAE": lambda nn: nn.GAE(Linear(6, 4)),
    "VGAE": lambda nn: nn.VGAE(Encoder()),
    "ARGA": lambda nn: nn.ARGA(Linear(6, 4), Linear(4, 1)),
    "ARGVA": lambda nn: nn.ARGVA(Encoder(), Linear(4, 1)),
}
CALLS = {
    "encode": lambda m, x, pos, neg: m.encode(x),
    "decode": lambda m, x, pos, neg: m.decode(m.encode(x), pos),
    "all": lambda m, x, pos, neg: m.decoder.forward_all(m.encode(x), sigmoid=False),
    "recon_loss": lambda m, x, pos, neg: m.recon_loss(m.encode(x), pos, neg),
    "kl_loss": lambda m, x, pos, neg: (m.encode(x), m.kl_loss())[1],
    "kl_loss_of": lambda m, x, pos, neg: m.kl_loss(x, 20 * x),
    "reg_loss": lambda m, x, pos, neg: m.reg_loss(m.encode(x)),
    "discriminator_loss": lambda m, x, pos, neg: m.discriminator_loss(m.encode(x)),
}
HAS = {
    "GAE": ["encode", "decode", "all", "recon_loss"],
    "VGAE": ["encode", "recon_loss", "kl_loss", "kl_loss_of"],
    "ARGA": ["encode", "reg_loss", "discriminator_loss"],
    "ARGVA": ["encode", "kl_loss", "reg_loss", "discriminator_loss"],
}


@pytest.mark.parametrize(("name", "call"), [(name, call) for name, calls in HAS.items() for call in calls])
@pytest.mark.parametrize("train", [False, True])
def test_autoencoders(name: str, call: str, train: bool) -> None:
    pair = [Call(AUTOENCODERS[name](nn), CALLS[call]) for nn in (models, pyg)]
    dtypes = [torch.float64] if train or call == "discriminator_loss" else [torch.float32, torch.float64]
    assert_same_as_peer(
        *pair, GRAPH.features(6), GRAPH.edge_index, GRAPH.edge_index.flip(0), train=train, dtypes=dtypes
    )
    assert_same_start(lambda: AUTOENCODERS[name](models), lambda: AUTOENCODERS[name](pyg))


def test_autoencoder_scores() -> None:
    """Ties too: some of the scores are equal."""
    pytest.importorskip("sklearn")
    z = normal(8, 4).round()
    edges, others = integers(8, 2, 40), integers(8, 2, 25, seed=1)
    expected = pyg.GAE(Linear(6, 4)).test(z, edges, others)
    assert models.GAE(Linear(6, 4)).test(z, edges, others) == pytest.approx(expected, abs=1e-6)


def test_autoencoder_draws_other_pairs() -> None:
    loss = models.GAE(Linear(6, 4)).recon_loss(normal(8, 4), GRAPH.edge_index[:, :5])
    assert torch.isfinite(loss)


def test_meta_layer() -> None:
    def edge_model(src: Tensor, dst: Tensor, edge_attr: Any, u: Any, batch: Any) -> Tensor:
        return src * dst + edge_attr + u[batch]

    def node_model(x: Tensor, edge_index: Tensor, edge_attr: Tensor, u: Tensor, batch: Tensor) -> Tensor:
        return x.index_add(0, edge_index[1], edge_attr) + u[batch]

    def global_model(x: Tensor, edge_index: Tensor, edge_attr: Tensor, u: Tensor, batch: Tensor) -> Tensor:
        return u + x.mean(dim=0)

    call = (
        GRAPH.features(6),
        GRAPH.edge_index,
        GRAPH.edge_features(6),
        normal(2, 6, seed=7),
        torch.arange(8) // 4,
    )
    pair = [nn.MetaLayer(edge_model, node_model, global_model) for nn in (models, pyg)]
    assert_same_as_peer(*pair, *call)
    assert_same_as_peer(models.MetaLayer(), pyg.MetaLayer(), *call)
    assert repr(models.MetaLayer(Linear(2, 3))) == repr(pyg.MetaLayer(Linear(2, 3)))


LIGHT = {
    "forward": lambda m, e: m(e),
    "pairs": lambda m, e: m(e, e[:, :5]),
    "weighted": lambda m, e: m.predict_link(e, edge_weight=uniform(30).to(m.alpha.dtype), prob=True),
    "links": lambda m, e: m.predict_link(e),
    "recommend": lambda m, e: m.recommend(e, k=3),
    "recommend_some": lambda m, e: m.recommend(e, None, torch.tensor([1, 4]), torch.tensor([0, 5, 6]), k=2),
    "link_loss": lambda m, e: m.link_pred_loss(m(e), torch.arange(30) % 2),
    "ranking_loss": lambda m, e: m.recommendation_loss(m(e), m(e, e.flip(1)), e[0], lambda_reg=0.1),
    "ranking_loss_all": lambda m, e: m.recommendation_loss(m(e), m(e, e.flip(1)), lambda_reg=0.0),
}


@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize(
    "alpha", [None, 0.4, torch.tensor([0.1, 0.2, 0.7])], ids=["even", "number", "tensor"]
)
def test_light_gcn(name: str, alpha: Any) -> None:
    pair = [Call(nn.LightGCN(8, 6, 2, alpha), LIGHT[name]) for nn in (models, pyg)]
    assert_same_as_peer(*pair, GRAPH.edge_index)
    assert_same_start(lambda: models.LightGCN(8, 6, 2), lambda: pyg.LightGCN(8, 6, 2))
    assert repr(pair[0].model) == repr(pair[1].model)


@pytest.mark.parametrize("layers", [(1, 1), (3, 2)])
@pytest.mark.parametrize("features", [True, False])
def test_linkx(layers: tuple[int, int], features: bool) -> None:
    pair = [nn.LINKX(8, 6, 5, 4, 2, *layers) for nn in (models, pyg)]
    x = GRAPH.features(6) if features else None
    for train in (False, True):
        assert_same_as_peer(*pair, x, GRAPH.edge_index, uniform(30), train=train)
        assert_same_as_peer(*pair, x, GRAPH.edge_index, train=train)
    assert_same_start(lambda: models.LINKX(8, 6, 5, 4, 2, *layers), lambda: pyg.LINKX(8, 6, 5, 4, 2, *layers))
    assert repr(pair[0]) == repr(pair[1])


def test_sparse_linear_is_linear_in_the_adjacency() -> None:
    layer, dense = SparseLinear(8, 4), torch.zeros(8, 8)
    dense.index_put_((GRAPH.edge_index[1], GRAPH.edge_index[0]), torch.ones(30), accumulate=True)
    assert_close(layer(GRAPH.edge_index), dense @ layer.weight + layer.bias)


@pytest.mark.parametrize("options", [{}, {"norm": False, "bias": False, "dropout": 0.3}], ids=str)
def test_pmlp(options: dict[str, Any]) -> None:
    pair = [nn.PMLP(6, 5, 4, num_layers=3, **options) for nn in (models, pyg)]
    for train in (False, True):
        assert_same_as_peer(*pair, GRAPH.features(6), GRAPH.edge_index, train=train)
    assert_same_start(lambda: models.PMLP(6, 5, 4, 3, **options), lambda: pyg.PMLP(6, 5, 4, 3, **options))
    assert repr(pair[0]) == repr(pair[1])


@pytest.mark.parametrize("method", ["add", "concat"])
def test_mask_label(method: str) -> None:
    pair = [nn.MaskLabel(3, 6, method) for nn in (models, pyg)]
    mask = torch.arange(8) % 3 == 0
    assert_same_as_peer(*pair, GRAPH.features(6), integers(3, 8), mask)
    kept = models.MaskLabel.ratio_mask(torch.arange(3000) < 2000, 0.25)
    assert not kept[2000:].any()
    assert int(kept.sum()) == pytest.approx(500, rel=0.2)


@pytest.mark.parametrize("graphs", [1, 3])
def test_deep_graph_infomax(graphs: int) -> None:
    def summary(z: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return z.mean(dim=0).sigmoid() if graphs == 1 else z[:graphs].sigmoid()

    def corruption(x: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        return x.flip(0), 2 * scale

    class Scaled(Linear):
        def forward(self, x: Tensor, scale: Tensor) -> Tensor:
            return super().forward(x) * scale

    def losses(model: Any, x: Tensor, scale: Tensor) -> Any:
        found = model(x, scale=scale)
        return found, model.loss(*found), model.discriminate(found[0], found[2], sigmoid=False)

    pair = [Call(nn.DeepGraphInfomax(4, Scaled(6, 4), summary, corruption), losses) for nn in (models, pyg)]
    assert_same_as_peer(*pair, GRAPH.features(6), normal(8, 1, seed=5))
    assert repr(pair[0].model) == repr(pair[1].model)


def test_deep_graph_infomax_accuracy() -> None:
    pytest.importorskip("sklearn")
    model = models.DeepGraphInfomax(4, Linear(6, 4), torch.nn.Identity(), torch.nn.Identity())
    z, y = normal(40, 4), torch.arange(40) % 2
    z[:, 0] += 4.0 * y
    peer = pyg.DeepGraphInfomax(4, Linear(6, 4), torch.nn.Identity(), torch.nn.Identity())
    assert model.test(z[:30], y[:30], z[30:], y[30:]) == peer.test(z[:30], y[:30], z[30:], y[30:])


WRONG = [
    (lambda: models.JumpingKnowledge("mean"), "expected mode to be one of cat, max, lstm, got 'mean'"),
    (lambda: models.JumpingKnowledge("lstm", 4), "got channels=4, num_layers=None"),
    (lambda: models.DeepGCNLayer(block="skip"), "expected block to be one of .* got 'skip'"),
    (lambda: models.LightGCN(4, 2, 2, alpha=torch.ones(2)), "expected an alpha for each of 3 layers, got 2"),
    (lambda: BPRLoss(0.1)(torch.ones(2), torch.ones(2)), "expected parameters for lambda_reg=0.1, got none"),
    (lambda: models.MaskLabel(3, 4, "cat"), "expected method 'add' or 'concat', got 'cat'"),
    (lambda: models.PMLP(6, 5, 4, 2).eval()(normal(8, 6)), "expected edge_index in evaluation mode, got none"),
    (
        lambda: models.CorrectAndSmooth(1, 0.5, 1, 0.5).smooth(normal(8, 4), integers(4, 3), torch.arange(4), None),
        "expected y_true for the 4 nodes of the mask, got 3",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), WRONG)
def test_errors_teach(call: Any, text: str) -> None:
    with pytest.raises(gv.GrapevineError, match=text):
        call()
