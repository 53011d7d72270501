"""More published graphs: the same as torch_geometric makes from the same raw files."""

from __future__ import annotations

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
from scipy.io import savemat

import grapevine.datasets as ours
from grapevine.data import Batch, extract_tar
from grapevine.errors import GraphValueError
from grapevine.io import DownloadError, UnsafePickleError
from tests.datasets.test_published import _offline, assert_same, ends, lines  # noqa: F401 (a fixture)

theirs = pytest.importorskip("torch_geometric.datasets")
RNG = np.random.default_rng(0)
Write = Callable[[Path], None]


def nell(folder: Path) -> None:
    features = {
        part: sp.random(rows, 6, 0.5, format="csr", random_state=rows) for part, rows in SIZES.items()
    }
    for part, matrix in features.items():
        (folder / f"ind.nell.0.001.{part}").write_bytes(pickle.dumps(matrix))
        y = np.eye(3, dtype=np.int32)[RNG.integers(0, 3, matrix.shape[0])]
        (folder / f"ind.nell.0.001.{part.replace('x', 'y')}").write_bytes(pickle.dumps(y))
    graph = {a: [int(b)] for a, b in enumerate(RNG.integers(0, 520, 520))}
    (folder / "ind.nell.0.001.graph").write_bytes(pickle.dumps(graph))
    (folder / "ind.nell.0.001.test.index").write_text(lines(511, 517, 512))


SIZES = {"x": 3, "tx": 3, "allx": 510}


def facebook(splits: bool) -> Write:
    def write(folder: Path) -> None:
        friends = sp.random(12, 12, 0.3, format="csc", random_state=1)
        savemat(folder / "data.mat", {"A": friends, "local_info": RNG.integers(0, 3, (12, 7))})
        if splits:
            parts = [
                {key: order[i::3] for i, key in enumerate(("train", "valid", "test"))}
                for order in (RNG.permutation(12) for _ in range(5))
            ]
            np.save(folder / "fb100-Penn94-splits.npy", np.array(parts, dtype=object), allow_pickle=True)

    return write


def genius(folder: Path) -> None:
    arrays = {
        "edge_index": ends(12, 20).T,
        "node_feat": RNG.normal(size=(12, 4)),
        "label": RNG.integers(0, 2, (12, 1)),
    }
    savemat(folder / "data.mat", arrays)


def wiki(folder: Path) -> None:
    torch.save(torch.rand(12, 4), folder / "wiki_features2M.pt")
    torch.save(torch.from_numpy(ends(12, 20)), folder / "wiki_edges2M.pt")
    torch.save(torch.arange(12) % 5, folder / "wiki_views2M.pt")


def elliptic(folder: Path) -> None:
    keys = RNG.permutation(1000)[:12]
    steps = np.array([1, 2, 34, 35] * 3)
    table = [",".join(map(str, [k, t, *RNG.normal(size=3).round(6)])) for k, t in zip(keys, steps)]
    (folder / "elliptic_txs_features.csv").write_text(lines(*table))
    kinds = [f"{key},{('unknown', '1', '2')[i % 3]}" for i, key in enumerate(keys)]
    (folder / "elliptic_txs_classes.csv").write_text(lines("txId,class", *kinds))
    paid = [(a, b) for a, b in ends(12, 60) if steps[a] == steps[b]]
    (folder / "elliptic_txs_edgelist.csv").write_text(
        lines("txId1,txId2", *(f"{keys[a]},{keys[b]}" for a, b in paid))
    )


def dgraph(folder: Path) -> None:
    arrays = {
        "x": RNG.normal(size=(12, 5)),
        "y": RNG.integers(0, 4, 12),
        "edge_index": ends(12, 20),
        "edge_type": RNG.integers(0, 11, 20),
        "edge_timestamp": RNG.integers(0, 821, 20),
        "train_mask": np.arange(4),
        "valid_mask": np.arange(4, 6),
        "test_mask": np.arange(6, 8),
    }
    np.savez(folder / "dgraphfin.npz", **arrays)
    with zipfile.ZipFile(folder / "DGraphFin.zip", "w") as packed:
        packed.write(folder / "dgraphfin.npz", "dgraphfin.npz")
    (folder / "dgraphfin.npz").unlink()


def facts(step: int) -> Write:
    def write(folder: Path) -> None:
        for part, first in (("train", 5), ("valid", 9), ("test", 12)):
            table = [
                f"{a}\t{a % 3}\t{b}\t{(first + i // 2) * step}\t0"
                for i, (a, b) in enumerate(ends(9, FACTS, 1))
            ]
            (folder / f"{part}.txt").write_text(lines(*table))

    return write


FACTS = 7


def gdelt_lite(folder: Path) -> None:
    torch.save(torch.rand(12, 4), folder / "node_features.pt")
    torch.save(torch.rand(20, 3), folder / "edge_features.pt")
    table = [f"{i},{a},{b},{float(i)},0" for i, (a, b) in enumerate(ends(12, 20))]
    (folder / "edges.csv").write_text(lines(",src,dst,time,ext_roll", *table))


def myket(whole: bool) -> Write:
    def write(folder: Path) -> None:
        table = [f"{a},{b},{i if whole else i + 0.5},0,1" for i, (a, b) in enumerate(ends(6, 20))]
        (folder / "myket.csv").write_text(lines("user_id,app_name,timestamp,state_label,features", *table))
        np.save(folder / "app_info_sample.npy", RNG.normal(size=(6, 3)))

    return write


def benchmark(name: str) -> Write:
    def write(folder: Path) -> None:
        def graph(size: int) -> dict[str, Any]:
            edges = torch.from_numpy(ends(size, 9)).t()
            return {"x": torch.rand(size, 3), "edge_index": edges, "y": torch.tensor([size % 4])}

        torch.save(
            [[graph(size) for size in sizes] for sizes in ((5, 6), (7,), (8, 9))], folder / f"{name}_v2.pt"
        )

    return write


def circles(folder: Path) -> None:
    adjacencies = [sp.random(6, 6, 0.5, format="coo", random_state=i) for i in range(3)]
    (folder / "graphs_Kary_Deterministic_Graphs.pkl").write_bytes(
        pickle.dumps([sp.coo_matrix(a) for a in adjacencies])
    )
    torch.save(torch.tensor([0, 2, 1]), folder / "y_Kary_Deterministic_Graphs.pt")


def rooms(folder: Path) -> None:
    h5py = pytest.importorskip("h5py")
    names = [f"ply_data_all_{i}.h5" for i in range(2)]
    (folder / "all_files.txt").write_text(lines(*(f"indoor3d_sem_seg_hdf5_data/{name}" for name in names)))
    (folder / "room_filelist.txt").write_text(lines(*(f"Area_{area}_office_1" for area in (1, 6, 2, 6, 6))))
    for name, blocks in zip(names, (3, 2)):
        with h5py.File(folder / name, "w") as file:
            file["data"] = RNG.normal(size=(blocks, 4, 9)).astype(np.float32)
            file["label"] = RNG.integers(0, 13, (blocks, 4)).astype(np.uint8)


def molecules(folder: Path) -> None:
    """As the official files: a table, structures with hydrogens, and a list of those that are unsure."""
    chem = pytest.importorskip("rdkit.Chem")
    all_chem = pytest.importorskip("rdkit.Chem.AllChem")
    smiles = ["C", "C=O", "CC#N", "c1ccoc1", "FC(F)F", "NC=O"]
    with chem.SDWriter(str(folder / "gdb9.sdf")) as out:
        for i, text in enumerate(smiles):
            molecule = chem.AddHs(chem.MolFromSmiles(text))
            all_chem.EmbedMolecule(molecule, randomSeed=1)
            molecule.SetProp("_Name", f"gdb_{i + 1}")
            out.write(molecule)
    table = [f"gdb_{i + 1},{','.join(map(str, RNG.normal(size=19).round(5)))}" for i in range(len(smiles))]
    (folder / "gdb9.sdf.csv").write_text(lines("mol_id," + ",".join("abcdefghijklmnopqrs"), *table))
    (folder / "uncharacterized.txt").write_text("\n" * 9 + lines("    3 gdb_3 x") + "sum\n")


def dissolved(folder: Path) -> None:
    for part in ("train", "val", "test"):
        graphs = [
            (RNG.integers(0, 65, 5), RNG.integers(0, 5, count), ends(5, count).T.copy(), float(count))
            for count in (4, 0, 6)
        ]
        (folder / f"{part}.pickle").write_bytes(pickle.dumps(graphs))
    for part in ("atom", "bond"):
        (folder / f"{part}_dict.pickle").write_bytes(pickle.dumps({}))


def rumours(folder: Path) -> None:
    sizes = (5, 4, 6)
    owner = np.repeat(np.arange(3), sizes)
    np.save(folder / "node_graph_id.npy", owner)
    np.save(folder / "graph_labels.npy", np.array([0, 1, 1]))
    for part, index in (("train", [2, 0]), ("val", [1]), ("test", [1, 2])):
        np.save(folder / f"{part}_idx.npy", np.array(index))
    tree = [(a, b) for a, b in ends(15, 90) if owner[a] == owner[b]]
    (folder / "A.txt").write_text(lines(*(f"{a}, {b}" for a, b in tree)))
    sp.save_npz(folder / "new_profile_feature.npz", sp.random(15, 4, 0.5, format="csr", random_state=1))


def facts_to_complete(folder: Path) -> None:
    (folder / "entities.dict").write_text(lines(*(f"{i}\t/m/{i * i}" for i in range(9))))
    (folder / "relations.dict").write_text(lines(*(f"{i}\t/r/{i * i}" for i in range(3))))
    for part in ("train", "valid", "test"):
        rows = [f"/m/{a * a}\t/r/{(a % 3) ** 2}\t/m/{b * b}" for a, b in ends(9, 8)]
        (folder / f"{part}.txt").write_text(lines(*rows))


def languages(folder: Path) -> None:
    for pair in ("en_zh", "en_fr", "en_ja", "zh_en", "fr_en", "ja_en"):
        (folder / pair).mkdir()
    names = ["cat", "black cat", "", "dog of fire"]
    for side, first in ((1, 0), (2, 4)):
        ids = RNG.permutation(4) + first
        features = [f"{key}\t{name}" if name else f"{key}" for key, name in zip(ids, names)]
        (folder / "ja_en" / f"id_features_{side}").write_text(lines(*features))
        (folder / "ja_en" / f"triples_{side}").write_text(
            lines(*(f"{a}\t{i % 3}\t{b}" for i, (a, b) in enumerate(ends(4, 9, first))))
        )
    for file in ("train.examples.20", "test.examples.1000"):
        (folder / "ja_en" / file).write_text(lines("0\t5\t1", "1\t4\t0", "2\t7\t1"))
    vectors = [" ".join(map(str, RNG.normal(size=300).round(4))) for _ in range(4)]
    (folder / "sub.glove.300d").write_text(
        lines(*(f"{word} {vector}" for word, vector in zip(("cat", "black", "dog"), vectors)), vectors[3])
    )


def matrix(shape: tuple[int, int], ones: bool) -> Write:
    def write(folder: Path) -> None:
        entries = sp.random(*shape, 0.3, format="csc", random_state=2)
        if ones:
            entries.data[:] = 1
        kind = [("name", object), ("title", object), ("A", object), ("id", object)]
        problem = np.array([("N", "T", entries, 7)], dtype=kind).reshape(1, 1)
        savemat(folder / "M.mat", {"Problem": problem})

    return write


def malware(folder: Path) -> None:
    (folder / "split_info_tiny" / "type").mkdir(parents=True)
    for split, count in (("train", 3), ("val", 1), ("test", 2)):
        names = [f"{('adware', 'trojan', 'benign')[i % 3]}/{split}{i}" for i in range(count)]
        (folder / "split_info_tiny" / "type" / f"{split}.txt").write_text(lines(*names))
        for name in names:
            file = folder / "malnet-graphs-tiny" / f"{name}.edgelist"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(lines(*["# head"] * 5, *(f"{a} {b}" for a, b in ends(6, 9))))


def shop(folder: Path) -> None:
    table = [
        f"{a},{b + 7},{b % 3},{('pv', 'cart', 'buy', 'fav')[i % 4]},{1511539000 + 40000 * (i % 25)}"
        for i, (a, b) in enumerate(ends(6, 30))
    ]
    (folder / "UserBehavior.csv").write_text(lines(*table, *table[8:10]))


def risks(folder: Path) -> None:
    kinds = ["item", "a", "item", "b", "item", "a", "item", "item"]
    places = RNG.permutation(8)
    nodes = [f"{i},{kinds[i]},{':'.join(map(str, RNG.normal(size=3).round(4)))}" for i in places]
    (folder / "AliRCD_ICDM_nodes.csv").write_text(lines(*nodes))
    edges = [f"{i},{j},{kinds[i]},{kinds[j]},{kinds[i]}_{kinds[j]}" for i, j in ends(8, 20)]
    (folder / "AliRCD_ICDM_edges.csv").write_text(lines(*edges))
    (folder / "AliRCD_ICDM_train_labels.csv").write_text(lines("0,1", "4,0"))
    (folder / "AliRCD_ICDM_test_labels.csv").write_text(lines("7\t1", "6\t1"))


def rated(folder: Path) -> None:
    h5py = pytest.importorskip("h5py")
    part = RNG.integers(0, 3, (5, 6))
    arrays = {
        "M": RNG.integers(1, 6, (5, 6)),
        "Otraining": part == 1,
        "Otest": part == 2,
        "W_users": RNG.normal(size=(6, 6)),
        "W_movies": RNG.normal(size=(5, 5)),
        "W_tracks": RNG.normal(size=(5, 5)),
    }
    with h5py.File(folder / "training_test_dataset.mat", "w") as file:
        for name, array in arrays.items():
            file[name] = array.astype(np.float64)


def wings(folder: Path) -> None:
    names = [f"air_{i}" for i in range(5)]
    manifest = {
        "full_train": names[:3],
        "full_test": names[3:],
        "scarce_train": names[1:2],
        "aoa_test": names[2:4],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    clouds = [
        {"pos": torch.rand(4, 2), "x": torch.rand(4, 5), "y": torch.rand(4, 4), "name": name}
        for name in names
    ]
    torch.save(clouds, folder / "AirfRANS.pt")


def tumours(folder: Path) -> None:
    table = [f"p{i}," + ",".join(map(str, RNG.normal(size=6).round(5))) for i in range(3)]
    (folder / "graph_idx.csv").write_text(lines(",a,b,c,d,e,f", *table))
    (folder / "graph_labels.csv").write_text(lines(12.5, 7, 9))
    torch.save(torch.from_numpy(ends(6, 9)).t(), folder / "edge_index.pt")


def network(file: str) -> Write:
    def write(folder: Path) -> None:
        (folder / file).write_text(lines(*["# head"] * 4, *(f"{a}\t{b}" for a, b in ends(9, 20) * 3)))

    return write


CASES: dict[str, tuple[str, dict[str, Any], str, Write]] = {
    "NELL": ("NELL", {}, "raw", nell),
    "LINKX, Penn": ("LINKXDataset", {"name": "Penn94"}, "penn94/raw", facebook(splits=True)),
    "LINKX, Cornell": ("LINKXDataset", {"name": "cornell5"}, "cornell5/raw", facebook(splits=False)),
    "LINKX, genius": ("LINKXDataset", {"name": "genius"}, "genius/raw", genius),
    "LINKX, wiki": ("LINKXDataset", {"name": "wiki"}, "wiki/raw", wiki),
    "Elliptic": ("EllipticBitcoinDataset", {}, "raw", elliptic),
    "Elliptic, a step": ("EllipticBitcoinTemporalDataset", {"t": 35}, "raw", elliptic),
    "DGraphFin": ("DGraphFin", {}, "raw", dgraph),
    **{f"ICEWS18, {split}": ("ICEWS18", {"split": split}, "raw", facts(24)) for split in ("train", "test")},
    "GDELT": ("GDELT", {"split": "val"}, "raw", facts(15)),
    "GDELTLite": ("GDELTLite", {}, "raw", gdelt_lite),
    "Myket": ("MyketDataset", {}, "raw", myket(whole=True)),
    "Myket, parts of seconds": ("MyketDataset", {}, "raw", myket(whole=False)),
    **{
        f"{name}, {split}": (
            "GNNBenchmarkDataset",
            {"name": name, "split": split},
            f"{name}/raw",
            benchmark(name),
        )
        for name, split in (("MNIST", "train"), ("CLUSTER", "val"), ("TSP", "test"))
    },
    "CSL": ("GNNBenchmarkDataset", {"name": "CSL"}, "CSL/raw", circles),
    **{
        f"MalNet, {split}": ("MalNetTiny", {"split": split}, "raw", malware)
        for split in ("train", "val", "trainval", "test", None)
    },
    "Taobao": ("Taobao", {}, "raw", shop),
    "RCDD": ("RCDD", {}, "raw", risks),
    **{
        f"IGMC, {name}": ("IGMCDataset", {"name": name}, f"{name}/raw", rated)
        for name in ("flixster", "douban", "yahoo_music")
    },
    "AirfRANS": ("AirfRANS", {"task": "scarce"}, "raw", wings),
    "AirfRANS, no scarce test": ("AirfRANS", {"task": "scarce", "train": False}, "raw", wings),
    "AirfRANS, angles": ("AirfRANS", {"task": "aoa", "train": False}, "raw", wings),
    "BrcaTcga": ("BrcaTcga", {}, "raw", tumours),
    "SNAP": ("SNAPDataset", {"name": "soc-ca-GrQc"}, "soc-ca-grqc/raw", network("ca-GrQc.txt")),
    "SNAP, votes": ("SNAPDataset", {"name": "wiki-vote"}, "wiki-vote/raw", network("wiki-Vote.txt")),
    "QM9": ("QM9", {}, "raw", molecules),
    **{f"AQSOL, {split}": ("AQSOL", {"split": split}, "raw", dissolved) for split in ("train", "test")},
    **{
        f"UPFD, {split}": (
            "UPFD",
            {"name": "politifact", "feature": "profile", "split": split},
            "politifact/raw",
            rumours,
        )
        for split in ("train", "test")
    },
    "RelLinkPred": ("RelLinkPredDataset", {"name": "FB15k-237"}, "FB15k-237/raw", facts_to_complete),
    "DBP15K": ("DBP15K", {"pair": "ja_en"}, "raw", languages),
    "SuiteSparse": (
        "SuiteSparseMatrixCollection",
        {"group": "G", "name": "M"},
        "G/M/raw",
        matrix((9, 9), True),
    ),
    "SuiteSparse, oblong": (
        "SuiteSparseMatrixCollection",
        {"group": "G", "name": "M"},
        "G/M/raw",
        matrix((9, 7), False),
    ),
    "S3DIS": ("S3DIS", {}, "raw", rooms),
    "S3DIS, test": ("S3DIS", {"test_area": 2, "train": False}, "raw", rooms),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_same_graphs_as_the_peer(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, options, raw, write = CASES[case]
    (tmp_path / "ours" / raw).mkdir(parents=True)
    write(tmp_path / "ours" / raw)
    shutil.copytree(tmp_path / "ours", tmp_path / "theirs")
    if name in ("ICEWS18", "GDELT"):  # where the peer cuts
        monkeypatch.setattr(getattr(theirs, name), "splits", [0, FACTS, 2 * FACTS, 3 * FACTS])
    mine = getattr(ours, name)(str(tmp_path / "ours"), **options)
    other = getattr(theirs, name)(str(tmp_path / "theirs"), **options)
    assert_same(mine, other)
    assert repr(mine) == repr(other)
    for number in ("num_nodes", "num_rels", "num_classes"):
        if isinstance(getattr(type(mine), number, None), property) or number == "num_rels":
            assert getattr(mine, number, None) == getattr(other, number, None)


def test_targets_of_qm9(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for side in ("ours", "theirs"):
        (tmp_path / side / "raw").mkdir(parents=True)
    molecules(tmp_path / "ours" / "raw")
    shutil.copytree(tmp_path / "ours" / "raw", tmp_path / "theirs" / "raw", dirs_exist_ok=True)
    mine, other = ours.QM9(str(tmp_path / "ours")), theirs.QM9(str(tmp_path / "theirs"))
    assert len(mine) == 5
    for target in range(19):
        assert mine.mean(target) == pytest.approx(other.mean(target))
        assert mine.std(target) == pytest.approx(other.std(target))
        if (single := other.atomref(target)) is None:
            assert mine.atomref(target) is None
        else:
            assert torch.equal(mine.atomref(target), single)  # type: ignore[arg-type]
    # Without rdkit, the same graphs come from a file of their own.
    monkeypatch.setattr("grapevine.datasets.qm9._with_rdkit", lambda: False)
    (tmp_path / "plain" / "raw").mkdir(parents=True)
    torch.save([graph.to_dict() for graph in other], tmp_path / "plain" / "raw" / "qm9_v3.pt")
    assert_same(ours.QM9(str(tmp_path / "plain")), other)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("augmented", [True, False])
def test_cities(augmented: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer always unpacks the archive; here the files are taken from one that lies at hand."""
    packed = tmp_path / "paris.tar.gz"
    names = ["edge_indices", "10-chunk_16-hop_node_labels", "train_mask", "valid_mask", "test_mask"]
    with tarfile.open(packed, "w:gz") as out:
        for name in ("node_features", "node_features_augmented", *names):
            torch.save(torch.from_numpy(ends(6, 9)), tmp_path / "x.pt")
            out.add(tmp_path / "x.pt", f"paris/{name}.pt")
    shutil.copy(packed, (tmp_path / "ours").mkdir() or tmp_path / "ours")
    monkeypatch.setattr("torch_geometric.datasets.city.download_url", lambda *_: str(packed))
    # The peer's own asks for a filter, which early releases of Python 3.11 do not know.
    monkeypatch.setattr("torch_geometric.datasets.city.extract_tar", extract_tar)
    mine = ours.CityNetwork(str(tmp_path / "ours"), "Paris", augmented)
    assert_same(mine, theirs.CityNetwork(str(tmp_path / "theirs"), "Paris", augmented))
    assert repr(mine).endswith(f"name='paris', augmented={augmented})")
    assert len(list(Path(mine.raw_dir).iterdir())) == 6
    ours.CityNetwork(str(tmp_path / "ours"), "paris", augmented, delete_raw=True)
    assert not any(Path(mine.raw_dir).iterdir())
    (tmp_path / "ours" / "paris.tar.gz").unlink(missing_ok=True)
    assert_same(ours.CityNetwork(str(tmp_path / "ours"), "paris", augmented), mine)
    with pytest.raises(DownloadError, match=r"paris\.tar\.gz"):
        ours.CityNetwork(str(tmp_path / "ours"), "paris", augmented, force_reload=True)


def test_circles_of_friends(tmp_path: Path) -> None:
    """Two people with their friends, features by name, and circles, from an archive at hand."""
    people = tmp_path / "facebook"
    people.mkdir()
    for person, (friends, names) in {
        "7": (["31", "12", "25"], ["b x", "a"]),
        "9": (["5", "12"], ["c", "a"]),
    }.items():
        (people / f"{person}.feat").write_text(lines(*(f"{f} {i % 2} 1" for i, f in enumerate(friends))))
        (people / f"{person}.egofeat").write_text("0 1\n")
        (people / f"{person}.featnames").write_text(lines(*(f"{i} {name}" for i, name in enumerate(names))))
        (people / f"{person}.edges").write_text(
            lines(f"{friends[0]} {friends[1]}", f"{friends[1]} {friends[0]}")
        )
        (people / f"{person}.circles").write_text(
            lines(f"circle0\t{friends[1]}\t{friends[0]}", f"circle1\t{friends[0]}")
        )
    with tarfile.open(tmp_path / "facebook.tar.gz", "w:gz") as out:
        out.add(people, "facebook")
    shutil.rmtree(people)
    first, second = dataset = ours.SNAPDataset(str(tmp_path), "ego-Facebook")
    assert repr(dataset) == "SNAP-ego-facebook(2)"
    pairs = {(0, 1), (1, 0), *((i, 3) for i in range(3)), *((3, i) for i in range(3))}
    assert set(zip(*first.edge_index.tolist())) == pairs and first.num_nodes == 4
    assert first.x.tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]]  # columns a, "b x", c
    assert second.x.tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 0]]
    assert first.circle.tolist() == [1, 0, 0] and first.circle_batch.tolist() == [0, 0, 1]
    batch = Batch.from_data_list([first, second])
    assert batch.circle.tolist() == [1, 0, 0, 5, 4, 4] and batch.circle_batch.tolist() == [0, 0, 1, 2, 2, 3]


def test_key_points(tmp_path: Path) -> None:
    """The peer's order is that of the file system, and so is that of its pairs."""
    for side in ("ours", "theirs"):
        (tmp_path / side).mkdir()
    raw = tmp_path / "ours" / "raw"
    (raw / "Annotations" / "car").mkdir(parents=True)
    for name in ("2010_2", "2008_1", "2009_7"):
        points = RNG.normal(size=(6, 2))
        points[RNG.integers(0, 6)] = np.nan
        savemat(raw / "Annotations" / "car" / f"{name}.mat", {"kps": points})
    lists = np.empty((1, 20), dtype=object)
    lists[0, :] = [np.empty((0, 2), dtype=object)] * 20
    lists[0, 6] = np.array([["2008_1", "2010_2"], ["2009_7", "2008_1"]], dtype=object)
    savemat(raw / "parsePascalVOC.mat", {"PascalVOC": {"pair": lists}})
    shutil.copytree(raw, tmp_path / "theirs" / "raw")
    mine, other = (
        library.PascalPF(str(tmp_path / side), "Car")
        for library, side in ((ours, "ours"), (theirs, "theirs"))
    )
    assert [graph.name for graph in mine] == ["2008_1", "2009_7", "2010_2"]
    assert_same(mine, sorted(other, key=lambda graph: graph.name))
    assert repr(mine) == repr(other) and mine.pairs == [(0, 2), (1, 0)]
    assert [(mine[a].name, mine[b].name) for a, b in mine.pairs] == [
        (other[a].name, other[b].name) for a, b in other.pairs
    ]
    few = ours.PascalPF(
        str(tmp_path / "ours"), "car", pre_filter=lambda graph: graph.name != "2010_2", force_reload=True
    )
    assert few.pairs == [(1, 0)]


def test_what_numbers_of_aqsol_mean(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    dissolved(tmp_path / "raw")
    mine, other = ours.AQSOL(str(tmp_path)), theirs.AQSOL
    assert mine.atoms() == other.atoms(mine) and mine.bonds() == other.bonds(mine)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: ours.LINKXDataset(root, "yale"), "expected a dataset of"),
        (lambda root: ours.EllipticBitcoinTemporalDataset(root, 50), "1 to 49"),
        (lambda root: ours.ICEWS18(root, "valid"), "'val'"),
        (lambda root: ours.GNNBenchmarkDataset(root, "mnist"), "MNIST"),
        (lambda root: ours.S3DIS(root, 7), "1 to 6"),
        (lambda root: ours.UPFD(root, "politifact", "words"), "profile"),
        (lambda root: ours.MalNetTiny(root, "all"), "'trainval'"),
        (lambda root: ours.AirfRANS(root, "small"), "scarce"),
        (lambda root: ours.PascalPF(root, "tree"), "aeroplane"),
        (lambda root: ours.CityNetwork(root, "rome"), "paris"),
        (lambda root: ours.SNAPDataset(root, "soc-orkut"), "soc-pokec"),
        (lambda root: ours.IGMCDataset(root, "netflix"), "douban"),
        (lambda root: ours.AQSOL(root, "all"), "'val'"),
        (lambda root: ours.RelLinkPredDataset(root, "WN18"), "FB15k-237"),
        (lambda root: ours.DBP15K(root, "en_de"), "ja_en"),
    ],
)
def test_errors_teach(make: Callable[[str], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(GraphValueError, match=message):
        make(str(tmp_path))


def test_a_file_by_hand_and_one_that_runs_code(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"dgraph\.xinye\.com"):
        ours.DGraphFin(str(tmp_path))
    raw = tmp_path / "penn94" / "raw"
    raw.mkdir(parents=True)
    facebook(splits=True)(raw)
    np.save(raw / "fb100-Penn94-splits.npy", np.array([print, None], dtype=object), allow_pickle=True)
    with pytest.raises(UnsafePickleError, match="print"):
        ours.LINKXDataset(str(tmp_path), "penn94")


def test_circles_have_one_part(tmp_path: Path) -> None:
    raw = tmp_path / "CSL" / "raw"
    raw.mkdir(parents=True)
    circles(raw)
    with pytest.warns(UserWarning, match="cross validation"):
        assert len(ours.GNNBenchmarkDataset(str(tmp_path), "CSL", "test")) == 3
