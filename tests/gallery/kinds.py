"""Each kind of code that can stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_

from constructs_pkg import StreamingCode, StreamingFunction

from .base import CODE, GalleryStack

if TYPE_CHECKING:
    from aws_cdk import Environment
    from constructs import Construct


class Kinds(GalleryStack):
    """Five kinds of code, some in two forms, and nothing else said: every other parameter at its default."""

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(scope, id, env=env)
        newest = lambda_.Runtime.PYTHON_3_14
        kinds = {
            "Python": StreamingCode.python(CODE / "python", handler="index.handler", runtime=newest),
            "Asgi": StreamingCode.asgi(CODE / "asgi", app="main:app", runtime=newest),
            "JavaScript": StreamingCode.nodejs(
                CODE / "javascript", handler="index.handler", runtime=lambda_.Runtime.NODEJS_24_X, assume_streaming=True
            ),
            "TypeScript": StreamingCode.nodejs(CODE / "typescript", bundle=True, external_modules=["@aws-sdk/*"], minify=True),
            "WebAdapter": StreamingCode.web_adapter(
                CODE / "web",
                command=["python3", "server.py"],
                runtime=newest,
                port=8000,
                readiness_path="/healthy",
                layer_arn=f"arn:aws:lambda:{self.region}:753240598075:layer:LambdaAdapterLayerArm64:30",
            ),
            "Image": StreamingCode.image(CODE / "image", handler="index.answer", python=newest),
            "OwnImage": StreamingCode.image(
                CODE / "own_image", build_args={"NODE_VERSION": "24"}, target="server", assume_streaming=True
            ),
        }
        self.functions = {name: StreamingFunction(self, name, code=code) for name, code in kinds.items()}
