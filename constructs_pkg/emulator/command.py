"""`streaming-lambda local`: runs an app's streaming functions until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from constructs_pkg.assembly import AssemblyError
from constructs_pkg.emulator import limits
from constructs_pkg.emulator.app_command import AppFailed, SynthesizedApp, read_cdk_json
from constructs_pkg.emulator.concurrency import ACCOUNT_CONCURRENCY
from constructs_pkg.emulator.console import describe
from constructs_pkg.emulator.emulator import Emulator, MountsUnavailable, NothingToRun
from constructs_pkg.emulator.endpoints import parse_endpoint
from constructs_pkg.emulator.http_server import PortInUse
from constructs_pkg.emulator.live import Screen, keep_showing
from constructs_pkg.emulator.models import ModelUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DONE, FAILED, USAGE = 0, 1, 2

GARBAGE_THRESHOLD = 10_000
"""So many new objects are looked through for garbage at once. An invocation makes hardly any that only this finds."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.description = (
        "Runs the streaming functions of a synthesized CDK app on this machine: each Function URL on a port of 127.0.0.1, under "
        "the template's own IAM policies. Prints URLs and credentials; logs go to standard error; Ctrl-C stops everything."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--assembly",
        type=Path,
        metavar="DIR",
        help="the synthesized app (default: ./cdk.out where it is, else the app of ./cdk.json)",
    )
    source.add_argument("--app", metavar="CMD", help="synthesize with this command first, such as 'python app.py'")
    parser.add_argument(
        "--port",
        type=_port,
        default=0,
        metavar="P",
        help="port of the first Function URL; further URLs, then the Lambda endpoint, the Bedrock endpoint and REST APIs count up from it "
        "(default: free ports)",
    )
    parser.add_argument(
        "--model",
        default="auto",
        metavar="MODEL",
        help="who answers in place of Bedrock: smollm2, echo, echo:20 for 20 tokens a second, or the URL of a server that speaks "
        "OpenAI's API, such as http://127.0.0.1:11434/v1?model=llama3.2 "
        "(default: smollm2 where the app uses Bedrock and the model is installed)",
    )
    parser.add_argument(
        "--parameter", action="append", default=[], type=_parameter, metavar="NAME=VALUE", help="value of a template parameter"
    )
    parser.add_argument(
        "--endpoint-url",
        action="append",
        default=[],
        type=_endpoint,
        metavar="[SERVICE=]URL",
        help="where functions find an AWS service that is not emulated here, such as dynamodb=http://127.0.0.1:8000; without SERVICE= "
        "every such service (default: AWS itself)",
    )
    parser.add_argument(
        "--mounts",
        choices=("auto", "on", "off"),
        default="auto",
        help="whether /var/task, /opt and /tmp are real for functions (default: where this machine lets an ordinary process mount)",
    )
    parser.add_argument(
        "--no-freeze", action="store_true", help="let idle functions go on running; Lambda freezes them (default: freeze)"
    )
    parser.add_argument(
        "--no-memory-limit",
        action="store_true",
        help="let functions hold more memory than the template gives them; Lambda kills them (default: kill, on Linux)",
    )
    parser.add_argument(
        "--account-concurrency",
        type=_count,
        default=ACCOUNT_CONCURRENCY,
        metavar="N",
        help="concurrent executions of the whole account (default: 1000)",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND[:VALUE][@FUNCTION]",
        help="what goes wrong on purpose, such as kill:100 or throttle:3@Chat/Function; kinds: kill, stall, slow-reader, reset, throttle, "
        "cold-start, clock-skew, model-throttle, model-error, model-stall (default: nothing)",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="read the assembly again when it changes, or, with an app, synthesize it again when its sources do; streams in flight go on",
    )
    parser.add_argument(
        "--bandwidth",
        choices=("unlimited", "aws"),
        default="unlimited",
        help="how fast a stream may be; aws: the first 6 MiB as fast as it can, then 2 MiB a second (default: unlimited)",
    )
    parser.add_argument(
        "--alarm-period",
        type=_seconds,
        metavar="SECONDS",
        help="count longer periods of the template's alarms as so many seconds, so as not to wait for them (default: the template's own)",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON once everything is ready")
    parser.add_argument(
        "--outputs-file",
        type=Path,
        metavar="FILE",
        help="write the stacks' outputs there once everything is ready, as `cdk deploy --outputs-file` does (default: nowhere)",
    )


def run(args: argparse.Namespace) -> int:
    """Runs until Ctrl-C or SIGTERM. 0: stopped as asked; 1: could not start, or broke; 2: no assembly that can be read."""
    screen = Screen.on(sys.stderr, wanted=not args.json)
    with ExitStack() as stack:
        try:
            with _ending_by_signal():
                assembly, app = _find_assembly(args, stack, screen.log)
            emulator = Emulator(
                assembly,
                model=args.model,
                port=args.port,
                parameters=dict(args.parameter),
                endpoints=dict(args.endpoint_url),
                mounts={"auto": None, "on": True, "off": False}[args.mounts],
                freeze=not args.no_freeze,
                memory_limit=not args.no_memory_limit,
                bandwidth=limits.AWS if args.bandwidth == "aws" else None,
                watch=args.watch and app is None,
                account_concurrency=args.account_concurrency,
                faults=args.fault,
                alarm_period=args.alarm_period,
                log=screen.log,
            )
        except KeyboardInterrupt:
            return DONE
        except (AssemblyError, ValueError, _NoAssembly) as error:
            return _say(str(error), USAGE)
        except AppFailed as error:
            return _say(str(error), FAILED)
        try:
            return asyncio.run(_serve(emulator, screen, app if args.watch else None, args))
        except (NothingToRun, ModelUnavailable, MountsUnavailable, AssemblyError) as error:
            return _say(str(error), FAILED)
        except PortInUse as error:
            return _say(str(error.strerror), FAILED)
        except TimeoutError:
            return _say("START_TOO_SLOW: the functions did not get ready in time; see the lines above", FAILED)


async def _serve(emulator: Emulator, screen: Screen, app: SynthesizedApp | None, args: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    starting = asyncio.ensure_future(emulator.start())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait([starting])
        return DONE
    starting.result()
    try:
        document = emulator.json()
        if all(row["broken"] for row in document["functions"]):
            return _say(f"NOTHING_TO_RUN: every function is broken; the first: {document['functions'][0]['broken']}", FAILED)
        if args.outputs_file is not None:
            try:
                args.outputs_file.write_text(json.dumps(emulator.outputs, indent=2) + "\n", encoding="utf-8")
            except OSError as error:
                return _say(f"OUTPUTS_FILE: {args.outputs_file} cannot be written: {error.strerror}; name another", FAILED)
        _look_for_garbage_less()
        print(json.dumps(document, separators=(",", ":")) if args.json else describe(document), flush=True)
        failing = asyncio.ensure_future(emulator.failed.wait())
        lasting = [asyncio.ensure_future(keep_showing(emulator, screen))]
        if app is not None:
            lasting.append(asyncio.ensure_future(app.watch(emulator.reload)))
        await asyncio.wait([stopping, failing, *lasting], return_when=asyncio.FIRST_COMPLETED)
        failing.cancel()
        for task in lasting:
            if task.done():
                task.result()  # it ends by itself only where it is broken
            task.cancel()
        await asyncio.wait(lasting)
        return FAILED if emulator.failed.is_set() else DONE
    finally:
        stopping.cancel()
        if app is not None:
            app.end()
        await emulator.stop()


def _look_for_garbage_less() -> None:
    """What is here now, modules and templates above all, stays to the end: looking through it again and again would cost every call."""
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


class _NoAssembly(Exception):
    pass


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    """SIGTERM and SIGHUP end what is under way as Ctrl-C does, so that it is cleaned up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _find_assembly(args: argparse.Namespace, stack: ExitStack, log: Callable[[str], None]) -> tuple[Path, SynthesizedApp | None]:
    """The assembly that was asked for, and the app that it was made by for this run, if it was.

    Raises:
        _NoAssembly: nothing to go by.
        AppFailed: the app's command fails.
    """
    if args.assembly is not None:
        return Path(args.assembly), None
    here = Path.cwd()
    if args.app is None and (here / "cdk.out").is_dir():
        return here / "cdk.out", None
    settings = read_cdk_json(here)
    command = args.app or settings.get("app")
    if not command:
        raise _NoAssembly(
            "NO_ASSEMBLY: neither ./cdk.out nor the app of a ./cdk.json is here; "
            "run `cdk synth` first, or give --assembly DIR or --app CMD"
        )
    app = stack.enter_context(
        SynthesizedApp(command, here, settings, log=log, ignored=[args.outputs_file] if args.outputs_file else [])
    )
    log(f"synthesizing: {command}")
    app.synthesize()
    return app.directory, app


def _say(reason: str, code: int) -> int:
    print(f"streaming-lambda local: {reason}", file=sys.stderr)
    return code


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed: 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of executions; allowed: 1 and more")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no period; allowed: 1 to 86400 seconds")
    return int(text)


def _endpoint(text: str) -> tuple[str, str]:
    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
