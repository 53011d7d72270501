"""ViSNet against the peer with the same weights, and turned."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine.errors import GraphValueError
from grapevine.geometry import radius_graph
from grapevine.nn import ViSNet
from grapevine.nn.equivariant.visnet_blocks import VecLayerNorm
from grapevine.testing import assert_equivariant
from tests.nn.peer import assert_same_as_peer, integers, normal

SIZES: dict[str, Any] = {"num_heads": 2, "num_layers": 2, "hidden_channels": 8, "num_rbf": 5, "cutoff": 3.0}
OPTIONS: list[dict[str, Any]] = [
    {"derivative": True},
    {"lmax": 2, "vecnorm_type": "max_min", "trainable_vecnorm": True, "trainable_rbf": True},
    {"lmax": 2, "vertex": True, "num_layers": 3, "reduce_op": "mean", "mean": 0.3, "std": 2.0},
    {"atomref": torch.linspace(-1, 1, 100), "vecnorm_type": "max_min", "vertex": True, "derivative": True},
]
Z, POS, BATCH = integers(10, 7, seed=1), normal(7, 3, seed=2), torch.tensor([0, 0, 0, 0, 0, 1, 1])


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_same_as_peer(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    peer = pytest.importorskip("torch_geometric.nn.models.visnet")
    monkeypatch.setattr(peer, "radius_graph", radius_graph)  # its own needs torch_cluster
    torch.manual_seed(0)
    ours, theirs = ViSNet(**(SIZES | options)), peer.ViSNet(**(SIZES | options))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    # Forces through "max_min" lose digits: the peer's float32 ones are off by 1e-5 to 3e-3, ours by less than 1e-5.
    if options.get("derivative") and "vecnorm_type" in options:
        assert_same_as_peer(ours, theirs, Z, POS, BATCH, dtypes=[torch.float64])
        ours.load_state_dict(theirs.state_dict())
        narrow, wide = ours(Z, POS, BATCH)[1].detach(), ours.double()(Z, POS.double(), BATCH)[1].detach()
        assert float((narrow - wide).abs().max()) <= 1e-5 * float(wide.abs().max())
    else:
        assert_same_as_peer(ours, theirs, Z, POS, BATCH)


def test_starts_like_the_peer() -> None:
    peer = pytest.importorskip("torch_geometric.nn.models.visnet")
    ours, theirs = ViSNet(hidden_channels=64), peer.ViSNet(hidden_channels=64)
    for (name, value), expected in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        if value.dim() < 2 or "atomref" in name:
            torch.testing.assert_close(value, expected, msg=name)
        elif value.numel() > 1000:  # random: the same spread
            assert float(value.std() / expected.std()) == pytest.approx(1, abs=0.1), name


@pytest.mark.parametrize("lmax", [1, 2])
def test_energies_stay_and_forces_turn(lmax: int) -> None:
    torch.manual_seed(0)
    model = ViSNet(**SIZES, lmax=lmax, vertex=True, vecnorm_type="max_min", derivative=True).double()
    assert_equivariant(
        lambda pos: model(Z, pos, BATCH),
        [POS.double()],
        "E(3)",
        kinds=["point"],
        outputs=["invariant", "vector"],
        tolerance=1e-10,
    )


def test_forces_are_right() -> None:
    torch.manual_seed(0)
    model = ViSNet(**SIZES, lmax=2).double()
    pos = POS.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda pos: model(Z, pos, BATCH)[0], pos)
    assert torch.autograd.gradgradcheck(lambda pos: model(Z, pos, BATCH)[0], pos, fast_mode=True)


def test_refusals_and_zeros() -> None:
    for options, what in (
        ({"lmax": 3}, "lmax"),
        ({"reduce_op": "max"}, "reduce_op"),
        ({"vecnorm_type": "l2"}, "vecnorm_type"),
        ({"num_heads": 3}, "multiple of num_heads"),
    ):
        with pytest.raises(GraphValueError, match=what):
            ViSNet(**(SIZES | options))
    nothing = torch.zeros(2, 3, 4, requires_grad=True)
    out = VecLayerNorm(4, trainable=False)(nothing)
    out.sum().backward()
    assert torch.equal(out, torch.zeros(2, 3, 4)) and torch.equal(nothing.grad, torch.zeros(2, 3, 4))  # type: ignore[arg-type]
