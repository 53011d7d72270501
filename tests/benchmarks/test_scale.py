"""The traffic model counts what ranks really send, and its tables follow from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.scale import HEADER, Asked, asked, exchanges, main, projection, simulate

from grapevine.data import Data
from grapevine.distributed import DistGraph, DistNeighborSampler, load_whole, partition
from grapevine.loader import NeighborLoader
from grapevine.sampler import NeighborSampler
from tests.distributed.launch import values

NODES, FAR = 40, [3, 2]


def one_step(world: Any, folder: Path, topology: str) -> tuple[list[int], dict[str, float]]:
    graph = DistGraph(folder, world, topology=topology, features="owner", attributes=["x"])
    loader = NeighborLoader(graph, FAR, torch.arange(0, NODES, 2), batch_size=10)
    (seeds,) = [batch.input_id.tolist() for batch in loader]
    loader.close()
    return seeds, loader.metrics.dict()


@pytest.mark.parametrize("topology", ["partitioned", "replicated"])
def test_the_model_counts_what_is_sent(tmp_path: Path, topology: str) -> None:
    data = Data(x=torch.rand(NODES, 5), edge_index=torch.randint(NODES, (2, 200)))
    manifest = partition(data, tmp_path, 2, "hash")
    whole, owner = load_whole(manifest), (torch.arange(NODES) >= manifest.node_offsets[None][1]).long()
    ranks = values(2, one_step, tmp_path, topology, timeout=60.0, limit=150.0)
    loader = NeighborLoader(DistGraph.of(whole), FAR, torch.arange(0, NODES, 2), batch_size=10)
    batches = [asked(_sample(batch), owner, 2) for batch in loader]  # bit for bit the same
    tables = exchanges(batches, 4 * 5, False, topology == "replicated")
    for rank, (seeds, metrics) in enumerate(ranks):
        assert seeds == list(range(10 * rank, 10 * rank + 10))
        beside = 2 * (16 + 2 * HEADER)  # two threads say which pass this is, and that it is over
        assert metrics["sent_bytes"] == sum(table[rank].sum() for _, table in tables) + beside
        assert metrics["exchanges"] == len(tables) + 4


def _sample(batch: Any) -> Any:
    class Sample:
        node, row, col = batch.n_id, batch.edge_index[0], batch.edge_index[1]
        num_sampled_nodes, num_sampled_edges = batch.num_sampled_nodes, batch.num_sampled_edges

    return Sample()


def test_a_step_takes_as_long_as_its_busiest_rank() -> None:
    """Two ranks, one hop; by hand."""
    constants = {
        "latency, us": 100.0,
        "sampling by owner, ns per edge": 100.0,
        "sampling, ns per edge": 10.0,
        "gathering, GB/s": 1.0,
    }
    batches = [
        Asked([np.array([5, 10])], [np.array([50, 100])], np.array([60, 110])),
        Asked([np.array([20, 3])], [np.array([200, 30])], np.array([210, 40])),
    ]
    out = simulate(batches, constants, 100, False, 8.0, 0.0)
    header = 80
    busiest = [
        header,
        max(8 + 4 * 11, 8 + 4 * 21) + header,
        max(4 * (10 + 200), 4 * (20 + 400)) + header,
        8 * 211 + header,
        100 * 210 + header,
    ]
    network = 5 * 100e-6 + sum(busiest) / 1e9
    sampling = max((150 + 250) / 2, (230 + 130) / 2) * 100e-9
    gathered = max(170 + 270, 250 + 150) * 100 / 1e9
    assert out["network, ms"] == pytest.approx(1e3 * network)
    assert out["step, ms"] == pytest.approx(1e3 * (network + sampling + gathered))
    alone = simulate(batches, constants, 100, True, 8.0, 50.0)
    assert alone["network, ms"] == pytest.approx(
        1e3 * (3 * 100e-6 + (header + 8 * 211 + 100 * 210 + 2 * header) / 1e9)
    )
    assert alone["seeds per second"] > out["seeds per second"]


def test_the_projection_grows_with_the_graph() -> None:
    constants = dict.fromkeys(
        ("hash, s per million edges", "ldg, s per million edges", "metis, s per million edges"), 1.0
    ) | {"bytes on disk per node": 16.0, "bytes on disk per edge": 16.0, "bytes of memory per node": 90.0}
    rows = projection(constants)
    assert [row["parts on disk, GB"] for row in rows] == pytest.approx([1.68, 16.8, 168, 1680])
    assert [row["topology in memory, GB"] for row in rows] == pytest.approx([0.42, 4.2, 84, 840])
    assert rows[1]["LDG, h"] == pytest.approx(1000 / 3600) and rows[3]["METIS, h"] == "-"


def test_the_short_form_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pymetis")
    numbers = main(["--fast", "--ranks", "4", "--json", str(tmp_path / "scale.json")])
    shown = capsys.readouterr().out
    assert "| ldg | own |" in shown and (tmp_path / "scale.json").exists()
    cut = {row["parts"]: row["cut"] for row in numbers["simulated"]}
    traffic = {(row["topology"], row["parts"]): row["asked features, MB"] for row in numbers["simulated"]}
    assert cut["ldg"] < 0.5 * cut["hash"]
    assert traffic["partitioned", "ldg"] < traffic["partitioned", "hash"]
    assert traffic["replicated, hot rows", "hash"] < traffic["replicated", "hash"]


def test_samplers_agree_on_what_a_batch_is(tmp_path: Path) -> None:
    """The simulated run samples with one process what ranks would sample together."""
    data = Data(edge_index=torch.randint(NODES, (2, 200)), num_nodes=NODES)
    whole = load_whole(partition(data, tmp_path, 2, "hash"))
    seeds = {None: torch.arange(9)}
    a: Any = NeighborSampler(whole, FAR).sample(seeds, None, 7)
    b: Any = DistNeighborSampler(DistGraph(tmp_path, topology="partitioned"), FAR).sample(seeds, None, 7)
    assert torch.equal(a.node, b.node) and torch.equal(a.row, b.row)
