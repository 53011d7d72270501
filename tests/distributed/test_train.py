"""Training on several ranks is training on one, also after it was killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from grapevine.data import Data
from grapevine.datasets import Planetoid
from grapevine.distributed import DistEmbedding, DistGraph, inference, init, load_whole, partition, train
from grapevine.distributed.checkpoint import Checkpoints
from grapevine.errors import GraphTypeError, GraphValueError
from grapevine.loader import NeighborLoader
from grapevine.nn import GraphSAGE
from grapevine.training import Progress
from tests.distributed.launch import launch, values

FEATURES, HIDDEN, EPOCHS = 200, 8, 3
PATIENT = {"timeout": 60.0, "limit": 150.0}  # for busy machines


@pytest.fixture(scope="module")
def cora(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cora in three parts, in double precision."""
    folder = tmp_path_factory.mktemp("cora")
    (folder / "raw.zip").write_bytes((shared_data / "planetoid" / "cora.zip").read_bytes())
    (folder / "raw.zip").rename(folder / "cora.zip")
    data = Planetoid(str(folder), "Cora")[0]
    data.x = data.x[:, :FEATURES].double()
    partition(data, folder / "parts", 3)
    torch.save({key: data[key] for key in ("x", "y", "edge_index", "train_mask")}, folder / "whole.pt")
    return folder


def classifier(dropout: float = 0.5) -> GraphSAGE:
    torch.manual_seed(7)
    return GraphSAGE(FEATURES, HIDDEN, 2, 7, dropout=dropout).double()


def cross_entropy(model: nn.Module, batch: Any) -> tuple[Tensor, int]:
    out = model(batch.x, batch.edge_index)[: batch.batch_size]
    return F.cross_entropy(out, batch.y[: batch.batch_size], reduction="sum"), batch.batch_size


class Stop(Exception):
    """Stands for a machine that is switched off."""


def cora_run(
    world: Any,
    folder: Path,
    accumulate: int,
    neighbors: list[int] = [10, 10],  # noqa: B006
    dropout: float = 0.5,
    topology: str = "replicated",
    checkpoint: Path | None = None,
    kill: tuple[int, int, str] | None = None,
) -> tuple[list[float], dict[str, Tensor], int]:
    graph = DistGraph(folder / "parts", world, topology=topology)
    loader = NeighborLoader(graph, neighbors, "train_mask", batch_size=20, shuffle=True, seed=3)
    model = classifier(dropout)
    steps = 0

    def on_step(progress: Progress) -> None:
        nonlocal steps
        steps += 1
        if kill is not None and (world.rank, progress.step) == kill[:2]:
            if kill[2] == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise Stop

    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    done = train(
        model, loader, cross_entropy, adam, epochs=EPOCHS, accumulate=accumulate, seed=1, every=2,
        checkpoint=checkpoint, on_step=on_step, world=world,
    )  # fmt: skip
    loader.close()
    return done.losses, {key: value.detach() for key, value in model.state_dict().items()}, steps


def test_any_number_of_ranks_gives_the_same_curve(cora: Path) -> None:
    """Sampled neighbours and dropout included; 7 batches per pass, 6 or 1 per update."""
    expected, weights, steps = cora_run(init(), cora, 6)
    assert steps == 2 * EPOCHS
    for size, topology in ((2, "replicated"), (3, "partitioned")):
        found = values(size, cora_run, cora, 6 // size, [10, 10], 0.5, topology, **PATIENT)
        for losses, state, _ in found:
            assert losses == pytest.approx(expected, rel=1e-10)
            for key, value in state.items():
                torch.testing.assert_close(value, weights[key], rtol=1e-8, atol=1e-10)


def test_all_neighbours_give_the_curve_of_the_whole_graph(cora: Path) -> None:
    """One update per pass, over all training nodes: gradient descent on the graph as a whole, in plain PyTorch."""
    saved = torch.load(cora / "whole.pt", weights_only=True)
    model = classifier(dropout=0.0)
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    expected = []
    for _ in range(EPOCHS):
        adam.zero_grad()
        out = model(saved["x"], saved["edge_index"])
        loss = F.cross_entropy(out[saved["train_mask"]], saved["y"][saved["train_mask"]])
        loss.backward()
        adam.step()
        expected.append(loss.item())
    for losses, state, steps in values(2, cora_run, cora, 4, [-1, -1], 0.0, **PATIENT):
        assert losses == pytest.approx(expected, rel=1e-10) and steps == EPOCHS
        for key, value in state.items():
            torch.testing.assert_close(value, model.state_dict()[key], rtol=1e-8, atol=1e-10)


@pytest.fixture(scope="module")
def whole(cora: Path) -> list[Any]:
    """What two ranks reach without an interruption."""
    return values(2, cora_run, cora, 1, **PATIENT)


def test_a_job_that_was_stopped_ends_with_the_same_weights(
    cora: Path, whole: list[Any], tmp_path: Path
) -> None:
    """In the middle of the second pass; the other rank is told."""
    where = tmp_path / "states"
    stopped = launch(
        2, cora_run, cora, 1, [10, 10], 0.5, "replicated", where, (1, 6, "raised"), check=False, **PATIENT
    )
    assert all(end.code != 0 for end in stopped)
    assert "rank 1" in stopped[0].error  # who failed
    assert "Stop" in stopped[1].error
    shutil.copytree(where, tmp_path / "copy")
    for before, now in zip(
        whole, values(2, cora_run, cora, 1, [10, 10], 0.5, "replicated", where, **PATIENT)
    ):
        assert now[2] < before[2]  # it did go on
        assert now[0] == before[0]
        assert all(torch.equal(now[1][key], value) for key, value in before[1].items())
    losses, _, steps = cora_run(
        init(), cora, 2, checkpoint=tmp_path / "copy"
    )  # alone: the same up to rounding
    assert steps < whole[0][2] and losses == pytest.approx(whole[0][0], rel=1e-9)


PROGRAM = """
import os, signal, sys
from pathlib import Path
import torch
from tests.distributed.test_train import cora_run
from grapevine.distributed import init

folder, out = map(Path, sys.argv[1:])
torch.set_num_threads(1)
world = init(timeout=20)
first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
losses, state, steps = cora_run(
    world, folder, 1, checkpoint=out / "states", kill=(1, 5, "killed") if first else None
)
torch.save({"losses": losses, "state": state, "steps": steps}, out / f"{world.rank}.pt")
"""


def test_torchrun_starts_a_killed_job_again(cora: Path, whole: list[Any], tmp_path: Path) -> None:
    """SIGKILL at step 5 of 12, a restart by the agent, and the weights of the job that ran through."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [
        sys.executable,
        "-m",
        "grapevine",
        "train",
        "--nproc",
        "2",
        "--restarts",
        "2",
        program,
        cora,
        tmp_path,
    ]
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=180, env=environment)
    assert done.returncode == 0, done.stderr
    for rank, before in enumerate(whole):
        now = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert now["steps"] == before[2] - 4 and now["losses"] == before[0]
        assert all(torch.equal(now["state"][key], value) for key, value in before[1].items())


# Alone -------------------------------------------------------------------------------------------------------------


def square(model: nn.Module, batch: Tensor) -> tuple[Tensor, int]:
    return (model(batch) - batch).square().sum(), len(batch)


class Batches:
    """A loader that can go on where it stood."""

    def __init__(self) -> None:
        self.epoch = self.done = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch, self.done = epoch, 0

    def __iter__(self) -> Any:
        order = torch.randperm(5, generator=torch.Generator().manual_seed(self.epoch))
        for i in order[self.done :].tolist():
            self.done += 1
            yield torch.full((i, 2), float(i))
        self.epoch, self.done = self.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self.done = state["epoch"], state["done"]


def linear() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2)).double().eval()


def alone(folder: Path | None = None, stop: int | None = None, every: int = 1) -> Any:
    model, steps = linear(), 0
    model[1].eval()

    def on_step(progress: Progress) -> None:
        nonlocal steps
        steps += 1
        if progress.step == stop:
            raise Stop

    def loss(model: nn.Module, batch: Tensor) -> tuple[Tensor, int]:
        return square(model.train(len(batch) > 1), batch.double())

    sgd = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    done = train(model, Batches(), loss, sgd, epochs=3, every=every, checkpoint=folder, on_step=on_step)
    return model.state_dict(), done, steps


def test_damaged_and_half_written_states_are_passed_over(tmp_path: Path) -> None:
    expected, done, _ = alone()
    assert (done.epoch, done.step, len(done.losses)) == (3, 15, 3)
    with pytest.raises(Stop):
        alone(tmp_path, stop=8)  # the newest state is that of step 7
    assert [f.name for f in sorted(tmp_path.iterdir())] == ["step-0000000006", "step-0000000007"]
    file = next((tmp_path / "step-0000000007").glob("shared*"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    (tmp_path / "step-0000000009").mkdir()
    (tmp_path / "step-0000000009" / "rank-00000.abc.pt").write_bytes(b"half")
    with pytest.warns(RuntimeWarning, match=r"step-0000000007 is passed over.*checksum"):
        state, now, steps = alone(tmp_path)
    assert steps == 9 and now == done
    assert all(torch.equal(state[key], value) for key, value in expected.items())
    again, now, steps = alone(tmp_path)  # nothing is left to do
    assert steps == 0 and now == done and all(torch.equal(again[key], state[key]) for key in state)
    for manifest in tmp_path.glob("*/manifest.json"):
        manifest.write_text("{")
    with pytest.warns(RuntimeWarning, match="expected a manifest"):
        assert Checkpoints(tmp_path, init()).load() is None


def test_errors_teach(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(GraphValueError, match="every and accumulate of at least 1"):
        train(model, [torch.ones(1, 2)], square, sgd, epochs=1, accumulate=0)
    with pytest.raises(GraphTypeError, match=r"pass model\.module"):
        wrapped = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
        train(wrapped, [], square, sgd, epochs=1)
    with pytest.raises(GraphValueError, match="expected a finite loss, got inf in epoch 1"):
        train(model, [torch.full((1, 2), 1e30)], square, sgd, epochs=2)
    model = nn.Linear(2, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3)

    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise Stop

    with pytest.raises(Stop):
        train(
            model, [torch.ones(1, 2)] * 3, square, sgd, epochs=1, every=1, checkpoint=tmp_path, on_step=stop
        )
    with pytest.raises(GraphValueError, match=r"expected a loader with state_dict.*got list"):
        train(model, [torch.ones(1, 2)] * 3, square, sgd, epochs=1, every=1, checkpoint=tmp_path)
    with pytest.raises(GraphValueError, match="keep at least 1"):
        Checkpoints(tmp_path, init(), keep=0)


# Embeddings --------------------------------------------------------------------------------------------------------

ROWS, WIDTH = 11, 3


def table_run(world: Any, folder: Path | None = None, stop: int | None = None) -> Any:
    """Each update takes six batches of ids, shared out among the ranks."""
    ids = [torch.randint(ROWS, (n % 4,), generator=torch.Generator().manual_seed(n)) for n in range(18)]
    table = DistEmbedding(ROWS, WIDTH, seed=5, world=world)
    torch.manual_seed(1)
    model = nn.Linear(WIDTH, 1)
    sparse = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    dense = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss(model: nn.Module, batch: Tensor) -> tuple[Tensor, int]:
        return (model(table(batch)) - 1).square().sum(), len(batch)

    class Mine(Batches):
        def __iter__(self) -> Any:
            for i in range(self.done, 18, world.size):
                self.done += world.size
                yield ids[i + world.rank]

    def on_step(progress: Progress) -> None:
        if progress.step == stop:
            raise Stop

    try:
        train(
            model, Mine(), loss, [dense, sparse], epochs=2, accumulate=6 // world.size, embeddings=[table],
            checkpoint=folder, every=1, on_step=on_step, world=world,
        )  # fmt: skip
    except Stop:
        return None
    return table.weight.detach(), model.weight.detach()


def test_embeddings_are_those_of_torch(tmp_path: Path) -> None:
    first = DistEmbedding(ROWS, WIDTH, seed=5)
    table = nn.Embedding.from_pretrained(first.weight.detach().clone(), freeze=False, sparse=True)
    torch.manual_seed(1)
    model = nn.Linear(WIDTH, 1)
    optimizers = [
        torch.optim.SparseAdam(table.parameters(), lr=0.1),
        torch.optim.SGD(model.parameters(), lr=0.1),
    ]
    ids = [torch.randint(ROWS, (n % 4,), generator=torch.Generator().manual_seed(n)) for n in range(18)]
    for step in range(6):
        batch = torch.cat(ids[step % 3 * 6 :][:6])
        for optimizer in optimizers:
            optimizer.zero_grad()
        (model(table(batch)) - 1).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
    for size in (1, 2, 3):
        if size == 2:  # stopped, and gone on with as many ranks, and with one
            assert values(size, table_run, tmp_path / "two", 4, **PATIENT) == [None] * size
            shutil.copytree(tmp_path / "two", tmp_path / "one")
            one, _ = table_run(init(), tmp_path / "one")
            torch.testing.assert_close(one, table.weight.detach(), rtol=1e-5, atol=1e-6)
        where = tmp_path / "two" if size == 2 else None
        found = [table_run(init())] if size == 1 else values(size, table_run, where, **PATIENT)
        torch.testing.assert_close(
            torch.cat([rows for rows, _ in found]), table.weight.detach(), rtol=1e-5, atol=1e-6
        )
        for _, weight in found:
            torch.testing.assert_close(weight, model.weight.detach(), rtol=1e-5, atol=1e-6)


def test_embeddings_refuse_what_they_lack() -> None:
    table = DistEmbedding(4, 2)
    with pytest.raises(GraphValueError, match="expected ids from 0 to 3, got 1 to 4"):
        table(torch.tensor([1, 4]))
    with pytest.raises(GraphValueError, match="expected 2 offsets for 1 ranks"):
        DistEmbedding(torch.tensor([0, 2, 4]), 2)
    assert Data(x=table(torch.tensor([0]))).num_nodes == 1


# Inference ---------------------------------------------------------------------------------------------------------


def infer(world: Any, folder: Path) -> Tensor:
    graph = DistGraph(folder / "parts", world, topology="partitioned", features="owner")
    return inference(classifier().eval(), graph, batch_size=400)


def test_inference_is_the_model_on_the_whole_graph(cora: Path) -> None:
    whole = load_whole(cora / "parts")
    with torch.no_grad():
        expected = classifier().eval()(whole.x, whole.edge_index)
    for found in ([infer(init(), cora)], values(2, infer, cora, **PATIENT)):
        torch.testing.assert_close(torch.cat(found), expected, rtol=1e-10, atol=1e-12)
    graph = DistGraph(cora / "parts")
    with pytest.raises(GraphValueError, match=r"got training mode; call model\.eval\(\)"):
        inference(classifier(), graph)
    with pytest.raises(GraphValueError, match=r"on one machine call model\.inference\(loader\)"):
        inference(classifier().eval(), DistGraph.of(whole))
