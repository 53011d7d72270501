"""What to explain, of which model, and which part of an explanation to keep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from typing_extensions import Self

from grapevine.errors import GraphValueError


class ExplanationType(Enum):
    """What is explained: what the `model` says, or the `phenomenon`, which it was trained on."""

    model = "model"
    phenomenon = "phenomenon"


class MaskType(Enum):
    """What a mask weighs: whole nodes or edges (`object`), features of all nodes alike, or each single number."""

    object = "object"
    common_attributes = "common_attributes"
    attributes = "attributes"


class ModelMode(Enum):
    """What a model predicts."""

    binary_classification = "binary_classification"
    multiclass_classification = "multiclass_classification"
    regression = "regression"


class ModelTaskLevel(Enum):
    """What a model predicts something of."""

    node = "node"
    edge = "edge"
    graph = "graph"


class ModelReturnType(Enum):
    """What the numbers that a model puts out mean."""

    raw = "raw"
    probs = "probs"
    log_probs = "log_probs"


class ThresholdType(Enum):
    """How a mask is cut: `hard`: one above a value, zero below; `topk`: the k largest stay; `topk_hard`: as ones."""

    hard = "hard"
    topk = "topk"
    topk_hard = "topk_hard"


class _Castable:
    """Configurations that may be given as a tuple or a dictionary of their arguments."""

    @classmethod
    def cast(cls, *args: Any, **kwargs: Any) -> Any:
        """The configuration that was given: as such, as a tuple, a dictionary or arguments; None stays None."""
        if len(args) == 1 and not kwargs:
            (given,) = args
            if given is None or isinstance(given, _Castable):
                return given
            if isinstance(given, tuple):
                return cls(*given)
            if isinstance(given, dict):
                return cls(**given)
        return cls(*args, **kwargs)

    def __iter__(self) -> Any:
        return iter(vars(self).values())


def _one_of(kind: type[Enum], value: Any, name: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(repr(member.value) for member in kind)
        raise GraphValueError(f"expected {name} among {known}, got {value!r}") from None


def _mask_type(value: MaskType | str | None, name: str) -> MaskType | None:
    return None if value is None else _one_of(MaskType, value, name)


@dataclass(init=False)
class ExplainerConfig(_Castable):
    """What an explanation consists of.

    Args:
        explanation_type: "model" or "phenomenon".
        node_mask_type: None for no mask of nodes; "object": one number per node (N, 1); "common_attributes": one per
            feature (1, F); "attributes": one for each feature of each node (N, F).
        edge_mask_type: None, or "object": one number per edge (E,).

    Raises:
        GraphValueError: where there is no mask at all, or an edge mask of another type.

    Example:
        >>> ExplainerConfig("model", edge_mask_type="object").edge_mask_type
        <MaskType.object: 'object'>
    """

    explanation_type: ExplanationType
    node_mask_type: MaskType | None
    edge_mask_type: MaskType | None

    def __init__(
        self,
        explanation_type: ExplanationType | str,
        node_mask_type: MaskType | str | None = None,
        edge_mask_type: MaskType | str | None = None,
    ) -> None:
        if node_mask_type is None and edge_mask_type is None:
            raise GraphValueError(
                "expected node_mask_type or edge_mask_type, got neither; to weigh edges, pass edge_mask_type='object'"
            )
        self.explanation_type = _one_of(ExplanationType, explanation_type, "explanation_type")
        self.node_mask_type = _mask_type(node_mask_type, "node_mask_type")
        self.edge_mask_type = _mask_type(edge_mask_type, "edge_mask_type")
        if self.edge_mask_type not in (None, MaskType.object):
            raise GraphValueError(f"expected edge_mask_type to be None or 'object', got {edge_mask_type!r}")


@dataclass(init=False)
class ModelConfig(_Castable):
    """What a model predicts, and in which form.

    Args:
        mode: "binary_classification", "multiclass_classification" or "regression".
        task_level: "node", "edge" or "graph".
        return_type: "raw" (the only one for regression, and its default), "probs", or (of several classes) "log_probs".

    Raises:
        GraphValueError: where these do not fit together.

    Example:
        >>> ModelConfig.cast({"mode": "regression", "task_level": "graph"}).return_type
        <ModelReturnType.raw: 'raw'>
    """

    mode: ModelMode
    task_level: ModelTaskLevel
    return_type: ModelReturnType

    def __init__(
        self,
        mode: ModelMode | str,
        task_level: ModelTaskLevel | str,
        return_type: ModelReturnType | str | None = None,
    ) -> None:
        self.mode = _one_of(ModelMode, mode, "mode")
        self.task_level = _one_of(ModelTaskLevel, task_level, "task_level")
        if return_type is None and self.mode is ModelMode.regression:
            return_type = ModelReturnType.raw
        self.return_type = _one_of(ModelReturnType, return_type, "return_type")
        allowed = {
            ModelMode.regression: (ModelReturnType.raw,),
            ModelMode.binary_classification: (ModelReturnType.raw, ModelReturnType.probs),
            ModelMode.multiclass_classification: tuple(ModelReturnType),
        }[self.mode]
        if self.return_type not in allowed:
            names = " or ".join(repr(kind.value) for kind in allowed)
            raise GraphValueError(
                f"expected return_type={names} for {self.mode.value}, got {self.return_type.value!r}"
            )


@dataclass(init=False)
class ThresholdConfig(_Castable):
    """Which part of a mask to keep.

    Args:
        threshold_type: "hard": entries above `value` become one, the others zero; "topk": the `value` largest entries
            stay, the others become zero; "topk_hard": they become one.
        value: between 0 and 1 for "hard", else a positive integer.

    Raises:
        GraphValueError: for any other value.

    Example:
        >>> ThresholdConfig("topk", 10).value
        10
    """

    type: ThresholdType
    value: float | int

    def __init__(self, threshold_type: ThresholdType | str, value: float | int) -> None:
        self.type = _one_of(ThresholdType, threshold_type, "threshold_type")
        self.value = value
        if self.type is ThresholdType.hard:
            fits, wanted = isinstance(value, (int, float)) and 0 <= value <= 1, "a number between 0 and 1"
        else:
            fits, wanted = isinstance(value, int) and value > 0, "a positive integer"
        if not fits:
            raise GraphValueError(
                f"expected {wanted} as value of a {self.type.value!r} threshold, got {value!r}"
            )

    @classmethod
    def cast(cls, *args: Any, **kwargs: Any) -> Self | None:
        """The configuration that was given: as such, as a tuple, a dictionary or arguments; None stays None."""
        found: Self | None = super().cast(*args, **kwargs)
        return found
