"""Published graphs: the same as torch_geometric makes from the same raw files, and where raw files are looked for."""

from __future__ import annotations

import gzip
import json
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

import grapevine.datasets as ours
from grapevine.data import Data
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError

theirs = pytest.importorskip("torch_geometric.datasets")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test puts down is at hand."""

    def refuse(name: str, into: object, url: str, *rest: object) -> Path:
        raise DownloadError(f"could not download {name!r} from {url}: no network in tests")

    for module in ("grapevine.io.download", "grapevine.datasets._published"):
        monkeypatch.setattr(f"{module}.download_file", refuse)
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)


def lines(*rows: object) -> str:
    return "".join(f"{row}\n" for row in rows)


def ends(num_nodes: int, count: int, start: int = 0) -> np.ndarray[Any, Any]:
    return RNG.integers(start, num_nodes + start, (count, 2))


def splits(folder: Path, name: str, num_nodes: int) -> None:
    for i in range(10):
        part = RNG.integers(0, 3, num_nodes)
        masks = {
            f"{key}_mask": (part == k).astype(np.uint8) for k, key in enumerate(("train", "val", "test"))
        }
        np.savez(folder / f"{name}_split_0.6_0.2_{i}.npz", **masks)


def geom_gcn(name: str, words: bool = False) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        table = ["node_id\tfeature\tlabel"]
        for node in range(12):
            values = sorted(RNG.choice(9, 3, replace=False)) if words else RNG.integers(0, 2, 9)
            table.append(f"{node}\t{','.join(map(str, values))}\t{node % 5}")
        (folder / "out1_node_feature_label.txt").write_text(lines(*table))
        edges = [f"{a}\t{b}" for a, b in ends(12, 30)]
        (folder / "out1_graph_edges.txt").write_text(lines("node_id\tnode_id", *edges))
        splits(folder, name, 12)

    return write


def musae(file: str, features: bool = True, target: type = np.int64) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        arrays = {"target": RNG.integers(0, 4, 12).astype(target), "edges": ends(12, 30)}
        if features:
            arrays["features"] = RNG.normal(size=(12, 5))
        np.savez(folder / file, **arrays)

    return write


def csr(matrix: Any, name: str) -> dict[str, Any]:
    return {f"{name}_{part}": getattr(matrix, part) for part in ("data", "indices", "indptr", "shape")}


def citations(folder: Path) -> None:
    adjacency = sp.random(12, 12, 0.2, format="csr", random_state=1)
    features = sp.random(12, 7, 0.4, format="csr", random_state=2)
    np.savez(
        folder / "cora.npz", **csr(adjacency, "adj"), **csr(features, "attr"), labels=RNG.integers(0, 4, 12)
    )


def saint(several: bool) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        matrix = sp.random(12, 12, 0.2, format="csr", random_state=3)
        parts = {name: getattr(matrix, name) for name in ("data", "indices", "indptr", "shape")}
        np.savez(folder / "adj_full.npz", **parts)
        np.save(folder / "feats.npy", RNG.normal(size=(12, 5)))
        classes = {str(i): RNG.integers(0, 2, 4).tolist() if several else i % 4 for i in range(12)}
        (folder / "class_map.json").write_text(json.dumps(classes))
        roles = {"tr": list(range(6)), "va": [6, 7, 8], "te": [9, 11]}
        (folder / "role.json").write_text(json.dumps(roles))

    return write


def reddit(folder: Path) -> None:
    np.savez(
        folder / "reddit_data.npz",
        feature=RNG.normal(size=(12, 5)),
        label=RNG.integers(0, 4, 12),
        node_types=RNG.integers(1, 4, 12),
    )
    sp.save_npz(folder / "reddit_graph.npz", sp.random(12, 12, 0.2, format="coo", random_state=4))


def ppi(folder: Path) -> None:
    for split in ("train", "valid", "test"):
        sizes = (5, 7)
        member = np.repeat([3, 4], sizes)
        links = [(0, 1), (1, 2), (2, 2), (4, 3), (0, 4)] + [
            (5 + a, 5 + b) for a, b in ((0, 6), (6, 1), (2, 3), (3, 4))
        ]
        graph = {
            "directed": False,
            "multigraph": False,
            "graph": {},
            "nodes": [{"id": i} for i in range(12)],
            "links": [{"source": a, "target": b} for a, b in links],
        }
        (folder / f"{split}_graph.json").write_text(json.dumps(graph))
        np.save(folder / f"{split}_graph_id.npy", member)
        np.save(folder / f"{split}_feats.npy", RNG.normal(size=(12, 5)))
        np.save(folder / f"{split}_labels.npy", RNG.integers(0, 2, (12, 3)))


def airports(folder: Path) -> None:
    ids = RNG.permutation(100)[:12]
    labels = [f"{i} {k % 4}" for k, i in enumerate(ids)]
    (folder / "labels-usa-airports.txt").write_text(lines("node label", *labels))
    edges = [f"{ids[a]} {ids[b]}" for a, b in ends(12, 30)]
    (folder / "usa-airports.edgelist").write_text(lines(*edges))


def polblogs(folder: Path) -> None:
    (folder / "adjacency.tsv").write_text(lines(*(f"{a}\t{b}\t1" for a, b in ends(12, 30))))
    (folder / "labels.tsv").write_text(lines(*RNG.integers(0, 2, 12)))


def email(folder: Path) -> None:
    (folder / "email-Eu-core.txt").write_text(lines(*(f"{a} {b}" for a, b in ends(12, 30))))
    labels = [f"{i} {k}" for i, k in enumerate(RNG.integers(0, 5, 12))]
    (folder / "email-Eu-core-department-labels.txt").write_text(lines(*labels))


def wiki_cs(folder: Path) -> None:
    given = {
        "features": RNG.normal(size=(12, 5)).tolist(),
        "labels": RNG.integers(0, 4, 12).tolist(),
        "links": [RNG.integers(0, 12, 3).tolist() for _ in range(12)],
        "test_mask": RNG.integers(0, 2, 12).astype(bool).tolist(),
    }
    for part in ("train", "val", "stopping"):
        given[f"{part}_masks"] = RNG.integers(0, 2, (4, 12)).astype(bool).tolist()
    (folder / "data.json").write_text(json.dumps(given))


def mixhop(folder: Path) -> None:
    stem = str(folder / "ind.n5000-h0.3-c10")
    for part, array in (("allx", RNG.normal(size=(12, 2))), ("ally", np.eye(4)[RNG.integers(0, 4, 12)])):
        with open(f"{stem}.{part}", "wb") as file:
            np.save(file, array)
    with open(f"{stem}.graph", "wb") as file:
        pickle.dump({i: RNG.integers(0, 12, 3).tolist() for i in range(12)}, file, protocol=2)


def attributed(columns: int, several: bool) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        sp.save_npz(folder / "attrs.npz", sp.random(12, columns, 0.05, format="csr", random_state=5))
        (folder / "edgelist.txt").write_text(lines(*(f"{a}\t{b}" for a, b in ends(12, 30))))
        labels = [f"{i}\t{' '.join(map(str, {1 + i % 3, 4} if several else {1 + i % 3}))}" for i in range(12)]
        (folder / "labels.txt").write_text(lines(*labels))

    return write


def magnn(folder: Path, sizes: list[int], labelled: bool = True) -> None:
    """A matrix over nodes of several types without edges inside the last one."""
    matrix = (RNG.random((sum(sizes), sum(sizes))) < 0.2).astype(float)
    matrix[-sizes[-1] :, -sizes[-1] :] = 0
    sp.save_npz(folder / "adjM.npz", sp.csr_matrix(matrix))
    np.save(folder / "node_types.npy", np.repeat(np.arange(len(sizes)), sizes))
    if labelled:
        np.save(folder / "labels.npy", RNG.integers(0, 3, sizes[0]))
        order = RNG.permutation(sizes[0])
        np.savez(
            folder / "train_val_test_idx.npz", train_idx=order[:2], val_idx=order[2:3], test_idx=order[3:]
        )


def imdb(folder: Path) -> None:
    magnn(folder, [5, 3, 4])
    for i, size in enumerate((5, 3, 4)):
        sp.save_npz(folder / f"features_{i}.npz", sp.random(size, 6, 0.4, format="csr", random_state=i))


def dblp(folder: Path) -> None:
    magnn(folder, [5, 4, 3, 2])
    for i, size in enumerate((5, 4)):
        sp.save_npz(folder / f"features_{i}.npz", sp.random(size, 6, 0.4, format="csr", random_state=i))
    np.save(folder / "features_2.npy", RNG.normal(size=(3, 4)))


def last_fm(folder: Path) -> None:
    magnn(folder, [5, 4, 3], labelled=False)
    for sign in ("pos", "neg"):
        parts = {
            f"{part}_{sign}_user_artist": RNG.integers(0, 4, (3, 2)) for part in ("train", "val", "test")
        }
        np.savez(folder / f"train_val_test_{sign}_user_artist.npz", **parts)


def aminer(folder: Path) -> None:
    (folder / "label").mkdir()
    for name, table, count in (("author", "id_author.txt", 6), ("venue", "id_conf.txt", 3)):
        names = [f"{name} {i}".replace(" ", "") for i in range(count)]
        (folder / table).write_text(lines(*(f"{i}\t{n}" for i, n in enumerate(names))))
        labels = [f"{n} {1 + i % 2}" for i, n in reversed(list(enumerate(names)))]
        (folder / "label" / f"googlescholar.8area.{name}.label.txt").write_text(lines(*labels))
    (folder / "paper.txt").write_text(lines(*(f"{i}\ttitle" for i in range(8))))
    for table, count in (("paper_author.txt", 6), ("paper_conf.txt", 3)):
        links = [f"{i % 8}\t{i % count}" for i in range(20)]
        (folder / table).write_text(lines(*links))


def hgb(name: str, json_form: bool) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder = folder / name
        folder.mkdir()
        several = name == "IMDB"
        types, relations = (
            ["movie", "person"],
            [(0, 1, "movie-person"), (1, 0, "person-made-movie"), (0, 0, "movie-seen")],
        )
        if json_form:
            info = {
                "node.dat": {"node type": dict(enumerate(types))},
                "link.dat": {
                    "link type": {
                        i: {"start": str(a), "end": str(b), "meaning": meaning}
                        for i, (a, b, meaning) in enumerate(relations)
                    }
                },
                "label.dat": {"node type": {"0": {"0": "a", "1": "b", "2": "c"}}},
            }
            text = json.dumps(info)
        else:
            table = [f"{i}\t\t{kind.upper()}" for i, kind in enumerate(types)]
            links = [f"{i}\t{a}\t{b}\t{meaning}" for i, (a, b, meaning) in enumerate(relations)]
            text = lines("x", "TYPE\tMEANING", *table, "", "LINK\tSTART\tEND\tMEANING", *links, "", "end")
        (folder / "info.dat").write_text(text)
        kinds = RNG.permutation([0] * 6 + [1] * 4)
        nodes = [f"{i}\tname\t{kind}" + ("\t1.5,2" if kind == 0 else "") for i, kind in enumerate(kinds)]
        (folder / "node.dat").write_text(lines(*nodes))
        of = [np.flatnonzero(kinds == kind) for kind in range(2)]
        links = [
            f"{RNG.choice(of[a])}\t{RNG.choice(of[b])}\t{i}\t{1.0 if i else 2.5}"
            for i, (a, b, _) in enumerate(relations)
            for _ in range(5)
        ]
        (folder / "link.dat").write_text(lines(*links))
        for file, chosen in (("label.dat", of[0][:3]), ("label.dat.test", of[0][3:])):
            labels = [f"{i}\tname\t0\t{'0,2' if several else i % 3}" for i in chosen]
            (folder / file).write_text(lines(*labels))

    return write


def mag(folder: Path) -> None:
    def table(name: str, rows: Any) -> None:
        file = folder / f"{name}.csv.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(file, "wt") as out:
            out.write(rows if isinstance(rows, str) else lines(*(",".join(map(str, row)) for row in rows)))

    table("node-feat/paper/node-feat", RNG.normal(size=(6, 3)).round(3))
    table("node-feat/paper/node_year", RNG.integers(2010, 2020, (6, 1)))
    table("node-label/paper/node-label", RNG.integers(0, 3, (6, 1)))
    table("num-node-dict", "author,field_of_study,institution,paper\n5,3,2,6\n")
    for relation in ours.OGB_MAG.relations:
        table(f"relations/{'___'.join(relation)}/edge", RNG.integers(0, 2, (7, 2)))
    for part, nodes in (("train", [0, 2]), ("valid", [1]), ("test", [3, 5])):
        table(f"split/time/paper/{part}", [[node] for node in nodes])


#: The dataset, its arguments after `root`, the folder of its raw files, and what writes them.
CASES: dict[str, tuple[str, dict[str, Any], str, Callable[[Path], None]]] = {
    "WebKB": ("WebKB", {"name": "Texas"}, "texas/raw", geom_gcn("texas")),
    "Actor": ("Actor", {}, "raw", geom_gcn("film", words=True)),
    "Wikipedia": ("WikipediaNetwork", {"name": "chameleon"}, "chameleon/geom_gcn/raw", geom_gcn("chameleon")),
    "Wikipedia, traffic": (
        "WikipediaNetwork",
        {"name": "crocodile", "geom_gcn_preprocess": False},
        "crocodile/raw",
        musae("crocodile.npz", target=np.float64),
    ),
    "Facebook": ("FacebookPagePage", {}, "raw", musae("facebook.npz")),
    "GitHub": ("GitHub", {}, "raw", musae("github.npz")),
    "Deezer": ("DeezerEurope", {}, "raw", musae("deezer_europe.npz")),
    "LastFMAsia": ("LastFMAsia", {}, "raw", musae("lastfm_asia.npz")),
    "Twitch": ("Twitch", {"name": "ES"}, "ES/raw", musae("ES.npz")),
    "Gemsec": ("GemsecDeezer", {"name": "HR"}, "HR/raw", musae("HR.npz", features=False)),
    "CitationFull": ("CitationFull", {"name": "Cora"}, "cora/raw", citations),
    "CitationFull, directed": ("CitationFull", {"name": "Cora", "to_undirected": False}, "cora/raw", citations),
    "CoraFull": ("CoraFull", {}, "cora/raw", citations),
    "Flickr": ("Flickr", {}, "raw", saint(several=False)),
    "Reddit2": ("Reddit2", {}, "raw", saint(several=False)),
    "Yelp": ("Yelp", {}, "raw", saint(several=True)),
    "AmazonProducts": ("AmazonProducts", {}, "raw", saint(several=True)),
    "Reddit": ("Reddit", {}, "raw", reddit),
    **{f"PPI, {split}": ("PPI", {"split": split}, "raw", ppi) for split in ("train", "val", "test")},
    "Airports": ("Airports", {"name": "USA"}, "usa/raw", airports),
    "PolBlogs": ("PolBlogs", {}, "raw", polblogs),
    "EmailEUCore": ("EmailEUCore", {}, "raw", email),
    "WikiCS": ("WikiCS", {"is_undirected": True}, "raw", wiki_cs),
    "WikiCS, directed": ("WikiCS", {"is_undirected": False}, "raw", wiki_cs),
    "MixHop": ("MixHopSyntheticDataset", {"homophily": 0.3}, "03/raw", mixhop),
    "IMDB": ("IMDB", {}, "raw", imdb),
    "DBLP": ("DBLP", {}, "raw", dblp),
    "LastFM": ("LastFM", {}, "raw", last_fm),
    "AMiner": ("AMiner", {}, "raw", aminer),
    "HGB, ACM": ("HGBDataset", {"name": "ACM"}, "acm/raw", hgb("ACM", json_form=True)),
    "HGB, IMDB": ("HGBDataset", {"name": "imdb"}, "imdb/raw", hgb("IMDB", json_form=True)),
    "HGB, Freebase": ("HGBDataset", {"name": "freebase"}, "freebase/raw", hgb("Freebase", json_form=False)),
    "OGB_MAG": ("OGB_MAG", {}, "mag/raw", mag),
    "Attributed": ("AttributedGraphDataset", {"name": "Wiki"}, "wiki/raw", attributed(9, several=False)),
    "Attributed, labels": ("AttributedGraphDataset", {"name": "PPI"}, "ppi/raw", attributed(9, several=True)),
    "Attributed, sparse": ("AttributedGraphDataset", {"name": "Flickr"}, "flickr/raw", attributed(10_001, False)),
}  # fmt: skip


def flat(graph: Any) -> dict[Any, Any]:
    """All attributes of a graph; edges sorted where they have no attributes, since their order means nothing then."""
    found: dict[Any, Any] = {}
    stores = graph.stores
    for store in stores:
        alone = {key for key in store.keys() if key.startswith("edge")} == {"edge_index"}  # noqa: SIM118
        for key, value in store.items():
            if key == "edge_index" and alone:
                value = value[
                    :, (value[0] * (int(value.max()) + 1 if value.numel() else 1) + value[1]).argsort()
                ]
            found[getattr(store, "_key", None), key] = value
    return found


def assert_same(mine: Any, other: Any) -> None:
    assert len(mine) == len(other)
    for a, b in zip(mine, other):
        got, want = flat(a), flat(b)
        assert got.keys() == want.keys()
        for key, value in want.items():
            if isinstance(value, Tensor):
                assert got[key].dtype == value.dtype and got[key].layout == value.layout, key
                dense = (t.to_dense() if t.layout is not torch.strided else t for t in (got[key], value))
                torch.testing.assert_close(*dense, rtol=0, atol=0)
            else:
                assert got[key] == value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_same_graphs_as_the_peer(case: str, tmp_path: Path) -> None:
    name, options, raw, write = CASES[case]
    (tmp_path / "ours" / raw).mkdir(parents=True)
    write(tmp_path / "ours" / raw)
    shutil.copytree(tmp_path / "ours", tmp_path / "theirs")
    seen: list[Any] = []
    mine = getattr(ours, name)(str(tmp_path / "ours"), **options)
    other = getattr(theirs, name)(str(tmp_path / "theirs"), **options)
    assert_same(mine, other)
    assert repr(mine) == repr(other)
    if isinstance(mine[0], Data):
        assert (mine.num_features, mine.num_classes) == (other.num_features, other.num_classes)
    if "name" in options:
        again = getattr(ours, name)(
            str(tmp_path / "ours"), **options, force_reload=True, pre_transform=lambda g: seen.append(g) or g
        )
        assert len(seen) == len(again) == len(mine)


def test_files_are_found_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of the dataset's name, in archives, and packed; else an error says where to put them."""
    data, raw = tmp_path / "data", tmp_path / "raw"
    for folder in (data / "texas", raw):
        folder.mkdir(parents=True)
    monkeypatch.setenv("GRAPEVINE_DATA", str(data))
    geom_gcn("texas")(data / "texas")
    assert ours.WebKB(str(tmp_path / "a"), "texas")[0].num_nodes == 12
    with pytest.raises(DownloadError, match="out1_node_feature_label"):
        ours.WebKB(str(tmp_path / "a"), "cornell")
    reddit(raw)
    with zipfile.ZipFile(data / "reddit.zip", "w") as packed:
        for file in raw.iterdir():
            packed.write(file, f"inside/{file.name}")
    assert ours.Reddit(str(tmp_path / "b"))[0].num_nodes == 12
    polblogs(raw)
    with tarfile.open(data / "polblogs.tar.gz", "w:gz") as tar:
        for file in raw.glob("*.tsv"):
            tar.add(file, f"./{file.name}")
    assert ours.PolBlogs(str(tmp_path / "c"))[0].num_nodes == 12
    with zipfile.ZipFile(data / "ppi.zip", "w") as packed:
        packed.write(raw / "labels.tsv", "train_feats.npy")
    with pytest.raises(DownloadError, match=r"expected a file 'train_graph_id\.npy' in it, got"):
        ours.PPI(str(tmp_path / "d"))
    musae("facebook.npz")(data)
    assert ours.FacebookPagePage(str(tmp_path / "e"))[0].num_nodes == 12


def test_packed_files_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    email(raw)

    def fetched(name: str, into: Path, url: str, *rest: object) -> Path:
        assert url == f"https://snap.stanford.edu/data/{name}"
        with gzip.open(into / name, "wb") as out:
            out.write((raw / name.removesuffix(".gz")).read_bytes())
        return into / name

    monkeypatch.setattr("grapevine.datasets._published.download_file", fetched)
    dataset = ours.EmailEUCore(str(tmp_path / "root"))
    assert dataset[0].num_edges == 30
    assert {file.suffix for file in Path(dataset.raw_dir).iterdir()} == {".txt"}


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda root: ours.WebKB(root, "oxford"), "expected a dataset of .* got 'oxford'"),
        (lambda root: ours.WikipediaNetwork(root, "crocodile"), "use geom_gcn_preprocess=False"),
        (lambda root: ours.PPI(root, "valid"), "got 'valid'"),
        (lambda root: ours.MixHopSyntheticDataset(root, 0.35), "got 0.35"),
    ],
)
def test_errors_teach(make: Callable[[str], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(GraphValueError, match=message):
        make(str(tmp_path))
