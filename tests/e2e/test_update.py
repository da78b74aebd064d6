"""What the second and third deployment change, and all that they leave as it is; and what is left in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.deployed import BUCKET, LAYER, USER_POOL, VERSION

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage
    from tests.e2e.deployed import Deployed
    from tests.e2e.endpoint import Endpoint


def changes(before: Deployed, after: Deployed) -> tuple[set[str], set[str], set[str]]:
    """The types of the resources that came, that went, and that were replaced under their name."""
    old, new = before.resources, after.resources
    return (
        {new[name].type for name in new.keys() - old.keys()},
        {old[name].type for name in old.keys() - new.keys()},
        {new[name].type for name in new.keys() & old.keys() if new[name].physical_id != old[name].physical_id},
    )


def test_a_changed_handler_is_a_new_version_and_the_alias_moves_to_it(first: Stage, handlers_changed: Stage) -> None:
    for name, stack in first.stacks.items():
        after = handlers_changed.stacks[name].versions
        assert after.keys() == stack.versions.keys()
        assert {alias: int(after[alias]) for alias in after} == {
            alias: int(before) + 1 for alias, before in stack.versions.items()
        }


def test_a_changed_handler_replaces_nothing_but_the_version(first: Stage, handlers_changed: Stage) -> None:
    found = {name: changes(stack, handlers_changed.stacks[name]) for name, stack in first.stacks.items()}
    assert found == dict.fromkeys(found, ({VERSION}, {VERSION}, set()))


def test_a_changed_runtime_is_a_new_version_of_each_function_that_has_it(handlers_changed: Stage, layer_changed: Stage) -> None:
    moved = 0
    for name, stack in handlers_changed.stacks.items():
        for _, function, alias in stack.streaming():
            has_it = bool(function.properties.get("Layers"))
            before, after = stack.versions[alias.logical_id], layer_changed.stacks[name].versions[alias.logical_id]
            assert int(after) == int(before) + has_it, f"{name}: {function.logical_id}"
            moved += has_it
    assert moved >= 4


def test_a_changed_runtime_replaces_nothing_but_layer_and_version(handlers_changed: Stage, layer_changed: Stage) -> None:
    for name, stack in handlers_changed.stacks.items():
        has_it = any(function.properties.get("Layers") for _, function, _ in stack.streaming())
        expected = ({VERSION}, {VERSION}, {LAYER}) if has_it else (set(), set(), set())
        assert changes(stack, layer_changed.stacks[name]) == expected, name


def test_functions_run_the_new_layer(layer_changed: Stage, endpoint: Endpoint) -> None:
    for stack in layer_changed.stacks.values():
        for name, function, alias in stack.streaming():
            found = endpoint.client("lambda").get_function_configuration(FunctionName=name, Qualifier=alias.properties["Name"])
            assert [layer["Arn"] for layer in found.get("Layers", [])] == [
                stack.physical(layer) for layer in function.properties.get("Layers", [])
            ]


def test_what_was_destroyed_was_in_use(used: dict[str, list[str]], destroyed: dict[str, set[str]]) -> None:
    """Otherwise the next test would say nothing of buckets with something in them and of pools with people in them."""
    assert destroyed
    assert len(used[BUCKET]) >= 3
    assert len(used[USER_POOL]) == 2, "the chat's and the observability example's"


def test_nothing_is_left_but_the_toolkit(empty: dict[str, set[str]], destroyed: dict[str, set[str]]) -> None:
    assert destroyed == empty
