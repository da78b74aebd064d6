"""The stack that the conformance tests call: three small functions, each by a Function URL, and a role that may do nothing.

To an account: `npx cdk deploy --app "python tests/emulator/conformance/app.py" --outputs-file conformance.json`.
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from constructs_pkg import StreamingRuntimeLayer

STACK = "StreamingLambdaConformance"
HANDLERS = Path(__file__).parent / "handlers"


class ConformanceStack(Stack):
    """Everything is removed with the stack."""

    def __init__(self, app: App) -> None:
        super().__init__(
            app, STACK, description="Functions that the emulator's conformance tests call; remove it when they have run"
        )
        layer = StreamingRuntimeLayer.shared(self)
        self._function("Streaming", lambda_.Runtime.PYTHON_3_13, "index.handler", streams=True, layer=layer)
        self._function("Buffered", lambda_.Runtime.PYTHON_3_13, "index.handler", streams=False)
        self._function("Native", lambda_.Runtime.NODEJS_22_X, "index.handler", streams=True)
        stranger = iam.Role(self, "Stranger", assumed_by=iam.AccountRootPrincipal())
        CfnOutput(self, "StrangerRole", value=stranger.role_arn)

    def _function(
        self, name: str, runtime: lambda_.Runtime, handler: str, *, streams: bool, layer: StreamingRuntimeLayer | None = None
    ) -> None:
        group = logs.LogGroup(self, f"{name}Log", retention=logs.RetentionDays.ONE_DAY, removal_policy=RemovalPolicy.DESTROY)
        function = lambda_.Function(
            self,
            f"{name}Function",
            runtime=runtime,
            handler=handler,
            code=lambda_.Code.from_asset(str(HANDLERS / name.lower())),
            memory_size=256,
            timeout=Duration.seconds(10),
            log_group=group,
            environment={"COLOUR": "blue"},
        )
        if layer is not None:
            layer.attach_to(function)
        alias = function.add_alias("live")
        mode = lambda_.InvokeMode.RESPONSE_STREAM if streams else lambda_.InvokeMode.BUFFERED
        url = alias.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM, invoke_mode=mode)
        CfnOutput(self, f"{name}Name", value=function.function_name)
        CfnOutput(self, f"{name}Url", value=url.url)


if __name__ == "__main__":
    app = App()
    ConformanceStack(app)
    app.synth()
