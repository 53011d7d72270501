"""Transforms of positions, and edge features made from them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grapevine import transforms as T
from grapevine.data import Data
from grapevine.errors import GraphValueError
from tests.transforms.peer import assert_same_as_peer, graph

IN_SPACE: list[tuple[str, dict[str, Any]]] = [
    ("Distance", {}),
    ("Distance", {"norm": False, "cat": False}),
    ("Distance", {"max_value": 3.0, "interval": (-1.0, 1.0)}),
    ("Cartesian", {}),
    ("Cartesian", {"norm": False}),
    ("Cartesian", {"max_value": 3.0, "interval": (-1.0, 2.0), "cat": False}),
    ("LocalCartesian", {}),
    ("LocalCartesian", {"norm": False, "cat": False}),
    ("LocalCartesian", {"interval": (-1.0, 2.0)}),
    ("Spherical", {}),
    ("Spherical", {"norm": False, "cat": False}),
    ("Spherical", {"max_value": 2.0}),
    ("Center", {}),
    ("NormalizeScale", {}),
    ("LinearTransformation", {"matrix": torch.arange(9.0).view(3, 3)}),
    ("RandomJitter", {"translate": 0.3}),
    ("RandomJitter", {"translate": [0.1, 0.0, 2.0]}),
    ("RandomFlip", {"axis": 1}),
    ("RandomFlip", {"axis": 0, "p": 1.0}),
    ("RandomScale", {"scales": (0.5, 2.0)}),
    ("RandomRotate", {"degrees": 90}),
    ("RandomRotate", {"degrees": (10.0, 20.0), "axis": 1}),
    ("RandomRotate", {"degrees": (10.0, 20.0), "axis": 2}),
    ("RandomShear", {"shear": 0.4}),
    ("FixedPoints", {"num": 3}),
    ("FixedPoints", {"num": 3, "replace": False}),
    ("FixedPoints", {"num": 12, "replace": False}),
    ("FixedPoints", {"num": 12, "replace": False, "allow_duplicates": True}),
]


@pytest.mark.parametrize(("name", "kwargs"), IN_SPACE, ids=str)
def test_in_space(name: str, kwargs: dict[str, Any]) -> None:
    assert_same_as_peer(name, graph("directed"), **kwargs)


@pytest.mark.parametrize(
    ("name", "kwargs"), [("Polar", {}), ("Polar", {"norm": False}), ("RandomRotate", {"degrees": 30})]
)
def test_in_the_plane(name: str, kwargs: dict[str, Any]) -> None:
    data = graph("directed")
    data.pos = data.pos[:, :2]
    assert_same_as_peer(name, data, **kwargs)


def test_principal_axes() -> None:
    pos = torch.randn(20, 3, dtype=torch.double) * torch.tensor([1.0, 5.0, 0.2], dtype=torch.double)
    data = Data(pos=pos, normal=torch.nn.functional.normalize(torch.randn(20, 3, dtype=torch.double)))
    out = assert_same_as_peer("NormalizeRotation", data, sort=True)
    spread = (out.pos - out.pos.mean(0)).t() @ (out.pos - out.pos.mean(0))
    torch.testing.assert_close(
        spread, spread.diag().sort(descending=True).values.diag(), rtol=1e-8, atol=1e-8
    )
    assert_same_as_peer("NormalizeRotation", data, max_points=10)


def test_normalized_scale_is_within_bounds() -> None:
    pos = T.NormalizeScale()(graph("directed")).pos
    assert 0.999 < pos.abs().max() < 1


def test_integer_edge_features_are_not_rounded_to() -> None:
    data = Data(
        edge_index=torch.tensor([[0], [1]]), edge_attr=torch.tensor([5]), pos=torch.tensor([[0.0], [0.5]])
    )
    assert T.Distance(norm=False)(data).edge_attr.tolist() == [[5.0, 0.5]]


@pytest.mark.parametrize("remove_faces", [True, False])
def test_faces(remove_faces: bool) -> None:
    triangles = Data(face=torch.tensor([[0, 1], [1, 2], [2, 3]]), num_nodes=4)
    assert_same_as_peer("FaceToEdge", triangles, remove_faces=remove_faces)
    tetrahedron = Data(face=torch.tensor([[0], [1], [2], [3]]), num_nodes=4)
    assert_same_as_peer("FaceToEdge", tetrahedron, remove_faces=remove_faces)
    with pytest.raises(GraphValueError, match=r"\(3, M\) or \(4, M\), got \[2, 1\]"):
        T.FaceToEdge()(Data(face=torch.tensor([[0], [1]]), num_nodes=2))


def test_messages_teach() -> None:
    with pytest.raises(GraphValueError, match=r"pos of shape \(N, 2\) for Polar, got \[5, 3\]"):
        T.Polar()(graph("directed"))
    with pytest.raises(GraphValueError, match=r"square matrix, got shape \[1, 2\]"):
        T.LinearTransformation([[1.0, 2.0]])
    with pytest.raises(GraphValueError, match="2 coordinates, as the matrix has, got 3"):
        T.LinearTransformation(torch.eye(2))(graph("directed"))
    with pytest.raises(GraphValueError, match="each of 3 coordinates"):
        T.RandomJitter([0.1])(graph("directed"))
    with pytest.raises(GraphValueError, match="a pair"):
        T.RandomScale(2.0)
