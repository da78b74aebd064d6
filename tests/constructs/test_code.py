"""StreamingCode.python: what becomes of a folder, with and without dependencies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import aws_lambda as lambda_

from constructs_pkg import StreamingCode, StreamingFunction, _bundling
from constructs_pkg._bundling import Target, bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_cdk import Stack

ARM = Target(python="3.13", architecture="arm64")
# A package with compiled code and a wheel for each platform, and a pure one.
COMPILED = "markupsafe==3.0.3"
PURE = "six==1.17.0"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"handler": "index"}, "CODE_HANDLER_FORM"),
        ({"handler": "index.not-a-name"}, "CODE_HANDLER_FORM"),
        ({"handler": "missing.handler"}, "CODE_HANDLER_MISSING"),
        ({"runtime": lambda_.Runtime.PYTHON_3_10}, "CODE_RUNTIME"),
        ({"runtime": lambda_.Runtime.NODEJS_22_X}, "CODE_RUNTIME"),
    ],
)
def test_what_cannot_stream_is_refused_by_code(parameters: dict[str, Any], code: str, entry: Path) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingCode.python(entry, **parameters)


def test_a_missing_folder_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^CODE_ENTRY_MISSING: .*nowhere"):
        StreamingCode.python(tmp_path / "nowhere")


def test_a_handler_in_a_package_is_found(entry: Path) -> None:
    (entry / "app").mkdir()
    (entry / "app" / "main.py").write_text("def handler(event, context): ...\n")
    StreamingCode.python(entry, handler="app/main.handler")
    StreamingCode.python(entry, handler="app.main.handler")


def test_caches_and_environments_are_not_shipped(make_stack: Callable[..., Stack], entry: Path, tmp_path: Path) -> None:
    (entry / "__pycache__").mkdir()
    (entry / "__pycache__" / "index.cpython-313.pyc").write_bytes(b"x")
    (entry / ".venv").mkdir()
    (entry / ".venv" / "big").write_text("x")
    stack = make_stack()
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry))
    stack.node.root.synth()  # type: ignore[attr-defined]
    shipped = {
        path.relative_to(asset).as_posix()
        for asset in (tmp_path / "cdk.out").glob("asset.*")
        if (asset / "index.py").is_file()
        for path in asset.rglob("*")
    }
    assert shipped == {"index.py"}


def test_a_cache_folder_beside_the_code_does_not_change_the_version(make_stack: Callable[..., Stack], entry: Path) -> None:
    def hash_of() -> str:
        stack = make_stack()
        function = StreamingFunction(stack, "Chat", code=StreamingCode.python(entry))
        return function.version.node.default_child.logical_id  # type: ignore[union-attr, no-any-return]

    stack = make_stack()
    before = stack.resolve(hash_of())
    (entry / "__pycache__").mkdir()
    (entry / "__pycache__" / "index.cpython-313.pyc").write_bytes(b"x")
    assert stack.resolve(hash_of()) == before


def test_without_requirements_nothing_is_built(entry: Path) -> None:
    (entry / "requirements.txt").write_text("# nothing yet\n\n")
    assert bundle(entry, ARM) == entry


@pytest.mark.parametrize("tool", ["uv", "pip"])
@pytest.mark.parametrize(("architecture", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_dependencies_are_for_lambdas_platform_whatever_this_machine_is(
    tool: str, architecture: str, machine: str, entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool == "pip":
        monkeypatch.setattr(_bundling._Uv, "available", classmethod(lambda cls: False))
    (entry / "requirements.txt").write_text(f"{COMPILED}\n{PURE}\n")
    folder = bundle(entry, Target(python="3.12", architecture=architecture))
    [compiled] = folder.glob("markupsafe/_speedups*.so")
    assert compiled.name == f"_speedups.cpython-312-{machine}-linux-gnu.so"
    assert (folder / "six.py").is_file()
    assert (folder / "index.py").is_file()
    assert not list(folder.rglob("__pycache__"))
    recorded = (folder / ".streaming-lambda" / "requirements.txt").read_text().lower().split()
    assert recorded == [COMPILED, PURE]
    assert json.loads((folder / ".streaming-lambda" / "platform.json").read_text()) == {
        "python": "3.12",
        "platform": f"{machine}-manylinux_2_34",
    }


def test_a_second_synthesis_builds_nothing(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    first = bundle(entry, ARM)
    monkeypatch.setattr(_bundling, "_run", lambda *_: pytest.fail("the resolver was started again"))
    assert bundle(entry, ARM) == first


def test_changed_code_or_platform_is_built_anew(entry: Path) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    first = bundle(entry, ARM)
    assert bundle(entry, Target(python="3.12", architecture="arm64")) != first
    (entry / "index.py").write_text("changed = 1\n")
    assert bundle(entry, ARM) != first


def test_a_failed_build_leaves_nothing_behind(entry: Path, own_cache: Path) -> None:
    (entry / "requirements.txt").write_text("this-package-does-not-exist-anywhere-5711==1\n")
    with pytest.raises(ValueError, match="^BUNDLE_"):
        bundle(entry, ARM)
    assert list((own_cache / "streaming-lambda-constructs" / "bundles").iterdir()) == []


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_package_without_a_wheel_for_the_platform_is_named(tool: str, entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if tool == "pip":
        monkeypatch.setattr(_bundling._Uv, "available", classmethod(lambda cls: False))
    (entry / "requirements.txt").write_text("pywin32==311\n")  # wheels for Windows alone
    with pytest.raises(ValueError, match=r"^BUNDLE_NO_WHEEL: pywin32 has no wheel for python3\.13 on Linux aarch64"):
        bundle(entry, ARM)


def test_more_than_lambda_takes_is_refused_with_the_largest_listed(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bundling, "_LARGEST", 1000)
    (entry / "weights").mkdir()
    (entry / "weights" / "model.bin").write_bytes(b"0" * 5000)
    with pytest.raises(ValueError, match=r"^BUNDLE_TOO_LARGE: .*The largest: weights 0\.0 MB, index\.py"):
        bundle(entry, ARM)


def test_two_syntheses_at_once_agree_on_one_folder(entry: Path) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    program = (
        "import sys; from pathlib import Path; from constructs_pkg._bundling import *; "
        "print(bundle(Path(sys.argv[1]), Target(python='3.13', architecture='arm64')))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(entry)], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(3)
    ]
    results = {process.communicate(timeout=100)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(results) == 1


def test_stacks_that_are_not_asked_for_are_not_bundled(
    make_stack: Callable[..., Stack], entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    monkeypatch.setattr(_bundling, "_run", lambda *_: pytest.fail("a stack that is not deployed was bundled"))
    stack = make_stack(context={"aws:cdk:bundling-stacks": []})
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry))
