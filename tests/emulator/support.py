"""Small cloud assemblies written by hand, and a caller that sees every byte as it comes."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNTIME_LAYER = Path(__file__).parents[2] / "constructs_pkg" / "runtime"

HAND_WRAPPER = '#!/bin/sh\nexec "$1" -S "$LAMBDA_TASK_ROOT/bootstrap.py"\n'
"""Runs the function's own client, written by hand, in place of a runtime."""

HAND_BOOTSTRAP = """
import os, socket, json, sys, time, base64, threading
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
PREFIX = "/2018-06-01/runtime/"

class Api:
    def __init__(self):
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline()) not in (b"\\r\\n", b""):
            name, _, value = line.decode().rstrip().partition(": ")
            headers[name.lower()] = value
        return status, headers, self.file.read(int(headers.get("content-length", 0)))

    def request(self, method, path, body=b"", **headers):
        lines = [f"{method} {PREFIX}{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\\r\\n".join(lines).encode() + b"\\r\\n\\r\\n" + body)
        return self.answer()

    def next(self):
        status, self.headers, body = self.request("GET", "invocation/next")
        self.id = self.headers["lambda-runtime-aws-request-id"]
        return json.loads(body)

    def begin(self, content_type="application/vnd.awslambda.http-integration-response"):
        kind = f"Content-Type: {content_type}\\r\\n" if content_type else ""
        self.send((f"POST {PREFIX}invocation/{self.id}/response HTTP/1.1\\r\\nHost: x\\r\\n{kind}"
            "Lambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n"
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\\r\\n\\r\\n").encode())

    def chunk(self, data):
        self.send(b"%x\\r\\n%b\\r\\n" % (len(data), data))

    def end(self, **trailers):
        lines = "".join(f"{name.replace('_', '-')}: {value}\\r\\n" for name, value in trailers.items())
        self.send(b"0\\r\\n" + lines.encode() + b"\\r\\n")
        return self.answer()

api = Api()
"""

REGION = "eu-west-1"
ACCOUNT = "123456789012"
WAIT_SECONDS = 20.0

ASSUME = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


class App:
    """Writes an assembly as CDK would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.resources: dict[str, Any] = {}
        self.outputs: dict[str, Any] = {}
        self.assets: dict[str, Path] = {}
        (directory / "assets").mkdir(parents=True)

    def asset(self, name: str, files: Mapping[str, str]) -> Path:
        folder = self.directory / "assets" / name
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            if text.startswith("#!"):
                file.chmod(0o755)
        return folder

    def _location(self, name: str, folder: Path) -> dict[str, Any]:
        self.assets[name] = folder
        return {"S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}, "S3Key": f"{name}.zip"}

    def role(self, name: str, *statements: Mapping[str, Any]) -> str:
        properties: dict[str, Any] = {"AssumeRolePolicyDocument": ASSUME}
        if statements:
            properties["Policies"] = [{"PolicyName": "Inline", "PolicyDocument": {"Statement": list(statements)}}]
        self.add(name, "AWS::IAM::Role", properties)
        return f"Test/{name}"

    def add(self, name: str, type: str, properties: Mapping[str, Any], **rest: Any) -> None:
        self.resources[name] = {
            "Type": type,
            "Properties": dict(properties),
            "Metadata": {"aws:cdk:path": f"Test/{name}"},
            **rest,
        }

    def function(
        self,
        name: str,
        code: str | Mapping[str, str] | Path,
        *,
        layer: Path | None = RUNTIME_LAYER,
        alias: str | None = "live",
        auth: str | None = "AWS_IAM",
        mode: str = "RESPONSE_STREAM",
        provisioned: int = 0,
        cors: Mapping[str, Any] | None = None,
        environment: Mapping[str, Any] | None = None,
        role_statements: tuple[Mapping[str, Any], ...] = (),
        **properties: Any,
    ) -> str:
        """A function as StreamingFunction makes it: role, version, alias, URL on the alias. Returns its construct path."""
        files = {"index.py": code} if isinstance(code, str) else code
        folder = files if isinstance(files, Path) else self.asset(f"{name}-code", files)
        variables: dict[str, Any] = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/streaming-wrapper", **(environment or {})}
        self.role(f"{name}Role", *role_statements)
        layers = []
        if layer is not None:
            self.add(f"{name}Layer", "AWS::Lambda::LayerVersion", {"Content": self._location(f"{name}-layer", layer)})
            layers = [{"Ref": f"{name}Layer"}]
        self.add(
            name,
            "AWS::Lambda::Function",
            {
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Timeout": 10,
                "MemorySize": 256,
                "Code": self._location(f"{name}-code", folder),
                "Layers": layers,
                "Role": {"Fn::GetAtt": [f"{name}Role", "Arn"]},
                "Environment": {"Variables": variables},
                **properties,
            },
        )
        if alias:
            self.add(f"{name}Version", "AWS::Lambda::Version", {"FunctionName": {"Ref": name}})
            config = {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": provisioned}} if provisioned else {}
            version = {"Fn::GetAtt": [f"{name}Version", "Version"]}
            self.add(
                f"{name}Alias",
                "AWS::Lambda::Alias",
                {"FunctionName": {"Ref": name}, "FunctionVersion": version, "Name": alias, **config},
            )
        if auth:
            qualifier = {"Qualifier": alias} if alias else {}
            self.add(
                f"{name}Url",
                "AWS::Lambda::Url",
                {
                    "TargetFunctionArn": {"Fn::GetAtt": [name, "Arn"]},
                    "AuthType": auth,
                    "InvokeMode": mode,
                    **qualifier,
                    **({"Cors": cors} if cors else {}),
                },
            )
        return f"Test/{name}"

    def rest_api(
        self,
        name: str,
        routes: Mapping[str, Mapping[str, Any]],
        *,
        function: str = "Fn",
        streams: bool = True,
        stage: Mapping[str, Any] | None = None,
        permission: bool = True,
        **properties: Any,
    ) -> str:
        """A REST API as StreamingRestApi makes it. Routes are `POST /path` and properties of the method. Returns its construct path."""
        self.add(name, "AWS::ApiGateway::RestApi", {"Name": name, "EndpointConfiguration": {"Types": ["REGIONAL"]}, **properties})
        alias = {"Ref": f"{function}Alias"}
        how = "2021-11-15/functions/" if streams else "2015-03-31/functions/"
        uri = [
            f"arn:aws:apigateway:{REGION}:lambda:path/{how}",
            alias,
            "/response-streaming-invocations" if streams else "/invocations",
        ]
        places: dict[str, Any] = {"": {"Fn::GetAtt": [name, "RootResourceId"]}}
        for number, (route, options) in enumerate(routes.items()):
            verb, path = route.split(" ")
            at = ""
            for part in filter(None, path.split("/")):
                below = f"{at}/{part}"
                if below not in places:
                    logical_id = f"{name}Resource{len(places)}"
                    self.add(
                        logical_id,
                        "AWS::ApiGateway::Resource",
                        {"ParentId": places[at], "PathPart": part, "RestApiId": {"Ref": name}},
                    )
                    places[below] = {"Ref": logical_id}
                at = below
            integration = {
                "Type": "AWS_PROXY",
                "IntegrationHttpMethod": "POST",
                "Uri": {"Fn::Join": ["", uri]},
                **({"ResponseTransferMode": "STREAM"} if streams else {}),
                **options.get("Integration", {}),
            }
            rest = {key: value for key, value in options.items() if key != "Integration"}
            self.add(
                f"{name}Method{number}",
                "AWS::ApiGateway::Method",
                {
                    "HttpMethod": verb,
                    "ResourceId": places[at],
                    "RestApiId": {"Ref": name},
                    "AuthorizationType": "AWS_IAM",
                    "Integration": integration,
                    **rest,
                },
            )
        self.add(f"{name}Stage", "AWS::ApiGateway::Stage", {"StageName": "prod", "RestApiId": {"Ref": name}, **(stage or {})})
        if permission:
            source = {"Fn::Sub": f"arn:aws:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{name}}}/*"}
            self.add(
                f"{name}Permission",
                "AWS::Lambda::Permission",
                {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": alias,
                    "Principal": "apigateway.amazonaws.com",
                    "SourceArn": source,
                },
            )
        return f"Test/{name}"

    def by_hand(self, name: str, script: str, **options: Any) -> str:
        """A function that speaks the Runtime API itself: `api` is there, the script does the rest."""
        layer = self.asset(f"{name}-hand-layer", {"streaming-wrapper": HAND_WRAPPER})
        code = {"bootstrap.py": HAND_BOOTSTRAP + script, "index.py": ""}
        return self.function(name, code, layer=layer, **options)

    def write(self) -> Path:
        template = {"Resources": self.resources, **({"Outputs": self.outputs} if self.outputs else {})}
        files = {
            name: {
                # As CDK writes it: relative where the asset is in the assembly itself.
                "source": {
                    "path": str(folder.relative_to(self.directory) if folder.is_relative_to(self.directory) else folder),
                    "packaging": "zip" if folder.is_dir() else "file",
                },
                "destinations": {
                    "current": {
                        "bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}",
                        "objectKey": f"{name}.zip",
                    }
                },
            }
            for name, folder in self.assets.items()
        }
        manifest = {
            "version": "43.0.0",
            "artifacts": {
                "Test.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Test.assets.json"}},
                "Test": {
                    "type": "aws:cloudformation:stack",
                    "environment": f"aws://{ACCOUNT}/{REGION}",
                    "properties": {"templateFile": "Test.template.json"},
                    "dependencies": ["Test.assets"],
                    "displayName": "Test",
                },
            },
        }
        self.directory.joinpath("manifest.json").write_text(json.dumps(manifest))
        self.directory.joinpath("Test.template.json").write_text(json.dumps(template))
        self.directory.joinpath("Test.assets.json").write_text(json.dumps({"version": "43.0.0", "files": files}))
        return self.directory


def sign(
    url: str,
    principal: Mapping[str, str | None] | None,
    *,
    method: str = "POST",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    region: str = REGION,
    service: str = "lambda",
    query: bool = False,
) -> dict[str, str]:
    """Headers of a request signed by botocore, which knows nothing of the emulator's verifier."""
    if principal is None:
        return dict(headers or {})
    credentials = Credentials(principal["access_key_id"], principal["secret_access_key"], principal["session_token"])
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    (SigV4QueryAuth if query else SigV4Auth)(credentials, service, region).add_auth(request)
    return dict(request.headers.items())


CALLS: list[Call] = []
"""All that were made in a test; its end closes them."""


@dataclass
class Call:
    """One request on a socket, read event by event."""

    url: str
    method: str = "POST"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=WAIT_SECONDS)
        target = self.target or (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{self.method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {"Host": parts.netloc, **self.headers}.items()]
        lines.append(f"Content-Length: {len(self.body)}")
        self._socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body)
        self._file = self._socket.makefile("rb")
        CALLS.append(self)
        self.status = 0
        self.response_headers: list[tuple[str, str]] = []

    def head(self) -> int:
        self.status = int(self._file.readline().split()[1])
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").rstrip().partition(": ")
            self.response_headers.append((name, value))
        return self.status

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.response_headers if key.lower() == name.lower()), None)

    def chunk(self) -> bytes | None:
        """The next HTTP chunk; b"" at the end of a complete response; None where the response was cut off."""
        size = self._file.readline()
        if not size.endswith(b"\r\n"):
            return None
        length = int(size, 16)
        data = self._file.read(length + 2)
        return data[:-2] if len(data) == length + 2 else None

    def chunks(self) -> tuple[list[bytes], bool]:
        """All chunks, and whether the response was complete."""
        chunks = []
        while chunk := self.chunk():
            chunks.append(chunk)
        return chunks, chunk == b""

    def read(self) -> bytes:
        """The whole body of a response that is complete."""
        length = self.header("content-length")
        if length is not None:
            return self._file.read(int(length))
        chunks, complete = self.chunks()
        assert complete, chunks
        return b"".join(chunks)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def call(
    url: str,
    principal: Mapping[str, str | None] | None = None,
    *,
    method: str = "POST",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    **signing: Any,
) -> Call:
    """A signed request, its head already read."""
    made = Call(url, method, body, sign(url, principal, method=method, body=body, headers=headers, **signing))
    made.head()
    return made


def grant(action: str, resource: Any, **condition: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


def wait_for(condition, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.005)
