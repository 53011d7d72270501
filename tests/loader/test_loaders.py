"""The other loaders, against the peer where it has them without extras, else against what they promise."""

from __future__ import annotations

import os

import pytest
import torch

from grapevine import loader as gl
from grapevine.data import Data, TemporalData
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.nn import GCNConv, SAGEConv
from grapevine.utils import to_edge_index, to_torch_coo_tensor
from tests.loader.test_neighbor_loader import check, heterogeneous, homogeneous, same

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
)


def communities(count: int = 4, size: int = 20) -> Data:
    """Dense groups, joined in a ring by single edges, node ids mixed."""
    g = torch.Generator().manual_seed(0)
    edges = [
        (c * size + a, c * size + b)
        for c in range(count)
        for a in range(size)
        for b in range(a)
        if (a + b) % 3
    ]
    edges += [(c * size, (c + 1) % count * size + 1) for c in range(count)]
    perm = torch.randperm(count * size, generator=g)
    edge_index = perm[torch.tensor(edges).t()]
    edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    n, e = count * size, edge_index.shape[1]
    y = torch.empty(n, dtype=torch.int64)
    y[perm] = torch.arange(n) // size
    return Data(x=torch.eye(n), edge_index=edge_index, edge_attr=torch.arange(e), y=y)


@pytest.mark.parametrize("sparse_format", ["csr", "csc"])
@pytest.mark.parametrize("recursive", [False, True])
def test_clusters(sparse_format: str, recursive: bool, tmp_path) -> None:
    pytest.importorskip("pymetis")
    data = communities()
    options = {"recursive": recursive, "sparse_format": sparse_format, "save_dir": str(tmp_path)}
    clusters = gl.ClusterData(data, 4, **options)
    assert len(clusters) == 4 and clusters.data.num_nodes == 80
    for part in clusters:
        assert part.y.unique().numel() == 1 and part.num_nodes == 20  # METIS finds the groups
        ids = part.x.argmax(1)
        assert torch.equal(ids[part.edge_index], data.edge_index[:, part.edge_attr])
    (whole,) = gl.ClusterLoader(clusters, batch_size=4)
    assert torch.equal(whole.edge_attr.sort()[0], torch.arange(data.num_edges))
    for batch in gl.ClusterLoader(clusters, batch_size=2, shuffle=True):
        ids = batch.x.argmax(1)
        assert torch.equal(ids[batch.edge_index], data.edge_index[:, batch.edge_attr])
        assert batch.num_edges == data.subgraph(ids).num_edges and batch.num_nodes == 40
    again = gl.ClusterData(data, 4, **options)
    assert torch.equal(again.partition.node_perm, clusters.partition.node_perm)
    keeping = gl.ClusterData(data, 4, keep_inter_cluster_edges=True)
    assert sum(part.edge_index.shape[1] for part in keeping) == data.num_edges
    with pytest.raises(GraphValueError, match="delete the file"):
        gl.ClusterData(communities(3), 4, **options)


SAINT = {
    "node": lambda d, **k: gl.GraphSAINTNodeSampler(d, batch_size=10, **k),
    "edge": lambda d, **k: gl.GraphSAINTEdgeSampler(d, batch_size=8, **k),
    "walk": lambda d, **k: gl.GraphSAINTRandomWalkSampler(d, batch_size=5, walk_length=2, **k),
}


@pytest.mark.parametrize("kind", SAINT)
def test_graph_saint(kind: str, tmp_path) -> None:
    data = homogeneous()
    data.ids = torch.arange(80)
    loader = SAINT[kind](data, num_steps=6)
    assert len(loader) == 6
    for batch in loader:
        ids = batch.ids
        assert torch.equal(ids, ids.unique()) and batch.num_nodes == ids.numel() <= 16
        inside = torch.isin(data.edge_index, ids).all(0)
        assert batch.num_edges == int(inside.sum())
        order = torch.argsort(batch.weight_of_edge)
        assert torch.equal(batch.weight_of_edge[order], data.weight_of_edge[inside].sort()[0])
        assert batch.name == "g"
    torch.manual_seed(0)
    loader = SAINT[kind](data, sample_coverage=400, num_steps=400, save_dir=str(tmp_path))
    total = torch.zeros(80)
    for batch in loader:
        total[batch.ids] += batch.node_norm
        assert batch.edge_norm.shape == (batch.num_edges,) and (batch.edge_norm > 0).all()
    # An unbiased sum over nodes: each comes with weight 1 / N per batch on average.
    reached = total > 0
    assert abs(float(total.sum()) / 400 - float(reached.sum()) / 80) < 0.03
    assert torch.equal(
        SAINT[kind](data, sample_coverage=400, save_dir=str(tmp_path)).node_norm, loader.node_norm
    )
    with pytest.raises(GraphValueError, match="without node_norm"):
        SAINT[kind](Data(edge_index=data.edge_index, node_norm=torch.ones(80), num_nodes=80))


def test_saint_edges_have_the_papers_probabilities() -> None:
    data = Data(edge_index=torch.tensor([[0, 0, 0, 1], [1, 2, 3, 3]]), num_nodes=4)
    loader = gl.GraphSAINTEdgeSampler(data, batch_size=1, num_steps=1)
    torch.manual_seed(1)
    counts = torch.zeros(4, 4)
    for batch in (loader._sample(torch.tensor([0]), None) for _ in range(2000)):
        counts[batch.node[0], batch.node[-1]] += 1
    out, into = torch.tensor([3.0, 3, 3, 1]), torch.tensor([1.0, 1, 2, 2])
    expected = (1 / out + 1 / into) / (1 / out + 1 / into).sum()
    found = counts[data.edge_index[0], data.edge_index[1]] / 2000
    torch.testing.assert_close(found, expected, rtol=0, atol=0.04)


def test_shadow() -> None:
    data = homogeneous()
    mask = torch.arange(80) < 20
    loader = gl.ShaDowKHopSampler(data, depth=2, num_neighbors=3, node_idx=mask, batch_size=6)
    places = {tuple(row.tolist()): i for i, row in enumerate(data.x)}
    seen = 0
    for batch in loader:
        ids = torch.tensor([places[tuple(row.tolist())] for row in batch.x])
        size = batch.root_n_id.numel()
        assert torch.equal(ids[batch.root_n_id], torch.arange(seen, seen + size))
        assert torch.equal(batch.y, data.y[seen : seen + size])
        for i in range(size):
            own = ids[batch.ptr[i] : batch.ptr[i + 1]]
            assert (
                own.unique().numel() == own.numel()
                and (batch.batch[batch.ptr[i] : batch.ptr[i + 1]] == i).all()
            )
            edges = batch.edge_index[:, batch.batch[batch.edge_index[0]] == i]
            inside = torch.isin(data.edge_index, own).all(0)
            assert edges.shape[1] == int(inside.sum())
        ends = ids[batch.edge_index]
        known = set(map(tuple, data.edge_index.t().tolist()))
        assert all(tuple(edge) in known for edge in ends.t().tolist())
        seen += size
    assert seen == 20


def test_shadow_of_all_neighbours_is_the_whole_graphs_answer() -> None:
    data = homogeneous()
    conv = GCNConv(8, 4, normalize=False)
    expected = conv(data.x, data.edge_index)
    for batch in gl.ShaDowKHopSampler(data, 1, 100, batch_size=30):
        torch.testing.assert_close(
            conv(batch.x, batch.edge_index)[batch.root_n_id], expected[batch.y], rtol=1e-5, atol=1e-5
        )


def test_random_nodes() -> None:
    data = homogeneous()
    data.ids = torch.arange(80)
    loader = gl.RandomNodeLoader(data, num_parts=3, shuffle=True)
    parts = list(loader)
    assert len(parts) == 3 and torch.equal(torch.cat([p.ids for p in parts]).sort()[0], data.ids)
    for part in parts:
        assert torch.equal(part.edge_attr, data.subgraph(part.ids).edge_attr)
    hetero = heterogeneous()
    parts = list(gl.RandomNodeLoader(hetero, num_parts=4, shuffle=True))
    assert sum(part["paper"].num_nodes for part in parts) == 60
    assert sum(part["venue"].num_nodes for part in parts) == 5


def test_events_as_the_peer_batches_them() -> None:
    peer = pytest.importorskip("torch_geometric")
    import torch_geometric.loader  # the module is not an attribute until imported

    fields = {"src": torch.randint(9, (23,)), "dst": torch.randint(5, 12, (23,)), "t": torch.arange(23)}
    for options in ({}, {"neg_sampling_ratio": 1.5}, {"drop_last": True}):
        found = []
        for loader, data in (
            (gl.TemporalDataLoader, TemporalData(**fields)),
            (torch_geometric.loader.TemporalDataLoader, peer.data.TemporalData(**fields)),
        ):
            torch.manual_seed(2)
            found.append(list(loader(data, batch_size=5, **options)))
        assert len(found[0]) == len(found[1])
        for ours, theirs in zip(*found):
            assert torch.equal(ours.n_id, theirs.n_id) and torch.equal(ours.src, theirs.src)


def test_lists_and_stacks_as_the_peer() -> None:
    peer = pytest.importorskip("torch_geometric.loader")
    graphs = [Data(x=torch.randn(3, 2), adj=torch.rand(3, 3)) for _ in range(5)]
    (first, *_), ours = (
        gl.DataListLoader(graphs, batch_size=2),
        list(gl.DenseDataLoader(graphs, batch_size=2)),
    )
    assert isinstance(first, list) and first[1] is graphs[1]
    from torch_geometric.data import Data as Theirs

    theirs = list(peer.DenseDataLoader([Theirs(**g.to_dict()) for g in graphs], batch_size=2))
    for a, b in zip(ours, theirs):
        assert torch.equal(a.x, b.x) and torch.equal(a.adj, b.adj) and a.x.dim() == 3


def test_imbalanced() -> None:
    y = torch.tensor([0] * 90 + [1] * 10)
    data = Data(y=y, edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=100)
    nodes = torch.arange(50, 100)
    for sampler, labels in (
        (gl.ImbalancedSampler(y), y),
        (gl.ImbalancedSampler(data, num_samples=1000), y),
        (gl.ImbalancedSampler(data, nodes), y[nodes]),
        (gl.ImbalancedSampler([Data(y=int(v)) for v in y]), y),
    ):
        weight = torch.zeros(2, dtype=torch.float64).index_add_(0, labels, sampler.weights)
        torch.testing.assert_close(weight, torch.ones(2, dtype=torch.float64))
    sampler = gl.ImbalancedSampler(data, nodes, num_samples=400)
    batches = list(gl.NeighborLoader(data, [1], nodes, sampler=sampler, batch_size=40))
    share = torch.cat([batch.y for batch in batches]).float().mean()
    assert len(batches) == 10 and abs(float(share) - 0.5) < 0.1
    with pytest.raises(GraphTypeError, match="expected classes as integers"):
        gl.ImbalancedSampler(torch.rand(4))


def test_dynamic_batches_as_the_peer() -> None:
    peer = pytest.importorskip("torch_geometric.loader")
    graphs = [
        Data(x=torch.zeros(n, 1), edge_index=torch.zeros(2, 2 * n).long()) for n in (3, 9, 1, 4, 5, 30, 2)
    ]
    for options in ({"max_num": 10}, {"max_num": 16, "mode": "edge"}, {"max_num": 9, "num_steps": 2}):
        torch.manual_seed(0)
        ours = list(gl.DynamicBatchSampler(graphs, shuffle=True, **options))
        torch.manual_seed(0)
        sampler = peer.DynamicBatchSampler(graphs, shuffle=True, **options)
        assert ours == [batch for batch in sampler.__iter__()]  # noqa: C416
    assert all(5 not in batch for batch in gl.DynamicBatchSampler(graphs, 10, skip_too_big=True))
    loader = gl.DataLoader(graphs, batch_sampler=gl.DynamicBatchSampler(graphs, 10, num_steps=3))
    assert [batch.num_nodes for batch in loader] == [3, 10, 9] and len(loader) == 3
    with pytest.raises(ValueError, match="to know the number of batches"):
        len(gl.DynamicBatchSampler(graphs, 10))


def test_cached() -> None:
    data = homogeneous()
    inner = gl.NeighborLoader(data, [2], batch_size=20, shuffle=True)
    cached = gl.CachedLoader(inner, device="cpu", transform=lambda batch: batch)
    next(iter(cached))
    first, second = list(cached), list(cached)
    assert len(cached) == len(first) == 4 and all(a is b for a, b in zip(first, second))
    cached.clear()
    assert next(iter(cached)) is not first[0]


def test_prefetch() -> None:
    data = homogeneous()
    torch.manual_seed(0)
    expected = list(gl.NeighborLoader(data, [2], batch_size=20))
    torch.manual_seed(0)
    loader = gl.PrefetchLoader(gl.NeighborLoader(data, [2], batch_size=20), device="cpu")
    assert len(loader) == 4
    for a, b in zip(expected, loader):
        same(a, b)
        check(b, data)
    assert [t.device.type for t in gl.PrefetchLoader([torch.zeros(1), torch.ones(1)], device="meta")] == [
        "meta"
    ] * 2


def test_resumable_loaders_of_parts() -> None:
    """Clusters and random parts: threads and workers give the same epochs, which resume where they stood."""
    pytest.importorskip("pymetis")
    data = communities()
    clusters = gl.ClusterData(data, 8)
    makers = (
        lambda **k: gl.ClusterLoader(clusters, batch_size=2, shuffle=True, **k),
        lambda **k: gl.RandomNodeLoader(data, num_parts=5, shuffle=True, **k),
    )
    for make in makers:
        runs = []
        for how in ({}, {"prefetch_threads": 0}, {"prefetch_threads": 2}, {"num_workers": 1}):
            torch.manual_seed(0)
            runs.append(list(make(**how)))
        for run in runs[1:]:
            for a, b in zip(runs[0], run, strict=True):
                same(a, b)
        torch.manual_seed(0)
        loader = make()
        running = iter(loader)
        next(running), next(running)
        state = loader.state_dict()
        running.close()
        again = make()
        again.load_state_dict(state)
        for a, b in zip(runs[0][2:], again, strict=True):
            same(a, b)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
def test_layers_of_bipartite_graphs(sparse: bool) -> None:
    """All neighbours: two layers give the whole graph's answer; few: as many as asked for, of all nodes so far."""
    data = homogeneous()
    edge_index = torch.unique(data.edge_index, dim=1)
    weight = torch.rand(edge_index.shape[1])
    convs = [SAGEConv(8, 16), SAGEConv(16, 4)]
    adjacency = to_torch_coo_tensor(edge_index.flip(0), weight, (80, 80)) if sparse else edge_index
    x = data.x
    for conv in convs:
        x = conv(x, adjacency)
    for batch_size, n_id, adjs in gl.NeighborSampler(adjacency, [-1, -1], data.train_mask, batch_size=10):
        h = data.x[n_id]
        for conv, (adj, e_id, size) in zip(convs, adjs):
            assert size[0] == h.shape[0]
            assert sparse or torch.equal(n_id[adj], edge_index[:, e_id])
            h = conv((h, h[: size[1]]), adj)
        assert h.shape[0] == batch_size
        torch.testing.assert_close(h, x[n_id[:batch_size]], rtol=1e-5, atol=1e-5)
    degree = torch.bincount(edge_index[1], minlength=80)
    loader = gl.NeighborSampler(
        adjacency, [3], batch_size=80, return_e_id=sparse, transform=lambda *parts: parts[1:]
    )
    ((n_id, (adj, e_id, size)),) = loader
    assert (e_id is None) == (not sparse) and size[1] == 80 and repr(loader) == "NeighborSampler(sizes=[3])"
    ends = adj if not sparse else to_edge_index(adj)[0].flip(0)
    assert torch.equal(torch.bincount(ends[1], minlength=80), degree[n_id[:80]].clamp(max=3))
    if sparse:
        row = torch.stack([n_id[ends[0]], n_id[ends[1]]])
        place = {tuple(pair): i for i, pair in enumerate(edge_index.t().tolist())}
        order = [place[tuple(pair)] for pair in row.t().tolist()]
        assert torch.equal(to_edge_index(adj)[1], weight[order])
    assert type(loader.sample([1, 2])) is tuple


def test_workers_stay_on_their_cores() -> None:
    data = homogeneous()
    cores = sorted(os.sched_getaffinity(0))

    def note(worker: int) -> None:
        torch.randint(worker + 1, (1,))

    loader = gl.NeighborLoader(
        data, [2], batch_size=40, num_workers=1, worker_init_fn=note, transform=cores_of
    )
    with loader.enable_cpu_affinity([cores[-1]]):
        seen = [batch.cores for batch in loader]
    assert seen == [[cores[-1]]] * 2 and loader.worker_init_fn is note
    with loader.enable_cpu_affinity():
        assert [batch.cores for batch in loader] == [[cores[0]]] * 2
    with (
        pytest.raises(GraphValueError, match="cores for each of 1 workers, got 2"),
        loader.enable_cpu_affinity([0, 1]),
    ):
        pass
    with (
        pytest.raises(GraphValueError, match="got num_workers=0"),
        gl.NeighborLoader(data, [2]).enable_cpu_affinity(),
    ):
        pass
    with pytest.raises(GraphValueError, match="workers that are spawned"), loader.enable_multithreading(1):
        pass
    spawning = gl.NeighborLoader(data, [2], num_workers=1, multiprocessing_context="spawn")
    with spawning.enable_multithreading():
        spawning.worker_init_fn(0)
    assert spawning.worker_init_fn is None
    with pytest.raises(GraphValueError, match="between 1 and"), spawning.enable_multithreading(10_000):
        pass


def cores_of(batch: Data) -> Data:
    batch.cores = sorted(os.sched_getaffinity(0))
    return batch


def test_every_name_of_the_peer() -> None:
    peer = pytest.importorskip("torch_geometric.loader")
    assert set(peer.__all__) <= set(gl.__all__)
