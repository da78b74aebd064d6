"""No template, however odd, makes the checks themselves fail: they find something, find nothing, or say what they could not read."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from constructs_pkg._checks import check
from constructs_pkg.assembly import CloudAssembly
from tests.assembly.builder import write_stack
from tests.assembly.streaming_app import node, scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.assembly.streaming_app import Template

ODD: list[Any] = [
    *(None, [[]], [{}], {}, "", "arn:aws", -1, True),
    *({"Ref": "Nobody"}, {"Fn::Unheard": 1}, {"Ref": "AWS::NoValue"}, {"Ref": "Loose"}),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def with_odd(app: Template, logical_id: str, path: tuple[Any, ...], odd: Any) -> Template:
    changed = copy.deepcopy(app)
    place: Any = changed[logical_id]["Properties"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = odd
    return changed


@pytest.mark.parametrize("make", [scaled, node])
def test_an_odd_value_anywhere_fails_no_check(make: Callable[[], Template], tmp_path: Path) -> None:
    app = make()
    write_stack(tmp_path, "App", {"Resources": app})
    template = tmp_path / "App.template.json"
    tried = 0
    for logical_id, declared in app.items():
        for path in places(declared["Properties"]):
            for odd in ODD:
                resources = with_odd(app, logical_id, path, odd)
                template.write_text(json.dumps({"Resources": resources, "Parameters": {"Loose": {"Type": "String"}}}))
                try:
                    check(CloudAssembly.load(tmp_path))
                except Exception as error:
                    raise AssertionError(f"{odd!r} at {logical_id}.{'.'.join(map(str, path))}") from error
                tried += 1
    assert tried > 100
