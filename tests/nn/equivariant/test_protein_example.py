"""The example that goes from a PDB file to RFdiffusion's graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.test_examples import example


def test_helices_become_a_graph_and_move(tmp_path: Path) -> None:
    pytest.importorskip("gemmi")
    step = example("rfdiffusion_graph")
    numbers = step.main([])
    assert numbers["residues"] == 42 and numbers["full_edges"] == 42 * 41
    assert numbers["edges"] >= 42 * 16
    assert 1e-3 < numbers["moved"] < 5 and numbers["bonds_change"] < 1e-4
    assert numbers["output"] < 1e-5
    # The helix is one: bonds of 1.46 and 1.52 ångström, C-alpha atoms 3.8 apart (Engh and Huber 1991).
    (tmp_path / "a.pdb").write_text("\n".join(step.helix(9, "A", 0.0)))
    backbone = step.read_backbone(tmp_path / "a.pdb")
    n, ca, c = backbone.pos.unbind(1)
    for ends, length in (((n, ca), 1.46), ((ca, c), 1.52), ((c[:-1], n[1:]), 1.33), ((ca[1:], ca[:-1]), 3.8)):
        torch.testing.assert_close(
            (ends[0] - ends[1]).norm(dim=1).mean(), torch.tensor(length), rtol=0.04, atol=0
        )
    assert step.numbered(backbone).tolist() == [*range(9)]
