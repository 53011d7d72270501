"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import grapevine
from grapevine.errors import MissingDependencyError

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(grapevine.__path__, "grapevine.")
    if module.name.rpartition(".")[2] not in ("__main__", "_core", "_build")
)


@pytest.mark.parametrize("name", ["grapevine", *MODULES])
def test_the_examples_of(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for case in doctest.DocTestFinder().find(module):
        runner.run(case, out=report.append)
    assert runner.failures == 0, "".join(report)
