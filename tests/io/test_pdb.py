"""Backbones from files written by hand, and from real ones read column by column."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest
import torch

from grapevine.errors import GraphIndexError, GraphValueError, MissingDependencyError
from grapevine.io import read_backbone

#: An alternative position, a gap, a modified residue, an insertion code, an unresolved end, calcium, water, a second
#: model, and what design programs append.
PDB = """\
HEADER    DE NOVO PROTEIN
MODEL        1
ATOM      1  N   MET A   5      10.000   0.000   0.000  1.00  0.00           N
ATOM      2  CA AMET A   5      11.000   0.500  -0.250  0.40  0.00           C
ATOM      3  CA BMET A   5      99.000   0.500  -0.250  0.60  0.00           C
ATOM      4  C   MET A   5      12.000   1.000   0.000  1.00  0.00           C
ATOM      5  O   MET A   5      12.500   2.000   0.000  1.00  0.00           O
HETATM    6  N   MSE A   8      13.000   0.000   0.000  1.00  0.00           N
HETATM    7  CA  MSE A   8      14.000   0.000   0.000  1.00  0.00           C
HETATM    8  C   MSE A   8      15.000   0.000   0.000  1.00  0.00           C
ATOM      9  N   GLY A   8A     16.000   0.000   0.000  1.00  0.00           N
ATOM     10  CA  GLY A   8A     17.000   0.000   0.000  1.00  0.00           C
ATOM     11  C   GLY A   8A     18.000   0.000   0.000  1.00  0.00           C
ATOM     12  CA  LEU A   9      19.000   0.000   0.000  1.00  0.00           C
TER      13      LEU A   9
ATOM     14  N   TRP B   1     -10.000   1.000   2.000  1.00  0.00           N
ATOM     15  CA  TRP B   1     -11.000   1.000   2.000  1.00  0.00           C
ATOM     16  C   TRP B   1     -12.000   1.000   2.000  1.00  0.00           C
TER      17      TRP B   1
HETATM   18 CA    CA A 101       0.000   0.000   0.000  1.00  0.00          CA
HETATM   19  O   HOH A 102       0.000   9.000   0.000  1.00  0.00           O
ENDMDL
MODEL        2
ATOM      1  N   ALA C   1       1.000   0.000   0.000  1.00  0.00           N
ATOM      2  CA  ALA C   1       2.000   0.000   0.000  1.00  0.00           C
ATOM      3  C   ALA C   1       3.000   0.000   0.000  1.00  0.00           C
ENDMDL
END
#BEGIN_POSE_ENERGIES_TABLE
model 1
label fa_atr fa_rep
"""

CIF = """\
data_TINY
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_seq_id
_atom_site.auth_seq_id
_atom_site.auth_asym_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
ATOM 1 N N  . SER A 1 41 X 1.0 2.0 3.0
ATOM 2 C CA . SER A 1 41 X 4.0 5.0 6.0
ATOM 3 C C  . SER A 1 41 X 7.0 8.0 9.0
"""


@pytest.fixture
def gemmi() -> None:
    pytest.importorskip("gemmi")


@pytest.mark.usefixtures("gemmi")
@pytest.mark.parametrize("compressed", [False, True])
def test_pdb(tmp_path: Path, compressed: bool) -> None:
    file = tmp_path / ("tiny.pdb" + ".gz" * compressed)
    file.write_bytes(gzip.compress(PDB.encode()) if compressed else PDB.encode())
    found = read_backbone(file)
    expected = [
        [[10.0, 0.0, 0.0], [11.0, 0.5, -0.25], [12.0, 1.0, 0.0]],
        [[13.0, 0.0, 0.0], [14.0, 0.0, 0.0], [15.0, 0.0, 0.0]],
        [[16.0, 0.0, 0.0], [17.0, 0.0, 0.0], [18.0, 0.0, 0.0]],
        [[-10.0, 1.0, 2.0], [-11.0, 1.0, 2.0], [-12.0, 1.0, 2.0]],
    ]
    assert torch.equal(found.pos, torch.tensor(expected))
    assert found.index.tolist() == [5, 8, 8, 1] and found.index.dtype == torch.int64
    assert found.chain == ["A", "A", "A", "B"]
    assert found.name == ["MET", "MSE", "GLY", "TRP"]
    assert read_backbone(file, model=1).chain == ["C"]
    with pytest.raises(GraphIndexError, match="2 models"):
        read_backbone(file, model=2)


@pytest.mark.usefixtures("gemmi")
def test_mmcif(tmp_path: Path) -> None:
    file = tmp_path / "tiny.cif"
    file.write_text(CIF)
    found = read_backbone(file)
    assert found.pos.flatten().tolist() == [*range(1, 10)]
    assert (found.index.tolist(), found.chain, found.name) == ([41], ["X"], ["SER"])


@pytest.mark.usefixtures("gemmi")
@pytest.mark.parametrize(("name", "text"), [("a.pdb", "HEADER\n"), ("b.pdb", ""), ("c.cif", "no cif\n")])
def test_refusals(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(GraphValueError, match="expected"):
        read_backbone(tmp_path / name)


def test_without_gemmi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gemmi", None)
    with pytest.raises(MissingDependencyError, match=r"grapevine-gnn\[proteins\]"):
        read_backbone(tmp_path / "any.pdb")


@pytest.mark.usefixtures("gemmi")
@pytest.mark.parametrize("name", ["1qys", "3IOL", "peptide_complex_ideal_helix", "tau_peptide"])
def test_real_files(name: str, shared_data: Path) -> None:
    """Against the columns of the format's description."""
    file = shared_data / "protein" / "rfdiffusion_input_pdbs" / f"{name}.pdb.gz"
    if not file.exists():
        pytest.skip(f"no {file}")
    residues: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for line in gzip.decompress(file.read_bytes()).decode().splitlines():
        if line[:6] in ("ATOM  ", "HETATM") and line[12:16].strip() in ("N", "CA", "C"):
            atoms = residues.setdefault((line[21], line[22:27], line[17:20]), {})
            atoms.setdefault(line[12:16].strip(), [float(line[k : k + 8]) for k in (30, 38, 46)])
    whole = {key: atoms for key, atoms in residues.items() if len(atoms) == 3}
    found = read_backbone(file)
    expected = torch.tensor([[atoms[a] for a in ("N", "CA", "C")] for atoms in whole.values()])
    assert torch.equal(found.pos, expected)
    assert [*zip(found.chain, found.index.tolist(), found.name, strict=True)] == [
        (chain, int(number[:4]), residue) for chain, number, residue in whole
    ]
