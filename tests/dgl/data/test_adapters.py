"""Datasets made of other datasets, and of tables: as the peer makes them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grapevine import dgl
from tests.dgl.peer import assert_same, assert_same_graph, peer


class Graphs:
    """A dataset with splits by masks."""

    name = "graphs"

    def __init__(self, lib: Any, count: int = 10) -> None:
        self.items = []
        for i in range(count):
            g = lib.graph((torch.arange(i + 1), torch.arange(i + 1).flip(0)), num_nodes=i + 2)
            g.ndata["feat"] = torch.ones(i + 2, 3)
            g.ndata["label"] = torch.arange(i + 2) % 4
            self.items.append((g, i % 2))
        self.train_mask = torch.arange(count) < 4
        self.val_mask = torch.arange(count) == 4
        self.test_mask = torch.arange(count) > 4

    def __getitem__(self, i: int) -> Any:
        return self.items[i]

    def __len__(self) -> int:
        return len(self.items)


class OneGraph(Graphs):
    name = "one"
    num_classes = 4

    def __getitem__(self, i: int) -> Any:
        return self.items[-1][0]


class OfOGB(Graphs):
    """A dataset as OGB has them."""

    name = "ogb"
    num_tasks = 2

    def get_idx_split(self) -> dict[str, torch.Tensor]:
        return {"train": torch.tensor([3, 1]), "valid": torch.tensor([0]), "test": torch.tensor([2])}

    def get_edge_split(self) -> dict[str, Any]:
        return self.split


def both(name: str, tmp_path: Path, make: Any, **options: Any) -> list[Any]:
    """Ours, ours from its files, and the peer's."""
    found = []
    for lib in (dgl, dgl, peer):
        np.random.seed(3)  # noqa: NPY002
        folder = str(tmp_path / lib.__name__)
        found.append(getattr(lib.data, name)(make(lib), save_dir=folder, raw_dir=folder, **options))
    return found


@pytest.mark.parametrize("ratio", [(0.5, 0.25, 0.25), None])
def test_nodes(tmp_path: Path, ratio: Any) -> None:
    def make(lib: Any) -> Any:
        data = OneGraph(lib)
        if ratio is None:
            for i, name in enumerate(("train_mask", "val_mask", "test_mask")):
                data[0].ndata[name] = torch.arange(11) % 3 == i
        return data

    ours, again, theirs = both(
        "AsNodePredDataset",
        tmp_path,
        make,
        split_ratio=ratio,
        **({} if ratio is None else {"target_ntype": "_N"}),
    )
    for mine in (ours, again):
        for name in ("train_idx", "val_idx", "test_idx", "num_classes"):
            assert_same(getattr(mine, name), getattr(theirs, name))
        assert_same(mine[0].ndata["feat"], theirs[0].ndata["feat"])
    with pytest.raises(dgl.DGLError, match="split_ratio"):
        dgl.data.AsNodePredDataset(OneGraph(dgl), save_dir=str(tmp_path / "x"))


def test_nodes_of_ogb(tmp_path: Path) -> None:
    def make(lib: Any) -> Any:
        data = OfOGB(lib)
        g = data.items[2][0]
        data.items[0] = (g, torch.tensor([[1], [0], [2], [1]]))
        return data

    ours, again, theirs = both("AsNodePredDataset", tmp_path, make)
    for mine in (ours, again):
        for name in ("train_idx", "val_idx", "test_idx", "num_classes"):
            assert_same(getattr(mine, name), getattr(theirs, name))
        assert mine[0].ndata["label"].tolist() == [1, 0, 2, 1]


def test_links(tmp_path: Path) -> None:
    def make(lib: Any) -> Any:
        data = OneGraph(lib)
        torch.manual_seed(1)
        g = lib.graph((torch.randint(30, (60,)), torch.randint(30, (60,))), num_nodes=30)
        g.ndata["feat"] = torch.ones(30, 2)
        data.items = [(g, 0)]
        return data

    ours, again, theirs = both("AsLinkPredDataset", tmp_path, make, split_ratio=(0.8, 0.1, 0.1), neg_ratio=2)
    for mine in (ours, again):
        assert_same(mine.val_edges, theirs.val_edges)
        assert_same(mine.test_edges, theirs.test_edges)
        assert_same_graph(mine.train_graph, theirs.train_graph)
        assert mine.feat_size == theirs.feat_size == 2
    with pytest.raises(dgl.DGLError, match="get_edge_split"):
        dgl.data.AsLinkPredDataset(make(dgl), save_dir=str(tmp_path / "x"))


@pytest.mark.parametrize("form", ["edges", "sources"])
def test_links_of_ogb(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer.data.AsLinkPredDataset, "save", lambda self: None)  # it cannot
    pairs = torch.tensor([[0, 1], [2, 3]])

    def make(lib: Any) -> Any:
        data = OfOGB(lib)
        data.items = [(g := data.items[4][0], 0)]
        data.__class__ = type("Linked", (OfOGB,), {"__getitem__": lambda self, i: g})
        part: dict[str, Any] = {"edge": pairs, "edge_neg": pairs.flip(1)}
        if form == "sources":
            ends, wrong = pairs.numpy(), np.arange(4).reshape(2, 2)  # as the peer wants them
            part = {"source_node": ends[:, 0], "target_node": ends[:, 1], "target_node_neg": wrong}
        data.split = {"valid": part, "test": part}
        return data

    ours, _, theirs = both("AsLinkPredDataset", tmp_path, make)
    for side in ("val_edges", "test_edges"):
        mine, other = getattr(ours, side), getattr(theirs, side)
        for a, b in zip(sum(mine, ()), sum(other, ())):
            assert torch.as_tensor(a).tolist() == torch.as_tensor(b).tolist()


@pytest.mark.parametrize(("make", "ratio"), [(Graphs, None), (Graphs, (0.5, 0.2, 0.3)), (OfOGB, None)])
def test_graphs(tmp_path: Path, make: Any, ratio: Any) -> None:
    ours, again, theirs = both("AsGraphPredDataset", tmp_path, make, split_ratio=ratio)
    for mine in (ours, again):
        for name in (
            "train_idx",
            "val_idx",
            "test_idx",
            "num_classes",
            "num_tasks",
            "node_feat_size",
            "edge_feat_size",
        ):
            assert_same(getattr(mine, name), getattr(theirs, name))
        assert len(mine) == len(theirs) and mine[3][1] == theirs[3][1]
    with pytest.raises(dgl.DGLError, match="Please specify split_ratio"):
        dgl.data.AsGraphPredDataset(OneGraphs(dgl), save_dir=str(tmp_path / "x"))


class OneGraphs(Graphs):
    def __init__(self, lib: Any) -> None:
        super().__init__(lib)
        del self.train_mask


NODES = "node_id,label,feat,graph_id\n{}"
YAML = """
dataset_name: shop
node_data:
- file_name: user.csv
  ntype: user
- file_name: item.csv
  ntype: item
edge_data:
- file_name: likes.csv
  etype: [user, likes, item]
- file_name: knows.csv
  etype: [user, knows, user]
{}
"""


def write_tables(folder: Path, graph_data: str, several: bool) -> None:
    folder.mkdir(parents=True)
    (folder / "meta.yaml").write_text(YAML.format(graph_data))
    users = [(f"u{i}", i, f'"{i}, 0.5"', i % 2 if several else 0) for i in (4, 2, 3, 1, 0)]
    items = [(10 * i, i / 4, f'"{i},1"', i % 2 if several else 0) for i in range(4)]
    for name, rows in (("user", users), ("item", items)):
        text = "\n".join(",".join(map(str, row)) for row in rows)
        (folder / f"{name}.csv").write_text(NODES.format(text) + "\n")
    likes = [("u0", 20, 0.25, 0), ("u2", 0, 1.0, 0), ("u1", 10, 2.0, 1), ("u3", 30, 3.0, 1)]
    lines = [f"{u},{v},{w},{g if several else 0}" for u, v, w, g in likes]
    (folder / "likes.csv").write_text("\n".join(["src_id,dst_id,weight,graph_id", *lines, ""]))
    knows = ["u0,u2,0", "u2,u4,0", f"u1,u3,{int(several)}"]
    (folder / "knows.csv").write_text("\n".join(["src_id,dst_id,graph_id", *knows, ""]))
    (folder / "graphs.csv").write_text("graph_id,label,quality\n1,7,0.5\n0,8,1.5\n")
    (folder / "labels.csv").write_text("graph_id,label\n1,7\n0,8\n")


@pytest.mark.filterwarnings("ignore")  # the peer's pydantic
@pytest.mark.parametrize("table", [None, "labels", "graphs"])
def test_tables(tmp_path: Path, table: str | None) -> None:
    pytest.importorskip("yaml")
    pytest.importorskip("pandas")
    made = []
    for lib in (dgl, peer):
        folder = tmp_path / lib.__name__
        write_tables(folder, f"graph_data: {{file_name: {table}.csv}}" if table else "", table is not None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.append(lib.data.CSVDataset(str(folder), verbose=False))
    ours, theirs = made
    again = dgl.data.CSVDataset(str(tmp_path / "grapevine.dgl"))
    assert len(ours) == len(again) == len(theirs)
    for i in range(len(theirs)):
        assert_same(ours[i], theirs[i])
        assert_same(again[i], theirs[i])
    assert_same(dict(ours.data), dict(theirs.data))
    if table == "labels":
        assert ours.labels.tolist() == [[7], [8]]
    chosen = ours[torch.tensor([0])]
    assert isinstance(chosen, dgl.data.Subset) and len(chosen) == 1


def test_mistakes_in_tables(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    pytest.importorskip("pandas")
    with pytest.raises(dgl.DGLError, match=r"meta\.yaml"):
        dgl.data.CSVDataset(str(tmp_path))
    folder = tmp_path / "a"
    write_tables(folder, "", False)

    def fails(match: str, file: str, text: str) -> None:
        before = (folder / file).read_text()
        (folder / file).write_text(text)
        with pytest.raises(dgl.DGLError, match=match):
            dgl.data.CSVDataset(str(folder), force_reload=True)
        (folder / file).write_text(before)

    fails("version", "meta.yaml", YAML.format("version: 2.0.0"))
    fails("duplicate edge type", "meta.yaml", YAML.format("").replace("knows, user", "likes, item"))
    fails("dataset_name", "meta.yaml", YAML.format("").replace("dataset_name: shop", ""))
    fails("unique", "user.csv", "node_id,x\nu0,1\nu0,2\n")
    fails("known nodes", "knows.csv", "src_id,dst_id\nu0,u9\n")
    fails("Missing dst id", "knows.csv", "src_id,to\nu0,u1\n")

    def parse(table: Any) -> dict[str, Any]:
        return {"twice": 2 * table["label"].to_numpy()}

    g = dgl.data.CSVDataset(str(folder), force_reload=True, ndata_parser={"item": parse})[0]
    assert g.nodes["item"].data["twice"].tolist() == [0.0, 0.5, 1.0, 1.5]
