"""The wheel, in an empty environment, in someone else's app: nothing of this checkout is within reach."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.readme import python_blocks

ROOT = Path(__file__).parents[2]

APP, HANDLER, _ = python_blocks()
FROM_SITE_PACKAGES = 'import constructs_pkg\n\nassert "site-packages" in constructs_pkg.__file__, constructs_pkg.__file__\n'


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run(command, cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy2(ROOT / name, source / name)
    shutil.copytree(ROOT / "constructs_pkg", source / "constructs_pkg", ignore=shutil.ignore_patterns("__pycache__"))
    # As pip would build it: from the source distribution, so that what that leaves out is noticed.
    done = run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source)], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel and what it asks for, at the versions that are pinned here."""
    folder = tmp_path_factory.mktemp("environment")
    uv = [sys.executable, "-m", "uv"]
    done = run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], folder)
    assert done.returncode == 0, done.stderr
    interpreter = folder / "venv" / "bin" / "python"
    install = [*uv, "pip", "install", "--quiet", "--python", str(interpreter), "--constraint", str(ROOT / "requirements.txt")]
    done = run([*install, str(wheel)], folder)
    assert done.returncode == 0, done.stderr
    return interpreter


def test_the_wheel_holds_the_layer_with_its_run_bits_and_the_typed_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        programs = [archive.getinfo(f"constructs_pkg/runtime/{name}") for name in ("streaming-wrapper", "bootstrap")]
    assert all((program.external_attr >> 16) & 0o100 for program in programs)
    assert {
        "constructs_pkg/py.typed",
        "constructs_pkg/runtime/python/streaming_runtime/__main__.py",
        "streaming_runtime/__main__.py",
        "streaming_runtime/py.typed",
    } <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests/", "stacks/"))]


def test_the_readmes_app_imports_the_construct_and_synthesizes(python: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(FROM_SITE_PACKAGES + APP)
    (tmp_path / "handler").mkdir()
    (tmp_path / "handler" / "index.py").write_text(HANDLER)
    done = run([str(python), "app.py"], tmp_path, CDK_OUTDIR=str(tmp_path / "cdk.out"))
    assert done.returncode == 0, done.stderr
    assert len(APP.splitlines()) <= 20
    template = json.loads((tmp_path / "cdk.out" / "Chat.template.json").read_text())
    types = [resource["Type"] for resource in template["Resources"].values()]
    assert types.count("AWS::Lambda::Url") == 1
    assert types.count("AWS::Lambda::LayerVersion") == 1
    layers = [path for path in (tmp_path / "cdk.out").glob("asset.*") if (path / "streaming-wrapper").is_file()]
    assert len(layers) == 1
    assert os.access(layers[0] / "streaming-wrapper", os.X_OK)


def test_the_runtime_is_importable_beside_the_constructs(python: Path, tmp_path: Path) -> None:
    program = (
        "import sys, streaming_runtime; assert 'site-packages' in streaming_runtime.__file__; assert 'aws_cdk' not in sys.modules"
    )
    done = run([str(python), "-c", program], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "extra"), [(["call", "https://example.com"], "client"), (["local"], "emulator")], ids=["call", "local"]
)
def test_without_its_extra_a_command_says_what_to_install(command: list[str], extra: str, python: Path, tmp_path: Path) -> None:
    done = run([str(python), "-m", "constructs_pkg", *command], tmp_path)
    assert done.returncode in (1, 2)
    assert f"streaming-lambda-constructs[{extra}]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_is_installed_and_says_its_version(python: Path, tmp_path: Path) -> None:
    done = run([str(python.parent / "streaming-lambda"), "--version"], tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("streaming-lambda 0.")
