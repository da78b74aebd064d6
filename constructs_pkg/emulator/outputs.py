"""What an app says of its addresses, to people (outputs) and to its own functions (environments), in terms of this run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from constructs_pkg.assembly import UnresolvedIntrinsic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs_pkg.assembly import CloudAssembly
    from constructs_pkg.emulator.functions import Function
    from constructs_pkg.emulator.rest_api import RestApiFront


def addressed(text: str, apis: Iterable[RestApiFront]) -> str:
    """A text in which the app's REST APIs have their addresses of this run. Templates put these together from the API's id."""
    if ".execute-api." not in text:
        return text
    for front in apis:
        pattern = rf"https://{front.api.api_id}\.execute-api\.{front.api.region}\.[a-z0-9.]+"
        text = re.sub(pattern, f"http://127.0.0.1:{front.port}", text)
    return text


def with_addresses(function: Function, apis: Iterable[RestApiFront]) -> Function:
    """A function whose environment names REST APIs of the app by where they are here."""
    apis = list(apis)
    environment = {name: addressed(value, apis) for name, value in function.environment.items()}
    return function if environment == function.environment else replace(function, environment=environment)


def stack_outputs(assembly: CloudAssembly, apis: Iterable[RestApiFront]) -> dict[str, dict[str, str]]:
    """The outputs by stack name, as `cdk deploy --outputs-file` writes them; without those whose value only a deployment tells."""
    apis = list(apis)
    found: dict[str, dict[str, str]] = {}
    for stack in assembly.stacks:
        for name in stack.outputs if stack.parent is None else ():
            try:
                found.setdefault(stack.name, {})[name] = addressed(str(stack.outputs[name]), apis)
            except UnresolvedIntrinsic:
                continue
    return found
