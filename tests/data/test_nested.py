from __future__ import annotations

import numpy as np
import pytest
import torch

from grapevine.data.nested import select
from grapevine.errors import GraphTypeError, GraphValueError


@pytest.mark.parametrize("index", [torch.tensor([2, 0]), torch.tensor([True, False, True])])
def test_select_from_everything(index: torch.Tensor) -> None:
    value = torch.arange(12).view(3, 4)
    chosen = value[index]
    assert torch.equal(select(value, index), chosen)
    assert torch.equal(select(value.t(), index, -1), chosen.t())
    assert np.array_equal(select(value.numpy(), index), chosen.numpy())
    assert np.array_equal(select(value.numpy().T, index, 1), chosen.numpy().T)
    assert select(value.tolist(), index) == select(tuple(value.tolist()), index, -1) == chosen.tolist()
    assert torch.equal(select(value.float().to_sparse(), index).to_dense(), chosen.float())


def test_select_from_nothing_that_has_rows() -> None:
    with pytest.raises(GraphValueError, match="expected a tensor or a list to select from, got int"):
        select(3, torch.tensor([0]))
    with pytest.raises(
        GraphTypeError, match="expected a sparse matrix to select along \\(0, 1\\), got Tensor"
    ):
        select(torch.zeros(2, 2), torch.tensor([0]), (0, 1))
