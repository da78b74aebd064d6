"""The one place that knows how a kind of code streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_

from ._code_binding import BoundCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from constructs import Construct

__all__ = ["BoundCode", "StreamingCode"]


class StreamingCode:
    """Code that can stream. Make one with a factory, such as `StreamingCode.python(...)`.

    RESPONSE_STREAM on a function whose code buffers deploys, and then buffers: AWS's clients for Python, Java, Ruby and .NET
    cannot stream, and Node's only does when its handler is wrapped
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html). Each factory adds what its language
    needs, and refuses what would only pretend.
    """

    def __init__(self, bind: Callable[[Construct, lambda_.Architecture], BoundCode]) -> None:
        """Use a factory instead."""
        self._bind = bind

    def bind(self, scope: Construct, architecture: lambda_.Architecture) -> BoundCode:
        """Makes the asset for a function in `scope`. Called by `StreamingFunction`, once a function."""
        return self._bind(scope, architecture)

    @staticmethod
    def python(
        entry: str | Path,
        *,
        handler: str = "index.handler",
        runtime: lambda_.Runtime = lambda_.Runtime.PYTHON_3_13,
    ) -> StreamingCode:
        """A folder of Python code, native through our runtime layer.

        The folder's requirements.txt, or else its pyproject.toml with uv.lock or pylock.toml, is resolved for Lambda's platform
        and the function's architecture, without Docker, by uv where there is one and by pip otherwise, and put beside the code.
        A constraints.txt binds. boto3 is left out unless a version of it is asked for, since the runtime has it; so are tests and
        caches. What was built once is kept in a cache, by content: a second synthesis builds nothing.

        Args:
            entry: The folder; absolute, or from the working directory. Stacks pass `Path(__file__).parent / "handler"`.
            handler: `module.function` within the folder; `package/module.function` below it. Default: `index.handler`.
            runtime: python3.11 to python3.14. Default: python3.13.

        Raises:
            ValueError: `CODE_ENTRY_MISSING` when the folder is not there, `CODE_HANDLER_FORM` when the handler is not of that
                form, `CODE_HANDLER_MISSING` when no such module lies in the folder or it has no such function, `CODE_RUNTIME` for
                another runtime. At binding, `BUNDLE_*` when the requirements cannot be resolved (see `docs/errors.md`).
        """
        from ._code_python import python

        return StreamingCode(python(entry, handler, runtime))

    @staticmethod
    def asgi(
        entry: str | Path,
        *,
        app: str = "main:app",
        runtime: lambda_.Runtime = lambda_.Runtime.PYTHON_3_13,
    ) -> StreamingCode:
        """A FastAPI, Starlette or other ASGI app, served by our runtime layer: no web server and no adapter in between.

        Packages come from the folder as with `python`. The app needs no server among them (no uvicorn).

        Args:
            entry: The folder; absolute, or from the working directory.
            app: `module:name` as uvicorn takes it. Default: `main:app`.
            runtime: python3.11 to python3.14. Default: python3.13.

        Raises:
            ValueError: `CODE_ENTRY_MISSING`, `CODE_APP_FORM` when `app` is not of that form, `CODE_HANDLER_MISSING` when no such
                module lies in the folder or it has no such name, `CODE_RUNTIME`, and `BUNDLE_*` at binding.
        """
        from ._code_python import asgi

        return StreamingCode(asgi(entry, app, runtime))

    @staticmethod
    def nodejs(
        entry: str | Path,
        *,
        handler: str = "index.handler",
        runtime: lambda_.Runtime = lambda_.Runtime.NODEJS_24_X,
        bundle: bool | None = None,
        external_modules: Sequence[str] | None = None,
        minify: bool = False,
        assume_streaming: bool = False,
    ) -> StreamingCode:
        """JavaScript or TypeScript with a handler wrapped in `awslambda.streamifyResponse`, which Lambda's Node.js streams itself.

        JavaScript is shipped as it is, with the node_modules of its folder. TypeScript is bundled into one file by esbuild, which
        has to be in a node_modules above the code or the working directory, or on PATH; nothing is downloaded and no Docker is
        needed. What was bundled once is kept in a cache, by the content of every file that went in.

        Args:
            entry: The folder; absolute, or from the working directory.
            handler: `module.function`; the module may end in .js, .mjs, .cjs, .ts, .mts, .cts or .tsx. Default: `index.handler`.
            runtime: nodejs22.x or nodejs24.x. Default: nodejs24.x.
            bundle: Whether esbuild puts the module and what it imports into one file. Default: TypeScript yes, JavaScript no.
            external_modules: Modules that are not bundled, since the runtime has them. Default: `@aws-sdk/*` and `@smithy/*`.
            minify: Whether the bundle is minified. Default: no, so that stack traces can be read.
            assume_streaming: Ships code that nowhere calls streamifyResponse, as when a wrapper from a layer does. Default: no.

        Raises:
            ValueError: `CODE_ENTRY_MISSING`, `CODE_HANDLER_FORM`, `CODE_HANDLER_MISSING`, `CODE_RUNTIME`,
                `CODE_NEEDS_BUNDLING` for TypeScript with bundle=False, `CODE_NOT_BUNDLED` for options of a bundle without one,
                `CODE_PACKAGES_MISSING` when the packages of a package.json are not there to ship. At binding,
                `CODE_DOES_NOT_STREAM` for code that nowhere calls streamifyResponse, `ESBUILD_*`, and `BUNDLE_TOO_LARGE`.
        """
        from ._code_nodejs import nodejs

        return StreamingCode(nodejs(entry, handler, runtime, bundle, external_modules, minify, assume_streaming))

    @staticmethod
    def web_adapter(
        entry: str | Path,
        *,
        command: Sequence[str],
        runtime: lambda_.Runtime = lambda_.Runtime.PYTHON_3_13,
        port: int = 8080,
        readiness_path: str = "/",
        layer_arn: str | None = None,
    ) -> StreamingCode:
        """Any web server, through the Lambda Web Adapter: for code that is not to be touched. `asgi` and `python` start sooner.

        The adapter's layer starts the server, waits until it answers, and turns each invocation into a request to it. Python
        packages come from the folder as with `python`; other languages bring theirs in the folder.

        Args:
            entry: The folder; absolute, or from the working directory. It is the server's working directory.
            command: The words that start the server, which has to listen on `port` (also in the variable PORT).
            runtime: A managed runtime of Python, Node.js, Java, Ruby or .NET. Default: python3.13.
            port: Where the server listens, 1024 to 65535, except 3000 and 9001. Default: 8080.
            readiness_path: What is asked until any status below 500 comes back. Default: `/`.
            layer_arn: The adapter's layer. Default: version 30 (adapter 1.1.0) as its authors publish it in the commercial
                regions and, for x86_64, in China. An agnostic stack takes the commercial one.

        Raises:
            ValueError: `CODE_ENTRY_MISSING`, `CODE_RUNTIME`, `WEB_ADAPTER_COMMAND` for an empty command or a string,
                `WEB_ADAPTER_PORT`, `WEB_ADAPTER_PATH`, `CODE_PACKAGES_MISSING`. At binding, `WEB_ADAPTER_REGION` where the layer
                is not published, and `BUNDLE_*`.
        """
        from ._code_web_adapter import web_adapter

        return StreamingCode(web_adapter(entry, command, runtime, port, readiness_path, layer_arn))

    @staticmethod
    def image(
        directory: str | Path,
        *,
        handler: str | None = None,
        python: lambda_.Runtime = lambda_.Runtime.PYTHON_3_13,
        build_args: Mapping[str, str] | None = None,
        target: str | None = None,
        assume_streaming: bool = False,
    ) -> StreamingCode:
        """A container image, for code and packages beyond 250 MB (an image may have 10 GB).

        A folder without a Dockerfile is a folder of Python code, as with `python`: it gets the minimal Dockerfile that ships with
        this package, with our runtime in it. A folder with a Dockerfile is built as that says. Building needs Docker at
        deployment; synthesis does not. That the image builds and runs is unproven here: no test of ours has Docker.

        Args:
            directory: The folder; absolute, or from the working directory.
            handler: `module.function`, handed to the image as its command. Default: `index.handler` with our Dockerfile, the
                Dockerfile's own CMD with yours.
            python: Which Python our Dockerfile takes. Default: 3.13. A Dockerfile of yours decides for itself.
            build_args: ARGs of a Dockerfile of yours. Default: none.
            target: Stage of a Dockerfile of yours. Default: the last one.
            assume_streaming: Builds a Dockerfile from which it cannot be seen that it streams. Default: no.

        Raises:
            ValueError: `CODE_ENTRY_MISSING`, `IMAGE_DOES_NOT_STREAM` for a Dockerfile on AWS's image of a language whose client
                buffers, with nothing in it that streams, `IMAGE_OPTIONS_UNUSED` for options of a Dockerfile where there is none,
                and with our Dockerfile what `python` refuses.
        """
        from ._code_image import image

        return StreamingCode(image(directory, handler, python, build_args, target, assume_streaming))
