"""The knowledge graph example runs, and its recorded figures are what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.test_examples import FOLDER, example


def test_every_model_learns(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPEVINE_DATA", str(shared_data))
    knowledge = example("knowledge_graph")
    record, picture = tmp_path / "runs.json", tmp_path / "curve.png"
    arguments = ["--fast", "--root", str(tmp_path), "--json", str(record), "--picture", str(picture)]
    runs = knowledge.main([*arguments, "--data", "nations", "--model", *knowledge.MODELS])["nations"]
    chance = sum(1 / rank for rank in range(1, 15)) / 14
    assert set(runs) == set(knowledge.MODELS) and all(run["mrr"] > chance for run in runs.values())
    assert runs["complex"]["mrr"] > 0.5
    assert json.loads(record.read_text())["runs"]["nations"] == runs
    assert picture.stat().st_size > 10_000
    knowledge.main([*arguments[:5], "--data", "umls", "--model", "complex", "--epochs", "1"])
    assert set(json.loads(record.read_text())["runs"]) == {"nations", "umls"}  # added to those there


def test_recorded_runs() -> None:
    """Trained to convergence, the small graphs reach ConvE's published figures, or come near."""
    runs = json.loads((FOLDER / "knowledge_graph.json").read_text())["runs"]
    for data in ("umls", "kinship", "nations"):
        assert set(runs[data]) == set(example("knowledge_graph").MODELS)
    assert runs["umls"]["complex"]["mrr"] >= 0.94 and runs["kinship"]["complex"]["mrr"] >= 0.83
    for model in ("transe", "distmult", "complex"):
        run = runs["fb15k-237"][model]
        assert run["mrr"] >= run["published"]["tuned"] - 0.02
    assert min(run["accuracy"] for run in runs["umls"].values()) >= 0.75


def test_questions_cost_what_their_triplets_cost() -> None:
    """Asked once for all answers, a question has the cross-entropy and the penalty of its triplets one by one."""
    knowledge = example("knowledge_graph")
    torch.manual_seed(0)
    h, r, t = torch.stack([torch.randint(size, (60,)) for size in (9, 3, 9)]).unique(dim=1)
    graph = knowledge.Graph({"train": knowledge.Triplets(h, r, t)}, 9, 3)
    known = graph.known("train")
    for name in ("transe", "distmult", "complex", "rotate"):
        how = knowledge.Recipe(hidden=4, penalty=0.3, scale=2.0)
        model = knowledge.build(name, "", graph, how)
        total, count = torch.zeros(()), 0
        for side, given, relation in knowledge.questions(graph.parts["train"], 100):
            answers = known.answers(given, relation, side)[0].numel()
            total = total + answers * knowledge.ask(model, known, side, given, relation, how)
            count += answers
        expected = model.contrast(h, r, t, None, "softmax", scale=2.0, known=known)
        expected = expected + 0.3 * model.penalty(h, r, t)
        torch.testing.assert_close(total / count, expected, rtol=1e-5, atol=1e-5)
    assert count == 2 * h.numel()
