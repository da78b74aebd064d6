"""StreamingCode: what each kind of code comes to in a function, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Aws, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from constructs_pkg import StreamingCode, StreamingFunction
from constructs_pkg._bundling import installers
from constructs_pkg._code_binding import SIZE_METADATA

from .reading import only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PURE = "six==1.17.0"
ARM = lambda_.Architecture.ARM_64
X86 = lambda_.Architecture.X86_64

JAVASCRIPT = "exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.end('hello'); });\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "code"
    made.mkdir()
    return made


def shipped(outdir: Path, marker: str) -> set[str]:
    """The files of the one asset of an assembly that has `marker`."""
    [asset] = [path for path in outdir.glob("asset.*") if (path / marker).is_file()]
    return {path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file()}


def synth(stack: Stack) -> None:
    stack.node.root.synth()  # type: ignore[attr-defined]


# Python


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"handler": "index"}, "CODE_HANDLER_FORM"),
        ({"handler": "index.not-a-name"}, "CODE_HANDLER_FORM"),
        ({"handler": "a..handler"}, "CODE_HANDLER_FORM"),
        ({"handler": "missing.handler"}, "CODE_HANDLER_MISSING"),
        ({"handler": "index.main"}, "CODE_HANDLER_MISSING"),
        ({"runtime": lambda_.Runtime.PYTHON_3_10}, "CODE_RUNTIME"),
        ({"runtime": lambda_.Runtime.NODEJS_22_X}, "CODE_RUNTIME"),
    ],
)
def test_python_that_cannot_stream_is_refused_by_code(parameters: dict[str, Any], code: str, entry: Path) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingCode.python(entry, **parameters)


@pytest.mark.parametrize(
    "make",
    [
        StreamingCode.python,
        StreamingCode.asgi,
        StreamingCode.nodejs,
        StreamingCode.image,
        lambda path: StreamingCode.web_adapter(path, command=["serve"]),
    ],
)
def test_a_missing_folder_is_refused_and_named(make: Callable[..., StreamingCode], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="^CODE_ENTRY_MISSING: .*nowhere"):
        make(tmp_path / "nowhere")


def test_a_handler_in_a_package_is_found(entry: Path) -> None:
    (entry / "app").mkdir()
    (entry / "app" / "main.py").write_text("def handler(event, context): ...\n")
    (entry / "app" / "__init__.py").write_text("from .main import *\n")
    StreamingCode.python(entry, handler="app/main.handler")
    StreamingCode.python(entry, handler="app.main.handler")
    StreamingCode.python(entry, handler="app.handler")


def test_caches_tests_and_environments_are_not_shipped(make_stack: Callable[..., Stack], entry: Path, tmp_path: Path) -> None:
    for name in ("__pycache__/index.cpython-313.pyc", ".venv/big", "tests/test_index.py"):
        (entry / name).parent.mkdir()
        (entry / name).write_text("x")
    stack = make_stack()
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry))
    synth(stack)
    assert shipped(tmp_path / "cdk.out", "index.py") == {"index.py"}


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


def test_the_size_of_the_code_is_reported_in_the_assembly(make_stack: Callable[..., Stack], entry: Path, tmp_path: Path) -> None:
    stack = make_stack()
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry))
    synth(stack)
    metadata = json.loads((tmp_path / "cdk.out" / "TestStack.metadata.json").read_text())
    [entry_] = [found for found in metadata["/TestStack/Chat"] if found["type"] == SIZE_METADATA]
    assert entry_["data"] == {"totalBytes": (entry / "index.py").stat().st_size, "largest": {"index.py": 48}}


def test_stacks_that_are_not_asked_for_are_not_bundled(
    make_stack: Callable[..., Stack], entry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    monkeypatch.setattr(installers, "_run", lambda *_: pytest.fail("a stack that is not deployed was bundled"))
    stack = make_stack(context={"aws:cdk:bundling-stacks": []})
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry))


def test_an_entry_that_holds_the_apps_own_assembly_leaves_it_out(folder: Path) -> None:
    (folder / "index.py").write_text("def handler(event, context): ...\n")
    app = App(outdir=str(folder / "cdk.out"), builtin_cloud_formation_validation=False, tree_metadata=False)
    StreamingFunction(Stack(app, "Here"), "Chat", code=StreamingCode.python(folder))
    app.synth()
    assert not [path for path in (folder / "cdk.out").rglob("cdk.out") if path.is_dir()]


# ASGI


def test_an_asgi_app_is_served_by_the_runtime_layer(stack: Stack, folder: Path) -> None:
    (folder / "main.py").write_text("app = make()\n")
    bound = StreamingCode.asgi(folder).bind(stack, ARM)
    assert bound.handler == "streaming_runtime.asgi.handler"
    assert bound.environment == {"STREAM_ASGI_APP": "main:app"}
    assert bound.needs_runtime_layer
    assert bound.runtime.name == "python3.13"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"app": "main.app"}, "CODE_APP_FORM"),
        ({"app": "main:"}, "CODE_APP_FORM"),
        ({"app": "main:make()"}, "CODE_APP_FORM"),
        ({"app": "other:app"}, "CODE_HANDLER_MISSING"),
        ({"app": "main:application"}, "CODE_HANDLER_MISSING"),
        ({"runtime": lambda_.Runtime.PYTHON_3_9}, "CODE_RUNTIME"),
    ],
)
def test_an_asgi_app_that_is_not_there_is_refused(parameters: dict[str, Any], code: str, folder: Path) -> None:
    (folder / "main.py").write_text("app = make()\n")
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingCode.asgi(folder, **parameters)


def test_an_asgi_app_may_lie_in_a_package_and_on_an_object(folder: Path) -> None:
    (folder / "api").mkdir()
    (folder / "api" / "__init__.py").write_text("service = make()\n")
    StreamingCode.asgi(folder, app="api:service.app")


# Web adapter


def bind_adapter(scope: Stack, folder: Path, architecture: lambda_.Architecture = ARM, **parameters: Any) -> Any:
    given = {"command": ["python", "-m", "uvicorn", "main:app"], **parameters}
    return StreamingCode.web_adapter(folder, **given).bind(scope, architecture)


def test_the_web_adapter_streams_to_the_port(make_stack: Callable[..., Stack], folder: Path) -> None:
    stack = make_stack(env=Environment(region="eu-west-1"))
    bound = bind_adapter(stack, folder, port=9000, readiness_path="/ready")
    assert bound.environment == {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
        "AWS_LWA_INVOKE_MODE": "response_stream",
        "AWS_LWA_PORT": "9000",
        "AWS_LWA_READINESS_CHECK_PATH": "/ready",
        "PORT": "9000",
    }
    assert not bound.needs_runtime_layer
    [layer] = bound.layers
    assert layer.layer_version_arn == "arn:aws:lambda:eu-west-1:753240598075:layer:LambdaAdapterLayerArm64:30"


def test_the_web_adapters_start_script_runs_the_command(make_stack: Callable[..., Stack], folder: Path, tmp_path: Path) -> None:
    (folder / "requirements.txt").write_text(f"{PURE}\n")
    stack = make_stack(env=Environment(region="eu-west-1"))
    bound = bind_adapter(stack, folder, command=["python", "-m", "uvicorn", "main:app", "--log-config", "my log.json"])
    lambda_.Function(stack, "Function", code=bound.code, handler=bound.handler, runtime=bound.runtime)
    synth(stack)
    [script] = (tmp_path / "cdk.out").glob(f"asset.*/{bound.handler}")
    assert script.stat().st_mode & 0o777 == 0o755
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/bin/sh"
    assert lines[-1] == "exec python -m uvicorn main:app --log-config 'my log.json'"
    assert (script.parent / "six.py").is_file()


@pytest.mark.parametrize(
    ("architecture", "region", "arn"),
    [
        (X86, "us-east-1", "arn:aws:lambda:us-east-1:753240598075:layer:LambdaAdapterLayerX86:30"),
        (X86, "cn-north-1", "arn:aws-cn:lambda:cn-north-1:041581134020:layer:LambdaAdapterLayerX86:30"),
    ],
)
def test_the_adapters_layer_is_of_the_region(
    architecture: lambda_.Architecture, region: str, arn: str, make_stack: Callable[..., Stack], folder: Path
) -> None:
    [layer] = bind_adapter(make_stack(env=Environment(region=region)), folder, architecture).layers
    assert layer.layer_version_arn == arn


def test_the_adapters_layer_of_an_agnostic_stack_is_the_commercial_one(stack: Stack, folder: Path) -> None:
    [layer] = bind_adapter(stack, folder).layers
    assert stack.resolve(layer.layer_version_arn) == {
        "Fn::Join": ["", ["arn:aws:lambda:", {"Ref": "AWS::Region"}, ":753240598075:layer:LambdaAdapterLayerArm64:30"]]
    }


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "us-iso-east-1", "eusc-de-east-1"])
def test_where_the_adapters_layer_is_not_published_its_arn_is_asked_for(
    region: str, make_stack: Callable[..., Stack], folder: Path
) -> None:
    stack = make_stack(env=Environment(region=region))
    with pytest.raises(ValueError, match=f"^WEB_ADAPTER_REGION: .*{region}"):
        bind_adapter(stack, folder)
    arn = f"arn:aws-us-gov:lambda:{region}:123456789012:layer:Copy:1"
    [layer] = bind_adapter(make_stack(env=Environment(region=region)), folder, layer_arn=arn).layers
    assert layer.layer_version_arn == arn


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"command": []}, "WEB_ADAPTER_COMMAND"),
        ({"command": "python main.py"}, "WEB_ADAPTER_COMMAND"),
        ({"command": ["python", ""]}, "WEB_ADAPTER_COMMAND"),
        ({"port": 80}, "WEB_ADAPTER_PORT"),
        ({"port": 3000}, "WEB_ADAPTER_PORT"),
        ({"port": 9001}, "WEB_ADAPTER_PORT"),
        ({"port": 70_000}, "WEB_ADAPTER_PORT"),
        ({"readiness_path": "ready"}, "WEB_ADAPTER_PATH"),
        ({"runtime": lambda_.Runtime.PROVIDED_AL2023}, "CODE_RUNTIME"),
    ],
)
def test_a_web_server_that_could_not_start_is_refused(parameters: dict[str, Any], code: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=f"^{code}: "):
        StreamingCode.web_adapter(folder, **{"command": ["serve"], **parameters})


def test_a_port_may_be_a_token(folder: Path) -> None:
    from aws_cdk import Token

    StreamingCode.web_adapter(folder, command=["serve"], port=Token.as_number({"Ref": "Port"}))


def test_a_node_server_needs_its_packages(folder: Path) -> None:
    (folder / "package.json").write_text('{"dependencies": {"express": "5"}}')
    with pytest.raises(ValueError, match="^CODE_PACKAGES_MISSING: .*express"):
        StreamingCode.web_adapter(folder, command=["node", "server.js"], runtime=lambda_.Runtime.NODEJS_24_X)


# Images


def test_a_folder_of_python_becomes_an_image_with_the_shipped_dockerfile(
    make_stack: Callable[..., Stack], entry: Path, tmp_path: Path
) -> None:
    (entry / "requirements.txt").write_text(f"{PURE}\n")
    stack = make_stack()
    bound = StreamingCode.image(entry, python=lambda_.Runtime.PYTHON_3_12).bind(stack, ARM)
    lambda_.Function(
        stack, "Function", code=bound.code, handler=bound.handler, runtime=bound.runtime, environment=dict(bound.environment)
    )
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "PackageType": "Image",
            "ImageConfig": {"Command": ["index.handler"]},
            "Handler": Match.absent(),
            "Runtime": Match.absent(),
        },
    )
    [image] = json.loads((tmp_path / "cdk.out" / "TestStack.assets.json").read_text())["dockerImages"].values()
    assert image["source"]["platform"] == "linux/arm64"
    assert image["source"]["dockerBuildArgs"] == {"PYTHON_VERSION": "3.12"}
    context = tmp_path / "cdk.out" / image["source"]["directory"]
    assert (context / "runtime" / "streaming_runtime" / "__main__.py").is_file()
    assert (context / "function" / "index.py").is_file()
    assert (context / "function" / "six.py").is_file()
    assert sorted(path.name for path in context.iterdir()) == ["Dockerfile", "function", "runtime"]
    assert bound.takes_limits


def test_an_own_dockerfile_is_built_as_it_is(make_stack: Callable[..., Stack], folder: Path, tmp_path: Path) -> None:
    (folder / "Dockerfile").write_text("FROM public.ecr.aws/lambda/nodejs:24 AS last\nCOPY . .\n")
    stack = make_stack()
    code = StreamingCode.image(folder, handler="app.handler", build_args={"A": "1"}, target="last")
    bound = code.bind(stack, X86)
    lambda_.Function(stack, "Function", code=bound.code, handler=bound.handler, runtime=bound.runtime)
    Template.from_stack(stack).has_resource_properties("AWS::Lambda::Function", {"ImageConfig": {"Command": ["app.handler"]}})
    [image] = json.loads((tmp_path / "cdk.out" / "TestStack.assets.json").read_text())["dockerImages"].values()
    assert image["source"] | {"directory": ""} == {
        "directory": "",
        "dockerBuildArgs": {"A": "1"},
        "dockerBuildTarget": "last",
        "platform": "linux/amd64",
    }
    assert not bound.takes_limits


@pytest.mark.parametrize("base", ["public.ecr.aws/lambda/python:3.13", "--platform=linux/arm64 amazon/aws-lambda/java:21"])
def test_an_image_that_would_buffer_is_refused(base: str, folder: Path) -> None:
    base = base.replace("aws-lambda/", "lambda/")
    (folder / "Dockerfile").write_text(f'FROM {base}\nCMD ["app.handler"]\n')
    with pytest.raises(ValueError, match="^IMAGE_DOES_NOT_STREAM: "):
        StreamingCode.image(folder)
    StreamingCode.image(folder, assume_streaming=True)


@pytest.mark.parametrize(
    "line",
    ['ENTRYPOINT ["python", "-m", "streaming_runtime"]', "COPY --from=adapter /lambda-adapter /opt/extensions/lambda-adapter"],
)
def test_an_image_that_starts_what_streams_is_taken(line: str, folder: Path) -> None:
    (folder / "Dockerfile").write_text(f"FROM public.ecr.aws/lambda/python:3.13\n{line}\n")
    StreamingCode.image(folder)


def test_options_of_a_dockerfile_that_is_not_there_are_refused(entry: Path) -> None:
    with pytest.raises(ValueError, match="^IMAGE_OPTIONS_UNUSED: "):
        StreamingCode.image(entry, build_args={"A": "1"})
    with pytest.raises(ValueError, match="^IMAGE_OPTIONS_UNUSED: "):
        StreamingCode.image(entry, target="last")


def test_an_image_of_python_refuses_what_python_refuses(entry: Path) -> None:
    with pytest.raises(ValueError, match="^CODE_HANDLER_MISSING: "):
        StreamingCode.image(entry, handler="other.handler")
    with pytest.raises(ValueError, match="^CODE_RUNTIME: "):
        StreamingCode.image(entry, python=lambda_.Runtime.PYTHON_3_10)


# What all have in common


def test_the_functions_own_variables_stand_beside_those_of_the_code(stack: Stack, folder: Path) -> None:
    (folder / "main.py").write_text("app = make()\n")
    bound = StreamingCode.asgi(folder).bind(stack, ARM)
    assert bound.environment_with({"TABLE": "t"}) == {"STREAM_ASGI_APP": "main:app", "TABLE": "t"}
    assert bound.environment_with({"STREAM_ASGI_APP": "main:app"}) == {"STREAM_ASGI_APP": "main:app"}
    assert bound.environment_with(None) == bound.environment
    with pytest.raises(ValueError, match="^CODE_ENVIRONMENT_TAKEN: environment sets STREAM_ASGI_APP"):
        bound.environment_with({"STREAM_ASGI_APP": "other:app"})


def test_a_function_of_python_streams_through_the_layer(stack: Stack, entry: Path) -> None:
    StreamingFunction(stack, "Chat", code=StreamingCode.python(entry, runtime=lambda_.Runtime.PYTHON_3_11))
    _, properties = only(Template.from_stack(stack).find_resources("AWS::Lambda::Function"))
    assert properties["Runtime"] == "python3.11"
    assert properties["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/streaming-wrapper"
    assert properties["Layers"]


def test_code_in_an_agnostic_stack_needs_no_environment(stack: Stack, entry: Path) -> None:
    assert stack.region == Aws.REGION
    assert StreamingCode.python(entry).bind(stack, ARM).size is not None
