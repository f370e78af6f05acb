"""The notebook runs from its first cell to its last, on real weights."""

import re

import nbformat
from conftest import ROOT
from nbclient import NotebookClient


def test_the_notebook_runs():
    notebook = nbformat.read(ROOT / "notebooks" / "fine_tune.ipynb", as_version=4)
    folder = {"metadata": {"path": str(ROOT / "notebooks")}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=folder).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    printed = "".join(out.get("text", "") for out in outputs if out.get("name") == "stdout")
    assert "parameters are trained" in printed
    before, after = re.search(r"nats a byte: ([\d.]+) before, ([\d.]+) after", printed).groups()
    assert float(after) < float(before)
