"""The training loop: what it keeps, when it stops, what it refuses."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from grapevine.data import Data
from grapevine.datasets import KarateClub
from grapevine.errors import GraphKeyError, GraphValueError
from grapevine.training import (
    MODELS,
    RECIPES,
    Recipe,
    build,
    embed,
    fit,
    forward,
    load_model,
    random_split,
    recipe,
    save_model,
    train,
)


class Scripted(nn.Module):
    """A model whose logits in evaluation are the next of a list, whatever it has learned."""

    def __init__(self, script: list[list[int]]) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.zeros(()))
        self.calls = 0
        self.script = script

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        if self.training:
            return torch.zeros(x.size(0), 2) + self.step
        guess = torch.tensor(self.script[self.calls])
        self.calls += 1
        with torch.no_grad():
            self.step.fill_(self.calls)
        return nn.functional.one_hot(guess, 2).float()


def four_nodes(**masks: list[bool]) -> Data:
    masks = masks or {
        "train_mask": [True, True, False, False],
        "val_mask": [False, False, True, False],
        "test_mask": [False, False, False, True],
    }
    return Data(
        x=torch.ones(4, 1),
        edge_index=torch.empty(2, 0, dtype=torch.long),
        y=torch.tensor([0, 1, 0, 1]),
        **{key: torch.tensor(value) for key, value in masks.items()},
    )


def test_the_best_validation_epoch_is_kept_and_patience_stops() -> None:
    wrong, right = [0, 0, 1, 0], [0, 0, 0, 1]
    model = Scripted([wrong, right, right, wrong, wrong, wrong, wrong])
    seen = []
    result = fit(
        model, four_nodes(), epochs=7, patience=3, on_epoch=lambda epoch, values: seen.append((epoch, values))
    )
    assert result.best_epoch == 2 and model.step.item() == 2  # ties keep the earlier epoch
    assert len(result.history["loss"]) == 5  # 3 epochs without progress after the second
    assert result.accuracy == {"train": 0.5, "val": 1.0, "test": 1.0}
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4, 5]
    assert seen[0][1] == {key: values[0] for key, values in result.history.items()}
    assert seen[0][1]["loss"] == pytest.approx(math.log(2))


def test_without_validation_nodes_all_epochs_run() -> None:
    result = fit(Scripted([[0, 1, 0, 0]] * 3), four_nodes(train_mask=[True, True, False, False]), epochs=3)
    assert result.best_epoch == 3 and result.accuracy == {
        "train": 1.0,
        "test": 0.5,
    }  # the rest is for testing
    assert set(result.history) == {"loss", "train", "test"}


def test_unknown_labels_never_count() -> None:
    data = four_nodes()
    data.y[3] = -1
    assert set(fit(Scripted([[0, 1, 0, 0]]), data, epochs=1).accuracy) == {"train", "val"}


def test_seeds_make_it_reproducible() -> None:
    data = KarateClub()[0]
    first, second = (train(data, recipe("gcn", epochs=5), seeds=2) for _ in range(2))
    assert [r.history for r in first] == [r.history for r in second]
    assert first[0].history != first[1].history


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns_the_karate_club_and_comes_back_from_disk(name: str, tmp_path: Path) -> None:
    data = KarateClub()[0]
    chosen = recipe(name, epochs=60, input_dropout=0.0)
    result = train(data, chosen)[0]
    assert result.accuracy["train"] == 1.0 and result.history["loss"][-1] < result.history["loss"][0]
    save_model(result.model, chosen, tmp_path / "model.safetensors", note="kept")
    model = load_model(tmp_path / "model.safetensors")
    assert type(model) is MODELS[name] and not model.training
    torch.testing.assert_close(forward(model, data), forward(result.model, data), rtol=0, atol=0)


def test_the_embedding_is_what_the_last_layer_receives() -> None:
    data = KarateClub()[0]
    model = build(recipe("gcn"), 34, 4).eval()
    hidden = embed(model, data)
    assert hidden.shape == (34, 16)
    torch.testing.assert_close(model.convs[-1](hidden, data.edge_index), forward(model, data))


def test_edge_weights_reach_models_that_take_them() -> None:
    data = KarateClub()[0]
    data.edge_weight = torch.zeros(data.num_edges)
    model = build(recipe("gcn"), 34, 4).eval()
    alone = Data(x=data.x, edge_index=torch.empty(2, 0, dtype=torch.long))
    torch.testing.assert_close(forward(model, data), forward(model, alone))
    forward(build(recipe("sage"), 34, 4).eval(), data)


def test_random_split_takes_the_same_shares_of_every_class() -> None:
    y = torch.tensor([0] * 50 + [1] * 100 + [-1] * 7)
    data = Data(x=torch.zeros(157, 1), edge_index=torch.empty(2, 0, dtype=torch.long), y=y)
    split = random_split(data, seed=3)
    counts = {m: split[m][:50].sum().item() for m in ("train_mask", "val_mask", "test_mask")}
    assert counts == {"train_mask": 30, "val_mask": 10, "test_mask": 10}
    total = sum(split[m].int() for m in counts)
    assert total.tolist() == [1] * 150 + [0] * 7
    assert "train_mask" not in data
    assert torch.equal(split.train_mask, random_split(data, seed=3).train_mask)
    assert not torch.equal(split.train_mask, random_split(data, seed=4).train_mask)
    assert {r.seed for r in train(data, recipe("gcn", epochs=1), seeds=2)} == {0, 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_channels": 0}, "expected hidden_channels from 1 to 1,000,000, got 0"),
        ({"num_layers": 0}, "expected num_layers from 1 to 1,000,000, got 0"),
        ({"hidden_channels": 10**9}, "expected hidden_channels from 1 to 1,000,000, got 1000000000"),
        ({"dropout": 1.0}, r"expected dropout in \[0, 1\), got 1.0"),
        ({"lr": -1.0}, "expected a finite lr of at least 0, got -1.0"),
        ({"weight_decay": float("nan")}, "expected a finite weight_decay of at least 0, got nan"),
        ({"hidden_channels": 12}, "expected hidden_channels divisible by 8 heads, got 12"),
    ],
)
def test_bad_hyper_parameters_are_named(change: dict, message: str) -> None:
    with pytest.raises(GraphValueError, match=message):
        recipe("gat", **change)


def test_unknown_models_are_named() -> None:
    for call in (recipe, Recipe):
        with pytest.raises(GraphKeyError, match=r"expected a model of \['gcn', .*got 'gnn'"):
            call("gnn")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.__delattr__("y"), "expected a graph with 'y'"),
        (
            lambda d: setattr(d, "y", torch.zeros(4)),
            r"expected one integer class per node.*got torch.float32",
        ),
        (lambda d: setattr(d, "x", torch.ones(4)), r"expected node features x of shape \[4, F\]"),
        (
            lambda d: setattr(d, "x", torch.ones(4, 1).long()),
            r"got torch.int64 .*data.x.view\(4, -1\).float\(\)",
        ),
        (
            lambda d: setattr(d, "edge_weight", torch.ones(3)),
            "expected one edge_weight for each of the 0 edges",
        ),
        (lambda d: d.y.fill_(20_000), r"expected classes numbered 0, 1, .*got y with the number 20000"),
        (lambda d: setattr(d, "y", torch.full((4,), -1)), "expected at least one node with a label"),
        (lambda d: d.__delattr__("train_mask"), r"expected training nodes, got none; set data.train_mask"),
        (lambda d: setattr(d, "val_mask", torch.ones(4, 10).bool()), r"take one column of several splits"),
    ],
)
def test_unfit_graphs_are_refused(spoil, message: str) -> None:
    data = four_nodes()
    spoil(data)
    with pytest.raises(GraphValueError, match=message):
        fit(Scripted([[0, 0, 0, 0]]), data, epochs=1)


def test_a_training_that_diverges_says_so() -> None:
    data = random_split(KarateClub()[0])
    data.x[3, 3] = float("nan")
    with pytest.raises(GraphValueError, match=r"expected a finite loss, got nan in epoch 1; lower .*lr=0.01"):
        fit(build(recipe("gcn"), 34, 4), data, seed=0)


def test_models_take_the_dtype_of_the_features(tmp_path: Path) -> None:
    data = KarateClub()[0]
    data.x = data.x.double()
    model = train(data, recipe("gcn", epochs=2))[0].model
    assert forward(model, data).dtype is torch.float64
    save_model(model, recipe("gcn"), tmp_path / "model.safetensors")
    torch.testing.assert_close(
        forward(load_model(tmp_path / "model.safetensors"), data), forward(model, data)
    )


def test_the_output_layer_of_gat_is_that_of_the_paper() -> None:
    for data, heads, lr in [("cora", 1, 0.005), ("pubmed", 8, 0.01)]:
        chosen = recipe("gat", data)
        model = build(chosen, 34, 4)
        assert [conv.heads for conv in model.convs] == [8, heads] and chosen.lr == lr
        assert [conv.out_channels for conv in model.convs] == [8, 4]
    assert recipe("gat", "pubmed", lr=0.1).lr == 0.1


def test_other_tensors_are_no_model(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(GraphValueError, match="expected a model saved by save_model"):
        load_model(tmp_path / "w.safetensors")
