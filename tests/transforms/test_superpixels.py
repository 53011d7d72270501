"""Pictures as graphs: the peer's."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from grapevine.errors import MissingDependencyError
from grapevine.transforms import ToSLIC

PICTURE = torch.rand(3, 12, 9, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "options", [{}, {"add_seg": True, "add_img": True, "n_segments": 7, "compactness": 1.0}]
)
def test_same_as_peer(options: dict[str, Any]) -> None:
    pytest.importorskip("skimage")
    peer = pytest.importorskip("torch_geometric.transforms")
    mine, other = ToSLIC(**options)(PICTURE), peer.ToSLIC(**options)(PICTURE)
    assert repr(ToSLIC(**options)) == repr(peer.ToSLIC(**options))
    assert sorted(mine.keys()) == sorted(other.keys())
    for key, value in other.to_dict().items():
        torch.testing.assert_close(mine[key], value, rtol=1e-5, atol=1e-6)


def test_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(MissingDependencyError, match="pip install scikit-image"):
        ToSLIC()(PICTURE)
