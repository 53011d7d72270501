"""Protein structures from PDB and mmCIF files."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from grapevine.errors import GraphIndexError, GraphValueError, require

#: What is read of a PDB file. Design programs append tables of scores, whose lines may look like other records.
RECORDS = ("ATOM  ", "HETATM", "TER", "MODEL ", "ENDMDL")
ATOMS = ("N", "CA", "C")


@dataclass(frozen=True, slots=True)
class Backbone:
    """The backbone of a protein, residue by residue."""

    pos: Tensor  #: (L, 3, 3), float32, in ångström: the atoms N, CA and C
    index: Tensor  #: (L,), int64: numbers as in the file; they restart with each chain, and may skip
    chain: list[str]  #: L names of chains
    name: list[str]  #: L names of residues, such as "ALA"


def read_backbone(path: str | os.PathLike[str], model: int = 0) -> Backbone:
    """Reads the backbone of a protein, all chains one after the other.

    Residues without all of N, CA and C are left out: water, ions, most ligands, and ends that were not resolved. Where
    an atom has several positions, the one listed first counts.

    Args:
        path: a PDB or mmCIF (.cif, .mmcif) file, or one compressed by gzip (.gz).
        model: which of several models.

    Returns:
        Positions (L, 3, 3), numbers (L,), chains and names of L residues, see `Backbone`.

    Raises:
        MissingDependencyError: without gemmi; `pip install "grapevine-gnn[proteins]"`.
        GraphIndexError: for a model that the file does not have.
        GraphValueError: for a file that is none of these, or has no residue with a backbone.

    Example:
        >>> import tempfile
        >>> lines = "ATOM      1  N   GLY A   7       0.000   1.400   0.000  1.00  0.00           N  ",
        >>> lines += "ATOM      2  CA  GLY A   7       0.000   0.000   0.000  1.00  0.00           C  ",
        >>> lines += "ATOM      3  C   GLY A   7       1.500   0.000   0.000  1.00  0.00           C  ",
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "gly.pdb").write_text(chr(10).join(lines))
        ...     backbone = read_backbone(Path(folder, "gly.pdb"))
        >>> backbone.pos.shape, backbone.index.tolist(), backbone.name
        (torch.Size([1, 3, 3]), [7], ['GLY'])

    Source: the formats of the Protein Data Bank, https://www.wwpdb.org/documentation/file-format; read by gemmi.
    """
    models = _read(Path(path))
    if len(models) and not 0 <= model < len(models):
        raise GraphIndexError(f"expected one of the {len(models)} models of {path}, got {model}")
    pos, index, chains, names = [], [], [], []
    for chain in models[model] if len(models) else ():
        for residue in chain:
            atoms = [residue.find_atom(name, "*") for name in ATOMS]
            if all(atoms):
                pos.append([atom.pos.tolist() for atom in atoms])
                index.append(residue.seqid.num)
                chains.append(chain.name)
                names.append(residue.name)
    if not pos:
        raise GraphValueError(f"expected residues with atoms N, CA and C, got none in {path}")
    return Backbone(torch.tensor(pos, dtype=torch.float32), torch.tensor(index), chains, names)


def _read(path: Path) -> Any:
    gemmi = require("gemmi", '"grapevine-gnn[proteins]"')
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    text = data.decode("utf-8", errors="replace")
    try:
        if path.name.removesuffix(".gz").endswith((".cif", ".mmcif")):
            return gemmi.make_structure_from_block(gemmi.cif.read_string(text).sole_block())
        lines = [line for line in text.splitlines() if line.startswith(RECORDS)]
        return gemmi.read_pdb_string("\n".join(lines))
    except (RuntimeError, ValueError) as error:
        raise GraphValueError(f"expected a PDB or mmCIF file, got {path}: {error}") from error
