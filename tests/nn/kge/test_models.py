"""TransE, DistMult, ComplEx, RotatE: the numbers of torch_geometric; fast ways of scoring agree with slow ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from grapevine.errors import GraphIndexError, GraphValueError
from grapevine.nn import RGCNConv, kge
from grapevine.nn.kge import KGEModel, KGTripletLoader, KnownTriplets, MatchingModel, RGCNAutoEncoder

NODES, RELATIONS, FEATURES = 30, 4, 6
MODELS: list[tuple[str, dict[str, Any]]] = [
    ("TransE", {}),
    ("TransE", {"p_norm": 2.0, "margin": 0.5}),
    ("DistMult", {"margin": 2.0}),
    ("ComplEx", {}),
    ("RotatE", {"margin": 9.0}),
]
every_model = pytest.mark.parametrize(
    ("name", "options"), MODELS, ids=lambda v: v if isinstance(v, str) else ""
)


@pytest.fixture(scope="module")
def peers() -> Any:
    return pytest.importorskip("torch_geometric.nn.kge")


def triplets(count: int = 41, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    h, t = torch.randint(NODES, (2, count), generator=g)
    return h, torch.randint(RELATIONS, (count,), generator=g), t


def make(package: Any, name: str, options: dict[str, Any], dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(5)
    return getattr(package, name)(NODES, RELATIONS, FEATURES, **options).to(dtype)


def encoder(name: str, options: dict[str, Any]) -> RGCNAutoEncoder:
    h, r, t = triplets(60, seed=3)
    decoder = make(kge, name, options, torch.float64)
    return RGCNAutoEncoder(decoder, torch.stack([h, t]), r, num_bases=2, dropout=0.5).double().eval()


# The same numbers as torch_geometric ------------------------------------------------------------------


@every_model
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_as_the_peer(name: str, options: dict, dtype: torch.dtype, tolerance: float, peers: Any) -> None:
    mine, peer = make(kge, name, options, dtype), make(peers, name, options, dtype)
    assert repr(mine) == repr(peer)
    for (key, value), (peer_key, peer_value) in zip(mine.state_dict().items(), peer.state_dict().items()):
        assert key == peer_key and torch.equal(value, peer_value)  # the same initialisers
    mine.load_state_dict(peer.state_dict())
    at = triplets()
    torch.testing.assert_close(mine(*at), peer(*at), rtol=tolerance, atol=tolerance)
    losses = []
    for model in (mine, peer):
        torch.manual_seed(7)  # the same negatives
        losses.append(model.loss(*at))
        losses[-1].backward()
    torch.testing.assert_close(*losses, rtol=tolerance, atol=tolerance)
    for a, b in zip(mine.parameters(), peer.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=tolerance, atol=tolerance * float(b.grad.abs().max()))
    expected = peer.test(*at, batch_size=7, k=5, log=False)
    assert mine.test(*at, batch_size=7, k=5, log=False) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["TransE", "DistMult", "ComplEx"])
def test_indices_of_any_shape_as_the_peer(name: str, peers: Any) -> None:
    mine, peer = (make(package, name, {}) for package in (kge, peers))
    h, r, t = triplets(12)
    at = (h[:3, None], r[:3, None], t.view(3, 4))
    assert mine(*at).shape == (3, 4)
    torch.testing.assert_close(mine(*at), peer(*at))
    torch.testing.assert_close(mine(h[0], r[0], t[0]), peer(h[0], r[0], t[0]))


def test_sparse_gradients(peers: Any) -> None:
    mine, peer = (make(package, "ComplEx", {"sparse": True}) for package in (kge, peers))
    for model in (mine, peer):
        torch.manual_seed(7)
        model.loss(*triplets()).backward()
        assert model.node_emb.weight.grad.is_sparse
    torch.testing.assert_close(
        mine.node_emb_im.weight.grad.to_dense(), peer.node_emb_im.weight.grad.to_dense()
    )


def test_random_negatives_and_batches_as_the_peer(peers: Any) -> None:
    at = triplets()
    drawn, batches = [], []
    for package in (kge, peers):
        model = make(package, "DistMult", {})
        torch.manual_seed(3)
        drawn.append(model.random_sample(*at))
        torch.manual_seed(4)
        batches.append(
            [torch.stack(b) for b in model.loader(*at, batch_size=8, shuffle=True, drop_last=True)]
        )
    assert all(torch.equal(a, b) for a, b in zip(*drawn))
    assert len(batches[0]) == 5 and all(torch.equal(a, b) for a, b in zip(*batches))


def test_loader() -> None:
    loader = KGTripletLoader(*triplets(10), batch_size=4)
    assert [len(h) for h, _, _ in loader] == [4, 4, 2]
    assert torch.equal(torch.cat([t for _, _, t in loader]), triplets(10)[2])


# All answers at once ----------------------------------------------------------------------------------


def brute_scores(model: KGEModel, given: Tensor, relation: Tensor, side: str) -> Tensor:
    everyone = torch.arange(NODES)
    rows = []
    for e, r in zip(given, relation):
        ends = (e.expand(NODES), everyone) if side == "tail" else (everyone, e.expand(NODES))
        rows.append(model(ends[0], r.expand(NODES), ends[1]))
    return torch.stack(rows)


@every_model
@pytest.mark.parametrize("side", ["head", "tail"])
@pytest.mark.parametrize("encoded", [False, True])
def test_all_answers(name: str, options: dict, side: Any, encoded: bool) -> None:
    model = encoder(name, options) if encoded else make(kge, name, options, torch.float64)
    h, r, t = triplets()
    given = h if side == "tail" else t
    scores = model.scorer()(given, r, side)
    torch.testing.assert_close(scores, brute_scores(model, given, r, side), rtol=1e-10, atol=1e-10)
    slow = KGEModel.scorer(model, batch_size=50)  # what a model with nothing but `forward` does
    torch.testing.assert_close(scores, slow(given, r, side), rtol=1e-10, atol=1e-10)


@every_model
def test_penalty(name: str, options: dict) -> None:
    """Lacroix et al.: the sum of cubed moduli of what the triplets use."""
    model = make(kge, name, options, torch.float64)
    h, r, t = triplets()
    if name in ("ComplEx", "RotatE"):
        entity = torch.complex(model.node_emb.weight, model.node_emb_im.weight)
        relation = (
            torch.polar(torch.ones(RELATIONS, FEATURES).double(), model.rel_emb.weight)
            if name == "RotatE"
            else torch.complex(model.rel_emb.weight, model.rel_emb_im.weight)
        )
    else:
        entity, relation = model.node_emb.weight, model.rel_emb.weight
        if name == "TransE":
            entity = F.normalize(entity, p=model.p_norm, dim=-1)
    cubes = [x.abs().pow(3).sum(1) for x in (entity[h], relation[r], entity[t])]
    torch.testing.assert_close(model.penalty(h, r, t), sum(cubes).mean(), rtol=1e-10, atol=1e-10)


# Losses -----------------------------------------------------------------------------------------------


def naive_contrast(
    model: MatchingModel,
    drawn: Tensor,
    kind: str,
    known: set,
    temperature: float,
    margin: float,
    scale: float,
) -> Tensor:
    """Triplet by triplet, with the formulas as they are printed."""
    total = torch.zeros((), dtype=torch.float64)
    at = triplets(9)
    for h, r, t in zip(*at):
        for side in ("head", "tail"):
            false = [(int(e), int(r), int(t)) if side == "head" else (int(h), int(r), int(e)) for e in drawn]
            false = [f for f in false if f != (int(h), int(r), int(t)) and f not in known]
            s = scale * (model(h[None], r[None], t[None])[0] + margin)
            n = scale * (model(*torch.tensor(false).t()) + margin) if false else s.new_zeros(0)
            if kind == "softmax":
                total = total - (s - torch.cat([s[None], n]).logsumexp(0))
            else:
                p = torch.softmax(temperature * n.detach(), 0)
                total = total - torch.sigmoid(s).log() / 2 - (p * torch.sigmoid(-n).log()).sum() / 2
    return total / (2 * at[0].numel())


@every_model
@pytest.mark.parametrize("kind", ["softmax", "self-adversarial"])
@pytest.mark.parametrize("negatives", [None, 12])
@pytest.mark.parametrize("filtered", [False, True])
def test_contrast(name: str, options: dict, kind: Any, negatives: int | None, filtered: bool) -> None:
    model = make(kge, name, options, torch.float64)
    other = make(kge, name, options, torch.float64)
    facts = triplets(300, seed=2)
    known = KnownTriplets(*facts, NODES, RELATIONS) if filtered else None
    settings = {"temperature": 0.7, "margin": 0.3, "scale": 1.5}
    drawn = torch.arange(NODES)
    if negatives is not None:
        drawn = torch.randint(NODES, (negatives,), generator=torch.Generator().manual_seed(9))
    loss = model.contrast(
        *triplets(9), negatives, kind, known=known, generator=torch.Generator().manual_seed(9), **settings
    )
    truths = set(zip(*(c.tolist() for c in facts))) if filtered else set()
    expected = naive_contrast(other, drawn, kind, truths, **settings)
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-10)
    loss.backward()
    expected.backward()
    for a, b in zip(model.parameters(), other.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-10)


def test_uniform_negatives_weigh_alike() -> None:
    positive, negative = torch.randn(5), torch.randn(5, 7)
    expected = -(F.logsigmoid(positive) + F.logsigmoid(-negative).mean(1)).mean() / 2
    torch.testing.assert_close(kge.self_adversarial_loss(positive, negative, temperature=0.0), expected)


@pytest.mark.parametrize("loss", [kge.self_adversarial_loss, kge.softmax_loss])
def test_no_negatives_at_all(loss: Any) -> None:
    """Where every candidate is true, nothing is compared, and no gradient is nan."""
    positive = torch.zeros(3, requires_grad=True)
    negative = torch.zeros(3, 4, requires_grad=True)
    value = loss(positive, negative.masked_fill(torch.tensor([True, False, False])[:, None], -torch.inf))
    value.backward()
    assert value.isfinite() and positive.grad.isfinite().all() and negative.grad.isfinite().all()


# The R-GCN encoder ------------------------------------------------------------------------------------


@every_model
def test_encoder_as_the_peers_layers(name: str, options: dict, peers: Any) -> None:
    nn = pytest.importorskip("torch_geometric.nn")
    model = encoder(name, options)
    h, r, t = triplets(60, seed=3)
    edge_index = torch.stack([torch.cat([h, t]), torch.cat([t, h])])
    x = model.decoder.lookup()
    for i, conv in enumerate(model.convs):
        assert isinstance(conv, RGCNConv)
        peer = nn.RGCNConv(x.size(1), x.size(1), 2 * RELATIONS, num_bases=2).double()
        peer.load_state_dict(conv.state_dict())
        x = peer(x if i == 0 else x.relu(), edge_index, torch.cat([r, r + RELATIONS]))
    torch.testing.assert_close(model.lookup(), x, rtol=1e-10, atol=1e-10)
    scorer = make(peers, name, options, torch.float64)  # the peer's score of what was encoded
    with torch.no_grad():
        parts = x.chunk(2, dim=1) if hasattr(scorer, "node_emb_im") else (x,)
        for embedding, part in zip((scorer.node_emb, getattr(scorer, "node_emb_im", None)), parts):
            embedding.weight.copy_(part)
    torch.testing.assert_close(model(*triplets()), scorer(*triplets()), rtol=1e-10, atol=1e-10)


def test_encoder_drops_triplets_while_training_only() -> None:
    model = encoder("DistMult", {})
    assert torch.equal(model.lookup(), model.lookup())
    model.train()
    assert not torch.equal(model.lookup(), model.lookup())
    model.contrast(*triplets(), 8).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert set(model.state_dict()) == set(encoder("DistMult", {}).state_dict())
    assert "edge_index" not in model.state_dict()


# Errors that teach ------------------------------------------------------------------------------------


def test_errors() -> None:
    h, r, t = triplets()
    with pytest.raises(GraphIndexError, match=r"expected every relation in \[0, 2\), got 0 to 3"):
        KnownTriplets(h, r, t, NODES, 2)
    with pytest.raises(GraphIndexError, match=r"expected every entity in \[0, 5\)"):
        KnownTriplets(h, r, t, 5, RELATIONS)
    with pytest.raises(GraphValueError, match=r"below 2\*\*63"):
        KnownTriplets(h, r, t, 2**31, 3)
    with pytest.raises(GraphValueError, match="expected kind 'self-adversarial' or 'softmax', got 'bce'"):
        make(kge, "TransE", {}).contrast(h, r, t, kind="bce")
    with pytest.raises(
        GraphValueError, match=r"expected edge_index of shape \[2, 3\], a relation for each edge"
    ):
        RGCNAutoEncoder(make(kge, "TransE", {}), torch.stack([h, t]), r[:3])
    with pytest.raises(TypeError, match="abstract"):
        MatchingModel(NODES, RELATIONS, FEATURES)
    model = make(kge, "TransE", {})
    torch.nn.init.constant_(model.rel_emb.weight, torch.nan)
    with pytest.raises(GraphValueError, match="the training diverged"):
        model.rank(h, r, t)
