"""Training loops in mixed precision, with pinned batches, and with several copies of a model."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from torch.nn import functional as F

import grapevine as gv
from grapevine.data import Data
from grapevine.loader import DataListLoader, DataLoader
from grapevine.nn import global_mean_pool
from grapevine.nn.data_parallel import DataParallel, divide

KINDS = ["gcn", "gat", "sage", "gin"]


class Model(torch.nn.Module):
    """Two layers, a readout, and a linear classifier; smooth, so that rounding stays small."""

    def __init__(self, kind: str, namespace: Any = gv.nn) -> None:
        super().__init__()
        torch.manual_seed(0)
        make: Any = {
            "gcn": namespace.GCNConv,
            "gat": lambda i, o: namespace.GATConv(i, o // 2, heads=2),
            "sage": lambda i, o: namespace.SAGEConv(i, o, aggr="max"),
            "gin": lambda i, o: namespace.GINConv(torch.nn.Linear(i, o)),
        }[kind]
        self.first, self.second, self.last = make(6, 8), make(8, 8), torch.nn.Linear(8, 3)

    def forward(self, data: Any) -> Tensor:
        x = self.first(data.x, data.edge_index).tanh()
        x = self.second(x, data.edge_index).tanh()
        return self.last(global_mean_pool(x, data.batch))


def graphs(count: int = 8) -> list[Data]:
    generator = torch.Generator().manual_seed(1)
    sizes = torch.randint(4, 9, (count,), generator=generator).tolist()
    return [
        Data(
            x=torch.randn(n, 6, generator=generator),
            edge_index=torch.randint(n, (2, 3 * n), generator=generator),
            y=torch.tensor([i % 3]),
        )
        for i, n in enumerate(sizes)
    ]


def gradients(model: torch.nn.Module) -> list[Tensor]:
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def train(model: Model, device: torch.device, amp: bool, steps: int = 20) -> list[float]:
    """The usual loop: autocast, a scaler that does nothing but on CUDA, pinned batches."""
    cuda = device.type == "cuda"
    scaler = torch.amp.GradScaler(device.type, enabled=amp and cuda)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    loader = DataLoader(graphs(), batch_size=4, pin_memory=cuda)
    for _ in range(steps):
        for data in loader:
            data = data.to(device, non_blocking=True)
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.float16 if cuda else torch.bfloat16, enabled=amp):
                loss = F.cross_entropy(model(data), data.y)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
    return losses


DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_mixed_precision(kind: str, device: str) -> None:
    """The losses of every step follow those in float32 within the rounding of bfloat16; weights stay float32."""
    here = torch.device(device)
    losses = {}
    for amp in (False, True):
        model = Model(kind).to(here)
        losses[amp] = train(model, here, amp)
        assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert losses[False][-1] < losses[False][0] and losses[True][-1] < losses[True][0]
    eps = torch.finfo(torch.bfloat16).eps
    torch.testing.assert_close(losses[True][0], losses[False][0], rtol=2 * eps, atol=0)
    torch.testing.assert_close(losses[True][:6], losses[False][:6], rtol=8 * eps, atol=0)


@pytest.mark.parametrize("record", [gv.recorded, gv.materialised])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_in_mixed_precision(kind: str, record: Any) -> None:
    """As near to those in float32 as the peer's: half of the rounding more is allowed."""
    peer = pytest.importorskip("torch_geometric.nn")
    data = next(iter(DataLoader(graphs(), batch_size=8)))
    away = {}
    for namespace in (gv.nn, peer):
        model = Model(kind, namespace)
        found = []
        for amp in (False, True):
            model.zero_grad()
            with record(), torch.autocast("cpu", torch.bfloat16, enabled=amp):
                F.cross_entropy(model(data), data.y).backward()
            found.append(torch.cat([g.flatten() for g in gradients(model)]))
        away[namespace] = float((found[0] - found[1]).norm() / found[0].norm())
    assert away[gv.nn] < 1.5 * away[peer] + torch.finfo(torch.bfloat16).eps


@pytest.mark.parametrize(
    "sizes, parts", [([2, 2, 4], 2), ([9, 1, 1], 3), ([1, 1, 1, 1, 9], 4), ([5], 1), ([3, 8, 2, 7, 4], 2)]
)
def test_graphs_are_divided_as_in_the_peer(
    sizes: list[int], parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = pytest.importorskip("torch_geometric")
    monkeypatch.setattr(peer.data.Batch, "to", lambda self, device: self, raising=False)
    data_list = [peer.data.Data(x=torch.full((n, 1), float(i)), num_nodes=n) for i, n in enumerate(sizes)]
    stand_in = type("Module", (), {"follow_batch": [], "exclude_keys": []})()
    theirs = peer.nn.DataParallel.scatter(stand_in, data_list, list(range(parts)))
    want = [batch.x.unique().long().tolist() for batch in theirs]
    assert [list(range(i, j)) for i, j in divide(torch.tensor(sizes), parts)] == want


@pytest.mark.parametrize("kind", KINDS)
def test_data_parallel(kind: str) -> None:
    """On one device, the model on one batch: outputs and gradients."""
    model = Model(kind)
    parallel = DataParallel(copy.deepcopy(model), follow_batch=["y"])
    for data_list in DataListLoader(graphs(), batch_size=4):
        batch = next(iter(DataLoader(data_list, batch_size=4)))
        out, want = parallel(data_list), model(batch)
        torch.testing.assert_close(out, want)
        F.cross_entropy(out, batch.y).backward()
        F.cross_entropy(want, batch.y).backward()
    torch.testing.assert_close(gradients(parallel), gradients(model))
    assert parallel([]) is None
    assert list(parallel.state_dict()) == [f"module.{name}" for name in model.state_dict()]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two GPUs")
def test_data_parallel_on_two_devices() -> None:
    model = Model("gcn").cuda()
    batch = next(iter(DataLoader(graphs(), batch_size=8))).to("cuda")
    torch.testing.assert_close(DataParallel(model)(graphs()), model(batch))


def work(rank: int, folder: str) -> None:
    """One of two processes: a step on its half of the graphs."""
    torch.set_num_threads(1)
    store = dist.FileStore(f"{folder}/store", 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    sampler: Any = torch.utils.data.DistributedSampler(graphs(), 2, rank, shuffle=False)
    grads = {}
    for kind in KINDS:
        parallel = torch.nn.parallel.DistributedDataParallel(Model(kind))
        for data in DataLoader(graphs(), batch_size=4, sampler=sampler):
            F.cross_entropy(parallel(data), data.y).backward()
        grads[kind] = gradients(parallel)
    torch.save(grads, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_distributed_data_parallel(tmp_path: Path) -> None:
    """Two processes with half of the graphs each: the gradients of one process with all."""
    mp.start_processes(work, (str(tmp_path),), nprocs=2, start_method="spawn")  # type: ignore[no-untyped-call]
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    data = next(iter(DataLoader(graphs(), batch_size=8)))
    for kind in KINDS:
        model = Model(kind)
        F.cross_entropy(model(data), data.y).backward()
        for grads in found:
            torch.testing.assert_close(grads[kind], gradients(model))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU to pin memory for")
def test_pinned_batches() -> None:
    for data in DataLoader(graphs(), batch_size=4, pin_memory=True):
        assert data.x.is_pinned() and data.edge_index.is_pinned()
