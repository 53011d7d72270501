"""Datasets, as the peer makes them of the same raw files."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grapevine import dgl
from tests.dgl.peer import assert_same, assert_same_graph, peer


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DGL_DOWNLOAD_DIR", str(tmp_path / "home"))


def test_splits() -> None:
    data = list(range(23))
    for options in ({}, {"shuffle": True, "random_state": 3}, {"frac_list": [0.5, 0.25, 0.25]}):
        ours, theirs = dgl.data.split_dataset(data, **options), peer.data.split_dataset(data, **options)
        assert [list(part) for part in ours] == [list(part) for part in theirs]
    with pytest.raises(dgl.DGLError, match="sum to 1"):
        dgl.data.split_dataset(data, [0.5, 0.2, 0.2])


def test_node_splits() -> None:
    for name in ("popularity", "locality", "density", None):
        found: list[Any] = []
        for lib in (dgl, peer):
            g = lib.data.KarateClubDataset()[0]
            if name is None:
                np.random.seed(0)  # noqa: NPY002
                lib.data.utils.add_nodepred_split([g], [0.5, 0.2, 0.3], *(["_N"] if lib is peer else []))
            else:
                lib.data.utils.add_node_property_split([g], [0.3, 0.1, 0.1, 0.3, 0.2], name, random_seed=1)
            found.append(g)
        assert_same_graph(*found)


def test_minigc(tmp_path: Path) -> None:
    options: dict[str, Any] = {"num_graphs": 17, "min_num_v": 8, "max_num_v": 14, "seed": 5}
    ours = dgl.data.MiniGCDataset(**options)
    theirs = peer.data.MiniGCDataset(**options, save_graph=False, force_reload=True)
    assert len(ours) == len(theirs) == 17
    for (g, y), (h, z) in zip((ours[i] for i in range(17)), (theirs[i] for i in range(17))):
        assert_same_graph(g, h)
        assert_same(y, z)
    assert ours.has_cache()
    again = dgl.data.MiniGCDataset(**options)
    assert_same(again.labels, ours.labels)


def test_sbm_mixture() -> None:
    draw = np.random.RandomState(0)
    data = dgl.data.SBMMixtureDataset(3, 60, 2, rng=draw)
    graph, line_graph, degrees, line_degrees, marks = data[1]
    assert line_graph.num_nodes() == graph.num_edges() == len(marks)
    assert_same(degrees, graph.in_degrees().float())
    assert_same(line_degrees, line_graph.in_degrees().float())
    src, dst = graph.edges()
    assert set(zip(src.tolist(), dst.tolist())) == set(zip(dst.tolist(), src.tolist()))
    batched = data.collate_fn([data[0], data[1]])
    assert batched[0].batch_size == 2
    assert len(batched[4]) == batched[0].num_edges()
    # Dense blocks inside, nothing between: the communities are there.
    apart = dgl.data.SBMMixtureDataset(1, 40, 2, pq=[(20.0, 0.0)], rng=draw)[0][0]
    src, dst = apart.edges()
    assert bool((src // 20 == dst // 20).all())
    assert apart.num_edges() == pytest.approx(2 * 20 * 20 * 0.5, rel=0.1)


@pytest.mark.filterwarnings(
    "ignore:Please import:DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the peer
@pytest.mark.parametrize("reverse", [True, False])
def test_cora(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reverse: bool) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    options: dict[str, Any] = {"verbose": False, "reverse_edge": reverse}
    ours = dgl.data.CoraGraphDataset(str(tmp_path / "ours"), **options)
    for folder, prefix in (("theirs", "cora_v2"), ("both", "cora_v2")):
        target = tmp_path / folder / Path(ours.raw_path).name
        target.mkdir(parents=True)
        for file in Path(ours.raw_path).glob("ind.*"):
            shutil.copy(file, target / file.name.replace("cora", prefix))
    theirs = peer.data.CoraGraphDataset(str(tmp_path / "theirs"), **options)
    assert_same_graph(ours[0], theirs[0])
    assert ours.num_classes == theirs.num_classes == 7
    assert_same_graph(dgl.data.CoraGraphDataset(str(tmp_path / "ours"), **options)[0], theirs[0])
    if reverse:  # what DGL downloaded and processed is taken over
        assert_same_graph(dgl.data.CoraGraphDataset(str(tmp_path / "both"), **options)[0], theirs[0])
        assert_same_graph(dgl.data.CoraGraphDataset(str(tmp_path / "theirs"), **options)[0], theirs[0])


@pytest.mark.parametrize("name", ["MUTAG", "Letter-med"])
def test_tu(shared_data: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    ours = dgl.data.TUDataset(name, str(tmp_path / "ours"))
    shutil.copytree(Path(ours.raw_path), tmp_path / "theirs" / Path(ours.raw_path).name)
    (tmp_path / "theirs" / Path(ours.raw_path).name / f"tu_{name}.bin").unlink()
    # With pandas, the peer stumbles over numpy; without it, columns come without their second dimension.
    monkeypatch.setattr("dgl.data.tu.loadtxt", lambda path, delimiter: np.loadtxt(path, delimiter=delimiter))
    theirs = peer.data.TUDataset(name, str(tmp_path / "theirs"))
    assert len(ours) == len(theirs)
    assert (ours.num_classes, ours.max_num_node) == (theirs.num_classes, theirs.max_num_node)
    assert_same(ours.graph_labels.view(-1), theirs.graph_labels.view(-1))
    again = dgl.data.TUDataset(name, str(tmp_path / "ours"))
    for i in range(0, len(ours), 97):
        assert_same_graph(ours[i][0], theirs[i][0], features=False)
        assert_same_graph(ours[i][0], again[i][0])
        for data, other in ((ours[i][0].ndata, theirs[i][0].ndata), (ours[i][0].edata, theirs[i][0].edata)):
            assert {k: v.squeeze(-1).tolist() for k, v in data.items()} == {
                k: v.tolist() for k, v in other.items()
            }


@pytest.mark.parametrize("degree", [False, True])
@pytest.mark.parametrize("labels", [(0, 0, 0, 0, 0), (4, 2, 4, 2, 2), (1, 0, 2, 1, 0)])
def test_gin(tmp_path: Path, labels: tuple[int, ...], degree: bool) -> None:
    a, b, c, d, e = labels
    text = f"2\n3 5\n{a} 2 1 2\n{b} 1 0\n{c} 1 0\n2 -1\n{d} 1 1\n{e} 1 0\n"
    for folder in ("ours", "theirs"):
        target = tmp_path / folder / "GINDataset" / "dataset" / "TOY"
        target.mkdir(parents=True)
        (target / "TOY.txt").write_text(text)
    options = {"self_loop": True, "degree_as_nlabel": degree}
    try:
        theirs = peer.data.GINDataset("TOY", raw_dir=str(tmp_path / "theirs"), **options)
    except (IndexError, KeyError):
        pytest.skip("the peer cannot read labels like these")
    for _ in range(2):  # read, then loaded
        ours = dgl.data.GINDataset("TOY", raw_dir=str(tmp_path / "ours"), **options)
        assert_same(ours.labels, theirs.labels)
        assert (ours.num_classes, ours.dim_nfeats) == (theirs.num_classes, theirs.dim_nfeats)
        for i in range(2):
            assert_same_graph(ours[i][0], theirs[i][0])


def test_own_dataset_is_saved_and_loaded(tmp_path: Path) -> None:
    calls: list[str] = []

    def make(lib: Any) -> Any:
        class Mine(lib.data.DGLDataset):  # type: ignore[misc]
            def download(self) -> None:
                calls.append("download")

            def process(self) -> None:
                calls.append("process")
                self.graph = lib.graph(([0], [1]))

            def save(self) -> None:
                lib.save_graphs(self.save_path + ".bin", [self.graph])

            def load(self) -> None:
                calls.append("load")
                self.graph = lib.load_graphs(self.save_path + ".bin")[0][0]

            def has_cache(self) -> bool:
                return Path(self.save_path + ".bin").exists()

            def __getitem__(self, i: int) -> Any:
                return self.graph

            def __len__(self) -> int:
                return 1

        return Mine

    found = []
    for lib in (dgl, peer):
        calls.clear()
        folder = str(tmp_path / lib.__name__)
        for _ in range(2):
            data = make(lib)("mine", url="http://x/y.zip", raw_dir=folder, hash_key=(1, "a"))
        found.append((list(calls), data.hash, Path(data.raw_path).name, repr(data).replace(folder, "")))
    assert found[0] == found[1]
    with pytest.raises(TypeError, match="write its process"):
        dgl.data.DGLDataset("none", raw_dir=str(tmp_path))


def test_archives_and_checksums(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("x.txt", "hello")
    dgl.data.extract_archive(str(tmp_path / "a.zip"), str(tmp_path / "out"))
    assert (tmp_path / "out" / "x.txt").read_text() == "hello"
    sha1 = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"  # of "hello"
    assert dgl.data.check_sha1(str(tmp_path / "out" / "x.txt"), sha1)
    assert dgl.data.download("http://x/x.txt", str(tmp_path / "out"), overwrite=False).endswith("x.txt")
    with pytest.raises(dgl.DGLError, match="Unrecognized"):
        dgl.data.extract_archive(str(tmp_path / "out" / "x.txt"), str(tmp_path / "other"))
    dgl.data.utils.save_info(tmp_path / "i.pkl", {"a": 1})
    assert peer.data.utils.load_info(str(tmp_path / "i.pkl")) == dgl.data.utils.load_info(tmp_path / "i.pkl")
    assert torch.equal(dgl.data.utils.generate_mask_tensor(np.array([1.0, 0.0])), torch.tensor([True, False]))
