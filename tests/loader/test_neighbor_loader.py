"""NeighborLoader: right graphs, however batches are made; resumable; full-graph results where all is sampled."""

from __future__ import annotations

import io
import multiprocessing
import threading
import time

import pytest
import torch

from grapevine.data import Data, HeteroData
from grapevine.errors import GraphIndexError, GraphKeyError, GraphTypeError, GraphValueError
from grapevine.loader import HGTLoader, NeighborLoader
from grapevine.nn import GraphSAGE, HeteroConv, SAGEConv
from grapevine.utils import to_torch_coo_tensor, trim_to_layer
from tests.test_examples import example

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
)


def homogeneous(num_nodes: int = 80, num_edges: int = 500) -> Data:
    g = torch.Generator().manual_seed(0)
    return Data(
        x=torch.randn(num_nodes, 8, generator=g),
        edge_index=torch.randint(num_nodes, (2, num_edges), generator=g),
        edge_attr=torch.randn(num_edges, 2, generator=g),
        y=torch.arange(num_nodes),
        train_mask=torch.rand(num_nodes, generator=g) < 0.5,
        time=torch.randint(100, (num_nodes,), generator=g),
        weight_of_edge=torch.rand(num_edges, generator=g),
        name="g",
    )


def heterogeneous() -> HeteroData:
    g = torch.Generator().manual_seed(1)
    data = HeteroData()
    sizes = {"paper": 60, "author": 40, "venue": 5}
    for kind, n in sizes.items():
        data[kind].x = torch.randn(n, 4, generator=g)
    data["paper"].y = torch.arange(60)
    for a, rel, b, e in (
        ("author", "writes", "paper", 150),
        ("paper", "rev_writes", "author", 150),
        ("paper", "cites", "paper", 200),
        ("paper", "in", "venue", 60),
    ):
        ends = [torch.randint(sizes[kind], (e,), generator=g) for kind in (a, b)]
        data[a, rel, b].edge_index = torch.stack(ends)
        data[a, rel, b].edge_attr = torch.randn(e, 2, generator=g)
    return data


def same(a: object, b: object) -> None:
    if isinstance(a, HeteroData):
        assert a.to_dict().keys() == b.to_dict().keys()
        for one, other in zip(a.stores, b.stores):
            same(dict(one.items()), dict(other.items()))
        return
    one, other = (a, b) if isinstance(a, dict) else (dict(a._store.items()), dict(b._store.items()))
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key], key


def check(batch: Data, data: Data) -> None:
    """Every row and edge of a batch is that of the graph."""
    assert torch.equal(batch.x, data.x[batch.n_id]) and torch.equal(batch.y, data.y[batch.n_id])
    assert torch.equal(batch.edge_attr, data.edge_attr[batch.e_id])
    assert torch.equal(batch.n_id[batch.edge_index], data.edge_index[:, batch.e_id])
    assert batch.name == "g" and batch.num_nodes == batch.n_id.numel()


@pytest.mark.parametrize(
    "options", [{}, {"replace": True}, {"disjoint": True}, {"weight_attr": "weight_of_edge"}]
)
def test_fields(options: dict) -> None:
    data = homogeneous()
    loader = NeighborLoader(data, [4, 3], input_nodes=data.train_mask, batch_size=16, shuffle=True, **options)
    seeds = data.train_mask.nonzero().view(-1)
    seen = []
    for batch in loader:
        check(batch, data)
        assert torch.equal(batch.n_id[: batch.batch_size], batch.input_id)
        assert sum(batch.num_sampled_nodes) == batch.num_nodes and len(batch.num_sampled_nodes) == 3
        assert sum(batch.num_sampled_edges) == batch.num_edges and len(batch.num_sampled_edges) == 2
        per_node = torch.bincount(batch.edge_index[1, : batch.num_sampled_edges[0]], minlength=16)
        degree = torch.bincount(data.edge_index[1], minlength=80)[batch.n_id[: batch.batch_size]]
        if options == {}:
            assert torch.equal(per_node[: batch.batch_size], degree.clamp(max=4))
        if "disjoint" in options:
            assert torch.equal(batch.batch[batch.edge_index[0]], batch.batch[batch.edge_index[1]])
            assert torch.equal(batch.batch[: batch.batch_size], torch.arange(batch.batch_size))
        else:
            assert "batch" not in batch and batch.n_id.unique().numel() == batch.num_nodes
        seen.append(batch.input_id)
    assert len(loader) == len(seen) and torch.equal(torch.cat(seen).sort()[0], seeds)


@pytest.mark.parametrize("kind", ["homogeneous", "heterogeneous"])
@pytest.mark.parametrize("custom", [False, True])
def test_the_same_epochs_however_they_are_run(kind: str, custom: bool) -> None:
    """0, 1 and 2 threads, and 2 workers: two epochs each, bit for bit."""
    data = homogeneous() if kind == "homogeneous" else heterogeneous()
    inputs = None if kind == "homogeneous" else "paper"
    runs = []
    for how in (
        {"prefetch_threads": 0},
        {},
        {"prefetch_threads": 2, "prefetch_factor": 3},
        {"num_workers": 2},
        {"num_workers": 1, "persistent_workers": True},
    ):
        torch.manual_seed(3)
        order = {"shuffle": True}
        if custom:
            order = {"sampler": torch.utils.data.WeightedRandomSampler(torch.rand(60), 40)}
        loader = NeighborLoader(data, [3, 3], inputs, batch_size=16, **order, **how)
        runs.append([*loader, *loader])
        del loader
    for run in runs[1:]:
        assert len(run) == len(runs[0])
        for a, b in zip(runs[0], run):
            same(a, b)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("custom", [False, True])
def test_an_epoch_resumes_where_it_stood(workers: int, custom: bool) -> None:
    data = homogeneous()

    def loader() -> NeighborLoader:
        order = {"sampler": torch.utils.data.SubsetRandomSampler(range(50))} if custom else {"shuffle": True}
        return NeighborLoader(data, [3, 3], batch_size=8, num_workers=workers, **order)

    torch.manual_seed(1)
    whole = list(loader())
    torch.manual_seed(1)
    first = loader()
    running = iter(first)
    for _ in range(3):
        next(running)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)  # as a checkpoint keeps it
    file.seek(0)
    state = torch.load(file, weights_only=True)
    running.close()
    torch.manual_seed(99)
    again = loader()
    again.load_state_dict(state)
    rest = list(again)
    assert len(rest) == len(whole) - 3
    for a, b in zip(whole[3:], rest):
        same(a, b)
    assert len(list(again)) == len(whole) and again.state_dict()["epoch"] is None


def test_a_generator_decides_about_epochs() -> None:
    """The same generator, the same epochs, whatever torch's own generator does; its state is saved too."""
    data = homogeneous()
    runs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(7)
        loader = NeighborLoader(data, [3, 3], batch_size=20, shuffle=True, generator=generator)
        runs.append([*loader, *loader])
    for a, b in zip(*runs, strict=True):
        same(a, b)
    assert not torch.equal(runs[0][0].n_id, runs[0][4].n_id)
    state = loader.state_dict()
    third = list(loader)
    loader.load_state_dict(state)
    for a, b in zip(third, loader, strict=True):
        same(a, b)


def test_the_order_of_seeds_is_that_of_torch() -> None:
    data = homogeneous()
    torch.manual_seed(5)
    ours = [b.input_id for b in NeighborLoader(data, [1], batch_size=16, shuffle=True)]
    torch.manual_seed(5)
    theirs = list(torch.utils.data.DataLoader(range(80), batch_size=16, shuffle=True))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs))


@pytest.mark.parametrize("how", [{}, {"prefetch_threads": 0}, {"num_workers": 1}])
def test_an_error_stops_the_loop_and_leaves_nothing_running(how: dict) -> None:
    data = homogeneous()

    def fail(out: object) -> object:
        raise RuntimeError("no more")

    before, known = threading.active_count(), set(multiprocessing.active_children())
    loader = NeighborLoader(data, [2], torch.tensor([1, 2, 79]), batch_size=1, **how)
    loader.input_data.node[2] = 80  # found out when the batch is sampled
    seen = []
    with pytest.raises(Exception, match="expected seeds among the 80 nodes, got 80") as info:
        for batch in loader:
            seen.append(batch)
    assert len(seen) == 2
    if "num_workers" not in how and hasattr(info.value, "__notes__"):
        assert info.value.__notes__ == ["while preparing batch 2"]
    with pytest.raises(RuntimeError, match="no more"):
        list(NeighborLoader(data, [2], batch_size=20, transform=fail, **how))
    until = time.monotonic() + 5  # torch's queues end their threads a moment later
    while threading.active_count() != before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before and set(multiprocessing.active_children()) <= known


def test_a_loop_left_early_leaves_no_thread() -> None:
    before = threading.active_count()
    for batch in NeighborLoader(homogeneous(), [2, 2], batch_size=4, prefetch_threads=2):
        assert batch.batch_size == 4
        break
    del batch
    assert threading.active_count() == before


class SAGE(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = SAGEConv(8, 16), SAGEConv(16, 3)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x, edge_index).relu(), edge_index)


@pytest.mark.parametrize("subgraph_type", ["directional", "bidirectional", "induced"])
def test_all_neighbours_give_the_result_of_the_whole_graph(subgraph_type: str) -> None:
    data = homogeneous()
    if subgraph_type == "bidirectional":
        both = torch.cat([data.edge_index, data.edge_index.flip(0)], 1)
        data = Data(x=data.x, edge_index=torch.unique(both, dim=1), y=data.y)
    model = SAGE()
    expected = model(data.x, data.edge_index)
    for batch in NeighborLoader(data, [-1, -1], batch_size=30, subgraph_type=subgraph_type):
        out = model(batch.x, batch.edge_index)[: batch.batch_size]
        if (
            subgraph_type == "bidirectional"
        ):  # a reverse edge may reach a last node: it sees some neighbours, seeds all
            assert batch.edge_index.unique(dim=1).shape == batch.edge_index.shape
        torch.testing.assert_close(out, expected[batch.input_id], rtol=1e-5, atol=1e-5)
        if subgraph_type == "induced":
            sub = data.subgraph(batch.n_id)
            assert batch.num_edges == sub.num_edges


def test_trimmed_layers_give_the_same() -> None:
    data, model = homogeneous(), SAGE()
    for batch in NeighborLoader(data, [-1, -1], batch_size=10):
        expected = model(batch.x, batch.edge_index)[: batch.batch_size]
        x, edge_index = batch.x, batch.edge_index
        for layer, conv in enumerate((model.one, model.two)):
            x, edge_index, _ = trim_to_layer(
                layer, batch.num_sampled_nodes, batch.num_sampled_edges, x, edge_index
            )
            x = conv(x, edge_index)
            x = x.relu() if layer == 0 else x
        torch.testing.assert_close(x[: batch.batch_size], expected)


def test_all_neighbours_of_several_types_give_the_result_of_the_whole_graph() -> None:
    data = heterogeneous()
    convs = [HeteroConv({key: SAGEConv((4, 4), 4) for key in data.edge_types}, aggr="sum") for _ in range(2)]

    def run(part: HeteroData) -> torch.Tensor:
        x = dict(part.x_dict.items())
        for conv in convs:
            x = {**x, **conv(x, part.edge_index_dict)}
        return x["paper"]

    expected = run(data)
    for batch in NeighborLoader(data, [-1, -1], "paper", batch_size=25):
        size = batch["paper"].batch_size
        torch.testing.assert_close(run(batch)[:size], expected[batch["paper"].input_id], rtol=1e-5, atol=1e-5)


def test_several_types() -> None:
    data = heterogeneous()
    numbers = {key: [0, 3] if key[1] == "cites" else [2, 2] for key in data.edge_types}
    loader = NeighborLoader(data, numbers, ("paper", data["paper"].y % 2 == 0), batch_size=10)
    for batch in loader:
        assert torch.equal(batch["paper"].n_id[:10], batch["paper"].input_id)
        for kind in data.node_types:
            assert torch.equal(batch[kind].x, data[kind].x[batch[kind].n_id])
            assert sum(batch[kind].num_sampled_nodes) == batch[kind].num_nodes
        for key in data.edge_types:
            store = batch[key]
            ends = data[key].edge_index[:, store.e_id]
            assert torch.equal(batch[key[0]].n_id[store.edge_index[0]], ends[0])
            assert torch.equal(batch[key[2]].n_id[store.edge_index[1]], ends[1])
            assert torch.equal(store.edge_attr, data[key].edge_attr[store.e_id])
            assert sum(store.num_sampled_edges) == store.edge_index.shape[1]
        assert batch["paper", "cites", "paper"].num_sampled_edges[0] == 0
        assert batch["venue"].num_nodes == 0


@pytest.mark.parametrize("strategy", ["uniform", "last"])
@pytest.mark.parametrize("on", ["nodes", "edges"])
def test_no_batch_sees_the_future(strategy: str, on: str) -> None:
    data = homogeneous()
    if on == "edges":
        del data.time
        data.time = torch.rand(500)
        input_time = torch.rand(80)
    else:
        input_time = None
    loader = NeighborLoader(
        data, [5, 5], batch_size=20, time_attr="time", temporal_strategy=strategy, input_time=input_time
    )
    for batch in loader:
        limit = data.time[batch.input_id] if on == "nodes" else input_time[batch.input_id]
        if on == "nodes":
            assert (batch.time <= limit[batch.batch]).all()
        else:
            assert (batch.time <= limit[batch.batch[batch.edge_index[1]]]).all()


def test_hgt() -> None:
    data = heterogeneous()
    for batch in HGTLoader(data, [6, 4], ("paper", torch.arange(20)), batch_size=10):
        assert torch.equal(batch["paper"].n_id[:10], batch["paper"].input_id)
        for kind in data.node_types:
            n_id, counts = batch[kind].n_id, batch[kind].num_sampled_nodes
            assert n_id.unique().numel() == n_id.numel() == sum(counts) and all(
                c <= k for c, k in zip(counts, [10, 6, 4])
            )
        for key in data.edge_types:
            src, dst = data[key].edge_index
            inside = torch.isin(src, batch[key[0]].n_id) & torch.isin(dst, batch[key[2]].n_id)
            assert batch[key].e_id.sort()[0].tolist() == inside.nonzero().view(-1).tolist()
    with pytest.raises(GraphTypeError, match="expected a HeteroData"):
        HGTLoader(homogeneous(), [2], None)


def test_hgt_prefers_what_is_connected() -> None:
    """From a seed with edges to 0 (three times) and 1 (once): squares of 3/4 and 1/4."""
    data = HeteroData()
    data["a"].num_nodes, data["b"].num_nodes = 2, 1
    data["a", "to", "b"].edge_index = torch.tensor([[0, 0, 0, 1], [0, 0, 0, 0]])
    loader = HGTLoader(data, [1], "b", batch_size=1)
    torch.manual_seed(0)
    zeros = sum(int(next(iter(loader))["a"].n_id == 0) for _ in range(300))
    assert abs(zeros / 300 - 0.9) < 0.06


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda d: NeighborLoader(d, [2], torch.tensor([80])), GraphIndexError, "expected seeds among the 80"),
        (lambda d: NeighborLoader(d, [2], torch.tensor([-1])), GraphIndexError, "got -1"),
        (lambda d: NeighborLoader(d, [2, -2]), GraphValueError, "or -1 for all, got -2"),
        (lambda d: NeighborLoader(d, {("a", "b", "c"): [2]}), GraphTypeError, "one edge type, got a dict"),
        (lambda d: NeighborLoader(d, [2], time_attr="t"), GraphValueError, "time_attr='t' on nodes or on edges"),
        (lambda d: NeighborLoader(d, [2], weight_attr="w"), GraphValueError, "weight_attr='w' with one weight"),
        (lambda d: NeighborLoader(d, [2], weight_attr="edge_attr"), GraphValueError, "got \\(500, 2\\)"),
        (lambda d: NeighborLoader(d, [2], input_time=d.time), GraphValueError, "expected time_attr beside"),
        (lambda d: NeighborLoader(d, [2], d.y < 0.5, torch.rand(3), time_attr="time"), GraphValueError, "input_time"),
        (lambda d: NeighborLoader(d, [2], torch.ones(3, dtype=torch.bool)), GraphValueError, "mask over 80 nodes"),
        (lambda d: NeighborLoader(d, [2], torch.ones(3)), GraphTypeError, "use .long()"),
        (lambda d: NeighborLoader(d, [2], temporal_strategy="first"), GraphValueError, "'uniform', 'last'"),
        (lambda d: NeighborLoader(d.edge_index, [2]), GraphTypeError, "wrap edge_index into Data"),
        (lambda d: NeighborLoader(Data(x=d.x), [2]), GraphValueError, "got no edge_index"),
    ],
)  # fmt: skip
def test_bad_input_is_taught(call, error, message) -> None:
    with pytest.raises(error, match=message):
        list(call(homogeneous()))


def test_bad_input_of_several_types_is_taught() -> None:
    data = heterogeneous()
    with pytest.raises(GraphValueError, match="as many hops for every edge type"):
        NeighborLoader(data, {key: [1] * (1 + (key[1] == "in")) for key in data.edge_types}, "paper")
    with pytest.raises(GraphValueError, match="every edge type, got none for"):
        NeighborLoader(data, {("paper", "in", "venue"): [1]}, "paper")
    with pytest.raises(GraphValueError, match="expected edge types of the graph"):
        NeighborLoader(data, {("paper", "of", "venue"): [1]}, "paper")
    for numbers in (15, [2.5]):
        with pytest.raises(GraphValueError, match=r"for each hop, got .*; do this instead, for two hops"):
            NeighborLoader(data, numbers, "paper")
    with pytest.raises(GraphTypeError, match=r"pass for example input_nodes=\('paper', mask\)"):
        NeighborLoader(data, [1], torch.arange(3))
    with pytest.raises(GraphKeyError, match="expected one node type of the graph, got 'book'"):
        NeighborLoader(data, [1], "book")
    data["paper"].t = torch.zeros(60)
    with pytest.raises(GraphValueError, match="does not tell theirs; pass input_time"):
        list(NeighborLoader(data, [1], "author", time_attr="t"))


def test_inference_layer_by_layer_is_the_whole_graphs_answer() -> None:
    data = homogeneous()
    model = GraphSAGE(8, 16, 2, 3).eval()
    with torch.no_grad():
        expected = model(data.x, data.edge_index)
    out = model.inference(NeighborLoader(data, [-1], batch_size=30))
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_sparse_adjacency() -> None:
    plain = homogeneous()
    keep = torch.unique(plain.edge_index, dim=1)
    adj_t = to_torch_coo_tensor(keep.flip(0), torch.arange(keep.shape[1]) + 1.0, (80, 80))
    data = Data(x=plain.x, adj_t=adj_t)
    expected = torch.sparse.mm(adj_t, data.x)
    for batch in NeighborLoader(data, [-1], batch_size=30):
        assert batch.adj_t.shape == (batch.num_nodes, batch.num_nodes)
        out = torch.sparse.mm(batch.adj_t, batch.x)[: batch.batch_size]
        torch.testing.assert_close(out, expected[batch.input_id], rtol=1e-5, atol=1e-4)


def test_the_example(monkeypatch) -> None:
    """All four ways, on a small graph of two groups."""
    pytest.importorskip("pymetis")
    talk = example("sampled")
    y = torch.arange(400) % 2
    edges = torch.randint(400, (2, 6000))
    edges = edges[:, (y[edges[0]] == y[edges[1]]) | (torch.rand(6000) < 0.1)]
    small = Data(x=torch.randn(400, 6) + y.unsqueeze(1), edge_index=torch.cat([edges, edges.flip(0)], 1), y=y)
    monkeypatch.setattr(talk, "Amazon", lambda *args, **kwargs: [small])
    numbers = talk.main(["--fast"])
    assert all(numbers[way]["accuracy"] > 0.8 for way in ("full", "neighbors", "clusters"))
    assert numbers["links"]["area under ROC curve"] > 0.5
    score, label = torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0, 0, 1, 1])
    assert talk.area(score, label) == 0.75


class Counting(NeighborLoader):
    """A user's own loader: what it does to samples must be kept."""

    def filter_fn(self, out: object) -> Data:
        data = super().filter_fn(out)
        data.mine = True
        return data


@pytest.mark.parametrize("how", [{}, {"prefetch_threads": 0}, {"num_workers": 1}])
@pytest.mark.parametrize("filter_per_worker", [None, False, True])
def test_the_users_own_code_runs(how: dict, filter_per_worker: bool | None) -> None:
    data = homogeneous()

    def first_edges(out: object) -> object:
        out.row, out.col, out.edge = out.row[:5], out.col[:5], out.edge[:5]
        return out

    def named(batch: Data) -> Data:
        batch.name = "seen"
        return batch

    options = {"transform": named, "filter_per_worker": filter_per_worker, **how}
    for batch in NeighborLoader(data, [3], batch_size=40, transform_sampler_output=first_edges, **options):
        assert batch.num_edges == 5 and batch.name == "seen" and torch.equal(batch.x, data.x[batch.n_id])
    for batch in Counting(data, [3], batch_size=40, **options):
        assert batch.mine and batch.name == "seen"
    loader = Counting(data, [3], **options)
    assert loader([4, 5]).mine and loader([4, 5]).input_id.tolist() == [4, 5] and repr(loader) == "Counting()"
