"""PaiNN and its layers: their equations, their symmetry, their derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grapevine.errors import GraphValueError
from grapevine.geometry import radius_graph
from grapevine.nn.equivariant import PaiNN, PaiNNMessage, PaiNNUpdate
from grapevine.testing import assert_equivariant

EDGE_INDEX = torch.tensor([[0, 1, 2, 3, 1, 2], [1, 2, 3, 0, 0, 2]])  # the last is a self-loop


def layers() -> tuple[PaiNNMessage, PaiNNUpdate]:
    return PaiNNMessage(4, num_rbf=6, cutoff=4.0).double(), PaiNNUpdate(4).double()


def run(x: Tensor, s: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    message, update = layers()
    s, v = message(s, v, EDGE_INDEX, x[EDGE_INDEX[0]] - x[EDGE_INDEX[1]])
    return update(s, v)


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    return tuple(torch.randn(4, *shape, dtype=torch.float64) for shape in ((3,), (4,), (4, 3)))


def test_message_is_its_equation() -> None:
    message, _ = layers()
    x, s, v = inputs()
    r = x[EDGE_INDEX[0]] - x[EDGE_INDEX[1]]
    new_s, new_v = message(s, v, EDGE_INDEX, r)
    expected_s, expected_v = s.clone(), v.clone()
    for (j, i), rij in zip(EDGE_INDEX.t().tolist(), r, strict=True):
        d = rij.norm()
        waves = torch.sin(d * message.frequencies) / d if d > 0 else message.frequencies
        fade = 0.5 * (torch.cos(torch.pi * d / 4.0) + 1) if d < 4.0 else 0.0
        a, b, c = (message.phi(s[j]) * message.filters(waves) * fade).split(4)
        expected_s[i] += a
        expected_v[i] += v[j] * b[:, None] + (c[:, None] * (rij / d) if d > 0 else 0)
    torch.testing.assert_close(new_s, expected_s)
    torch.testing.assert_close(new_v, expected_v)


def test_layers_turn_with_their_input() -> None:
    kinds, outputs = ["point", "invariant", "vector"], ["invariant", "vector"]
    assert_equivariant(run, inputs(), "E(3)", kinds=kinds, outputs=outputs, distance=1.0)


def test_forces_are_right() -> None:
    x, s, v = inputs()

    def energy(x: Tensor) -> Tensor:
        return sum(y.square().sum() for y in run(x, s, v))

    x.requires_grad_()
    assert torch.autograd.gradcheck(energy, x, rtol=1e-6)
    assert torch.autograd.gradgradcheck(energy, x, rtol=1e-5, atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("readout", ["add", "mean"])
def test_the_model(readout: str) -> None:
    """Its layers one after the other; molecules of a batch apart; symmetric, and smooth where atoms come into reach."""
    model = PaiNN(8, num_layers=2, num_rbf=5, cutoff=2.0, out_channels=2, readout=readout).double()
    z, batch = torch.tensor([1, 6, 8, 1, 7]), torch.tensor([0, 0, 0, 1, 1])
    x = torch.randn(5, 3, dtype=torch.float64)
    both = model(z, x, batch)
    torch.testing.assert_close(both, torch.cat([model(z[:3], x[:3]), model(z[3:], x[3:])]))
    edge_index = radius_graph(x[:3], 2.0)
    r = x[edge_index[0]] - x[edge_index[1]]
    s, v = model.embedding(z[:3]), torch.zeros(3, 8, 3, dtype=torch.float64)
    for message, update in zip(model.messages, model.updates, strict=True):
        s, v = update(*message(s, v, edge_index, r))
    atoms = model.mlp(s)
    torch.testing.assert_close(both[:1], (atoms.sum(0) if readout == "add" else atoms.mean(0)).unsqueeze(0))
    assert_equivariant(
        lambda x: model(z, x, batch), [x], "E(3)", kinds=["point"], outputs="invariant", tolerance=1e-11
    )
    assert torch.autograd.gradcheck(lambda x: model(z, x, batch).sum(), x.requires_grad_())
    near, far = (torch.tensor([[0.0, 0, 0], [2.0 + e, 0, 0]], dtype=torch.float64) for e in (-1e-6, 1e-6))
    torch.testing.assert_close(model(z[:2], near), model(z[:2], far), rtol=0, atol=1e-8)
    with pytest.raises(GraphValueError, match="readout"):
        PaiNN(readout="max")
