"""StreamingCode.nodejs: JavaScript as it is, TypeScript through esbuild, and nothing that only pretends to stream."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from constructs_pkg import StreamingCode, StreamingFunction
from constructs_pkg._bundling import esbuild, size
from constructs_pkg._bundling.esbuild import Script, bundle_script

from .conftest import ROOT
from .reading import only

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import Stack

JAVASCRIPT = "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.end('hello'); });\n"
TYPESCRIPT = """
import { words } from "./words";
declare const awslambda: any;
export const handler = awslambda.streamifyResponse(async (event: unknown, stream: any): Promise<void> => stream.end(words()));
"""

# Stands in for esbuild where it is not installed: takes the same arguments, and puts a module and its imports one after another.
STAND_IN = f"""#!{sys.executable}
import json, re, sys
from pathlib import Path
options = dict(word[2:].split("=", 1) for word in sys.argv[2:] if "=" in word)
entry = Path(sys.argv[1])
inputs, text, waiting = {{}}, "", [entry]
while waiting:
    path = waiting.pop()
    content = path.read_text()
    inputs[path.as_posix()] = {{"bytes": len(content)}}
    text = content + text
    for name in re.findall(r'from "(\\./[^"]+)"', content):
        if not (path.parent / (name + ".ts")).is_file():
            sys.exit(f'Could not resolve "{{name}}"')
        waiting.append(path.parent / (name + ".ts"))
Path(options["outfile"]).parent.mkdir(parents=True, exist_ok=True)
Path(options["outfile"]).write_text(" ".join(sys.argv[3:5]) + "\\n" + text)
Path(options["metafile"]).write_text(json.dumps({{"inputs": inputs}}))
with open(Path(__file__).with_name("calls"), "a") as calls:
    calls.write("called\\n")
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def javascript(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "handler"
    folder.mkdir(parents=True)
    (folder / "index.js").write_text(JAVASCRIPT)
    return folder


@pytest.fixture
def typescript(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "handler"
    folder.mkdir(parents=True)
    (folder / "index.ts").write_text(TYPESCRIPT)
    (folder / "words.ts").write_text('export const words = (): string => "hello";\n')
    return folder


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A project's own esbuild, as npm lays it out."""
    path = tmp_path / "project" / "node_modules" / ".bin" / "esbuild"
    path.parent.mkdir(parents=True)
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return path


def calls(program: Path) -> int:
    counted = program.with_name("calls")
    return len(counted.read_text().splitlines()) if counted.is_file() else 0


def script(folder: Path, **changes: Any) -> Script:
    given: dict[str, Any] = {"module": folder / "index.ts", "node": "24", "external": (), "minify": False, "output": "index"}
    return Script(**{**given, **changes})


# JavaScript


def test_javascript_is_shipped_as_it_is_without_our_layer(stack: Stack, javascript: Path) -> None:
    StreamingFunction(stack, "Chat", code=StreamingCode.nodejs(javascript, runtime=lambda_.Runtime.NODEJS_22_X))
    _, properties = only(Template.from_stack(stack).find_resources("AWS::Lambda::Function"))
    assert properties["Runtime"] == "nodejs22.x"
    assert properties["Handler"] == "index.handler"
    assert "Layers" not in properties
    assert "Environment" not in properties


def test_javascript_that_would_buffer_is_refused(stack: Stack, javascript: Path) -> None:
    (javascript / "index.js").write_text("exports.handler = async () => ({ statusCode: 200 });\n")
    code = StreamingCode.nodejs(javascript)
    with pytest.raises(ValueError, match="^CODE_DOES_NOT_STREAM: .*index.js"):
        code.bind(stack, lambda_.Architecture.ARM_64)
    StreamingCode.nodejs(javascript, assume_streaming=True).bind(stack, lambda_.Architecture.ARM_64)


def test_a_package_that_wraps_the_handler_counts(stack: Stack, javascript: Path) -> None:
    (javascript / "index.js").write_text("exports.handler = require('wrapper').stream(app);\n")
    (javascript / "node_modules" / "wrapper").mkdir(parents=True)
    (javascript / "node_modules" / "wrapper" / "index.js").write_text("exports.stream = awslambda.streamifyResponse;\n")
    StreamingCode.nodejs(javascript).bind(stack, lambda_.Architecture.ARM_64)


@pytest.mark.parametrize("ending", ["js", "mjs", "cjs"])
def test_each_kind_of_module_is_found(ending: str, javascript: Path) -> None:
    (javascript / "index.js").rename(javascript / f"index.{ending}")
    StreamingCode.nodejs(javascript)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"handler": "index"}, "CODE_HANDLER_FORM"),
        ({"handler": "other.handler"}, "CODE_HANDLER_MISSING"),
        ({"handler": "index.main"}, "CODE_HANDLER_MISSING"),
        ({"runtime": lambda_.Runtime.NODEJS_20_X}, "CODE_RUNTIME"),
        ({"runtime": lambda_.Runtime.PYTHON_3_13}, "CODE_RUNTIME"),
        ({"minify": True}, "CODE_NOT_BUNDLED"),
        ({"external_modules": ["pg"]}, "CODE_NOT_BUNDLED"),
    ],
)
def test_what_cannot_stream_is_refused_by_code(parameters: dict[str, Any], code: str, javascript: Path) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingCode.nodejs(javascript, **parameters)


def test_packages_that_would_not_be_shipped_are_refused_and_named(javascript: Path) -> None:
    (javascript / "package.json").write_text('{"dependencies": {"@aws-sdk/client-s3": "3", "hono": "4"}}')
    with pytest.raises(ValueError, match="^CODE_PACKAGES_MISSING: .* asks for hono, "):
        StreamingCode.nodejs(javascript)
    (javascript / "node_modules").mkdir()
    StreamingCode.nodejs(javascript)


def test_code_over_250_mb_is_refused(stack: Stack, javascript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "LARGEST", 10)
    with pytest.raises(ValueError, match="^BUNDLE_TOO_LARGE: "):
        StreamingCode.nodejs(javascript).bind(stack, lambda_.Architecture.ARM_64)


# TypeScript


def test_typescript_is_bundled_by_the_projects_own_esbuild(
    make_stack: Callable[..., Stack], typescript: Path, program: Path, tmp_path: Path
) -> None:
    stack = make_stack()
    StreamingFunction(stack, "Chat", code=StreamingCode.nodejs(typescript))
    stack.node.root.synth()  # type: ignore[attr-defined]
    [file] = (tmp_path / "cdk.out").glob("asset.*/index.js")
    assert file.read_text().startswith("--platform=node --target=node24\n")
    assert sorted(path.name for path in file.parent.iterdir()) == ["index.js"]
    assert calls(program) == 1


def test_bundled_code_that_would_buffer_is_refused(stack: Stack, typescript: Path, program: Path) -> None:
    (typescript / "index.ts").write_text("export const handler = async () => 1;\n")
    with pytest.raises(ValueError, match="^CODE_DOES_NOT_STREAM: "):
        StreamingCode.nodejs(typescript).bind(stack, lambda_.Architecture.ARM_64)


def test_typescript_without_bundling_is_refused(typescript: Path) -> None:
    with pytest.raises(ValueError, match="^CODE_NEEDS_BUNDLING: "):
        StreamingCode.nodejs(typescript, bundle=False)


def test_a_second_synthesis_does_not_start_esbuild(typescript: Path, program: Path) -> None:
    first = bundle_script(script(typescript), typescript)
    assert bundle_script(script(typescript), typescript) == first
    assert calls(program) == 1


@pytest.mark.parametrize("name", ["index.ts", "words.ts", "../tsconfig.json", "package.json"])
def test_a_change_of_anything_that_goes_in_bundles_again(name: str, typescript: Path, program: Path) -> None:
    bundle_script(script(typescript), typescript)
    with (typescript / name).open("a") as file:
        file.write("{}\n")
    bundle_script(script(typescript), typescript)
    assert calls(program) == 2


@pytest.mark.parametrize("change", [{"node": "22"}, {"minify": True}, {"external": ("pg",)}, {"output": "other"}])
def test_a_change_of_options_bundles_again(change: dict[str, Any], typescript: Path, program: Path) -> None:
    bundle_script(script(typescript), typescript)
    bundle_script(script(typescript, **change), typescript)
    assert calls(program) == 2


def test_the_result_does_not_depend_on_where_the_project_lies(typescript: Path, program: Path, tmp_path: Path) -> None:
    first = bundle_script(script(typescript), typescript)
    moved = (tmp_path / "project").rename(tmp_path / "elsewhere") / "handler"
    assert bundle_script(script(moved), moved).fingerprint == first.fingerprint


@pytest.mark.parametrize(
    ("name", "package", "result"),
    [
        ("index.mts", "{}", "index.mjs"),
        ("index.cts", '{"type": "module"}', "index.js"),
        ("index.ts", '{"type": "module"}', "index.mjs"),
        ("index.ts", "{}", "index.js"),
    ],
)
def test_a_module_stays_of_its_kind(name: str, package: str, result: str, typescript: Path, program: Path) -> None:
    (typescript / "index.ts").rename(typescript / name)
    (typescript / "package.json").write_text(package)
    made = bundle_script(script(typescript, module=typescript / name), typescript)
    assert [path.name for path in made.folder.iterdir()] == [result]


def test_code_that_esbuild_refuses_is_refused_with_its_words(typescript: Path, program: Path) -> None:
    (typescript / "words.ts").unlink()
    with pytest.raises(ValueError, match=r"^ESBUILD_FAILED: .*esbuild said: Could not resolve \"./words\""):
        bundle_script(script(typescript), typescript)


def test_an_esbuild_that_hangs_is_stopped(typescript: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esbuild, "_TIME_LIMIT_SECONDS", 0.01)
    with pytest.raises(ValueError, match="^ESBUILD_TIMEOUT: "):
        bundle_script(script(typescript), typescript)


def test_without_esbuild_the_mend_is_said(typescript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(typescript)
    with pytest.raises(ValueError, match="^ESBUILD_MISSING: .*npm install --save-dev esbuild"):
        bundle_script(script(typescript), typescript)


def test_esbuild_is_found_on_path_last(typescript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(typescript)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "esbuild").write_text(STAND_IN)
    (tmp_path / "bin" / "esbuild").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert esbuild.find_esbuild(typescript) == tmp_path / "bin" / "esbuild"


@pytest.mark.skipif(not (ROOT / "node_modules" / ".bin" / "esbuild").exists(), reason="esbuild is not in node_modules: npm ci")
@pytest.mark.parametrize("kind", ["commonjs", "module"])
def test_what_the_real_esbuild_makes_runs_on_node(kind: str, typescript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (typescript / "package.json").write_text(f'{{"type": "{kind}"}}')
    made = bundle_script(script(typescript, minify=True), typescript)
    [file] = made.folder.iterdir()
    program = (
        "globalThis.awslambda = {streamifyResponse: f => f};"
        f"import({str(file)!r}).then(m => m.handler({{}}, {{end: text => console.log(text)}}))"
    )
    node = Path(os.environ.get("JSII_NODE", "node"))
    done = subprocess.run([str(node), "-e", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "hello\n"
