"""Loaders over several ranks: the batches of one machine, bit for bit, wherever edges and features lie."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from grapevine.distributed import (
    DistGraph,
    DistLinkNeighborLoader,
    DistNeighborLoader,
    DistNeighborSampler,
    load_whole,
    partition,
)
from grapevine.distributed.steps import pass_seed
from grapevine.errors import GraphKeyError, GraphTypeError, GraphValueError
from grapevine.loader import LinkNeighborLoader, NeighborLoader
from grapevine.sampler import NodeSamplerInput
from tests.distributed.launch import values
from tests.loader.test_neighbor_loader import heterogeneous, homogeneous

PARTS = 5  # 1, 2 and 3 ranks own them unevenly
CITES = ("paper", "cites", "paper")


def graphs(folder: Path) -> None:
    """A graph of one type and one of several, with times and weights, in parts."""
    data = homogeneous()
    data.when = torch.randint(50, (500,), generator=torch.Generator().manual_seed(2))
    partition(data, folder / "one", PARTS, method="hash")
    several = heterogeneous()
    for kind in several.node_types:
        several[kind].time = torch.arange(several[kind].num_nodes) % 7
    several["paper"].train_mask = torch.arange(60) % 3 == 0
    partition(several, folder / "several", PARTS, method="hash")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parts")
    graphs(path)
    return path


SEVERAL = [(("several", ("paper", "train_mask")), options) for options in (
    {"num_neighbors": [3, 2]},
    {"num_neighbors": {CITES: [2, 1], ("author", "writes", "paper"): [-1, 0], ("paper", "rev_writes", "author"): [0, 3],
                       ("paper", "in", "venue"): [1, 1]}},
    {"num_neighbors": [3, 2], "time_attr": "time"},
    {"num_neighbors": [2, 2], "subgraph_type": "induced", "disjoint": True},
)]  # fmt: skip
CASES: list[Any] = [(("one", "train_mask"), options) for options in (
    {"num_neighbors": [4, 3]},
    {"num_neighbors": [-1, -1], "drop_last": True},
    {"num_neighbors": [4, 3], "replace": True, "prefetch_threads": 3},
    {"num_neighbors": [3, 3, 2], "disjoint": True},
    {"num_neighbors": [4, 3], "weight_attr": "weight_of_edge"},
    {"num_neighbors": [4, 3], "subgraph_type": "induced", "weight_attr": "weight_of_edge"},
    {"num_neighbors": [4, 3], "subgraph_type": "bidirectional"},
    {"num_neighbors": [4, 3], "time_attr": "time"},
    {"num_neighbors": [4, 3], "time_attr": "time", "temporal_strategy": "last"},
)] + SEVERAL  # fmt: skip
LINKS: list[Any] = [
    ("one", None, {"num_neighbors": [3, 2], "neg_sampling": "binary"}),
    (
        "one",
        None,
        {
            "num_neighbors": [3],
            "neg_sampling": ("triplet", 2),
            "edge_label_time": "ones",
            "time_attr": "when",
        },
    ),
    ("several", (CITES, None), {"num_neighbors": [3, 2], "neg_sampling": "binary"}),
]


def options_of(options: dict, links: int) -> dict:
    out = {"batch_size": 7, "shuffle": True, **options}
    if out.get("edge_label_time") == "ones":
        out["edge_label_time"] = torch.full((links,), 30)
    return out


def digest(batch: Any) -> dict[str, Any]:
    """Every tensor of a batch by its checksum, everything else as it is."""
    out = {}
    for name, value in batch.to_dict().items():
        inner = value if isinstance(value, dict) else {"": value}
        for key, item in inner.items():
            if isinstance(item, Tensor):
                raw = item.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
                item = (str(item.dtype), tuple(item.shape), zlib.crc32(raw))
            out[f"{name}/{key}"] = item
    return out


def loaders(graph_of: Any, make: tuple[Any, Any]) -> Iterator[Any]:
    """All cases, as loaders; `graph_of` gives the graph, `make` the classes."""
    for (name, nodes), options in CASES:
        yield make[0](graph_of(name), input_nodes=nodes, **options_of(options, 0))
    for name, links, options in LINKS:
        graph = graph_of(name)
        ends = graph_of(f"{name}/links")
        given = ends if links is None else (links[0], ends)
        yield make[1](graph, edge_label_index=given, **options_of(options, ends.shape[1]))


def run_all(world: Any, folder: Path, where: list[dict]) -> Any:
    """For each way to hold the graph: the batches of this rank in two passes, and what was counted."""
    out = []
    for options in where:
        held: dict[str, Any] = {}
        for name in ("one", "several"):
            held[name] = DistGraph(folder / name, **options)
            whole: Any = load_whole(folder / name)
            held[f"{name}/links"] = (whole[CITES] if name == "several" else whole).edge_index[:, ::3]
        batches = []
        kinds = (NeighborLoader, LinkNeighborLoader)
        for loader in loaders(held.__getitem__, kinds):
            assert isinstance(loader, DistNeighborLoader | DistLinkNeighborLoader)
            passes = [[digest(batch) for batch in loader] for _ in range(2)]
            assert [len(one) for one in passes] == [len(loader)] * 2
            batches.append(passes)
            loader.close()
        out.append(batches)
    return out


def expected(folder: Path) -> list[Any]:
    """The same from whole graphs, by the loaders of one machine."""
    held: dict[str, Any] = {}
    for name in ("one", "several"):
        whole: Any = load_whole(folder / name)
        for store in whole.stores:
            for extra in ("node_id", "edge_id"):
                if extra in store:
                    del store[extra]
        held[name] = whole
        held[f"{name}/links"] = (whole[CITES] if name == "several" else whole).edge_index[:, ::3]

    def nodes(data: Any, num_neighbors: Any, input_nodes: Any, **options: Any) -> Any:
        if isinstance(input_nodes, tuple):
            input_nodes = (input_nodes[0], data[input_nodes[0]][input_nodes[1]])
        else:
            input_nodes = data[input_nodes]
        return lambda generator: NeighborLoader(
            data, num_neighbors, input_nodes, generator=generator, **options
        )

    def links(data: Any, **options: Any) -> Any:
        return lambda generator: LinkNeighborLoader(data, generator=generator, **options)

    out = []
    for make in loaders(held.__getitem__, (nodes, links)):
        loader = make(torch.Generator())
        passes = []
        for number in range(2):
            loader.generator.manual_seed(pass_seed(0, number))
            passes.append([digest(batch) for batch in loader])
        out.append(passes)
    return out


WHERE = [
    {"topology": "replicated"},
    {"topology": "partitioned"},
    {"topology": "partitioned", "features": "owner", "cache_rows": 20},
]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_are_those_of_one_machine(folder: Path, size: int) -> None:
    """Uniform, all, weighted, temporal, disjoint, induced, bidirectional, of several types, around links."""
    wanted = expected(folder)
    where = {1: WHERE[1:2], 2: WHERE, 3: WHERE[2:]}[size]
    ranks = values(size, run_all, folder, where, limit=120)
    for way in range(len(where)):
        for case, passes in enumerate(wanted):
            for number, batches in enumerate(passes):
                found = [None] * len(batches)
                for rank in range(size):
                    mine = ranks[rank][way][case][number]
                    found[rank::size] = mine
                for b, (one, other) in enumerate(zip(found, batches)):
                    assert one == other, (where[way], case, number, b)


def fetch_rows(world: Any, folder: Path, options: dict) -> Any:
    """Rows by name, masks, owners, and what travelled."""
    graph = DistGraph(folder / "several", features="owner", **options)
    whole: Any = load_whole(folder / "several")
    ids = torch.randperm(60, generator=torch.Generator().manual_seed(world.rank))[: 20 + world.rank]
    assert torch.equal(graph.rows("x", ids, "paper"), whole["paper"].x[ids])
    assert torch.equal(graph.everywhere("y", "paper"), whole["paper"].y)
    assert torch.equal(graph.where("train_mask", "paper"), whole["paper"].train_mask.nonzero().view(-1))
    own = graph.own("author")
    assert torch.equal(graph.local("x", "author"), whole["author"].x[own.start : own.stop])
    assert bool((graph.owner(torch.arange(own.start, own.stop), "author") == world.rank).all())
    assert torch.equal(graph.rows("node_id", ids, "paper"), whole["paper"].node_id[ids])
    links = graph.links(CITES)
    inside = (links[1] >= graph.own("paper").start) & (links[1] < graph.own("paper").stop)
    assert bool(inside.all()) == (graph.topology == "partitioned" or world.size == 1)
    for bad in (lambda: graph.rows("z", ids, "paper"), lambda: graph.offsets("nobody")):
        with pytest.raises(GraphKeyError, match=r"z|nobody"):
            bad()
    with pytest.raises(GraphValueError, match="mask of bools"):
        graph.where("y", "paper")
    loader = NeighborLoader(graph, [4, 4], input_nodes="paper", batch_size=20, name="counted")
    for batch in loader:
        assert torch.equal(batch["paper"].x, whole["paper"].x[batch["paper"].n_id])
    told = loader.metrics.dict()
    loader.close()
    return told, repr(graph), len(own)


@pytest.mark.parametrize("cache_rows", [0, 1000])
def test_features_by_owner(folder: Path, cache_rows: int) -> None:
    """Two hosts on one machine: rows of the other host travel, unless the cache holds them."""
    options = {
        "topology": "partitioned",
        "cache_rows": cache_rows,
        "attributes": ["x", "y", "time", "node_id"],
    }
    found = values(2, fetch_rows, folder, options, env=lambda rank: {"GRAPEVINE_HOST": f"host {rank}"})
    for told, text, _ in found:
        assert "rank" in text and told["rows_here"] > 0 and told["sent_bytes"] > 0 and told["batches"] > 0
        assert (told["rows_cached"] > 0) == (cache_rows > 0)
        assert told["cache_hits"] > 0.4 if cache_rows else told["rows_asked"] > 0
    assert sum(count for _, _, count in found) == 40


def unequal(world: Any, folder: Path) -> Any:
    """Passes of unequal length, left early, resumed; loaders side by side with training's own collectives."""
    import torch.distributed as dist

    graph = DistGraph(folder / "one", topology="partitioned", features="owner")
    mask = load_whole(folder / "one").train_mask
    count = int(mask.sum())
    arguments: dict[str, Any] = {
        "num_neighbors": [3, 2],
        "input_nodes": "train_mask",
        "batch_size": 4,
        "shuffle": True,
    }
    loader = NeighborLoader(graph, **arguments, seed=5)
    other = NeighborLoader(graph, [2], batch_size=64, name="other", even=True)
    total = torch.zeros(1)
    seen = []
    for batch, more in zip(loader, other):  # two loaders and training's collectives at once
        seen.append(batch.input_id)
        if world.size > 1:
            dist.all_reduce(total.fill_(more.batch_size))
            assert int(total) > 0
    loader.set_epoch(0)
    whole = [digest(batch) for batch in loader]
    loader.set_epoch(0)
    for k, batch in enumerate(loader):  # one rank leaves at once, the others later; all are served
        assert digest(batch) == whole[k]
        if k == world.rank:
            break
    state = loader.state_dict()
    assert state == {"seed": 5, "epoch": 0, "done": (world.rank + 1) * world.size}
    state["done"] = 2 * world.size
    loader.load_state_dict(state)
    rest = [digest(batch) for batch in loader]
    assert rest == whole[2:] and loader.state_dict() == {"seed": 5, "epoch": 1, "done": 0}
    even = NeighborLoader(graph, **arguments, even=True, name="even")
    sizes = [batch.batch_size for batch in even]
    assert len(sizes) == len(even)
    own = NeighborLoader(graph, **arguments, split="own", even=True, name="own")
    mine = list(own)
    nodes = torch.cat([batch.n_id[: batch.batch_size] for batch in mine])
    assert all(int(v) in graph.own() for v in nodes) and len(mine) == len(own)
    links = LinkNeighborLoader(graph, [2], split="own", batch_size=50, neg_sampling="binary", name="links")
    ends = [int(batch.edge_label_index.shape[1]) // 2 for batch in links]
    sampler = DistNeighborSampler(graph, [-1])
    out = sampler.sample_from_nodes(NodeSamplerInput(None, nodes[:1]))
    for bad, match in (
        (lambda: NeighborLoader(graph, [2], num_workers=2), "num_workers=0"),
        (lambda: NeighborLoader(graph, [2], split="half"), "split='shared'"),
        (lambda: NeighborLoader(graph, [2], neighbor_sampler=object()), "DistNeighborSampler"),
        (lambda: LinkNeighborLoader(graph, [2]), "no rank has all edges"),
    ):
        with pytest.raises((GraphValueError, GraphTypeError), match=match):
            bad()
    resumed = NeighborLoader(graph, **arguments, neighbor_sampler=None, name="resumed")
    resumed.load_state_dict({"seed": 5, "epoch": 0, "done": 6})
    later = [digest(batch) for batch in resumed]
    for each in (loader, other, even, own, links, resumed):
        each.close()
    return {
        "whole": whole, "sizes": sizes, "count": count, "own": nodes.tolist(), "steps": len(mine), "ends": sum(ends),
        "later": later, "found": int(out.num_sampled_nodes[0]), "ids": torch.cat(seen).tolist(),
    }  # fmt: skip


def test_passes_of_unequal_length(folder: Path) -> None:
    """No rank waits for one that has run out; a pass goes on where it stood, on another number of ranks too."""
    ranks = {size: values(size, unequal, folder, limit=60) for size in (1, 3)}
    one, three = ranks[1][0], ranks[3]
    count = one["count"]
    for found in (ranks[1], three):
        assert sum(map(len, (each["whole"] for each in found))) == -(-count // 4)
        assert sum(sum(each["sizes"]) for each in found) == count
        assert (
            len({len(each["sizes"]) for each in found}) == 1 and len({each["steps"] for each in found}) == 1
        )
        assert sorted(v for each in found for v in each["own"]) == sorted(one["own"])
        assert sum(each["ends"] for each in found) == 500
    together = [three[b % 3]["whole"][b // 3] for b in range(len(one["whole"]))]
    assert together == one["whole"]
    later = [three[b % 3]["later"][b // 3] for b in range(len(one["later"]))]
    assert later == one["later"] == one["whole"][6:]


def test_a_graph_that_every_rank_holds() -> None:
    """`DistGraph.of`: the batches of the plain loader, with everything that they carry there."""
    data = homogeneous()
    graph = DistGraph.of(data)
    plain = NeighborLoader(data, [4, 3], input_nodes=data.train_mask, batch_size=7, shuffle=True,
                           generator=torch.Generator().manual_seed(pass_seed(3, 0)))  # fmt: skip
    spread = NeighborLoader(graph, [4, 3], input_nodes="train_mask", batch_size=7, shuffle=True, seed=3)
    assert [digest(batch) for batch in plain] == [digest(batch) for batch in spread]
    assert torch.equal(graph.rows("y", torch.tensor([3])), torch.tensor([3])) and graph.own() == range(80)
    assert torch.equal(graph.links(), data.edge_index) and torch.equal(graph.local("x"), data.x)
    backward = DistNeighborSampler(graph, [-1], sample_direction="backward")
    out = backward.sample_from_nodes(NodeSamplerInput(None, torch.tensor([5])))
    assert set(out.node[1:].tolist()) == set(data.edge_index[1][data.edge_index[0] == 5].tolist()) - {5}


def test_what_does_not_fit(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(GraphValueError, match=r"topology to be one of .* got 'here'"):
        DistGraph(folder / "one", topology="here")
    with pytest.raises(GraphValueError, match=r"manifest"):
        DistGraph(tmp_path)
    graph = DistGraph(folder / "one", topology="partitioned")
    with pytest.raises(GraphValueError, match="use topology='replicated'"):
        DistNeighborSampler(graph, [2], sample_direction="backward")
    for options in ({"time_attr": "x_time"}, {"weight_attr": "none"}):
        with pytest.raises(GraphValueError, match=r"x_time|none"):
            DistNeighborSampler(graph, [2], **options)
