"""The check of equivariance finds what it must find."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import grapevine as gv
from grapevine.errors import GraphValueError
from grapevine.nn.equivariant import EGNN, Fiber, PointGraph, SE3Transformer, spherical_harmonics
from grapevine.testing import assert_equivariant

EDGES = gv.Edges(torch.tensor([[0, 1, 2, 3, 1, 0], [1, 2, 3, 0, 0, 2]]), num_nodes=4)


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_egnn_moves_with_its_input_in_any_dimension(dtype: torch.dtype, bound: float) -> None:
    """Reflections and translations by 30 included; errors are relative to the extent, not to the distance."""
    model = EGNN(2, 16, 3, n_layers=2, attention=True).to(dtype)
    for dim in (2, 3, 5):
        h, x = torch.randn(4, 2, dtype=dtype), torch.randn(4, dim, dtype=dtype)
        errors = assert_equivariant(
            lambda h, x: model(h, x, EDGES), [h, x], f"E({dim})", kinds=["invariant", "point"],
            outputs=["invariant", "point"], tolerance=bound,
        )  # fmt: skip
        assert set(errors) == {"0", "1"}


def test_a_transformer_of_all_degrees() -> None:
    torch.manual_seed(0)
    fibers = Fiber({0: 2, 1: 1}), Fiber.create(3, 4), Fiber({0: 1, 1: 2, 2: 1})
    model = SE3Transformer(1, *fibers, num_heads=2, channels_div=2).double()

    def run(pos: Tensor, s: Tensor, v: Tensor) -> dict[str, Tensor]:
        return model(PointGraph.of(EDGES, pos), {"0": s, "1": v})

    inputs = {
        "pos": torch.randn(4, 3).double(),
        "s": torch.randn(4, 2, 1).double(),
        "v": torch.randn(4, 1, 3).double(),
    }
    kinds = {"pos": "point", "v": "vector"}
    assert_equivariant(run, inputs, "SE(3)", kinds=kinds, outputs={"0": 0, "1": 1, "2": 2}, distance=1.0)
    # Coupling of degrees 1 and 1 to 1 is a cross product, which reflections turn around.
    with pytest.raises(AssertionError, match=r"measured 0: .*e-"):
        assert_equivariant(run, inputs, "O(3)", kinds=kinds, outputs={"0": 0, "1": 1, "2": 2}, trials=8)


def test_what_does_not_move_is_found() -> None:
    x = torch.randn(5, 3)
    with pytest.raises(AssertionError, match=r"under SO\(3\)"):
        assert_equivariant(torch.relu, [x], "SO(3)", kinds=["vector"], outputs="vector")
    with pytest.raises(AssertionError, match=r"under T\(3\)"):
        assert_equivariant(torch.abs, [x], "T(3)", kinds=["point"], outputs="point")
    assert_equivariant(
        lambda x: x - x.mean(0), [x], "T(3)", kinds=["point"], outputs="vector", tolerance=1e-4
    )
    assert_equivariant(lambda x: spherical_harmonics(3, x), [x], "SO(3)", kinds=["vector"], outputs=3)
    with pytest.raises(GraphValueError, match="expected one of"):
        assert_equivariant(torch.abs, [x], "U(1)", kinds=["point"], outputs="point")
    with pytest.raises(GraphValueError, match="or a degree"):
        assert_equivariant(torch.abs, [x], kinds=["points"], outputs="point")
