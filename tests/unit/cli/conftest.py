"""Strategies that tests write into a folder of their own are gone from the interpreter when the test is over."""

import sys

import pytest


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch, tmp_path):
    """Forget the modules of this test's folder, and the folder itself."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
