"""Published datasets: raw files in the official form, read as the peer reads them."""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.io import savemat

from grapevine import dgl
from grapevine.io import DownloadError
from tests.dgl.peer import assert_same, assert_same_graph, peer

Write = Callable[[Path], None]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DGL_DOWNLOAD_DIR", str(tmp_path / "home"))
    monkeypatch.delenv("GRAPEVINE_DATA", raising=False)


def draw() -> np.random.RandomState:
    return np.random.RandomState(0)


def adjacency(n: int = 9) -> Any:
    return sp.random(n, n, 0.3, "csr", random_state=draw(), data_rvs=np.ones)


def folder_of(root: Path, cls: Any, **options: Any) -> Path:
    """Where a dataset looks for its raw files, told by the error of one that has none."""
    blank = type("Blank", (cls,), {"_load": lambda self: None})
    return Path(blank(raw_dir=str(root), **options).raw_path)


def assert_same_up_to_order(ours: Any, theirs: Any) -> None:
    """Graphs whose edges come sorted by destination; the peer leaves open how those of one destination are ordered."""
    pairs = [torch.stack(g.edges()) for g in (ours, theirs)]
    for ends in pairs:
        assert bool((ends[1].diff() >= 0).all())
    mine, other = (ends[:, (ends[1] * ours.num_nodes() + ends[0]).argsort()] for ends in pairs)
    assert_same(mine, other)
    assert_same(dict(ours.ndata), dict(theirs.ndata))


def both(
    name: str, write: Write, tmp_path: Path, /, same: Any = assert_same, **options: Any
) -> tuple[Any, Any]:
    """Our dataset and the peer's, of the same raw files; ours a second time, from its cache."""
    made = []
    for lib in (dgl, peer):
        cls = getattr(lib.data, name)
        root = tmp_path / lib.__name__
        folder = folder_of(root, cls, **options)
        folder.mkdir(parents=True, exist_ok=True)
        write(folder)
        with warnings.catch_warnings():
            if lib is peer:
                warnings.simplefilter("ignore")
            made.append(cls(raw_dir=str(root), **options))
    ours, theirs = made
    again = getattr(dgl.data, name)(raw_dir=str(tmp_path / "grapevine.dgl"), **options)
    assert len(ours) == len(again)
    for i in range(len(ours)):
        same(ours[i], theirs[i])
        same(again[i], theirs[i])
    if not name.startswith("Fraud"):  # the peer's have no length
        assert len(ours) == len(theirs)
    if hasattr(theirs, "num_classes"):
        assert ours.num_classes == again.num_classes == theirs.num_classes
    return ours, theirs


def splits(folder: Path, name: str, n: int) -> None:
    rng = draw()
    for i in range(10):
        masks = {m: rng.randint(0, 2, n) for m in ("train_mask", "val_mask", "test_mask")}
        np.savez(folder / f"{name}_split_0.6_0.2_{i}.npz", **masks)


def pages(name: str, features: Callable[[int], str], order: list[int]) -> Write:
    def write(folder: Path) -> None:
        rows = [f"{i}\t{features(i)}\t{i % 3}" for i in order]
        (folder / "out1_node_feature_label.txt").write_text("\n".join(["id\tfeature\tlabel", *rows, ""]))
        pairs = [f"{u}\t{(2 * u + 1) % 6}" for u in range(6)] + ["0\t3"]
        (folder / "out1_graph_edges.txt").write_text("\n".join(["a\tb", *pairs, ""]))
        splits(folder, name, 6)

    return write


def test_pages(tmp_path: Path) -> None:
    words = pages(
        "actor", lambda i: ",".join(str(7 * i % 5 + k) for k in range(i % 3 + 1)), [3, 1, 0, 2, 5, 4]
    )
    both("ActorDataset", words, tmp_path, verbose=False)
    for name in ("chameleon", "squirrel", "cornell", "texas", "wisconsin"):
        dense = pages(name, lambda i: f"{i},0,1.5", list(range(6)))
        both(f"{name.capitalize()}Dataset", dense, tmp_path, verbose=False)


def benchmark(name: str, packed: bool) -> Write:
    def write(folder: Path) -> None:
        a, x = adjacency(), sp.random(9, 4, 0.5, "csr", random_state=draw())
        arrays: dict[str, Any] = {
            f"adj_{k}": v
            for k, v in zip(("data", "indices", "indptr", "shape"), (a.data, a.indices, a.indptr, a.shape))
        }
        if packed:
            arrays |= {
                f"attr_{k}": v
                for k, v in zip(
                    ("data", "indices", "indptr", "shape"), (x.data, x.indices, x.indptr, x.shape)
                )
            }
        else:
            arrays["attr_matrix"] = x.toarray()
        np.savez(folder / f"{name}.npz", labels=np.arange(9) % 5, **arrays)

    return write


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        ("CoraFullDataset", "cora_full"),
        ("CoauthorCSDataset", "coauthor_cs"),
        ("CoauthorPhysicsDataset", "coauthor_physics"),
        ("AmazonCoBuyComputerDataset", "amazon_co_buy_computer"),
        ("AmazonCoBuyPhotoDataset", "amazon_co_buy_photo"),
    ],
)
def test_benchmarks(tmp_path: Path, cls: str, name: str) -> None:
    both(cls, benchmark(name, packed=name != "cora_full"), tmp_path, assert_same_up_to_order)


def test_benchmarks_under_old_names(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for cls, name in (
        ("CoauthorCSDataset", "coauthor_cs"),
        ("AmazonCoBuyPhotoDataset", "amazon_co_buy_photo"),
    ):
        folder = folder_of(home, getattr(dgl.data, cls))
        folder.mkdir(parents=True)
        benchmark(name, True)(folder)
    with pytest.warns(dgl.base.DGLWarning, match="CoauthorCSDataset"):
        assert isinstance(dgl.data.Coauthor("cs"), dgl.data.CoauthorCSDataset)
    with pytest.warns(dgl.base.DGLWarning, match="AmazonCoBuyPhotoDataset"):
        assert dgl.data.AmazonCoBuy("photo").num_classes == 8
    with pytest.raises(dgl.DGLError, match="'cs', 'physics'"):
        dgl.data.Coauthor("math")


def test_a_published_graph(shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "node" / "gnn-benchmark" / "amazon_electronics_computers.npz"
    folder = folder_of(tmp_path, dgl.data.AmazonCoBuyComputerDataset)
    folder.mkdir(parents=True)
    shutil.copy(file, folder / "amazon_co_buy_computer.npz")
    g = dgl.data.AmazonCoBuyComputerDataset(str(tmp_path))[0]
    assert (g.num_nodes(), g.num_edges(), g.ndata["feat"].shape[1]) == (13752, 491722, 767)
    assert torch.equal(g.in_degrees(), g.out_degrees())


def saint(folder: Path) -> None:
    sp.save_npz(folder / "adj_full.npz", adjacency())
    np.save(folder / "feats.npy", draw().rand(9, 3))
    (folder / "class_map.json").write_text(json.dumps({str(i): i % 7 for i in range(9)}))
    (folder / "role.json").write_text(json.dumps({"tr": [0, 4], "va": [1, 2, 8], "te": [5]}))


@pytest.mark.parametrize("name", ["FlickrDataset", "YelpDataset"])
@pytest.mark.parametrize("reorder", [False, True])
def test_graphsaint(tmp_path: Path, name: str, reorder: bool) -> None:
    both(name, saint, tmp_path, assert_same_up_to_order if reorder else assert_same, reorder=reorder)


@pytest.mark.parametrize("self_loop", [False, True])
def test_reddit(tmp_path: Path, self_loop: bool) -> None:
    def write(folder: Path) -> None:
        sp.save_npz(folder / f"reddit{'_self_loop' * self_loop}_graph.npz", adjacency().tocoo())
        np.savez(
            folder / "reddit_data.npz",
            feature=draw().rand(9, 3),
            label=np.arange(9),
            node_types=[1, 2, 3] * 3,
        )

    both("RedditDataset", write, tmp_path, assert_same_up_to_order, self_loop=self_loop)


def test_wiki_cs(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        masks = {f"{m}_masks": draw().rand(2, 5).round().tolist() for m in ("train", "val", "stopping")}
        links = [[1, 2], [0], [4], [4], [0]]
        data = {"features": draw().rand(5, 2).tolist(), "labels": [0, 1, 2, 1, 0], "links": links, **masks}
        (folder / "data.json").write_text(json.dumps(data | {"test_mask": [True, False, True, False, False]}))

    both("WikiCSDataset", write, tmp_path, assert_same_up_to_order)


@pytest.mark.parametrize("name", ["yelp", "amazon"])
def test_fraud(tmp_path: Path, name: str) -> None:
    n = 3315 if name == "amazon" else 12
    file, relations = {
        "yelp": ("YelpChi.mat", ("net_rsr", "net_rtr", "net_rur")),
        "amazon": ("Amazon.mat", ("net_upu", "net_usu", "net_uvu")),
    }[name]

    matrices = sp.random(n, n, 20 / n**2, "csc", random_state=draw()).tolil()
    matrices[n - 1, n - 1] = 1.0  # the peer takes the largest id for the number of nodes

    def write(folder: Path) -> None:
        x = sp.random(n, 3, 0.5, "csc", random_state=draw())
        label = draw().randint(0, 2, (1, n))
        savemat(folder / file, {"features": x, "label": label, **dict.fromkeys(relations, matrices.tocsc())})

    cls = f"Fraud{name.capitalize()}Dataset"
    ours, _ = both(cls, write, tmp_path, verbose=False, val_size=0.2)
    assert isinstance(ours, dgl.data.FraudDataset)
    with pytest.raises(dgl.DGLError, match="'yelp', or 'amazon'"):
        dgl.data.FraudDataset("ebay")
    with pytest.raises(dgl.DGLError, match="between 0 and 1"):
        dgl.data.FraudDataset("yelp", train_size=0.9, val_size=0.2)


def test_fake_news(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        np.save(folder / "graph_labels.npy", np.array([1, 0, 1]))
        np.save(folder / "node_graph_id.npy", np.array([0, 0, 1, 1, 1, 2]))
        (folder / "A.txt").write_text("0, 1\n2, 3\n2, 4\n5, 5\n")
        sp.save_npz(folder / "new_spacy_feature.npz", sp.random(6, 4, 0.5, "csr", random_state=draw()))
        for part, ids in (("train", [0]), ("val", [1]), ("test", [2])):
            np.save(folder / f"{part}_idx.npy", np.array(ids))

    ours, theirs = both("FakeNewsDataset", write, tmp_path, name="politifact", feature_name="spacy")
    for name in ("feature", "labels", "train_mask", "val_mask", "test_mask"):
        assert_same(getattr(ours, name), getattr(theirs, name))
    with pytest.raises(dgl.DGLError, match="'spacy'"):
        dgl.data.FakeNewsDataset("politifact", "colour")


def test_bitcoin(tmp_path: Path) -> None:
    rows = "\n".join(f"{3 + i % 4},{2 + i % 5},{i - 5},{1289241911.7 + 604800 * i}" for i in range(10))

    def write(folder: Path) -> None:
        (folder / "bitcoinotc.csv").write_text(rows)

    ours, _ = both("BitcoinOTCDataset", write, tmp_path)
    assert ours.is_temporal and dgl.data.BitcoinOTC is dgl.data.BitcoinOTCDataset


def test_a_published_file_is_found(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    ours = dgl.data.BitcoinOTCDataset(str(tmp_path / "ours"))
    folder = folder_of(tmp_path / "theirs", peer.data.BitcoinOTCDataset)
    folder.mkdir(parents=True)
    (found,) = Path(ours.raw_path).glob("*.csv")
    shutil.copy(found, folder / "bitcoinotc.csv")
    theirs = peer.data.BitcoinOTCDataset(str(tmp_path / "theirs"))
    assert len(ours) == len(theirs) == 136
    for i in (0, 60, 135):
        assert_same_graph(ours[i], theirs[i])


@pytest.mark.parametrize("name", ["ICEWS18Dataset", "GDELTDataset"])
def test_events(tmp_path: Path, name: str) -> None:
    table = draw().randint(0, 6, (12, 4))
    table[:, 3] = np.arange(12) * 12

    def write(folder: Path) -> None:
        np.savetxt(folder / "valid.txt", table, fmt="%d", delimiter="\t")

    # The peer's reader of tables goes through pandas, and stumbles over its arrays.
    with pytest.MonkeyPatch.context() as patch:
        for module in ("icews18", "gdelt"):
            patch.setattr(
                f"dgl.data.{module}.loadtxt", lambda path, delimiter: np.loadtxt(path, delimiter=delimiter)
            )
        ours, theirs = both(name, write, tmp_path, mode="valid")
    if name == "GDELTDataset":
        assert (ours.start_time, ours.end_time) == (theirs.start_time, theirs.end_time)
        with pytest.raises(IndexError):
            ours[len(ours)]
    with pytest.raises(dgl.DGLError, match="'valid'"):
        getattr(dgl.data, name)(mode="later")


@pytest.mark.parametrize(
    ("cls", "file"),
    [
        ("CLUSTERDataset", "CLUSTER_test"),
        ("PATTERNDataset", "SBM_PATTERN_test"),
        ("ZINCDataset", "ZincDGL_test"),
    ],
)
def test_collections_of_dgl_files(tmp_path: Path, cls: str, file: str) -> None:
    def write(folder: Path) -> None:
        graphs = [peer.rand_graph(5, 7), peer.rand_graph(3, 2)]
        for i, g in enumerate(graphs):
            torch.manual_seed(i)
            g.ndata["feat"] = torch.randint(4, (g.num_nodes(),))
        labels = {"g_label": torch.tensor([[0.5], [1.5]])} if cls == "ZINCDataset" else None
        peer.save_graphs(str(folder / f"{file}.bin"), graphs, labels)

    peer.seed(0)
    root = tmp_path / "grapevine.dgl"
    folder = folder_of(root, getattr(dgl.data, cls), mode="test")
    folder.mkdir(parents=True)
    write(folder)

    def copy(target: Path) -> None:
        if target != folder:
            shutil.copy(folder / f"{file}.bin", target)

    both(cls, copy, tmp_path, mode="test")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the peer leaves files open
@pytest.mark.parametrize("directed", [False, True])
def test_ppi(tmp_path: Path, directed: bool) -> None:
    def write(folder: Path) -> None:
        links = [{"source": u, "target": v} for u, v in ((0, 1), (1, 2), (3, 4), (4, 4), (0, 2))]
        data = {
            "directed": directed,
            "multigraph": False,
            "graph": {},
            "nodes": [{"id": i} for i in range(5)],
        }
        # The peer's networkx has meanwhile renamed the links.
        (folder / "valid_graph.json").write_text(json.dumps(data | {"links": links, "edges": links}))
        np.save(folder / "valid_labels.npy", draw().randint(0, 2, (5, 4)))
        np.save(folder / "valid_feats.npy", draw().rand(5, 3))
        np.save(folder / "valid_graph_id.npy", np.array([21, 21, 21, 22, 22]))

    both("PPIDataset", write, tmp_path, mode="valid")
    both("LegacyPPIDataset", write, tmp_path / "old", mode="valid")


def test_qm7b(tmp_path: Path) -> None:
    x = draw().rand(3, 4, 4)
    x[:, 3] = x[:, :, 3] = 0
    for folder in ("grapevine.dgl", "dgl"):
        (tmp_path / folder).mkdir()
        savemat(tmp_path / folder / "qm7b.mat", {"X": x, "T": draw().rand(3, 14)})
    ours, theirs = both("QM7bDataset", lambda folder: None, tmp_path)
    assert ours.num_labels == theirs.num_labels == 14


def test_qm9(tmp_path: Path) -> None:
    positions = draw().rand(7, 3) * 4
    arrays = {"N": np.array([4, 3]), "R": positions, "Z": np.arange(7), "mu": np.array([0.5, 1.5])}
    for folder in ("grapevine.dgl", "dgl"):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "qm9_eV.npz", gap=np.array([2.5, 3.5]), **arrays)
    options: dict[str, Any] = {"label_keys": ["gap", "mu"], "cutoff": 3.0}
    ours = dgl.data.QM9Dataset(raw_dir=str(tmp_path / "grapevine.dgl"), **options)
    for i, (first, last) in enumerate(((0, 4), (4, 7))):
        g, label = ours[i]
        near = np.linalg.norm(positions[first:last, None] - positions[None, first:last], axis=-1) <= 3
        np.fill_diagonal(near, False)
        assert_same(torch.stack(g.edges()).long(), torch.from_numpy(np.stack(near.nonzero())))
        assert_same(g.ndata["R"], torch.from_numpy(positions[first:last]).float())
        assert_same(label, torch.tensor([2.5 + i, 0.5 + i]))
    assert ours.num_tasks == 2


@pytest.mark.parametrize("keys", [None, ["homo", "U0"]])
def test_qm9_edge(tmp_path: Path, keys: Any) -> None:
    arrays = {
        "n_node": np.array([3, 2]),
        "n_edge": np.array([4, 2]),
        "node_attr": draw().rand(5, 11),
        "node_pos": draw().rand(5, 3),
        "edge_attr": draw().rand(6, 4),
        "src": np.array([0, 1, 1, 2, 0, 1]),
        "dst": np.array([1, 0, 2, 1, 1, 0]),
        "targets": draw().rand(2, 19),
    }
    for folder in ("grapevine.dgl", "dgl"):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "qm9_edge.npz", **arrays)
    ours, theirs = both("QM9EdgeDataset", lambda folder: None, tmp_path, label_keys=keys, verbose=False)
    assert ours.num_tasks == theirs.num_tasks and ours.map_dict == theirs.map_dict
    assert ours.ne_cumsum.tolist() == theirs.ne_cumsum.tolist()


FACTS = {
    "train": ["a\tlikes\tb", "b\tknows\tc", "a\tlikes\tc", "c\town\ta"],
    "valid": ["c\tknows\ta", "b\tlikes\ta"],
    "test": ["a\town\tb"],
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["FB15k237Dataset", "FB15kDataset", "WN18Dataset"])
def test_facts(tmp_path: Path, name: str, reverse: bool) -> None:
    def write(folder: Path) -> None:
        (folder / "entities.dict").write_text("0\tc\n1\ta\n2\tb\n")
        (folder / "relations.dict").write_text("0\town\n1\tlikes\n2\tknows\n")
        for part, rows in FACTS.items():
            (folder / f"{part}.txt").write_text("\n".join([*rows, ""]))

    ours, theirs = both(name, write, tmp_path, reverse=reverse, verbose=False)
    assert (ours.num_nodes, ours.num_rels) == (theirs.num_nodes, theirs.num_rels) == (3, 3)
    for part in ("train", "valid", "test"):
        mine, other = getattr(ours, part), getattr(theirs, f"_{part}")
        assert sorted(map(tuple, mine.tolist())) == sorted(map(tuple, other.tolist()))


def test_facts_of_another_archive(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive that others publish has no lists of names, and other ends of lines."""
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    data = dgl.data.FB15k237Dataset(raw_dir=str(tmp_path), verbose=False)
    assert (data.num_nodes, data.num_rels) == (14541, 237)
    sizes = [int(data[0].edata[f"{part}_edge_mask"].sum()) for part in ("train", "valid", "test")]
    assert sizes == [272115, 17535, 20466]
    assert data[0].num_edges() == 2 * sum(sizes)
    with pytest.raises(dgl.DGLError, match="FB15k-237"):
        dgl.data.knowledge_graph.load_data("FB15k-238")


AIFB = "http://www.aifb.uni-karlsruhe.de"
ONTOLOGY = "http://swrc.ontoware.org/ontology"
MUTAG = "http://dl-learner.org/carcinogenesis"
BGS = "http://data.bgs.ac.uk"
AM = "http://purl.org/collections/nl/am"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"

RDF = {
    "AIFBDataset": (
        [
            f'<{AIFB}/Personen/viewPersonOWL/id1instance> <{ONTOLOGY}#name> "Ada" .',
            f"<{AIFB}/Personen/viewPersonOWL/id1instance> <{ONTOLOGY}#affiliation> <{AIFB}/Forschung/x/id9> .",
            f"<{AIFB}/Publikationen/viewOWL/id5> <{ONTOLOGY}#author> <{AIFB}/Personen/viewPersonOWL/id1instance> .",
            f"<{AIFB}/Publikationen/viewOWL/id5> <{ONTOLOGY}#author> <{AIFB}/Personen/viewPersonOWL/id2instance> .",
            f"<{AIFB}/Personen/viewPersonOWL/id2instance> <{TYPE}> <{AIFB}/Personen/viewPersonOWL/id1instance> .",
            f"_:b1 <{ONTOLOGY}#author> <{AIFB}/Personen/viewPersonOWL/id3instance> .",
        ],
        [f"{AIFB}/Personen/viewPersonOWL/id{i}instance\tx\tgroup{i}" for i in (1, 2)],
    ),
    "MUTAGDataset": (
        [
            f"<{MUTAG}#d1> <{MUTAG}#hasAtom> <{MUTAG}#d1_1> .",
            f"<{MUTAG}#d1> <{MUTAG}#hasBond> <{MUTAG}#bond7> .",
            f'<{MUTAG}#d2> <{MUTAG}#isMutagenic> "true" .',
            f'<{MUTAG}#d2> <{MUTAG}#amesTestPositive> "true" .',
            f"<{MUTAG}#Atom> <http://www.w3.org/2000/01/rdf-schema#subClassOf> <{MUTAG}#Thing> .",
            f"<{MUTAG}#d1> <{TYPE}> <{MUTAG}#Compound> .",
        ],
        [f"{MUTAG}#d{i}\tx\t{i % 2}" for i in (1, 2)],
    ),
    "BGSDataset": (
        [
            f"<{BGS}/id/Lexicon/NamedRockUnit/AA> <{BGS}/ref/Lexicon/hasRank> <{BGS}/id/Lexicon/Rank/R1> .",
            f"<{BGS}/id/Lexicon/NamedRockUnit/BB> <{BGS}/ref/Lexicon/hasParent> <{BGS}/id/Lexicon/NamedRockUnit/AA> .",
            f"<{BGS}/id/Lexicon/NamedRockUnit/BB> <{BGS}/ref/Lexicon/hasLithogenesis> <{BGS}/id/Lexicon/Rank/R1> .",
            f"<{BGS}/id/Lexicon/NamedRockUnit/BB> <http://a.b/c> <{BGS}/id/Lexicon/Rank/R1> .",
            f'<{BGS}/id/Lexicon/NamedRockUnit/BB> <{BGS}/ref/x> "text" .',
        ],
        [f"x\t{BGS}/id/Lexicon/NamedRockUnit/{n}\tG{n}" for n in ("AA", "BB")],
    ),
    "AMDataset": (
        [
            f"<{AM}/proxy-1> <{AM}/maker> <{AM}/p-7> .",
            f"<{AM}/proxy-2> <{AM}/maker> _:b2 .",
            f"<{AM}/proxy-2> <{AM}/material> <{AM}/t-14592> .",
            f"<{AM}/proxy-2> <http://www.openarchives.org/ore> <{AM}/plain> .",
            f'<{AM}/proxy-1> <{AM}/note> "text" .',
        ],
        [f"{AM}/proxy-{i}\tx\tt-{i}" for i in (1, 2)],
    ),
}


@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("name", list(RDF))
def test_rdf(tmp_path: Path, name: str, reverse: bool) -> None:
    pytest.importorskip("rdflib")
    triples, examples = RDF[name]

    def write(folder: Path) -> None:
        (folder / "data.nt").write_text("\n".join([*triples, ""]))
        for file, rows in (("trainingSet.tsv", examples[:1]), ("testSet.tsv", examples[1:])):
            (folder / file).write_text("\n".join(["a\tb\tc", *rows, ""]))

    ours, theirs = both(name, write, tmp_path, insert_reverse=reverse, verbose=False)
    assert ours.predict_category == theirs.predict_category


TREES = "(3 (2 It) (4 (2 's) (4 (2 a) (4 (3 lovely) (2 film)))))\n(1 (2 No) (0 .))\n"


@pytest.mark.parametrize("mode", ["train", "tiny"])
def test_trees(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nltk = pytest.importorskip("nltk", reason="the peer reads trees with nltk")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    glove = tmp_path / "glove.txt"
    glove.write_text("".join(f"{w} {' '.join(['0.5'] * 300)}\n" for w in ("it", "No", "unheard")))

    def write(folder: Path) -> None:
        (folder / "vocab.txt").write_text("it\nlovely\nfilm\nno\n")
        (folder / f"{mode}.txt").write_text(TREES)

    ours, theirs = both("SSTDataset", write, tmp_path, mode=mode)
    assert ours.vocab == theirs.vocab and ours.vocab_size == 4 and ours.pretrained_emb is None
    root = str(tmp_path / "grapevine.dgl")
    options: dict[str, Any] = {"raw_dir": root, "mode": mode, "glove_embed_file": str(glove)}
    for force in (True, False):  # read, then loaded
        vectors = dgl.data.SSTDataset(**options, force_reload=force).pretrained_emb
        if mode == "tiny":  # vectors belong to the training set
            assert vectors is None
        else:
            assert vectors.shape == (4, 300)
            assert vectors[[0, 3]].eq(0.5).all() and vectors[1].abs().max() <= 0.05


@pytest.mark.filterwarnings("ignore:dtype\\(\\):numpy.exceptions.VisibleDeprecationWarning")
def test_cora_binary(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        (folder / "graphs.txt").write_text("graph 0\n0 1\n1 2\ngraph 1\n1 0\n")
        (folder / "labels.txt").write_text("graph 0\n0\n1\n0\ngraph 1\n1\n0\n")
        marks = [sp.csr_matrix(np.eye(2)), sp.csr_matrix(np.ones((1, 2)))]
        (folder / "pmpds.pkl").write_bytes(pickle.dumps(marks, protocol=2))

    made = []
    for lib in (dgl, peer):
        folder = folder_of(tmp_path / lib.__name__, lib.data.CoraBinary)
        folder.mkdir(parents=True)
        write(folder)
        made.append(
            [lib.data.CoraBinary(raw_dir=str(tmp_path / lib.__name__), verbose=False) for _ in range(2)]
        )
    for ours, theirs in zip(*made):
        for (g, marks, labels), (h, other, wanted) in zip(
            (ours[i] for i in range(2)), (theirs[i] for i in range(2))
        ):
            assert_same_graph(g, h)
            assert (marks != other).nnz == 0 and labels.tolist() == wanted.tolist()
        batched, joined, labels = ours.collate_fn([ours[0], ours[1]])
        assert batched.batch_size == 2 and joined.shape == (3, 4) and labels.tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("BAShapeDataset", {"num_base_nodes": 30, "num_base_edges_per_node": 2, "num_motifs": 4, "seed": 1}),
        ("BAShapeDataset", {"num_base_nodes": 20, "num_motifs": 3, "perturb_ratio": 0.3, "seed": 2}),
        ("TreeCycleDataset", {"tree_height": 4, "num_motifs": 5, "perturb_ratio": 0.1, "seed": 3}),
        ("TreeGridDataset", {"tree_height": 3, "num_motifs": 2, "grid_size": 4, "seed": 4}),
        ("BACommunityDataset", {"num_base_nodes": 30, "num_motifs": 4, "num_inter_edges": 9, "seed": 5}),
    ],
)
def test_planted_motifs(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    both(name, lambda folder: None, tmp_path, assert_same_up_to_order, verbose=False, **options)
    with pytest.raises(dgl.DGLError, match="perturb_ratio"):
        dgl.data.BAShapeDataset(10, 2, 1, perturb_ratio=100, raw_dir=str(tmp_path / "x"), verbose=False)


def test_two_motifs(tmp_path: Path) -> None:
    adjacencies = (draw().rand(3, 5, 5) < 0.6).astype(float)
    adjacencies[:, 4, 0] = 1
    content = (adjacencies, draw().rand(3, 5, 10), np.eye(2, dtype=np.int64)[[0, 1, 0]])
    for folder, file in (("grapevine.dgl", "BA-2motif.pkl"), ("dgl", "BA-2motifs.pkl")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_bytes(pickle.dumps(content))
    both("BA2MotifDataset", lambda folder: None, tmp_path, verbose=False)


@pytest.mark.parametrize(
    ("options", "nodes"),
    [({}, "labels"), ({"max_allow_node": 17}, "labels"), ({}, "attributes"), ({"hidden_size": 3}, None)],
)
def test_old_tu(
    shared_data: Path,
    tmp_path: Path,
    options: dict[str, Any],
    nodes: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    made = []
    raw = Path(dgl.data.TUDataset("MUTAG", str(tmp_path)).raw_path)
    for lib in (dgl, peer):
        cls = lib.data.LegacyTUDataset
        folder = folder_of(tmp_path / lib.__name__, cls, name="MUTAG", **options)
        shutil.copytree(raw / "MUTAG", folder / "MUTAG")
        labels = folder / "MUTAG" / "MUTAG_node_labels.txt"
        if nodes == "attributes":
            rows = draw().rand(len(labels.read_text().splitlines()), 2)
            np.savetxt(folder / "MUTAG" / "MUTAG_node_attributes.txt", rows, delimiter=", ")
        elif nodes is None:
            labels.unlink()
        made.append(cls("MUTAG", raw_dir=str(tmp_path / lib.__name__), **options))
    ours, theirs = made
    again = dgl.data.LegacyTUDataset("MUTAG", raw_dir=str(tmp_path / "grapevine.dgl"), **options)
    assert len(ours) == len(theirs) == len(again)
    assert ours.statistics() == again.statistics() == tuple(theirs.statistics())
    assert ours.num_classes == theirs.num_classes and ours.data_mode == theirs.data_mode
    assert_same(ours.graph_labels, theirs.graph_labels)
    for i in range(0, len(ours), 23):
        assert_same_graph(ours[i][0], theirs[i][0])
        assert_same_graph(again[i][0], theirs[i][0])


def test_names_on_command_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = argparse.ArgumentParser()
    dgl.data.register_data_args(parser)
    monkeypatch.setattr(dgl.data.citegrh, "load_cora", lambda: "Cora")
    assert dgl.data.load_data(parser.parse_args(["--dataset", "cora"])) == "Cora"
    with pytest.raises(dgl.DGLError, match="reddit"):
        dgl.data.load_data(parser.parse_args(["--dataset", "imagenet"]))


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise DownloadError("no network in tests")

    monkeypatch.setattr("grapevine.dgl.data.published.download", refuse)
    with pytest.raises(DownloadError):
        dgl.data.RedditDataset(raw_dir=str(tmp_path))
    archive = tmp_path / "flickr.zip"  # under the name that DGL gives it
    inside = tmp_path / "inside"
    inside.mkdir()
    saint(inside)
    shutil.make_archive(str(archive.with_suffix("")), "zip", inside)
    assert dgl.data.FlickrDataset(raw_dir=str(tmp_path)).num_classes == 7
    with tarfile.open(tmp_path / "FB15k.tgz", "w:gz") as packed:
        for part, rows in FACTS.items():
            (inside / f"{part}.txt").write_text("\n".join([*rows, ""]))
            packed.add(inside / f"{part}.txt", f"{part}.txt")
    assert dgl.data.FB15kDataset(raw_dir=str(tmp_path), verbose=False).num_rels == 3
