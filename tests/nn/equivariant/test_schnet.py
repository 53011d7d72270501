"""SchNet against the peer with the same weights."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from grapevine.errors import GraphValueError, MissingDependencyError
from grapevine.geometry import radius_graph
from grapevine.nn.equivariant import SchNet


def graph(pos: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    edge_index = radius_graph(pos, 2.0, batch)
    return edge_index, (pos[edge_index[0]] - pos[edge_index[1]]).norm(dim=-1)


OPTIONS = ({}, {"readout": "mean", "mean": 0.3, "std": 2.0}, {"atomref": True}, {"dipole": True})


@pytest.mark.parametrize("options", OPTIONS)
def test_schnet(options: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = pytest.importorskip("torch_geometric.nn.models.schnet")
    if "dipole" in options:  # both read the masses of the elements there, and nothing else
        ase, data = ModuleType("ase"), ModuleType("ase.data")
        ase.data = data
        data.atomic_masses = np.linspace(0.1, 290, 119)
        monkeypatch.setitem(sys.modules, "ase", ase)
        monkeypatch.setitem(sys.modules, "ase.data", data)
    if "atomref" in options:
        options = {"atomref": torch.randn(100, 1)}
    sizes = {"hidden_channels": 8, "num_filters": 6, "num_interactions": 2, "num_gaussians": 5, "cutoff": 2.0}
    theirs = peer.SchNet(**sizes, interaction_graph=graph, **options)
    ours = SchNet(**sizes, **options)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    ours.load_state_dict(theirs.state_dict())
    z, batch = torch.tensor([1, 6, 8, 1, 7, 1]), torch.tensor([0, 0, 0, 0, 1, 1])
    a, b = (torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).requires_grad_() for _ in range(2))
    out, expected = ours(z, a, batch), theirs(z, b, batch)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)
    out.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(a.grad, b.grad, rtol=1e-5, atol=1e-6)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-5, atol=1e-6, msg=name)


def test_a_dipole_needs_masses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ase.data", None)
    with pytest.raises(MissingDependencyError, match="pip install ase"):
        SchNet(dipole=True)


def test_forces_and_refusals() -> None:
    model = SchNet(8, 6, 2, 5, cutoff=2.0).double()
    z, x = torch.tensor([1, 6, 8]), torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: model(z, x), x)
    assert torch.autograd.gradgradcheck(lambda x: model(z, x), x, fast_mode=True)
    with pytest.raises(GraphValueError, match="readout"):
        SchNet(readout="max")
