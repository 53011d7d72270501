"""Readouts of batches beside DGL's."""

from __future__ import annotations

import pytest
import torch

from grapevine.dgl.base import DGLError
from tests.dgl.messages.common import LIBRARIES, same_results
from tests.dgl.peer import assert_same

PARTS = [([0, 1, 2], [1, 2, 0], 4), ([], [], 0), ([0, 0], [1, 1], 2), ([], [], 1)]


FULL = [([0, 1, 2], [1, 2, 0], 4), ([0], [0], 1), ([0], [1], 2)]


def batches(idtype=torch.int64, parts=PARTS):
    made = []
    for library in LIBRARIES:
        ends = [(torch.tensor(s, dtype=idtype), torch.tensor(d, dtype=idtype), n) for s, d, n in parts]
        made.append(library.batch([library.graph((s, d), num_nodes=n) for s, d, n in ends]))
    return tuple(made)


@pytest.mark.parametrize("idtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("kind", ["nodes", "edges"])
@pytest.mark.parametrize("tail", [(), (3,), (2, 3)])
def test_reductions(kind, tail, idtype) -> None:
    pair = batches(idtype)
    rows = {"nodes": 7, "edges": 5}[kind]
    given = [
        torch.randn(rows, *tail, dtype=torch.float64),
        torch.rand(rows, *[1] * len(tail), dtype=torch.float64),
    ]

    def run(library, g, h, w):
        with g.local_scope():
            data = g.ndata if kind == "nodes" else g.edata
            data["h"], data["w"] = h, w
            named = [getattr(library, f"{how}_{kind}")(g, "h") for how in ("sum", "mean", "max", "softmax")]
            weighted = [getattr(library, f"{how}_{kind}")(g, "h", "w") for how in ("sum", "mean", "max")]
            free = [getattr(library, f"readout_{kind}")(g, "h", op=how) for how in ("min", "sum")]
            return named + weighted + free

    same_results(run, given, pair)


@pytest.mark.parametrize("kind", ["nodes", "edges"])
def test_broadcasts(kind) -> None:
    pair = batches()
    feature = torch.randn(4, 3, dtype=torch.float64)
    same_results(lambda library, g, x: getattr(library, f"broadcast_{kind}")(g, x), [feature], pair)
    for library in LIBRARIES:
        single = library.graph(([0], [1]))
        with pytest.warns(UserWarning, match="shape"):
            out = getattr(library, f"broadcast_{kind}")(single, torch.ones(3))
        assert out.tolist() == [[1.0] * 3] * {"nodes": 2, "edges": 1}[kind]


@pytest.mark.parametrize("kind", ["nodes", "edges"])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sortby", [None, 0, -1])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_topk(k, sortby, descending, kind) -> None:
    results = []
    feature = torch.randn({"nodes": 7, "edges": 5}[kind], 3)
    for library, g in zip(LIBRARIES, batches(parts=FULL)):
        (g.ndata if kind == "nodes" else g.edata)["h"] = feature
        values, index = getattr(library, f"topk_{kind}")(g, "h", k, descending=descending, sortby=sortby)
        there = (values != 0) if sortby is None else (values != 0).any(-1)
        results.append((values, index.masked_fill(~there, -1)))
    assert_same(*results)


def test_topk_of_empty_graphs() -> None:
    """DGL mixes the rows of graphs up where one of them is empty."""
    g, _ = batches()
    g.ndata["h"] = torch.tensor([[1.0], [4.0], [2.0], [3.0], [6.0], [5.0], [7.0]])
    values, index = LIBRARIES[0].topk_nodes(g, "h", 2)
    assert values.squeeze(-1).tolist() == [[4, 3], [0, 0], [6, 5], [7, 0]]
    assert index[[0, 2], :, 0].tolist() == [[1, 3], [0, 1]]


def test_topk_of_too_many_dims() -> None:
    g, _ = batches()
    g.ndata["h"] = torch.ones(7, 2, 2)
    with pytest.raises(DGLError, match="two dims"):
        LIBRARIES[0].topk_nodes(g, "h", 1)


def test_types_are_named_where_there_are_several() -> None:
    results = []
    for library in LIBRARIES:
        g = library.batch([library.heterograph({("u", "a", "v"): ([0, 1], [0, 0])}) for _ in range(2)])
        g.nodes["u"].data["h"], g.edges["a"].data["w"] = torch.arange(4.0), torch.arange(4.0)
        results.append(
            [library.sum_nodes(g, "h", ntype="u"), library.max_edges(g, "w", etype=("u", "a", "v"))]
        )
    assert_same(*results)


def test_second_derivatives_through_a_readout() -> None:
    """As potentials do: forces are derivatives of summed energies, and losses of forces are differentiated again."""
    pair = batches()

    def run(library, g, h):
        with g.local_scope():
            g.ndata["h"] = h
            fn = library.function
            g.update_all(fn.copy_u("h", "m"), fn.sum("m", "e"))
            g.ndata["e"] = g.ndata["e"] ** 3 + h
            return library.sum_nodes(g, "e") + library.mean_nodes(g, "e")

    same_results(run, [torch.randn(7, 2, dtype=torch.float64)], pair, second=True)
