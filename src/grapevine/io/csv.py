"""A labelled graph in two tables: `edges.csv` and `nodes.csv`."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import torch

from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.graph import to_undirected

_SPLITS = {"train": "train_mask", "val": "val_mask", "test": "test_mask"}
_SOURCE, _TARGET = ("source", "src", "from"), ("target", "dst", "to")
_WIDEST_ONE_HOT = 10_000


def read_csv(folder: str | os.PathLike[str], directed: bool = False) -> Data:
    """Reads a labelled graph from `edges.csv` and `nodes.csv`.

    ``edges.csv`` has the columns `source` and `target` (or `src`, `dst`) and, if edges are weighted, `weight`.
    ``nodes.csv`` has a column `label` (any text; empty where unknown), if nodes have names a column `id` (else
    they are numbered 0, 1, ... by line), if the split is given a column `split` (`train`, `val`, `test` or
    empty), and every other column is a numeric feature.

    Args:
        folder: where the two files lie.
        directed: whether an edge points one way only; otherwise its reverse is added.

    Returns:
        A graph with `x` (N, F), one-hot node ids where there is no feature; `edge_index` (2, E); `edge_weight`
        (E,), if given; `y` (N,), -1 where unknown; the masks of the split, if given; and the lists
        `class_names`, sorted, and `node_names`, if nodes have an id.

    Raises:
        GraphValueError: naming file and line, if something is missing or cannot be understood.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "nodes.csv").write_text("id,age,label\\nann,31,a\\nbob,45,b\\n")
        >>> _ = (folder / "edges.csv").write_text("source,target\\nann,bob\\n")
        >>> read_csv(folder)
        Data(x=[2, 1], edge_index=[2, 2], y=[2], class_names=[2], node_names=[2])
    """
    nodes, edges = Path(folder) / "nodes.csv", Path(folder) / "edges.csv"
    for file in (nodes, edges):
        if not file.is_file():
            raise GraphValueError(
                f"expected a file {str(file)!r}; write one as shown in help(grapevine.io.read_csv)"
            )
    data, numbers = _read_nodes(nodes)
    _read_edges(edges, numbers, directed, data)
    return data


def _read_nodes(file: Path) -> tuple[Data, dict[str, int]]:
    rows = _rows(file)
    _, header = next(rows)
    if "label" not in header:
        _fail(file, 1, f"expected a column 'label', got the columns {header}")
    features = [i for i, name in enumerate(header) if name not in ("id", "label", "split")]
    own = {name: header.index(name) for name in ("id", "label", "split") if name in header}

    numbers: dict[str, int] = {}
    values, labels, splits = [], [], []
    for line, row in rows:
        name = row[own["id"]] if "id" in own else str(len(numbers))
        if name in numbers:
            _fail(file, line, f"expected every id once, got {name!r} a second time")
        numbers[name] = len(numbers)
        values.append([_number(row[i], file, line, header[i]) for i in features])
        labels.append(row[own["label"]])
        splits.append(row[own["split"]] if "split" in own else "")
        if splits[-1] and splits[-1] not in _SPLITS:
            _fail(file, line, f"expected a split of {list(_SPLITS)} or nothing, got {splits[-1]!r}")
    if not numbers:
        _fail(file, 2, "expected one line per node, got the header alone")
    if not features and len(numbers) > _WIDEST_ONE_HOT:
        _fail(file, 1, f"expected feature columns for a graph of more than {_WIDEST_ONE_HOT} nodes, got none")

    classes = sorted(
        set(labels) - {""}, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name)
    )
    data = Data(
        x=torch.tensor(values) if features else torch.eye(len(numbers)),
        edge_index=torch.empty(2, 0, dtype=torch.long),
        y=torch.tensor([classes.index(name) if name else -1 for name in labels]),
        class_names=classes,
    )
    if "split" in own:
        for split, mask in _SPLITS.items():
            data[mask] = torch.tensor([s == split for s in splits])
    if "id" in own:
        data.node_names = list(numbers)
    return data, numbers


def _read_edges(file: Path, numbers: dict[str, int], directed: bool, data: Data) -> None:
    rows = _rows(file)
    _, header = next(rows)
    source = next((header.index(name) for name in _SOURCE if name in header), None)
    target = next((header.index(name) for name in _TARGET if name in header), None)
    if source is None or target is None:
        _fail(file, 1, f"expected the columns 'source' and 'target', got the columns {header}")
    weight = header.index("weight") if "weight" in header else None

    pairs, weights = [], []
    for line, row in rows:
        for name in (row[source], row[target]):
            if name not in numbers:
                _fail(file, line, f"expected an id that nodes.csv lists, got {name!r}")
        pairs.append((numbers[row[source]], numbers[row[target]]))
        if weight is not None:
            weights.append(_number(row[weight], file, line, "weight"))
    edge_index = torch.tensor(pairs, dtype=torch.long).view(-1, 2).t().contiguous()
    edge_weight = torch.tensor(weights) if weight is not None else None
    if not directed:  # "mean": an edge listed in both directions is one edge, not a double one
        edge_index, edge_weight = to_undirected(edge_index, edge_weight, len(numbers), reduce="mean")
    data.edge_index = edge_index
    data.edge_weight = edge_weight


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Every line that is not empty, with its number; the first is the header."""
    with file.open(newline="", encoding="utf-8-sig") as text:
        reader = csv.reader(text)
        width = None
        try:
            for raw in reader:
                row = [cell.strip() for cell in raw]
                if not any(row):
                    continue
                if width is not None and len(row) != width:
                    _fail(file, reader.line_num, f"expected {width} columns as in the header, got {len(row)}")
                width = width or len(row)
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            _fail(file, reader.line_num + 1, f"expected comma-separated UTF-8 text, got {error}")
    if width is None:
        _fail(file, 1, "expected a header line, got an empty file")


def _number(cell: str, file: Path, line: int, column: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        _fail(file, line, f"expected a number in column {column!r}, got {cell!r}")
    return value


def _fail(file: Path, line: int, what: str) -> NoReturn:
    raise GraphValueError(f"{file}, line {line}: {what}")
