"""What goes wrong in loaders: an error that names rank, step and cause in time, and no rank left behind."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from grapevine.data import Data
from grapevine.distributed import (
    DistGraph,
    Exchange,
    ExchangeError,
    load_whole,
    partition,
    shared,
    train,
)
from grapevine.distributed.metrics import imbalance
from grapevine.errors import GraphValueError
from grapevine.loader import NeighborLoader
from grapevine.sampler import NeighborSampler, NodeSamplerInput
from tests.distributed.launch import launch, values


def ring(num_nodes: int = 40) -> Data:
    nodes = torch.arange(num_nodes)
    return Data(x=nodes.float().view(-1, 1), edge_index=torch.stack([nodes, (nodes + 1) % num_nodes]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("failures")
    for name in ("one", "other"):  # the same graph twice: two partitions nevertheless
        partition(ring(), path / name, 3, method="hash")
    star = torch.stack([torch.arange(1, 3000), torch.zeros(2999, dtype=torch.int64)])
    edges = torch.cat([star, star.flip(0)], dim=1)
    partition(Data(x=torch.randn(3000, 4), edge_index=edges), path / "star", 3, method="hash")
    return path


def raising(world: Any, folder: Path) -> None:
    """A hook that fails on rank 1 in its third batch; a program that fails; a rank that is killed."""
    graph = DistGraph(folder / "one", topology="partitioned")

    def hook(out: Any) -> Any:
        if world.rank == 1 and out.node[0] == 7:  # batch 7 of 3 ranks: step 2
            raise KeyError("no such column")
        return out

    for _ in NeighborLoader(graph, [2], batch_size=1, transform_sampler_output=hook, name="hooked"):
        pass


def test_a_raising_hook_reaches_everybody(folder: Path) -> None:
    ended = launch(3, raising, folder, check=False, timeout=60.0)
    assert [end.code for end in ended] == [1, 1, 1]
    assert "KeyError: 'no such column'" in ended[1].error and "in hook" in ended[1].error
    for rank in (0, 2):
        assert f"rank {rank}, step " in ended[rank].error and ended[rank].seconds < 50
        assert "rank 1 gave up: step 2: KeyError: 'no such column'" in ended[rank].error


def failing(world: Any, folder: Path, how: str) -> None:
    graph = DistGraph(folder / "one", topology="partitioned", features="owner")
    for step, _ in enumerate(NeighborLoader(graph, [2, 2], batch_size=1)):
        if world.rank == 1 and step == 2:
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("loss is nan")


@pytest.mark.parametrize("how", ["killed", "raised"])
def test_a_failing_program_ends_the_others(folder: Path, how: str) -> None:
    ended = launch(3, failing, folder, how, check=False, timeout=60.0)
    assert [end.code for end in ended] == [1, -signal.SIGKILL if how == "killed" else 1, 1]
    for rank in (0, 2):
        assert "rank 1" in ended[rank].error and "step" in ended[rank].error and ended[rank].seconds < 50
        assert how == "killed" or "the program of this rank ended with an error" in ended[rank].error


def differing(world: Any, folder: Path) -> list[str]:
    graph = DistGraph(folder / "one")
    damaged = folder / f"damaged-{world.rank}"
    shutil.copytree(folder / "one", damaged)
    if world.rank == 1:
        file = damaged / "part-00001" / "nodes" / "_" / "x.npy"
        file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    texts = []
    for make in (
        lambda: DistGraph(folder / ("one" if world.rank != 1 else "other")),
        lambda: DistGraph(folder / "one", topology="replicated" if world.rank else "partitioned"),
        lambda: NeighborLoader(graph, [2, 2 + world.rank]),
        lambda: NeighborLoader(graph, [2], input_nodes=torch.arange(5 + world.rank)),
        lambda: DistGraph(damaged),
    ):
        with pytest.raises(GraphValueError) as error:
            make()
        texts.append(str(error.value))
    return texts


def test_ranks_with_other_parts_or_options(folder: Path) -> None:
    """Another partition, another option, another batch, a damaged file: told on all ranks, by rank, at once."""
    for rank, texts in enumerate(values(3, differing, folder)):
        assert "ranks [0, 2]" in texts[0] and "ranks [1]" in texts[0]
        assert "ranks [0]" in texts[1] and "partitioned" in texts[1] and "ranks [1, 2]" in texts[1]
        assert "[2, 2]" in texts[2] and "[2, 3]" in texts[2] and "[2, 4]" in texts[2]
        assert all(f"ranks [{other}]" in texts[3] for other in range(3))
        assert "x.npy" in texts[4] and (rank == 1 or "rank 1: GraphValueError" in texts[4])


def star(world: Any, folder: Path) -> dict[str, Any]:
    """A hub that every node needs, all its edges at once, in pieces of 512 bytes."""
    graph = DistGraph(folder / "star", topology="partitioned", features="owner")
    whole: Any = load_whole(folder / "star")
    hub = int(torch.bincount(whole.edge_index[1]).argmax())
    loader = NeighborLoader(graph, [-1, -1], input_nodes=torch.arange(6), batch_size=2, name="star")
    assert loader.exchange is not None
    loader.exchange.piece = 512
    for k, batch in enumerate(loader):
        seeds = torch.arange(6)[(k * world.size + world.rank) * 2 :][:2]
        alone = NeighborSampler(whole, [-1, -1]).sample_from_nodes(NodeSamplerInput(None, seeds))
        assert torch.equal(batch.n_id, alone.node) and torch.equal(batch.e_id, alone.edge)
        assert torch.equal(batch.x, whole.x[batch.n_id]) and hub in batch.n_id
    loader.exchange.most = 1000
    with pytest.raises(ExchangeError, match=r"expected 0 to 1000 bytes from rank|rank . gave up|rank . says"):
        list(loader)
    return loader.metrics.dict()


def test_a_hub_and_what_is_too_large(folder: Path) -> None:
    """Equal to one process whatever the owners carry; the imbalance shows; an absurd size is refused."""
    told = values(3, star, folder)
    assert imbalance([each["sent_bytes"] for each in told]) > 1.3 and all(each["exchanges"] for each in told)


def tiny_memory(world: Any, scratch: Path) -> str:
    """Shared memory of 64 KiB, in a mount namespace of this process; then none at all, on two ranks."""
    if world.size == 1:
        libc = ctypes.CDLL(None, use_errno=True)
        place = scratch / "memory"
        place.mkdir()
        if (
            libc.unshare(0x00020000)
            or libc.mount(b"none", b"/", None, 0x44000, None)
            or libc.mount(b"tmpfs", str(place).encode(), b"tmpfs", 0, b"size=64k")
        ):
            return "not allowed"
        shared.MEMORY = str(place)
        small, large = shared._room(1000), shared._room(1_000_000)
        assert os.path.dirname(small) == str(place) != os.path.dirname(large)
        assert [os.path.getsize(path) for path in (small, large)] == [1000, 1_000_000]
        os.unlink(large)
        with pytest.raises(GraphValueError, match=r"room for .* bytes to share, got none"):
            shared._room(1 << 60)
        return "survived"
    shared.MEMORY = "/nowhere"
    large = shared.share(world, lambda: {"x": torch.arange(100_000), "none": torch.empty(0, 3)})
    assert int(large["x"].sum()) == sum(range(100_000)) and large["none"].shape == (0, 3)

    def build() -> dict[Any, torch.Tensor]:
        raise GraphValueError("no such attribute")

    with pytest.raises(GraphValueError, match="no such attribute"):
        shared.share(world, build)
    shared._written = lambda tensors: ("/nowhere/at/all", 64, [])
    with pytest.raises((GraphValueError, OSError), match=r"GRAPEVINE_HOST|nowhere"):
        shared.share(world, lambda: {"x": torch.arange(3)})
    return "survived"


def test_full_shared_memory(tmp_path: Path) -> None:
    """torch would end the process at the first page that is not there."""
    assert values(2, tiny_memory, tmp_path) == ["survived"] * 2
    if values(1, tiny_memory, tmp_path) == ["not allowed"]:
        pytest.skip("mounting is not allowed here")


def full_memory(world: Any, folder: Path, full: bool) -> Any:
    """Trains on a graph and features that the ranks share, with /dev/shm full to the last byte."""
    libc, places = ctypes.CDLL(None, use_errno=True), []
    if full:
        if (
            libc.unshare(0x00020000)
            or libc.mount(b"none", b"/", None, 0x44000, None)
            or libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", 0, b"size=64k")
        ):
            return "not allowed"
        with pytest.raises(OSError, match="No space left"), open("/dev/shm/full", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    room = shared._room

    def seen(size: int) -> str:
        path = room(size)
        places.append(os.path.dirname(path))
        return path

    shared._room = seen
    graph = DistGraph(folder / "star")
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    loader = NeighborLoader(graph, [5, 5], input_nodes=torch.arange(200), batch_size=20, shuffle=True)

    def loss(model: torch.nn.Module, batch: Any) -> tuple[torch.Tensor, int]:
        return model(batch.x)[: batch.batch_size].square().sum(), batch.batch_size

    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = train(model, loader, loss, sgd, epochs=2, world=world).losses
    loader.close()
    assert len(places) == (2 if world.rank == 0 else 0)  # one mapping of features, one of edges
    assert all((place == shared.MEMORY) != full for place in places)
    return losses


def test_training_goes_on_where_shared_memory_is_full(folder: Path) -> None:
    """Files take its place: no rank ends with SIGBUS, and nothing else changes."""
    losses = values(2, full_memory, folder, False)
    found = values(2, full_memory, folder, True)
    if found == ["not allowed"] * 2:
        pytest.skip("mounting is not allowed here")
    assert found == losses and losses[0][1] < losses[0][0]


def truncated(world: Any, folder: Path) -> None:
    graph = DistGraph(folder, topology="partitioned", features="owner")
    for step, _ in enumerate(NeighborLoader(graph, [2], batch_size=1, name="cut short")):
        if world.rank == 1 and step == 2:
            os.truncate(folder / "part-00001" / "nodes" / "_" / "x.npy", 0)


def test_a_file_that_is_truncated_while_it_is_mapped(folder: Path, tmp_path: Path) -> None:
    """Nothing can save the rank that reads it; the others name it at once, and the file is named at the next start."""
    path = shutil.copytree(folder / "one", tmp_path / "parts")
    ended = launch(3, truncated, path, check=False, timeout=60.0)
    assert [end.code for end in ended] == [1, -signal.SIGBUS, 1]
    for rank in (0, 2):
        assert f"rank {rank} of 3: step" in ended[rank].error and "'cut short'" in ended[rank].error
        assert "no sign of life from rank 1" in ended[rank].error and ended[rank].seconds < 50
    with pytest.raises(GraphValueError, match=r"x\.npy.*bytes"):
        load_whole(path)


LEFT_OPEN = """
import os, sys, torch, grapevine.distributed as gd
from grapevine.loader import NeighborLoader
world = gd.init(timeout=20.0, init_method=os.environ["STORE"])
exchange = gd.Exchange(world)
for step in range(20):
    exchange.swap([torch.ones(100)] * 2, "rows", step)
graph = gd.DistGraph(sys.argv[1], topology="partitioned")
for batch in NeighborLoader(graph, [2], batch_size=1):
    break
"""


def test_exit_codes_are_zero_without_a_word(folder: Path, tmp_path: Path) -> None:
    """Without an explicit end torch aborts one run in three; the world ends itself and its loaders at exit."""
    env = {**os.environ, "WORLD_SIZE": "2", "STORE": f"file://{tmp_path}/store", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", LEFT_OPEN, str(folder / "one")]
    ranks = [
        subprocess.Popen(command, env={**env, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    ends = [(rank.communicate(timeout=90)[1], rank.returncode) for rank in ranks]
    assert [code for _, code in ends] == [0, 0], ends


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    """Two network namespaces and a cable between them."""
    names = (f"gv{os.getpid()}a", f"gv{os.getpid()}b")

    def ip(*words: str) -> bool:
        return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0

    if shutil.which("ip") is None or not ip("netns", "add", names[0]):
        pytest.skip("network namespaces are not allowed here")
    try:
        made = ip("netns", "add", names[1]) and ip("link", "add", "gv0", "netns", names[0], "type", "veth", "peer",
                                                   "name", "gv1", "netns", names[1])  # fmt: skip
        for k, name in enumerate(names):
            made = made and ip("-n", name, "addr", "add", f"10.99.0.{k + 1}/24", "dev", f"gv{k}")
            made = (
                made
                and ip("-n", name, "link", "set", f"gv{k}", "up")
                and ip("-n", name, "link", "set", "lo", "up")
            )
        if not made:
            pytest.skip("virtual cables are not allowed here")
        yield names
    finally:
        for name in names:
            ip("netns", "del", name)


def cut_off(world: Any, name: str) -> None:
    exchange = Exchange(world, "cut")
    for step in range(10**9):
        exchange.swap([torch.ones(10)] * 2, "rows", step)
        if step == 10 and world.rank == 0:
            subprocess.run(["ip", "-n", name, "link", "set", "gv0", "down"], check=True)


def test_a_cut_cable_ends_both_sides(cable: tuple[str, str]) -> None:
    ended = launch(
        2, cut_off, cable[0], check=False, timeout=3.0,
        env=lambda rank: {"NETWORK": f"/var/run/netns/{cable[rank]}", "GLOO_SOCKET_IFNAME": f"gv{rank}"},
    )  # fmt: skip
    for rank, end in enumerate(ended):
        assert end.code == 1 and f"rank {rank} of 2: step" in end.error and "Timed out" in end.error
        assert f"rank {1 - rank} says" in end.error or f"no sign of life from rank {1 - rank}" in end.error
