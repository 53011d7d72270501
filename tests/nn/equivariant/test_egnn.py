"""EGNN and the networks it is compared with, against outputs and gradients of the published code."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import grapevine as gv
from grapevine.errors import GraphValueError
from grapevine.nn import equivariant
from grapevine.nn.equivariant import E_GCL, EGNN, EGNN_QM9, EGNN_nbody, EGNN_vel, _blocks
from tests.nn.equivariant.golden import (
    EXACT,
    OUTPUT,
    assert_like,
    assert_same_gradients,
    golden,
    names,
)

DTYPES = (torch.float32, torch.float64)


def build(constructor: str, file: str) -> Any:
    """The module that a case's constructor call names."""
    name, arguments = re.match(r"([\w.]+)\((.*?)\)(?:;|  #|$)", constructor).groups()
    name = "EGNN_nbody" if name.startswith("n_body_system") else name
    return eval(f"module({arguments})", {"module": getattr(equivariant, name)})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", names("egnn_clean.pt"))
def test_clean(name: str, dtype: torch.dtype) -> None:
    file = golden("egnn_clean.pt")
    case = file["cases"][name]
    model = build(case["ctor"], "egnn_clean")
    model.load_state_dict(case["state_dict"])
    model.to(dtype)
    i = {k: v.to(dtype, copy=True).requires_grad_() for k, v in case["inputs"].items()}
    edge_index = case.get("edge_index", file["edge_index"])
    if isinstance(model, EGNN):
        h, x = model(i["h"], i["x"], edge_index, i["edge_attr"])
    else:
        h, x, _ = model(i["h"], edge_index, i["x"], i.get("edge_attr"))
    out = {"h": h, "x": x}
    if dtype == torch.float64:
        assert_like(out, case["outputs_fp64"], EXACT)
    else:
        assert_like(out, case["outputs"], OUTPUT)
        assert_same_gradients(out, case, i, model)


def nbody(model: Any, edge_index: Tensor, x: Tensor, vel: Tensor | None, qq: Tensor) -> Tensor:
    """The calls of the n-body experiments."""
    r2 = (x[edge_index[0]] - x[edge_index[1]]).square().sum(1, keepdim=True).detach()
    attributes = torch.cat([qq, r2], dim=1)
    speed = None if vel is None else vel.norm(dim=1, keepdim=True).detach()
    if isinstance(model, equivariant.GNN):
        return model(torch.cat([x, vel], dim=1), edge_index, qq)
    if isinstance(model, equivariant.RF_vel):
        return model(speed, x, edge_index, vel, attributes)
    if isinstance(model, EGNN_vel):
        return model(speed, x, edge_index, vel, attributes)
    return model(torch.ones_like(x[:, :1]), x, edge_index, attributes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", names("nbody.pt", "vel_train_trace"))
def test_nbody(name: str, dtype: torch.dtype) -> None:
    file = golden("nbody.pt")
    case = file["cases"][name]
    model = build(case["ctor"], "nbody")
    model.load_state_dict(case["state_dict"])
    model.to(dtype)
    i = {k: v.to(dtype, copy=True).requires_grad_() for k, v in case["inputs"].items()}
    out = {next(iter(case["outputs"])): nbody(model, file["edge_index"], i["x"], i.get("vel"), i["qq"])}
    if dtype == torch.float64:
        assert_like(out, case["outputs_fp64"], EXACT)
    else:
        assert_like(out, case["outputs"], OUTPUT)
        assert_same_gradients(out, case, i, model)


def test_training_follows_the_reference() -> None:
    """Same weights from the same seed, the same losses over 20 steps of Adam, the same weights in the end."""
    file = golden("nbody.pt")
    trace = file["cases"]["vel_train_trace"]
    i = trace["inputs"]
    torch.manual_seed(1)
    model = EGNN_vel(in_node_nf=1, in_edge_nf=2, hidden_nf=64, n_layers=4, recurrent=True)
    assert sum(p.numel() for p in model.parameters()) == 134_020
    assert list(model.state_dict()) == list(trace["init_state_dict"])
    assert all(torch.equal(p, trace["init_state_dict"][k]) for k, p in model.state_dict().items())
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=1e-12)
    losses = []
    for _ in range(20):
        out = nbody(model, file["edge_index"], i["x"], i["vel"], i["qq"])
        loss = F.mse_loss(out, i["loc_end"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    torch.testing.assert_close(torch.tensor(losses, dtype=torch.float64), trace["losses"], rtol=1e-5, atol=0)
    for name, p in model.state_dict().items():
        torch.testing.assert_close(p.double().sum(), trace["final_checksum"][name], rtol=1e-4, atol=1e-5)


def test_qm9_counts_molecules_alike_with_padding_and_without() -> None:
    model = EGNN_QM9(15, 0, 128, n_layers=7, attention=True, node_attr=False)
    assert sum(p.numel() for p in model.parameters()) == 745_224
    torch.manual_seed(0)
    model = EGNN_QM9(4, 0, 8, n_layers=2, attention=True).double()
    sizes, most = (3, 2), 3
    h, x = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    batch = torch.repeat_interleave(torch.tensor(sizes))
    same = batch[:, None] == batch[None]
    packed = model(h, x, torch.nonzero(same & ~torch.eye(5, dtype=torch.bool)).t(), batch=batch)
    # Padded as in the published code: all ordered pairs of rows, those with a missing atom or itself masked.
    rows = torch.tensor([0, 1, 2, 3, 4])
    padded_h, padded_x = torch.zeros(6, 4, dtype=torch.float64), torch.zeros(6, 3, dtype=torch.float64)
    padded_h[rows], padded_x[rows] = h, x
    mask = torch.tensor([1.0, 1, 1, 1, 1, 0], dtype=torch.float64).unsqueeze(1)
    i, j = (t.flatten() for t in torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij"))
    edge_index = torch.cat([torch.stack([i, j]) + most * m for m in range(2)], dim=1)
    edge_mask = mask[edge_index[0]] * mask[edge_index[1]] * (edge_index[0] != edge_index[1]).unsqueeze(1)
    padded = model(padded_h, padded_x, edge_index, None, mask, edge_mask, n_nodes=most)
    torch.testing.assert_close(packed, padded, rtol=1e-12, atol=0)
    with pytest.raises(GraphValueError, match="n_nodes"):
        model(h, x, edge_index)


def random_graph(nodes: int, edges: int) -> Tensor:
    return torch.randint(0, nodes, (2, edges), generator=torch.Generator().manual_seed(3))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, first and second derivatives in blocks of receivers are those of all edges at once."""
    layer = E_GCL(4, 4, 8, edges_in_d=2, attention=True, normalize="shifted").double()
    h, x, a = (
        torch.randn(n, f, dtype=torch.float64, requires_grad=True) for n, f in ((9, 4), (9, 3), (60, 2))
    )
    edge_index = random_graph(9, 60)

    def results() -> list[Tensor]:
        new_h, new_x, _ = layer(h, edge_index.clone(), x, a)
        read = [h, x, a, *layer.parameters()]
        energy = new_h.square().sum() + new_x.pow(3).sum()
        first = torch.autograd.grad(energy, read, retain_graph=True)
        (force,) = torch.autograd.grad(energy, x, create_graph=True)
        second = torch.autograd.grad(force.square().sum(), [h, x, layer.edge_mlp[2].weight])
        return [new_h, new_x, *first, *second]

    expected = results()
    monkeypatch.setattr(_blocks, "BUDGET", 0)
    monkeypatch.setattr(_blocks, "BLOCK", 10)
    for ours, theirs in zip(results(), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("normalize", [False, True, "shifted"])
def test_forces_are_right(normalize: bool | str) -> None:
    """Autograd against central differences of the energy; coincident points and isolated nodes included."""
    torch.manual_seed(1)
    layers = [
        E_GCL(3, 3, 8, attention=True, normalize=normalize, coords_weight=20.0).double() for _ in range(2)
    ]
    h = torch.randn(6, 3, dtype=torch.float64)
    x = torch.randn(6, 3, dtype=torch.float64)
    edge_index = random_graph(5, 14)

    def energy(x: Tensor) -> Tensor:
        y = h
        for layer in layers:
            y, x, _ = layer(y, edge_index, x)
        return y.sum() + x.square().sum()

    if normalize is not True:  # there the length counts as a constant, on purpose
        assert torch.autograd.gradcheck(energy, x.clone().requires_grad_(), eps=1e-6, rtol=1e-6, atol=1e-8)
        assert torch.autograd.gradgradcheck(
            energy, x.clone().requires_grad_(), rtol=1e-5, atol=1e-6, fast_mode=True
        )
    together = x.clone()
    together[1] = together[0]
    (force,) = torch.autograd.grad(energy(together.requires_grad_()), together)
    assert force.isfinite().all()


def test_the_callers_coordinates_stay() -> None:
    model = EGNN_nbody(1, 0, 8, n_layers=2)
    x = torch.randn(5, 3)
    kept = x.clone()
    model(torch.ones(5, 1), x, random_graph(5, 12))
    assert torch.equal(x, kept)


def test_rows_receive_and_edges_point() -> None:
    """Row 0 of an edge_index receives; in `Edges`, messages go from source to destination."""
    layer = E_GCL(2, 2, 4)
    h, x, edge_index = torch.randn(4, 2), torch.randn(4, 3), random_graph(4, 7)
    by_rows = layer(h, edge_index, x)
    by_edges = layer(h, gv.Edges((edge_index[1], edge_index[0]), num_nodes=4), x)
    for ours, theirs in zip(by_rows[:2], by_edges[:2], strict=True):
        torch.testing.assert_close(ours, theirs)


def test_without_edges_all_pairs_talk() -> None:
    h, x, v = torch.randn(4, 2), torch.randn(4, 5), torch.randn(4, 5)
    pairs = torch.tensor([(i, j) for i in range(4) for j in range(4) if i != j]).t()
    model = EGNN(2, 8, 3, n_layers=2)
    for ours, theirs in zip(model(h, x), model(h, x, pairs), strict=True):
        torch.testing.assert_close(ours, theirs)
    moving = EGNN_vel(2, 1, 8, n_layers=1)
    a = torch.randn(12, 1)
    torch.testing.assert_close(moving(h, x, None, v, a), moving(h, x, pairs, v, a))


@pytest.mark.parametrize("velocity", [False, True])
def test_coordinates_alone_are_the_same(velocity: bool) -> None:
    layer = E_GCL(3, 3, 8, velocity=velocity, attention=True)
    h, x, v, edge_index = torch.randn(5, 3), torch.randn(5, 3), torch.randn(5, 3), random_graph(5, 14)
    expected = layer(h, edge_index, x, vel=v)[1]
    same, found, _ = layer(h, edge_index, x, vel=v, features=False)
    assert same is h and torch.equal(found, expected)


def test_refusals() -> None:
    with pytest.raises(GraphValueError, match="residual"):
        E_GCL(2, 3, 4)
    with pytest.raises(GraphValueError, match="coords_agg"):
        E_GCL(2, 2, 4, coords_agg="max")
