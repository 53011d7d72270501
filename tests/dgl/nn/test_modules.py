"""Poolings, graph transformers, containers and scores against DGL's; explanations; names and paths."""

from __future__ import annotations

import importlib
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import Linear

from grapevine import dgl
from grapevine.dgl import nn
from tests.dgl.nn.cases import COMPLETE, RANDOM, built, network
from tests.dgl.peer import assert_same_graph, peer
from tests.nn.peer import assert_close, assert_same_as_peer, assert_same_start, integers, normal, uniform

pytestmark = pytest.mark.filterwarnings(
    "ignore:if [mk] is set to 1",
    "ignore:enable_nested_tensor is True",  # the peer's transformer
)


def batch(library: Any) -> Any:
    """Three graphs, the second of which is empty."""
    parts = [([0, 1, 2], [1, 2, 0], 4), ([], [], 0), ([0, 1], [1, 0], 2)]
    graphs = [
        library.graph((torch.tensor(u, dtype=torch.long), torch.tensor(v, dtype=torch.long)), num_nodes=n)
        for u, v, n in parts
    ]
    return library.batch(graphs)


POOLINGS = {
    "sum": lambda nn: nn.SumPooling(),
    "avg": lambda nn: nn.AvgPooling(),
    "max": lambda nn: nn.MaxPooling(),
    "sort": lambda nn: nn.SortPooling(3),
    "attention": lambda nn: nn.GlobalAttentionPooling(Linear(4, 1), Linear(4, 3)),
    "attention-bare": lambda nn: nn.GlobalAttentionPooling(Linear(4, 1)),
    "set2set": lambda nn: nn.Set2Set(4, 3, 2),
    "weight-and-sum": lambda nn: nn.WeightAndSum(4),
}


@pytest.mark.parametrize("name", POOLINGS)
def test_poolings(name: str) -> None:
    x = normal(6, 4)
    make = POOLINGS[name]
    assert_same_as_peer(make(nn), make(peer.nn), batch(dgl), x, peer_inputs=(batch(peer), x))
    single = normal(RANDOM.num_src, 4)
    assert_same_as_peer(
        make(nn),
        make(peer.nn),
        built(dgl, RANDOM),
        single,
        peer_inputs=(built(peer, RANDOM), single),
        dtypes=[torch.float64],
    )


@pytest.mark.parametrize("name", ["sum", "avg", "max"])
def test_poolings_of_any_rank(name: str) -> None:
    x = normal(6, 3, 2)
    assert_same_as_peer(
        POOLINGS[name](nn), POOLINGS[name](peer.nn), batch(dgl), x, peer_inputs=(batch(peer), x)
    )


def test_attention_pooling_gives_its_attention() -> None:
    layer = nn.GlobalAttentionPooling(Linear(4, 1))
    _, gate = layer(batch(dgl), normal(6, 4), get_attention=True)
    assert gate.shape == (6, 1)
    assert_close(nn.SumPooling()(batch(dgl), gate), torch.tensor([[1.0], [0.0], [1.0]]))
    with pytest.raises(ValueError, match="size 1"):
        nn.GlobalAttentionPooling(Linear(4, 2))(batch(dgl), normal(6, 4))


def full_batch(library: Any) -> Any:
    return library.batch([library.graph(([0, 1], [1, 2])), library.graph(([0], [1]))])


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.SetTransformerEncoder(4, 2, 3, 8, 2),
        lambda nn: nn.SetTransformerEncoder(4, 2, 3, 8, 1, "isab", m=2),
        lambda nn: nn.SetTransformerDecoder(4, 2, 3, 8, 2, k=2),
        lambda nn: nn.SetTransformerDecoder(4, 2, 3, 8, 1, k=1),
    ],
)
def test_set_transformer(make: Any) -> None:
    x = normal(5, 4)
    assert_same_as_peer(make(nn), make(peer.nn), full_batch(dgl), x, peer_inputs=(full_batch(peer), x))


MASK = torch.zeros(2, 3, 3, dtype=torch.bool)
MASK[1, :, 2] = True
EIGENVALUES, EIGENVECTORS = normal(5, 3), normal(5, 3, seed=1)
EIGENVALUES[1:3, 2] = EIGENVECTORS[1:3, 2] = torch.nan
DENSE = [
    (lambda nn: nn.BiasedMHA(8, 2), lambda: (normal(2, 3, 8), normal(2, 3, 3, 2, seed=1), MASK)),
    (lambda nn: nn.BiasedMHA(8, 2, False, "mul"), lambda: (normal(2, 3, 8), uniform(2, 3, 3, 2))),
    (
        lambda nn: nn.GraphormerLayer(8, 6, 2, norm_first=True),
        lambda: (normal(2, 3, 8), normal(2, 3, 3, 2), MASK),
    ),
    (lambda nn: nn.GraphormerLayer(8, 6, 4, activation=torch.nn.GELU()), lambda: (normal(2, 3, 8),)),
    (
        lambda nn: nn.EGTLayer(8, 6, 2, 1),
        lambda: (normal(2, 3, 8), normal(2, 3, 3, 6), -1e3 * MASK.float()),
    ),
    (lambda nn: nn.EGTLayer(8, 6, 2, 0, edge_update=False), lambda: (normal(2, 3, 8), normal(2, 3, 3, 6))),
    (lambda nn: nn.DegreeEncoder(4, 6), lambda: (integers(7, 2, 3, 5),)),
    (lambda nn: nn.DegreeEncoder(4, 6, "in"), lambda: (integers(7, 3, 5),)),
    (lambda nn: nn.PathEncoder(3, 4, 2), lambda: (integers(6, 2, 5, 5), normal(2, 5, 5, 3, 4))),
    (lambda nn: nn.SpatialEncoder(3, 2), lambda: (integers(7, 2, 5, 5) - 1,)),
    (lambda nn: nn.SpatialEncoder3d(5, 2, 4), lambda: (normal(2, 5, 3), integers(4, 2, 5))),
    (lambda nn: nn.SpatialEncoder3d(5, 2, 4), lambda: (normal(2, 5, 3),)),
    (lambda nn: nn.TransE(3, 4), lambda: (normal(5, 4), normal(5, 4, seed=1), integers(3, 5))),
    (lambda nn: nn.TransR(3, 2, 4, p=2), lambda: (normal(5, 4), normal(5, 4, seed=1), integers(3, 5))),
    *(
        (lambda nn, op=op: nn.EdgePredictor(op, 4, 2, True), lambda: (normal(5, 4), normal(5, 4, seed=1)))
        for op in ("dot", "cos", "ele", "cat")
    ),
    (lambda nn: nn.EdgePredictor("cos"), lambda: (normal(5, 4), normal(5, 4, seed=1))),
    (lambda nn: nn.JumpingKnowledge(), lambda: ([normal(5, 4), normal(5, 4, seed=1)],)),
    (lambda nn: nn.JumpingKnowledge("max"), lambda: ([normal(5, 4), normal(5, 4, seed=1)],)),
    (lambda nn: nn.JumpingKnowledge("lstm", 4, 2), lambda: ([normal(5, 4), normal(5, 4, seed=1)],)),
    (lambda nn: nn.WeightBasis((3, 2), 2, 4), lambda: ()),
    (lambda nn: nn.TypedLinear(4, 2, 3), lambda: (normal(6, 4), integers(2, 6))),
    (lambda nn: nn.TypedLinear(4, 2, 3, "basis", 2), lambda: (normal(6, 4), integers(3, 6).sort()[0], True)),
    (lambda nn: nn.TypedLinear(4, 2, 3, "bdd", 2), lambda: (normal(6, 4), integers(3, 6))),
    (
        lambda nn: nn.HeteroLinear({"a": 4, ("a", "b"): 3}, 2),
        lambda: ({"a": normal(5, 4), ("a", "b"): normal(2, 3)},),
    ),
    (
        lambda nn: nn.HeteroEmbedding({"a": 4, "b": 3}, 2),
        lambda: ({"a": integers(4, 5), "b": integers(3, 2)},),
    ),
    (
        lambda nn: nn.DenseChebConv(4, 3, 3),
        lambda: (integers(2, 5, 5).float(), normal(5, 4), 1.75),
    ),
    *(
        (
            lambda nn, n=n, a=a, b=b: nn.DenseGraphConv(a, b, n),
            lambda a=a: (integers(2, 3, 5).float(), normal(5, a)),
        )
        for n, a, b in (("both", 4, 2), ("right", 2, 4), ("none", 2, 4))
    ),
    (lambda nn: nn.DenseSAGEConv(4, 2), lambda: (integers(2, 3, 5).float(), (normal(5, 4), normal(3, 4)))),
]


@pytest.mark.parametrize(("make", "inputs"), DENSE)
def test_dense_modules(make: Any, inputs: Any) -> None:
    """Modules that need no graph."""
    assert_same_as_peer(make(nn), make(peer.nn), *inputs())
    if hasattr(make(peer.nn), "reset_parameters") and not isinstance(make(nn), nn.JumpingKnowledge):
        assert_same_start(lambda: make(nn), lambda: make(peer.nn))


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.LapPosEncoder("DeepSet", 1, 3, 4, num_post_layer=1),
        lambda nn: nn.LapPosEncoder("DeepSet", 3, 3, 4, batch_norm=True, num_post_layer=3),
        lambda nn: nn.LapPosEncoder("Transformer", 2, 3, 4, n_head=2),
    ],
)
def test_lap_pos_encoder(make: Any) -> None:
    """In float32, which DGL computes in whatever it is given."""
    ours, theirs = make(nn), make(peer.nn)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    for train in (True, False):
        outs = []
        for module in (ours, theirs):
            torch.manual_seed(0)
            outs.append(module.train(train)(EIGENVALUES.clone(), EIGENVECTORS.clone()))
        assert_close(*outs)


def test_dense_cheb_finds_its_eigenvalue() -> None:
    adjacency, x, layer = torch.ones(4, 4) - torch.eye(4), normal(4, 3), nn.DenseChebConv(3, 2, 3)
    assert_close(layer(adjacency, x), layer(adjacency, x, 4 / 3))  # of the complete graph's Laplacian


@pytest.mark.parametrize("aggregate", ["sum", "max", "min", "mean", "stack", lambda outs, ntype: outs[0]])
def test_hetero_graph_conv(aggregate: Any) -> None:
    relations = {
        ("user", "follows", "user"): ([0, 1, 1], [1, 2, 0]),
        ("user", "plays", "game"): ([0, 1, 2, 2], [0, 0, 1, 1]),
        ("store", "sells", "game"): ([0, 0], [1, 2]),
    }
    sizes = {"user": 4, "game": 3, "store": 2}
    x = {"user": normal(4, 5), "game": normal(3, 4, seed=1), "store": normal(2, 2, seed=2)}

    def make(library: Any) -> Any:
        layers = {
            "follows": library.GraphConv(5, 3),
            ("user", "plays", "game"): library.SAGEConv((5, 4), 3, "mean"),
            "sells": library.SAGEConv((2, 4), 3, "pool"),
        }
        return library.HeteroGraphConv(layers, aggregate)

    ours, theirs = (library.heterograph(relations, sizes) for library in (dgl, peer))
    for given in (x, {key: x[key] for key in ("user", "game")}, (x, x)):
        assert_same_as_peer(
            make(nn), make(peer.nn), ours, given, peer_inputs=(theirs, given), dtypes=[torch.float64]
        )
    extra = {"mod_kwargs": {"sells": {"edge_weight": torch.tensor([0.5, 2.0])}}}
    assert_same_as_peer(make(nn), make(peer.nn), ours, x, peer_inputs=(theirs, x), kwargs=extra, grad=False)


def test_hetero_graph_conv_on_a_block() -> None:
    def block(library: Any) -> Any:
        return library.create_block(
            {("a", "r", "b"): ([0, 1, 3], [0, 1, 1])}, {"a": 4, "b": 2}, {"a": 0, "b": 2}
        )

    x = {"a": normal(4, 3), "b": normal(2, 3)}

    def make(library: Any) -> Any:
        return library.HeteroGraphConv({"r": library.SAGEConv(3, 2, "mean")})

    assert_same_as_peer(make(nn), make(peer.nn), block(dgl), x, peer_inputs=(block(peer), x))
    with pytest.raises(KeyError, match="Cannot find module"):
        nn.HeteroGraphConv({})(block(dgl), x)


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.LabelPropagation(3, 0.7),
        lambda nn: nn.LabelPropagation(3, 0.7, "row", clamp=False, normalize=True, reset=True),
    ],
)
def test_label_propagation(make: Any) -> None:
    mask = torch.tensor([True, False] * 4)
    for labels in (integers(3, 8), uniform(8, 3)):
        ours = make(nn)(built(dgl, RANDOM), labels, mask)
        assert_close(ours, make(peer.nn)(built(peer, RANDOM), labels, mask))
    with pytest.raises(ValueError, match="norm_type"):
        nn.LabelPropagation(3, 0.7, "col")(built(dgl, RANDOM), integers(3, 8))


def test_sequential() -> None:
    def make(library: Any) -> Any:
        return library.Sequential(library.GraphConv(4, 3), library.GATConv(3, 2, 2))

    for graphs in (lambda lib: built(lib, RANDOM), lambda lib: [built(lib, RANDOM), built(lib, RANDOM)]):
        inputs = normal(8, 4)
        assert_same_as_peer(
            make(nn),
            make(peer.nn),
            graphs(dgl),
            inputs,
            peer_inputs=(graphs(peer), inputs),
            dtypes=[torch.float64],
        )
    with pytest.raises(TypeError, match="DGLGraph"):
        make(nn)(torch.ones(1), torch.ones(1))


def test_selecting_products() -> None:
    ids, index = torch.tensor([2, 0]), torch.tensor([1, 0])
    matrices = normal(2, 3, 4)
    one_hot = torch.eye(3)[ids]
    select = nn.utils.matmul_maybe_select
    assert_close(select(ids, matrices[0]), select(one_hot, matrices[0]))
    select = nn.utils.bmm_maybe_select
    assert_close(select(ids, matrices, index), select(one_hot, matrices, index))


def test_factories() -> None:
    x = normal(7, 3)
    for make, call in (
        (lambda nn: nn.KNNGraph(3), (x,)),
        (lambda nn: nn.SegmentedKNNGraph(2), (x, [4, 3])),
        (lambda nn: nn.RadiusGraph(1.5), (x,)),
    ):
        assert_same_graph(make(nn)(*call), make(peer.nn)(*call))


def test_edge_softmax_module() -> None:
    scores = normal(30, 2)
    expected = peer.nn.functional.edge_softmax(built(peer, RANDOM), scores)
    assert_close(nn.EdgeSoftmax()(built(dgl, RANDOM), scores), expected)


# -- explanations ----------------------------------------------------------------------------------------


def classifier(library: Any) -> Any:
    """A layer that takes edge weights; for graphs, the mean over the nodes."""

    class Classifier(torch.nn.Module):
        def __init__(self, pooled: bool) -> None:
            super().__init__()
            self.conv = library.nn.GraphConv(4, 3, allow_zero_in_degree=True)
            self.pooled = pooled

        def forward(self, graph: Any, feat: Any, eweight: Any = None, shift: Any = 0.0) -> Any:
            if isinstance(feat, dict):
                weight = None if eweight is None else eweight["user", "plays", "game"]
                out = self.conv(graph["plays"], (feat["user"], feat["game"]), edge_weight=weight)
                return out.mean(0, keepdim=True) if self.pooled else {"game": out}
            out = self.conv(graph, feat, edge_weight=eweight) + shift
            return out.mean(0, keepdim=True) if self.pooled else out

    return Classifier


def models(pooled: bool) -> tuple[Any, Any]:
    ours, theirs = classifier(dgl)(pooled), classifier(peer)(pooled)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def explained(library: Any, explainer: str, model: Any, call: str, *args: Any, **kwargs: Any) -> Any:
    torch.manual_seed(1)
    made = getattr(library.nn, explainer)(model, num_hops=1, num_epochs=8, log=False)
    return getattr(made, call)(*args, **kwargs)


def test_gnn_explainer() -> None:
    x, shift = normal(8, 4), normal(8, 3, seed=3)
    (ours, theirs), kwargs = models(False), {"shift": shift}
    mine = explained(dgl, "GNNExplainer", ours, "explain_node", 2, built(dgl, RANDOM), x, **kwargs)
    other = explained(peer, "GNNExplainer", theirs, "explain_node", 2, built(peer, RANDOM), x, **kwargs)
    assert_same_graph(mine[1], other[1])
    for i in (0, 2, 3):
        assert_close(mine[i], other[i])
    ours, theirs = models(True)
    mine = explained(dgl, "GNNExplainer", ours, "explain_graph", built(dgl, RANDOM), x)
    other = explained(peer, "GNNExplainer", theirs, "explain_graph", built(peer, RANDOM), x)
    for a, b in zip(mine, other, strict=True):
        assert_close(a, b)


def test_hetero_gnn_explainer() -> None:
    def graph(library: Any) -> Any:
        return library.heterograph({("user", "plays", "game"): ([0, 1, 2, 3], [0, 0, 1, 1])})

    x = {"user": normal(4, 4), "game": normal(2, 4)}
    etype = ("user", "plays", "game")
    ours, theirs = models(False)
    mine = explained(dgl, "HeteroGNNExplainer", ours, "explain_node", "game", 1, graph(dgl), x)
    other = explained(peer, "HeteroGNNExplainer", theirs, "explain_node", "game", 1, graph(peer), x)
    ours, theirs = models(True)
    both = [
        (mine[2:], other[2:]),
        (
            explained(dgl, "HeteroGNNExplainer", ours, "explain_graph", graph(dgl), x),
            explained(peer, "HeteroGNNExplainer", theirs, "explain_graph", graph(peer), x),
        ),
    ]
    for mine, other in both:
        for ntype in x:
            assert_close(mine[0][ntype], other[0][ntype])
        assert_close(mine[1][etype], other[1][etype])


def test_subgraphx_finds_what_decides() -> None:
    """Two neighbours carry the answer. (DGL's own search does not run with NumPy 2.)"""

    class Model(torch.nn.Module):
        def forward(self, graph: Any, feat: Any, shift: float = 0.0) -> Any:
            return torch.stack([feat[4, 0] * feat[5, 0] + shift, torch.zeros(())]).unsqueeze(0)

    np.random.seed(0)  # noqa: NPY002
    ring = dgl.graph(([0, 1, 2, 3, 4, 5, 0, 3], [1, 2, 3, 4, 5, 0, 2, 5]))
    explainer = nn.SubgraphX(Model(), num_hops=2, node_min=2, shapley_steps=8)
    assert explainer.explain_graph(ring, torch.full((6, 1), 2.0), 0, shift=-1.0).tolist() == [4, 5]
    with pytest.raises(ValueError, match="bigger than"):
        nn.SubgraphX(Model(), 1, node_min=6).explain_graph(ring, normal(6, 4), 0)


def test_hetero_subgraphx_finds_what_decides() -> None:
    """One user and one game carry the answer."""

    class Model(torch.nn.Module):
        def forward(self, graph: Any, feat: Any) -> Any:
            score = feat["user"][2] * feat["game"][1]
            return torch.stack([score.squeeze(), torch.zeros(())]).unsqueeze(0)

    g = dgl.heterograph({("user", "plays", "game"): ([0, 1, 2, 3], [0, 0, 1, 1])})
    np.random.seed(0)  # noqa: NPY002
    explainer = nn.HeteroSubgraphX(Model(), num_hops=2, node_min=2, shapley_steps=8)
    found = explainer.explain_graph(g, {"user": torch.full((4, 1), 2.0), "game": torch.ones(2, 1)}, 0)
    assert {key: value.tolist() for key, value in found.items()} == {"user": [2], "game": [1]}


# -- names -------------------------------------------------------------------------------------------------


def test_names_and_paths() -> None:
    """Each module of DGL's packages is found by the same path, and is the same class by either name."""
    paths = {
        module.__name__
        for module in (peer.nn.pytorch.conv, peer.nn.pytorch.glob, peer.nn.pytorch.hetero, peer.nn.pytorch.gt)
    } | {getattr(peer.nn, name).__module__ for name in nn.__all__ if hasattr(peer.nn, name)}
    for path in paths - {"dgl.ops.edge_softmax"}:
        ours = importlib.import_module(f"grapevine.{path}")
        theirs = importlib.import_module(path)
        for name in nn.__all__:
            if (
                getattr(theirs, name, None) is not None
                and theirs.__name__ == getattr(theirs, name).__module__
            ):
                assert getattr(ours, name) is getattr(nn, name), f"{path}.{name}"


def test_whole_modules_survive_pickling() -> None:
    layer = nn.GATConv(4, 2, 2)
    again = pickle.loads(pickle.dumps(layer))
    graph, x = built(dgl, COMPLETE), normal(5, 4)
    assert_close(again(graph, x), layer(graph, x))


def test_network_is_given_real_tensors() -> None:
    assert nn.GINConv(network(4, 2))(built(dgl, COMPLETE), normal(5, 4)).shape == (5, 2)
