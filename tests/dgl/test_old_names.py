"""Names of older DGL, and of its own library."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from grapevine import dgl
from tests.dgl.data.test_published import RDF, folder_of
from tests.dgl.peer import assert_same, assert_same_graph, peer


def test_registered_functions() -> None:
    g = dgl.graph(([0, 1, 2], [1, 2, 2]))
    g.ndata["h"], g.edata["w"] = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 4.0])
    with pytest.raises(dgl.DGLError, match="register_message_func"):
        g.update_all()
    g.register_message_func(lambda edges: {"m": edges.src["h"] * edges.data["w"]})
    g.register_reduce_func(dgl.function.sum("m", "out"))
    g.update_all()
    assert g.ndata["out"].tolist() == [0, 1, 16]
    g.register_apply_node_func(lambda nodes: {"out": nodes.data["out"] + 1})
    for passes in (
        lambda: g.update_all(),
        lambda: g.pull([0, 1, 2]),
        lambda: g.send_and_recv(g.edges()),
        lambda: g.push([0, 1, 2]),
    ):
        g.ndata["out"] = torch.zeros(3)
        passes()
        assert g.ndata["out"].tolist()[1:] == [2, 17]
    g.apply_nodes()
    assert g.ndata["out"].tolist()[1:] == [3, 18]
    g.register_apply_edge_func(dgl.function.u_add_v("h", "h", "s"))
    g.apply_edges()
    assert g.edata["s"].tolist() == [3, 5, 6]
    # What is given goes before what is registered; a graph made of this one has the same.
    g.local_var().update_all(dgl.function.copy_u("h", "m"))


def test_graphs_by_old_names() -> None:
    g = dgl.bipartite([(0, 1), (2, 0)], "user", "plays", "game")
    assert (g.num_nodes("user"), g.num_nodes("game"), g.canonical_etypes) == (
        3,
        2,
        [("user", "plays", "game")],
    )
    assert dgl.bipartite([(0, 1)], num_nodes=(4, 5)).num_nodes("_V") == 5
    matrix = sp.coo_matrix((np.ones(2), ([0, 2], [1, 1])), shape=(4, 3))
    assert_same_graph(dgl.bipartite(matrix, "a", "b", "c"), peer.bipartite_from_scipy(matrix, "a", "b", "c"))
    with pytest.raises(dgl.DGLError, match="utype should not be"):
        dgl.bipartite([(0, 1)], "a", "b", "a")
    both = dgl.hetero_from_relations([g, dgl.bipartite([(4, 1)], "user", "likes", "game")])
    assert both.num_nodes("user") == 5 and both.etypes == ["likes", "plays"]
    renamed = dgl.as_heterograph(dgl.graph(([0], [1])), "n", "e")
    assert renamed.canonical_etypes == [("n", "e", "n")] and dgl.as_immutable_graph(renamed) is renamed
    assert_same_graph(dgl.batch_hetero([g, g]), dgl.batch([g, g]))
    assert len(dgl.unbatch_hetero(dgl.batch([g, g]))) == 2
    assert_same_graph(dgl.to_homo(g), dgl.to_homogeneous(g))
    whole = dgl.to_homo(g)
    assert_same_graph(
        dgl.to_hetero(whole, g.ntypes, g.etypes), dgl.to_heterogeneous(whole, g.ntypes, g.etypes)
    )
    assert isinstance(dgl.batch([g, g]), dgl.BatchedDGLGraph)
    with pytest.raises(dgl.DGLError, match="makes a batched graph"):
        dgl.BatchedDGLGraph()


def test_settings_of_a_library_that_is_not_there() -> None:
    dgl.use_libxsmm(True)
    assert dgl.is_libxsmm_enabled()
    dgl.use_libxsmm(False)
    level = logging.getLogger("dgl-core").level
    dgl.enable_verbose_logging()
    assert logging.getLogger("dgl-core").level == logging.DEBUG
    logging.getLogger("dgl-core").setLevel(level)
    dgl.load_backend("pytorch")
    with pytest.raises(dgl.DGLError, match="pytorch"):
        dgl.load_backend("mxnet")
    mine = {n: v for n, v in vars(dgl.TypeCode).items() if n.isupper()}
    assert mine == {n: v for n, v in vars(peer.TypeCode).items() if n.isupper()}
    dgl.register_func("test.f", len, override=True)
    assert (
        dgl.get_global_func("test.f") is len and dgl.get_global_func("test.none", allow_missing=True) is None
    )
    with pytest.raises(dgl.DGLError, match="override"):
        dgl.register_func("test.f", len)
    with pytest.raises(dgl.DGLError, match="Cannot find global function"):
        dgl.get_global_func("test.none")


class Column:
    """A column of cuDF, as far as DLPack."""

    def __init__(self, ids: list[int]) -> None:
        self.ids = torch.tensor(ids)

    def to_dlpack(self) -> torch.Tensor:
        return self.ids


class Frame(dict[str, Column]):
    def is_directed(self) -> bool:
        return True

    def edges(self) -> Frame:
        return self


def test_cugraph() -> None:
    g = dgl.from_cugraph(Frame(src=Column([0, 1]), dst=Column([1, 2])))
    assert_same_graph(g, dgl.graph(([0, 1], [1, 2])))
    with pytest.raises(dgl.DGLError, match="to\\('cuda'\\)"):
        g.to_cugraph()


READER = """
import sys, torch
from grapevine.dgl.shared import get_shared_mem_array, read_shared
schema, counts, relations, idtype = read_shared(sys.argv[1])
array = get_shared_mem_array(sys.argv[1] + "_x", (2, 3), torch.int32)
plays = schema.canonical_etypes.index(("user", "plays", "game"))
array[1] = torch.tensor(relations[plays].src_index.tolist() + [counts[schema.ntypes.index("game")]])
"""


def test_shared_memory(tmp_path: Path) -> None:
    g = dgl.heterograph(
        {("user", "plays", "game"): ([3, 1], [0, 4]), ("user", "knows", "user"): ([0], [1])}
    ).int()
    name = f"test_{tmp_path.name}"
    shared = g.shared_memory(name)
    x = dgl.utils.create_shared_mem_array(f"{name}_x", (2, 3), torch.int32)
    subprocess.run([sys.executable, "-c", READER, name], check=True)
    assert x.tolist() == [[0, 0, 0], [3, 1, 5]]
    assert_same_graph(dgl.hetero_from_shared_memory(name), g)
    assert_same_graph(shared, g)
    with pytest.raises(dgl.DGLError, match="in use"):
        g.shared_memory(name)
    del shared, x
    for read in (
        dgl.hetero_from_shared_memory,
        lambda n: dgl.utils.get_shared_mem_array(n, (2,), torch.int32),
    ):
        with pytest.raises(dgl.DGLError, match="expected the name"):
            read(name)


def test_backend() -> None:
    ours: Any = dgl.backend
    theirs: Any = __import__("dgl.backend", fromlist=["x"])
    x = torch.tensor([[1.0, 5.0], [3.0, 2.0], [0.0, 4.0]])
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("tensor", ([1, 2],)), ("shape", (x,)), ("dtype", (x,)), ("ndim", (x,)), ("context", (x,)),
        ("astype", (x, torch.int64)), ("asnumpy", (x,)), ("zerocopy_from_numpy", (x.numpy(),)), ("sum", (x, 0)),
        ("mean", (x, 1)), ("max", (x, 0)), ("min", (x, 1)), ("argsort", (x, 0, True)), ("topk", (x, 2, 0)),
        ("exp", (x,)), ("softmax", (x, 0)), ("cat", ([x, x], 1)), ("stack", ([x, x], 0)), ("repeat", (x, 2, 0)),
        ("gather_row", (x, torch.tensor([2, 0]))), ("slice_axis", (x, 0, 1, 3)), ("narrow_row", (x, 0, 2)),
        ("scatter_row", (x, torch.tensor([1]), torch.ones(1, 2))), ("unsqueeze", (x, 0)), ("reshape", (x, (2, 3))),
        ("swapaxes", (x, 0, 1)), ("zeros", ((2,), torch.int64, torch.device("cpu"))), ("zeros_like", (x,)),
        ("ones", ((2,), torch.float32, torch.device("cpu"))), ("arange", (1, 4)),
        ("full_1d", (2, 7, torch.int64, torch.device("cpu"))), ("clone", (x,)), ("clamp", (x, 1, 3)),
        ("replace_inf_with_zero", (x / torch.tensor([1.0, 0.0]),)), ("unique", (x,)), ("nonzero_1d", (x[2],)),
        ("boolean_mask", (x, torch.tensor([True, False, True]))), ("equal", (x, x)), ("allclose", (x, x)),
        ("logical_not", (x > 2,)), ("sort_1d", (x[0],)), ("count_nonzero", (x,)), ("reduce_sum", (x,)),
        ("pad_packed_tensor", (x, [1, 2], -1.0)), ("is_recording", ()), ("device_type", (torch.device("cpu"),)),
        ("split", (x, [1, 2], 0)), ("reduce_mean", (x,)), ("as_scalar", (x.sum(),)), ("sqrt", (x,)),
    ]  # fmt: skip
    for name, arguments in calls:
        mine, other = (getattr(lib, name)(*arguments) for lib in (ours, theirs))
        if isinstance(other, np.ndarray):
            mine, other = torch.from_numpy(mine), torch.from_numpy(other)
        assert_same(mine, other)
    padded = ours.pad_packed_tensor(x, [1, 2], -1.0)
    assert_same(ours.pack_padded_tensor(padded, [1, 2]), x)
    assert (
        ours.data_type_dict["int64"] is torch.int64
        and ours.reverse_data_type_dict[torch.float16] == "float16"
    )
    assert ours.get_preferred_backend() == ours.backend_name == "pytorch"
    y = ours.attach_grad(torch.ones(2))
    ours.backward((y * 2).sum())
    assert ours.grad(y).tolist() == [2, 2] and not ours.is_no_grad(y)
    assert ours.attach_grad(y).grad.tolist() == [0, 0]
    z = x.clone()
    ours.scatter_row_inplace(z, torch.tensor([0]), torch.zeros(1, 2))
    assert z[0].tolist() == [0, 0]
    assert 0 <= float(ours.uniform((1,), torch.float32, ours.cpu(), 0, 1)) <= 1
    assert int(ours.randint((1,), torch.int64, ours.cpu(), 3, 4)) == 3


def test_first_datasets_of_r_gcn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rdflib")
    monkeypatch.setenv("DGL_DOWNLOAD_DIR", str(tmp_path))
    triples, examples = RDF["AIFBDataset"]
    folder = folder_of(tmp_path, dgl.data.AIFBDataset, verbose=False)
    folder.mkdir(parents=True)
    (folder / "data.nt").write_text("\n".join([*triples, ""]))
    for file, rows in (("trainingSet.tsv", examples[:1]), ("testSet.tsv", examples[1:])):
        (folder / file).write_text("\n".join(["a\tb\tc", *rows, ""]))
    data = dgl.contrib.data.load_data("aifb", bfs_level=3, relabel=False)
    g = dgl.data.AIFBDataset(verbose=False)[0]
    assert (data.num_nodes, data.num_rels, data.num_classes) == (g.num_nodes(), len(g.canonical_etypes), 2)
    assert len(data.edge_src) == g.num_edges() and data.labels[data.train_idx[0], 0] == 0
    assert data.labels[data.test_idx[0], 0] == 1 and sorted(data.labels.flat)[-2:] == [0, 1]
    for i in range(data.num_rels):  # the norms of a relation's edges at a node are one in all
        of_kind = data.edge_type == i
        total = np.bincount(data.edge_dst[of_kind], data.edge_norm[of_kind])
        assert np.allclose(total[total > 0], 1)
    folder = folder_of(tmp_path, dgl.data.WN18Dataset, reverse=False, verbose=False)
    folder.mkdir(parents=True)
    for part, row in (("train", "a\tx\tb"), ("valid", "b\ty\ta"), ("test", "a\ty\tb")):
        (folder / f"{part}.txt").write_text(f"{row}\n")
    link = dgl.contrib.data.load_data("wn18")
    assert (link.num_nodes, link.num_rels) == (2, 2)
    assert (link.train.tolist(), link.valid.tolist(), link.test.tolist()) == (
        [[0, 0, 1]],
        [[1, 1, 0]],
        [[0, 1, 1]],
    )
    with pytest.raises(dgl.DGLError, match="aifb"):
        dgl.contrib.data.load_data("imagenet")


def test_views_by_the_names_of_their_module() -> None:
    g = dgl.graph(([0], [1]))
    assert isinstance(g.nodes, dgl.view.HeteroNodeView) and isinstance(g.edges, dgl.view.EdgeView)
    assert isinstance(g.ndata, dgl.view.HeteroNodeDataView) and isinstance(g.edata, dgl.view.EdgeDataView)
