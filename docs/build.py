"""Builds the API reference from the docstrings into docs/api/: `make docs`."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import warnings
from pathlib import Path

import pdoc
import pdoc.render

import grapevine

FOLDER = Path(__file__).resolve().parent


def modules() -> list[str]:
    """All public modules; those that need an optional package which is not installed are left out, by name."""
    found = ["grapevine"]
    for module in pkgutil.walk_packages(grapevine.__path__, "grapevine."):
        if any(part.startswith("_") for part in module.name.split(".")):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            print(f"left out {module.name}: {error}")
        else:
            found.append(module.name)
    return found


def main() -> None:
    """Writes docs/api/index.html and one page per module."""
    shutil.rmtree(FOLDER / "api", ignore_errors=True)
    pdoc.render.configure(docformat="google", math=True, search=True, show_source=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pdoc warns of annotations that only type checkers import
        pdoc.pdoc(*modules(), output_directory=FOLDER / "api")
    print(f"open {FOLDER / 'api' / 'index.html'}")


if __name__ == "__main__":
    main()
