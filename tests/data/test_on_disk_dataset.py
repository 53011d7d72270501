"""Databases and datasets on disk."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from grapevine.data import Data, HeteroData, OnDiskDataset, SQLiteDatabase
from grapevine.data.database import TensorInfo
from grapevine.errors import GraphIndexError, GraphTypeError, GraphValueError
from grapevine.loader import DataLoader

peer = pytest.importorskip("torch_geometric.data.database")

SCHEMA = {"x": {"dtype": torch.float, "size": (-1, 2)}, "y": int, "z": float, "name": str, "rest": object}


def row(number: int) -> dict[str, Any]:
    return {
        "x": torch.full((number, 2), float(number)),
        "y": number,
        "z": math.nan if number == 1 else number / 4,
        "name": f"row {number}",
        "rest": {"some": [number, torch.arange(number)]},
    }


def assert_row(got: dict[str, Any], number: int) -> None:
    want = row(number)
    assert torch.equal(got["x"], want["x"]) and got["rest"]["some"][1].tolist() == [*range(number)]
    assert (got["y"], got["name"], str(got["z"])) == (want["y"], want["name"], str(want["z"]))


def test_rows(tmp_path: Path) -> None:
    with SQLiteDatabase(str(tmp_path / "t.db"), "t", SCHEMA) as table:
        table[0] = row(0)
        table[1:4] = [row(1), row(2), row(3)]
        table.multi_insert(torch.tensor([7, 5]), [row(7), row(5)], batch_size=1)
        assert len(table) == 6 and repr(table) == "SQLiteDatabase(6)"
        for number in (0, 1, 7):
            assert_row(table[number], number)
        for key, numbers in (
            ([7, 0, 7], [7, 0, 7]),
            (torch.tensor([7, 0, 7]), [7, 0, 7]),
            (range(4), [0, 1, 2, 3]),
            (slice(1, 3), [1, 2]),
            (slice(3), [0, 1, 2]),
        ):
            for got, number in zip(table[key], numbers, strict=True):
                assert_row(got, number)
        assert [r["y"] for r in table.multi_get([5, 3, 2], batch_size=2)] == [5, 3, 2]
        with pytest.raises(
            GraphIndexError, match="expected the number of a row, got 4, which the table lacks"
        ):
            table.multi_get([3, 4])
    with SQLiteDatabase(str(tmp_path / "t.db"), "t", SCHEMA) as again:
        assert_row(again[3], 3)


def test_many_rows_at_once(tmp_path: Path) -> None:
    """More than a query may name."""
    with SQLiteDatabase(str(tmp_path / "t.db"), "t", int) as table:
        table[0:1300] = [3 * i for i in range(1300)]
        order = torch.randperm(1300)
        assert table[order] == (3 * order).tolist()


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool], ids=str
)
def test_tensors_of_any_type(dtype: torch.dtype, tmp_path: Path) -> None:
    with SQLiteDatabase(str(tmp_path / "t.db"), "t", TensorInfo(dtype, (2, -1))) as table:
        values = [torch.randint(2, (2, n)).to(dtype) for n in (3, 0, 1)]
        table[0:3] = values
        for got, want in zip(table[:], values, strict=True):
            assert got.dtype is dtype and torch.equal(got, want)
            got.zero_()  # it is one's own


def test_reads_what_the_peer_wrote(tmp_path: Path) -> None:
    """Numbers, texts and tensors are stored alike; pickles of the peer are not trusted."""
    path = str(tmp_path / "t.db")
    schema = {key: kind for key, kind in SCHEMA.items() if kind is not object}
    theirs = peer.SQLiteDatabase(path, name="t", schema=dict(schema))
    for number in range(4):
        theirs.insert(number, row(number))
    theirs.close()
    with SQLiteDatabase(path, "t", schema) as table:
        for number, got in enumerate(table[:]):
            assert_row({**got, "rest": row(number)["rest"]}, number)


def test_tuples_and_single_entries(tmp_path: Path) -> None:
    with SQLiteDatabase(str(tmp_path / "a.db"), "a", (int, {"dtype": torch.long})) as table:
        table[0] = (4, torch.tensor([1, 2]))
        number, tensor = table[0]
        assert number == 4 and tensor.tolist() == [1, 2]
    with SQLiteDatabase(str(tmp_path / "b.db"), "b") as table:
        table[0] = [1, 2]
        table[1] = Data(x=torch.ones(2, 1))
        assert table[0] == [1, 2] and table[1].x.tolist() == [[1.0], [1.0]]


def test_what_a_table_refuses(tmp_path: Path) -> None:
    with SQLiteDatabase(str(tmp_path / "t.db"), "t", SCHEMA) as table:
        for change, error, text in (
            (
                {"x": torch.ones(2, 3)},
                GraphValueError,
                r"expected shape \[-1, 2\] in column 'x' .* got \[2, 3\]",
            ),
            (
                {"x": torch.ones(2, 2).long()},
                GraphTypeError,
                "expected a tensor of torch.float32 in column 'x', got",
            ),
            ({"x": 3}, GraphTypeError, "in column 'x', got int"),
            ({"y": 0.5}, GraphTypeError, "expected int in column 'y', got float"),
            ({"rest": print}, GraphTypeError, "expected tensors, arrays, numbers"),
        ):
            with pytest.raises(error, match=text):
                table[0] = {**row(0), **change}
        with pytest.raises(GraphValueError, match=r"expected a row with the entries \['x', .* got \['y'\]"):
            table[0] = {"y": 1}
        with pytest.raises(GraphValueError, match="expected a row for each of 2 numbers, got 1 rows"):
            table[0:2] = [row(0)]
        assert len(table) == 0
        with pytest.raises(GraphTypeError):  # of a batch that fails, nothing is written
            table[0:2] = [row(0), {**row(1), "y": "text"}]
        assert len(table) == 0
    with pytest.raises(GraphValueError, match="as the name of a table, got 'a; DROP'"):
        SQLiteDatabase(str(tmp_path / "t.db"), "a; DROP")
    with pytest.raises(GraphValueError, match="at most one -1"):
        TensorInfo(torch.float, (-1, -1))


class Paths(OnDiskDataset):
    """Paths of 1 to 6 nodes."""

    fails = False

    def process(self) -> None:
        for n in range(1, 7):
            if self.fails and n == 4:
                raise RuntimeError("interrupted")
            self.append(Data(x=torch.full((n, 1), float(n)), edge_index=torch.arange(n).expand(2, n)))


class Compact(OnDiskDataset):
    """The same, with a schema."""

    def __init__(self, root: str, **kwargs: Any) -> None:
        super().__init__(root, schema={"x": {"dtype": torch.float, "size": (-1, 1)}, "n": int}, **kwargs)

    def serialize(self, data: Data) -> dict[str, Any]:
        return {"x": data.x, "n": data.num_nodes}

    def deserialize(self, data: dict[str, Any]) -> Data:
        return Data(x=data["x"], edge_index=torch.arange(data["n"]).expand(2, data["n"]))


def double(data: Data) -> Data:
    data.x = 2 * data.x
    return data


def test_dataset(tmp_path: Path) -> None:
    dataset = Paths(str(tmp_path), log=False)
    assert len(dataset) == 6 and repr(dataset) == "Paths(6)" and dataset.num_features == 1
    assert dataset[2].x.tolist() == [[3.0]] * 3 and dataset[-1].num_nodes == 6
    part = dataset[1:4]
    assert [data.num_nodes for data in part] == [2, 3, 4]
    assert [data.num_nodes for data in part.multi_get([2, 0])] == [4, 2]  # of this part, not of the whole
    assert [data.num_nodes for data in dataset.multi_get(slice(0, 6, 2), batch_size=2)] == [1, 3, 5]
    dataset.close()
    again = Paths(str(tmp_path), transform=double, log=False)
    assert again[0].x.item() == 2 and again.multi_get([0])[0].x.item() == 2
    again.append(Data(x=torch.zeros(9, 1)))
    assert len(again) == 7 and again[6].num_nodes == 9
    again.close()


def test_dataset_with_a_schema(tmp_path: Path) -> None:
    plain, compact = Paths(str(tmp_path / "a"), log=False), Compact(str(tmp_path / "b"))
    compact.extend([plain[i] for i in range(6)], batch_size=4)
    for a, b in zip(plain, compact, strict=True):
        assert torch.equal(a.x, b.x) and torch.equal(a.edge_index, b.edge_index)
    plain.close()
    compact.close()
    careless = OnDiskDataset(str(tmp_path / "c"), schema=int)
    with pytest.raises(GraphTypeError, match="expected 'OnDiskDataset' to define 'serialize'"):
        careless.append(3)
    careless.close()
    with pytest.raises(GraphValueError, match=r"expected a backend of \('sqlite',\), got 'rocksdb'"):
        OnDiskDataset(str(tmp_path), backend="rocksdb")


def test_an_interrupted_process_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Paths, "fails", True)
    with pytest.raises(RuntimeError, match="interrupted"):
        Paths(str(tmp_path), log=False)
    assert not os.path.exists(tmp_path / "processed" / "sqlite.db")
    monkeypatch.setattr(Paths, "fails", False)
    dataset = Paths(str(tmp_path), log=False)
    assert len(dataset) == 6
    dataset.close()


def test_other_graphs(tmp_path: Path) -> None:
    dataset = OnDiskDataset(str(tmp_path))
    hetero = HeteroData(
        {"a": {"x": torch.ones(2, 1)}, ("a", "to", "a"): {"edge_index": torch.ones(2, 1).long()}}
    )
    dataset.append(hetero)
    assert dataset[0].metadata() == hetero.metadata() and torch.equal(dataset[0]["a"].x, hetero["a"].x)
    dataset.close()


def numbers_of_nodes(dataset: OnDiskDataset, queue: Any) -> None:
    queue.put([data.num_nodes for data in dataset])
    dataset.close()


def test_loaders_and_processes(tmp_path: Path) -> None:
    """Batches are read at once; forked and spawned processes open connections of their own."""
    dataset = Paths(str(tmp_path), log=False)
    batches = [batch.num_nodes for batch in DataLoader(dataset[2:], batch_size=2)]
    assert batches == [3 + 4, 5 + 6]
    assert pickle.loads(pickle.dumps(dataset))._db._connection is None
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=numbers_of_nodes, args=(dataset, queue))
    process.start()
    assert queue.get(timeout=60) == [1, 2, 3, 4, 5, 6]
    process.join()
    assert dataset[0].num_nodes == 1
    dataset.close()
