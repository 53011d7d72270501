"""Embeddings from walks, and memories of events."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from tests.nn.peer import assert_close, assert_same_as_peer, assert_same_start, integers, normal, uniform
from torch import Tensor

from grapevine import nn
from grapevine.data import Batch, Data
from grapevine.errors import GraphValueError
from grapevine.nn.models import tgn

pyg = pytest.importorskip("torch_geometric.nn")
peer_tgn = pytest.importorskip("torch_geometric.nn.models.tgn")

RING = torch.tensor([[0, 1, 2, 3, 4, 1], [1, 2, 3, 4, 0, 4]])
WRITES, BY = ("author", "writes", "paper"), ("paper", "by", "author")
TYPED = {
    WRITES: torch.tensor([[0, 0, 1, 2, 4], [0, 1, 1, 2, 2]]),
    BY: torch.tensor([[0, 1, 1, 2], [0, 0, 1, 2]]),
}


def test_node2vec_walks_along_edges() -> None:
    model = nn.Node2Vec(RING, 8, walk_length=6, context_size=3, walks_per_node=2, num_negative_samples=3)
    assert repr(model) == "Node2Vec(5, 8)"
    pos, neg = model.sample([0, 3])
    assert pos.shape == (2 * 2 * 4, 3)
    assert neg.shape == (2 * 2 * 3 * 4, 3)
    edges = set(map(tuple, RING.t().tolist()))
    steps = {step for walk in pos.tolist() for step in pairwise(walk)}
    assert steps <= edges
    assert (neg >= 0).all() and (neg < 5).all()
    assert pos[:4, 0].tolist() == [0, 3, 0, 3]  # the first stretches start at the batch
    assert torch.equal(model(torch.tensor([3, 1])), model.embedding.weight[[3, 1]])
    batches = list(model.loader(batch_size=2))
    assert [pos.size(0) for pos, _ in batches] == [16, 16, 8]
    with pytest.raises(GraphValueError, match="context_size"):
        nn.Node2Vec(RING, 8, walk_length=2, context_size=3)


@pytest.mark.parametrize("p, q", [(0.01, 1.0), (100.0, 1.0)])
def test_node2vec_returns_or_not(p: float, q: float) -> None:
    both_ways = torch.cat([RING, RING.flip(0)], dim=1)
    model = nn.Node2Vec(both_ways, 8, walk_length=3, context_size=3, walks_per_node=400, p=p, q=q)
    pos, _ = model.sample([0, 2])
    returned = float((pos[:, 0] == pos[:, 2]).float().mean())
    assert returned > 0.95 if p < 1 else returned < 0.05


def test_the_loss_of_walks() -> None:
    """Against the formula that the peer states, on its own class: MetaPath2Vec needs no compiled package."""
    ours = nn.Node2Vec(RING, 8, 6, 3)
    theirs = pyg.MetaPath2Vec(TYPED, 8, [WRITES, BY], 4, 3, num_nodes_dict={"author": 3, "paper": 1})
    ours.embedding.weight.data *= 0.3  # the peer's float32 loses what 1 - sigmoid leaves of large numbers
    theirs.load_state_dict(ours.state_dict())
    pos, neg = integers(5, 7, 4), integers(5, 9, 4, seed=1)
    losses = [model.loss(pos, neg) for model in (ours, theirs)]
    assert_close(losses[0], losses[1])
    gradients = [
        torch.autograd.grad(loss, model.embedding.weight) for loss, model in zip(losses, (ours, theirs))
    ]
    assert_close(gradients[0][0], gradients[1][0])


def test_node2vec_finds_communities() -> None:
    """Two rings of cliques' worth of nodes, one bridge: nodes of one side come to lie together."""
    side = torch.combinations(torch.arange(8)).t()
    edges = torch.cat([side, side + 8, torch.tensor([[0], [8]])], dim=1)
    model = nn.Node2Vec(torch.cat([edges, edges.flip(0)], dim=1), 8, 8, 4, walks_per_node=4, sparse=True)
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.05)
    for _ in range(25):
        for pos, neg in model.loader(batch_size=16, shuffle=True):
            optimizer.zero_grad()
            model.loss(pos, neg).backward()
            optimizer.step()
    z = torch.nn.functional.normalize(model().detach(), dim=1)
    same = (torch.arange(16) < 8)[:, None] == (torch.arange(16) < 8)
    affinity = z @ z.t()
    assert affinity[same].mean() > affinity[~same].mean() + 0.5
    pytest.importorskip("sklearn")
    y = torch.arange(16) // 8
    assert model.test(z[::2], y[::2], z[1::2], y[1::2]) == 1.0


@pytest.mark.parametrize("metapath, length", [([WRITES, BY], 5), ([BY, WRITES], 4), ([WRITES], 1)])
def test_metapath2vec(metapath: list[Any], length: int) -> None:
    args = (TYPED, 8, metapath, length, 2)
    kwargs = {"walks_per_node": 2, "num_negative_samples": 3, "num_nodes_dict": {"author": 6, "paper": 4}}
    ours, theirs = (library.MetaPath2Vec(*args, **kwargs) for library in (nn, pyg))
    assert repr(ours) == repr(theirs)
    assert_same_start(lambda: nn.MetaPath2Vec(*args, **kwargs), lambda: pyg.MetaPath2Vec(*args, **kwargs))
    theirs.load_state_dict(ours.state_dict())
    for kind in ("author", "paper"):
        assert_close(ours(kind), theirs(kind))
        assert_close(ours(kind, torch.tensor([1, 0])), theirs(kind, torch.tensor([1, 0])))
    for found, expected in zip(seeded(ours), seeded(theirs), strict=True):
        for a, b in zip(found, expected, strict=True):
            assert torch.equal(a, b)  # from the same random numbers the same walks, dead ends included
    inferred = [library.MetaPath2Vec(*args).num_nodes_dict for library in (nn, pyg)]
    assert inferred[0] == inferred[1]


def seeded(model: Any) -> list[Any]:
    torch.manual_seed(7)
    return list(model.loader(batch_size=3))


def test_what_metapath2vec_refuses() -> None:
    with pytest.raises(GraphValueError, match="hangs together"):
        nn.MetaPath2Vec(TYPED, 8, [WRITES, WRITES], 2, 2)
    with pytest.raises(GraphValueError, match="ends where it starts"):
        nn.MetaPath2Vec(TYPED, 8, [WRITES], 2, 2)
    with pytest.raises(GraphValueError, match="context_size"):
        nn.MetaPath2Vec(TYPED, 8, [WRITES, BY], 2, 5)


# -- temporal graph networks ------------------------------------------------------------------------------


def events(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Interactions among six nodes in which all of them take part."""
    src = torch.cat([torch.arange(6), integers(6, count - 6, seed=seed)])
    dst = torch.cat([torch.arange(6).roll(1), integers(6, count - 6, seed=seed + 1)])
    return src, dst, torch.arange(count) * 3 + 100 * seed, normal(count, 3, seed=seed)


def memories(library: Any, aggregator: str) -> Any:
    torch.manual_seed(0)
    message = library.IdentityMessage(raw_msg_dim=3, memory_dim=4, time_dim=2)
    return library.TGNMemory(6, 3, 4, 2, message, getattr(library, aggregator)())


@pytest.mark.parametrize("aggregator", ["LastAggregator", "MeanAggregator"])
def test_tgn_memory(aggregator: str) -> None:
    models = [memories(library, aggregator) for library in (tgn, peer_tgn)]
    starts = [dict(model.named_parameters()) for model in models]
    assert list(starts[0]) == list(starts[1])
    assert all(torch.equal(starts[0][name], starts[1][name]) for name in starts[0])
    models[0].load_state_dict(models[1].state_dict())
    nodes = torch.tensor([4, 0, 2, 1, 3, 5])
    for step in range(4):
        results = []
        for model in models:
            model.train(step != 2)
            z, last_update = model(nodes)
            gradients = ()
            if step not in (0, 2):
                gradients = torch.autograd.grad(z.square().sum(), list(model.parameters()), allow_unused=True)
            model.update_state(*events(10, step))
            model.detach()
            results.append((z, last_update, model.memory, model.last_update, *gradients))
        for ours, theirs in zip(*results, strict=True):
            assert (ours is None) == (theirs is None)
            if theirs is not None:
                assert_close(ours, theirs)
    for model in models:
        model.reset_state()
        assert not model.memory.any()
        assert not model(nodes)[1].any()


def test_the_last_message() -> None:
    """Of several at the same time the one that came last; zeros for nodes without any."""
    msg, index = uniform(5, 2), torch.tensor([2, 0, 2, 0, 2])
    out = tgn.LastAggregator()(msg, index, torch.tensor([5, 3, 9, 2, 9]), 4)
    assert_close(out, torch.stack([msg[1], torch.zeros(2), msg[4], torch.zeros(2)]))
    assert tgn.LastAggregator()(msg[:0], index[:0], index[:0], 3).tolist() == [[0.0, 0.0]] * 3


def test_time_encoder() -> None:
    assert_same_as_peer(tgn.TimeEncoder(5), peer_tgn.TimeEncoder(5), uniform(4))


@pytest.mark.parametrize("size", [1, 2, 9])
def test_last_neighbors(size: int) -> None:
    loaders = [library.LastNeighborLoader(6, size) for library in (tgn, peer_tgn)]
    seen: list[list[tuple[int, int]]] = [[] for _ in range(6)]  # of each node: events and neighbours
    for seed in range(4):
        src, dst = integers(6, 5, seed=seed), (integers(5, 5, seed=seed + 9) + 1)
        dst = (src + dst) % 6
        for loader in loaders:
            loader.insert(src, dst)
        for event, (u, v) in enumerate(zip(src.tolist(), dst.tolist()), start=5 * seed):
            seen[u].append((event, v))
            seen[v].append((event, u))
        for nodes in (torch.arange(6), torch.tensor([4, 1])):
            n_id, (neighbor, node), e_id = loaders[0](nodes)
            found = set(zip(n_id[node].tolist(), e_id.tolist(), n_id[neighbor].tolist()))
            assert found == {(n, e, u) for n in nodes.tolist() for e, u in sorted(seen[n])[-size:]}
            assert n_id.tolist() == sorted({*nodes.tolist(), *(u for _, _, u in found)})
            if size == 9:  # of more events in one batch than it remembers the peer keeps any
                for value, expected in zip((n_id, torch.stack([neighbor, node]), e_id), loaders[1](nodes)):
                    assert torch.equal(value, expected)
    loaders[0].reset_state()
    assert loaders[0](torch.tensor([1]))[2].numel() == 0


# -- recurrent event networks ---------------------------------------------------------------------------------


def facts() -> list[dict[str, int]]:
    """Twelve events in four steps of time."""
    ids = zip(integers(4, 12).tolist(), integers(2, 12, seed=1).tolist(), integers(4, 12, seed=2).tolist())
    return [{"sub": s, "rel": r, "obj": o, "t": i // 3} for i, (s, r, o) in enumerate(ids)]


@pytest.mark.parametrize("train", [False, True])
def test_re_net(train: bool) -> None:
    peer_data = pytest.importorskip("torch_geometric.data")
    sizes = (4, 2, 6, 3)
    assert_same_start(lambda: nn.RENet(*sizes), lambda: pyg.RENet(*sizes))
    ours, theirs = (library.RENet(*sizes, dropout=0.3) for library in (nn, pyg))
    batches = []
    for library, data, batch in ((nn, Data, Batch), (pyg, peer_data.Data, peer_data.Batch)):
        add = library.RENet.pre_transform(3)
        assert repr(add).endswith("(seq_len=3)")
        made = [add(data(**{name: torch.tensor(value) for name, value in fact.items()})) for fact in facts()]
        batches.append(batch.from_data_list(made, follow_batch=["h_sub", "h_obj"]))
    for key in ("h_sub", "h_sub_t", "h_obj", "h_obj_t", "h_sub_batch"):
        assert torch.equal(batches[0][key], batches[1][key]), key
    theirs.load_state_dict(ours.state_dict())
    results = []
    for model, batch in ((ours, batches[0]), (theirs, batches[1])):
        torch.manual_seed(2)
        outs = model.train(train)(batch)
        loss = sum(torch.nn.functional.nll_loss(out, batch.obj) for out in outs)
        results.append((*outs, *torch.autograd.grad(loss, list(model.parameters()))))
        results[-1] += (model.test(outs[0], batch.obj),)
    scale = max(float(value.detach().abs().max()) for value in results[1])
    for value, expected in zip(*results, strict=True):
        assert_close(value, expected, scale)
    with pytest.raises(GraphValueError, match="follow_batch"):
        ours(Data(sub=torch.tensor([0])))


def test_re_net_with_several_layers() -> None:
    add = nn.RENet.pre_transform(2)
    batch = Batch.from_data_list([add(Data(**fact)) for fact in facts()], follow_batch=["h_sub", "h_obj"])
    for out in nn.RENet(4, 2, 6, 2, num_layers=2)(batch):
        assert_close(out.exp().sum(dim=1), torch.ones(12))
