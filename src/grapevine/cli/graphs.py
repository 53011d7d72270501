"""From what stands after `--data` to a graph."""

from __future__ import annotations

import copy
from pathlib import Path

import pooch
from torch import Tensor

from grapevine.data import Data
from grapevine.datasets import KarateClub, Planetoid
from grapevine.errors import GraphValueError
from grapevine.io import load_graph, read_csv
from grapevine.training import check_labelled
from grapevine.transforms import NormalizeFeatures

PLANETOID = {"cora": "Cora", "citeseer": "CiteSeer", "pubmed": "PubMed"}
NORMALIZATIONS = ("auto", "rows", "columns", "none")


def label(name: str) -> str:
    """What to call the graph in titles and in the report's folder: the data set, or the name of folder or file."""
    path = Path(name)
    return name if name == "karate" or name in PLANETOID else (path.stem or path.resolve().name or "graph")


def open_graph(name: str, root: str | None, normalize: str, directed: bool) -> Data:
    """Opens the labelled graph that `name` stands for: a data set, a folder of tables, or a saved graph."""
    if normalize not in NORMALIZATIONS:
        raise GraphValueError(
            f"expected --normalize to be one of {', '.join(NORMALIZATIONS)}, got {normalize!r}"
        )
    if name == "karate":
        data, usual = KarateClub()[0], "none"
    elif name in PLANETOID:
        folder = root if root is not None else str(pooch.os_cache("grapevine") / "planetoid")
        data, usual = Planetoid(folder, PLANETOID[name])[0], "rows"
    else:
        data, usual = _from_files(Path(name), directed)
    check_labelled(data)
    return _normalized(data, usual if normalize == "auto" else normalize)


def _from_files(path: Path, directed: bool) -> tuple[Data, str]:
    if path.is_dir() and any((path / table).exists() for table in ("edges.csv", "nodes.csv")):
        return read_csv(path, directed), "columns"
    saved = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if len(saved) == 1:
        data = load_graph(saved[0])
        if not isinstance(data, Data):
            raise GraphValueError(
                f"expected a graph with one kind of nodes in {saved[0]}, got {type(data).__name__}"
            )
        return data, "none"
    if path.exists():
        raise GraphValueError(
            f"expected edges.csv and nodes.csv, or one saved graph (*.safetensors), in {str(path)!r}, "
            f"got {len(saved)} saved graphs and no table"
        )
    raise GraphValueError(
        f"expected --data to be karate, {', '.join(PLANETOID)}, or an existing folder with edges.csv and nodes.csv "
        f"or a saved graph, got {str(path)!r}"
    )


def _normalized(data: Data, how: str) -> Data:
    if how == "rows":
        return NormalizeFeatures()(data)
    if how == "columns":
        data = copy.copy(data)
        x: Tensor = data["x"]
        data.x = (x - x.mean(0)) / x.std(0, correction=0).clamp(min=1e-6)
    return data
