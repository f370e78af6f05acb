"""`pip install .` gives the package for use elsewhere."""

import shutil
import subprocess
import sys
from zipfile import ZipFile

from conftest import ROOT, run_script


def test_the_wheel_holds_the_package_and_works_alone(tmp_path):
    source, wheels, installed = tmp_path / "source", tmp_path / "wheels", tmp_path / "installed"
    source.mkdir()
    shutil.copytree(ROOT / "jobgen", source / "jobgen")
    for name in ("pyproject.toml", "README.md", "LICENSE", *map(str, ROOT.glob("requirements*"))):
        shutil.copy(ROOT / name, source)
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels))
    built = run_script(sys.executable, "-m", "pip", "wheel", str(source), *options)
    assert built.returncode == 0, built.stderr
    (wheel,) = wheels.glob("jobgen-*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(installed)
        (metadata,) = [name for name in archive.namelist() if name.endswith("METADATA")]
        required = archive.read(metadata).decode()
    assert "Requires-Dist: deepspeed==" in required
    for extra in ("ray", "llama-cpp", "test", "bench"):
        assert f"Provides-Extra: {extra}" in required
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {"jobgen"}
    assert (installed / "jobgen/evaluation/templates/report.html").is_file()
    assert (installed / "jobgen/data/keywords/examples.json").is_file()
    code = (
        "import jobgen; from jobgen.text.coverage import covered_by_stems;"
        "print(jobgen.__file__, covered_by_stems('You develop algorithms.', ['develop algorithm']))"
    )
    used = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert used.stdout.split() == [str(installed / "jobgen/__init__.py"), "[True]"], used.stderr
