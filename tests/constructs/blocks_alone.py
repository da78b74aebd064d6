"""Apps that use one block of this library, on a function that was there before, and nothing else of it.

    python -m tests.constructs.blocks_alone

prints what each adds to the template, and which AWS modules of CDK it has loaded. Each app runs in a copy of a process that
has loaded aws_cdk and none of its modules, so that what one loads is not there for the next.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aws_cdk import App, Environment, Stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import aws_lambda as lambda_

NODE: Final = "exports.handler = awslambda.streamifyResponse(async (event, stream) => stream.end('hello'));"
PYTHON: Final = "def handler(event, context):\n    yield 'hello'\n"


def function(stack: Stack, language: str = "node") -> lambda_.Function:
    """A plain function with a log group of its own."""
    from aws_cdk import Duration
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs

    runtime, code, handler = {
        "node": (lambda_.Runtime.NODEJS_24_X, lambda_.Code.from_inline(NODE), "index.handler"),
        "python": (lambda_.Runtime.PYTHON_3_13, lambda_.Code.from_inline(PYTHON), "index.handler"),
        "java": (lambda_.Runtime.JAVA_21, lambda_.Code.from_asset(str(Path(__file__).parent)), "com.example.Handler"),
        "provided": (lambda_.Runtime.PROVIDED_AL2023, lambda_.Code.from_asset(str(Path(__file__).parent)), "bootstrap"),
    }[language]
    return lambda_.Function(
        stack,
        "Function",
        code=code,
        runtime=runtime,
        handler=handler,
        timeout=Duration.minutes(1),
        log_group=logs.LogGroup(stack, "Logs"),
        logging_format=lambda_.LoggingFormat.JSON,
        system_log_level_v2=lambda_.SystemLogLevel.DEBUG,
    )


def alias(stack: Stack, language: str = "node") -> lambda_.Alias:
    """A plain alias on a plain function's version."""
    from aws_cdk import aws_lambda as lambda_

    return lambda_.Alias(stack, "Alias", alias_name="prod", version=function(stack, language).current_version)


def url(stack: Stack) -> Any:
    """The one block that the fronts of a URL need."""
    from constructs_pkg import StreamingUrl

    return StreamingUrl(stack, "Url", alias=alias(stack))


def plain_function(stack: Stack) -> None:
    function(stack)


def plain_alias(stack: Stack) -> None:
    alias(stack)


def plain_url(stack: Stack) -> None:
    url(stack)


def nothing(_: Stack) -> None:
    pass


def runtime_layer(stack: Stack) -> None:
    plain = alias(stack, "python")
    from aws_cdk import aws_lambda as lambda_

    from constructs_pkg import StreamingRuntimeLayer

    assert isinstance(plain.lambda_, lambda_.Function)
    StreamingRuntimeLayer(stack, "Layer").attach_to(plain.lambda_)


def streaming_url(stack: Stack) -> None:
    plain = alias(stack, "provided")
    from constructs_pkg import StreamingUrl

    StreamingUrl(stack, "Url", alias=plain)


def warm(stack: Stack) -> None:
    plain = alias(stack, "java")
    from constructs_pkg import ProvisionedConcurrency

    ProvisionedConcurrency.fixed(2).apply_to(plain)


def warm_with_the_load(stack: Stack) -> None:
    plain = alias(stack, "java")
    from constructs_pkg import ProvisionedConcurrency

    ProvisionedConcurrency.tracking(2, 10).apply_to(plain)


def metrics(stack: Stack) -> None:
    plain = alias(stack)
    from constructs_pkg import StreamMetrics

    StreamMetrics(plain).url_5xx_rate().create_alarm(stack, "Alarm", threshold=1, evaluation_periods=1)


def log_metrics(stack: Stack) -> None:
    plain = function(stack, "java")
    from constructs_pkg import StreamLogMetrics

    StreamLogMetrics(stack, "LogMetrics", function=plain, log_group=plain.log_group)


def alarms(stack: Stack) -> None:
    plain = alias(stack, "java")
    from constructs_pkg import StreamAlarms

    StreamAlarms(stack, "Alarms", alias=plain)


def dashboard(stack: Stack) -> None:
    plain = alias(stack, "java")
    from constructs_pkg import StreamingDashboard

    StreamingDashboard(stack, "Dashboard", aliases={"Theirs": plain})


def distribution(stack: Stack) -> None:
    plain = url(stack)
    from constructs_pkg import StreamingDistribution

    StreamingDistribution(stack, "Cdn", url=plain, heartbeat_seconds=10)


def rest_api(stack: Stack) -> None:
    plain = alias(stack, "provided")
    from constructs_pkg import StreamingRestApi

    StreamingRestApi(stack, "Api", alias=plain)


def rollout(stack: Stack) -> None:
    plain = alias(stack, "java")
    from aws_cdk import aws_cloudwatch as cloudwatch

    from constructs_pkg import CanaryRollout

    alarm = cloudwatch.Alarm(stack, "Alarm", metric=plain.metric_errors(), threshold=1, evaluation_periods=1)
    CanaryRollout(stack, "Rollout", alias=plain, alarms=[alarm])


def model_access(stack: Stack) -> None:
    plain = function(stack, "java")
    from constructs_pkg import BedrockModelAccess

    BedrockModelAccess(stack, "Models", model_ids=["amazon.nova-lite-v1:0"]).grant_stream(plain)


def store(stack: Stack) -> None:
    plain = function(stack, "python")
    from constructs_pkg import StreamStore

    StreamStore(stack, "Store").attach_to(plain)


def browser_identity(stack: Stack) -> None:
    plain = url(stack)
    from constructs_pkg import BrowserIdentity

    BrowserIdentity(stack, "Identity").allow_to_call(plain)


def web_acl(stack: Stack) -> None:
    from constructs_pkg.web_acl import ManagedWebAcl, WebAcl

    ManagedWebAcl(stack, "WebAcl", rules=WebAcl(), front="API_GATEWAY")


def checks(stack: Stack) -> None:
    function(stack)
    from aws_cdk import Validations

    from constructs_pkg import StreamingChecks

    Validations.of(stack).add_plugins(StreamingChecks())


def defaults(stack: Stack) -> None:
    function(stack)
    from constructs_pkg import StreamingDefaults

    StreamingDefaults.set(stack, memory_size=2_048)


def imported(stack: Stack) -> None:
    from aws_cdk import aws_iam as iam

    from constructs_pkg import StreamingFunction

    theirs = StreamingFunction.from_attributes(
        stack,
        "Theirs",
        function_arn="arn:aws:lambda:us-east-1:123456789012:function:chat",
        url="https://abcdefghij.lambda-url.us-east-1.on.aws/",
    )
    theirs.grant_invoke_url(iam.User(stack, "User"))


def streaming_function(stack: Stack) -> None:
    """Not a block: what all of them cost that everybody gets."""
    from constructs_pkg import StreamingCode, StreamingFunction

    folder = Path(tempfile.mkdtemp(dir=App.of(stack).outdir))
    (folder / "index.py").write_text(PYTHON)
    StreamingFunction(stack, "Chat", code=StreamingCode.python(folder))


APPS: Final[dict[str, tuple[Callable[[Stack], None], Callable[[Stack], None]]]] = {
    # name: (what was there before, the same with the block)
    "StreamingRuntimeLayer": (plain_alias, runtime_layer),
    "StreamingUrl": (plain_alias, streaming_url),
    "ProvisionedConcurrency.fixed": (plain_alias, warm),
    "ProvisionedConcurrency.tracking": (plain_alias, warm_with_the_load),
    "StreamMetrics": (plain_alias, metrics),
    "StreamLogMetrics": (plain_function, log_metrics),
    "StreamAlarms": (plain_alias, alarms),
    "StreamingDashboard": (plain_alias, dashboard),
    "StreamingDistribution": (plain_url, distribution),
    "StreamingRestApi": (plain_alias, rest_api),
    "CanaryRollout": (plain_alias, rollout),
    "BedrockModelAccess": (plain_function, model_access),
    "StreamStore": (plain_function, store),
    "BrowserIdentity": (plain_url, browser_identity),
    "WebAcl": (nothing, web_acl),
    "StreamingChecks": (plain_function, checks),
    "StreamingDefaults": (plain_function, defaults),
    "StreamingFunction.from_attributes": (nothing, imported),
    "StreamingFunction": (nothing, streaming_function),
}


def synthesized(build: Callable[[Stack], None]) -> tuple[Counter[str], set[str]]:
    """Types of the resources, and AWS modules of CDK that are loaded."""
    with tempfile.TemporaryDirectory() as outdir:
        app = App(builtin_cloud_formation_validation=False, tree_metadata=False, outdir=outdir)
        stack = Stack(app, "Alone", env=Environment(account="123456789012", region="us-east-1"))
        build(stack)
        app.synth()
        template = json.loads((Path(outdir) / "Alone.template.json").read_text())
    loaded = {name.removeprefix("aws_cdk.") for name in sys.modules if name.startswith("aws_cdk.aws_") and name.count(".") == 1}
    return Counter(resource["Type"] for resource in template.get("Resources", {}).values()), loaded


def in_a_copy(build: Callable[[Stack], None]) -> dict[str, Any]:
    """`synthesized` in a copy of this process; the two speak to the same Node, one after the other."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            types, loaded = synthesized(build)
            answer = {"types": dict(types), "loaded": sorted(loaded)}
        except BaseException as error:  # noqa: BLE001 - told to the parent, which raises it
            answer = {"error": repr(error)}
        with os.fdopen(writing, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        found = json.load(pipe)
    os.waitpid(child, 0)
    return found


def main() -> int:
    was = {before: in_a_copy(before) for before, _ in APPS.values()}
    known = set(was[plain_function]["loaded"])  # what people have loaded who have a function
    results = {}
    for name, (before, after) in APPS.items():
        now = in_a_copy(after)
        added = Counter(now.get("types", {}))
        added.subtract(was[before]["types"])
        results[name] = {
            "error": now.get("error"),
            "added": {kind: count for kind, count in sorted(added.items()) if count},
            "loaded": sorted(set(now.get("loaded", ())) - known),
        }
    print(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
