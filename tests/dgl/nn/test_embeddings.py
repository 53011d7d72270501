"""Embeddings of nodes, and the optimisers that change a few rows: against the peer and against torch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import dgl
from tests.dgl.peer import assert_same, peer


def ring(lib: Any, n: int = 8) -> Any:
    ids = torch.arange(n)
    return lib.graph((torch.cat([ids, ids]), torch.cat([(ids + 1) % n, (ids - 1) % n])))


@pytest.mark.parametrize("fast", [True, False])
def test_deepwalk(fast: bool) -> None:
    options: dict[str, Any] = {
        "emb_dim": 6,
        "walk_length": 6,
        "window_size": 2,
        "fast_neg": fast,
        "sparse": False,
    }
    ours, theirs = (lib.nn.DeepWalk(ring(lib), neg_weight=0, **options) for lib in (dgl, peer))
    theirs.load_state_dict(ours.state_dict())
    for model in (ours, theirs):
        torch.nn.init.constant_(model.context_embed.weight, 0.3)
    walks = ours.sample(torch.arange(8))
    assert walks.shape == (8, 6)
    steps = (walks[:, 1:] - walks[:, :-1]) % 8
    assert bool(((steps == 1) | (steps == 7)).all())
    losses = [model(walks) for model in (ours, theirs)]  # without random nodes, the same
    assert_same(losses[0], losses[1])
    for loss in losses:
        loss.backward()
    assert_same(ours.node_embed.weight.grad, theirs.node_embed.weight.grad)
    # With equal embeddings everywhere, the draw of random nodes does not matter.
    ours, theirs = (
        lib.nn.DeepWalk(ring(lib), negative_size=3, neg_weight=0.5, **options) for lib in (dgl, peer)
    )
    for model in (ours, theirs):
        for table in (model.node_embed, model.context_embed):
            torch.nn.init.constant_(table.weight, 0.4)
    assert_same(ours(walks), theirs(walks))
    with pytest.raises(dgl.DGLError, match="walk_length"):
        dgl.nn.DeepWalk(ring(dgl), walk_length=3, window_size=3)


def test_deepwalk_learns_who_is_near() -> None:
    parts = dgl.batch([ring(dgl, 6), ring(dgl, 6)])
    model = dgl.nn.DeepWalk(parts, emb_dim=8, walk_length=8, window_size=3)
    optimizer = torch.optim.SparseAdam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        model(model.sample(torch.arange(12))).backward()
        optimizer.step()
    z = torch.nn.functional.normalize(model.node_embed.weight.detach(), dim=1)
    alike = z @ z.t()
    assert alike[:6, :6].mean() > alike[:6, 6:].mean() + 0.3


def company(lib: Any) -> Any:
    edges = {
        ("user", "clicks", "item"): ([0, 1, 2, 2], [0, 0, 1, 2]),
        ("item", "by", "user"): ([0, 1, 2], [1, 2, 2]),
    }
    return lib.heterograph(edges)


def test_metapath2vec() -> None:
    options: dict[str, Any] = {"metapath": ["clicks", "by"], "window_size": 1, "emb_dim": 4, "sparse": False}
    ours, theirs = (lib.nn.MetaPath2Vec(company(lib), **options) for lib in (dgl, peer))
    theirs.load_state_dict(ours.state_dict())
    for model in (ours, theirs):
        torch.nn.init.constant_(model.context_embed.weight, 0.3)
    assert {k: [int(i) for i in v] for k, v in theirs.local_to_global_nid.items()} == ours.local_to_global_nid
    assert ours.node_metapath == theirs.node_metapath and ours.neg_prob.shape == theirs.neg_prob.shape
    torch.manual_seed(0)
    u, v, w = ours.sample([0, 1])  # these walks have one way to go
    peer.seed(0)
    x, y, z = theirs.sample([0, 1])
    # Some of the peer's pairs are of a place and itself.
    assert sorted(zip(u.tolist(), v.tolist())) == sorted(
        p for p in zip(x.tolist(), y.tolist()) if p[0] != p[1]
    )
    assert w.shape == (len(u), 5) and z.shape == (len(x), 5)
    assert_same(ours(u, v, w), theirs(u, v, w))
    assert dgl.nn.pytorch.network_emb.MetaPath2Vec is dgl.nn.MetaPath2Vec
    with pytest.raises(dgl.DGLError, match="metapath"):
        dgl.nn.MetaPath2Vec(company(dgl), ["clicks"], 5)


def start(table: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    table.copy_(torch.randn(table.shape, generator=generator))
    return table


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["SparseAdagrad", "SparseAdam"])
def test_sparse_optimisers(kind: str) -> None:
    tables, optimizers = [], []
    for lib, name in ((dgl, "ours"), (peer, f"theirs_{kind}")):
        tables.append(lib.nn.NodeEmbedding(6, 3, name, init_func=start))
        optimizers.append(getattr(lib.optim, kind)([tables[-1]], lr=0.1))
    for step in range(3):
        ids = torch.tensor([0, 2, 2, 5]) if step else torch.tensor([1, 2])
        for table, optimizer in zip(tables, optimizers):
            (table(ids).square().sum() + table(ids[:1]).sum()).backward()
            optimizer.zero_grad()
            optimizer.step()
        assert_same(tables[0].weight, tables[1].weight)
    ours, theirs = (o.state_dict() for o in optimizers)
    assert_same(next(iter(ours["state"].values())), next(iter(theirs["state"].values())))
    assert ours["param_groups"] == theirs["param_groups"]
    other = dgl.nn.NodeEmbedding(6, 3, "ours")
    again = getattr(dgl.optim, kind)([other], lr=9.0)
    again.load_state_dict(ours)
    assert_same(list(again.state_dict()["state"].values()), list(ours["state"].values()))
    assert again.param_groups == ours["param_groups"]
    other.all_set_embedding(tables[0].weight)
    assert_same(other.all_get_embedding(), tables[0].weight)


def test_adam_is_torchs_on_rows_of_every_step() -> None:
    table = dgl.nn.NodeEmbedding(4, 2, "rows", init_func=start)
    weight = torch.nn.Parameter(table.weight.clone())
    mine, reference = dgl.optim.SparseAdam([table], lr=0.05), torch.optim.Adam([weight], lr=0.05)
    for _ in range(4):
        reference.zero_grad()
        (weight**2).sum().backward()
        reference.step()
        (table(torch.arange(4)) ** 2).sum().backward()
        mine.zero_grad()
        mine.step()
    torch.testing.assert_close(table.weight, weight.detach())


def test_mistakes() -> None:
    table = dgl.nn.NodeEmbedding(4, 2, "a")
    with torch.no_grad():
        assert not table(torch.tensor([1])).requires_grad and not table.trace
    assert (table.num_embeddings, table.embedding_dim, table.name) == (4, 2, "a")
    with pytest.raises(dgl.DGLError, match="NodeEmbedding"):
        dgl.optim.SparseAdam([torch.nn.Embedding(2, 2)], lr=0.1)
    with pytest.raises(dgl.DGLError, match="different names"):
        dgl.optim.SparseAdagrad([table, dgl.nn.NodeEmbedding(4, 2, "a")], lr=0.1)
    with pytest.raises(dgl.DGLError, match="float16"):
        dgl.optim.SparseAdam([table], lr=0.1, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "arguments", "instead"),
    [
        ("CuGraphGATConv", (2, 3, 4), "dgl.nn.GATConv"),
        ("CuGraphSAGEConv", (2, 3), "dgl.nn.SAGEConv"),
        ("CuGraphRelGraphConv", (2, 3, 4), "dgl.nn.RelGraphConv"),
    ],
)
def test_layers_of_one_vendor_say_what_to_use(name: str, arguments: tuple[int, ...], instead: str) -> None:
    with pytest.raises(dgl.DGLError, match=instead):
        getattr(dgl.nn, name)(*arguments)
