"""CloudFormation's intrinsic functions, evaluated as far as that can be done without deploying.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
Dynamic references (`{{resolve:...}}`) are text here and stay as they are.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from constructs_pkg.assembly.place import Place
    from constructs_pkg.assembly.template import StackTemplate


class _NoValue:
    """What `Ref: AWS::NoValue` leaves behind until the property that holds it is removed."""

    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE: Final = _NoValue()

_SUBSTITUTION = re.compile(r"\$\{([^}]*)\}")


def is_intrinsic(value: Any) -> bool:
    """Whether a value is a function call: an object with the one key `Ref` or `Fn::...`."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    (key,) = value
    return isinstance(key, str) and (key == "Ref" or key.startswith("Fn::"))


def describe(value: Any) -> str:
    """An intrinsic in a few words, for errors: `Fn::GetAtt Table.Arn`."""
    (key,) = value
    argument = value[key]
    if key == "Fn::GetAtt" and isinstance(argument, list):
        argument = ".".join(str(part) for part in argument)
    text = argument if isinstance(argument, str) else json.dumps(argument, default=str)
    return f"{key} {text if len(text) <= 120 else text[:117] + '...'}"


class Resolver:
    """Evaluates the intrinsics of one stack's template."""

    def __init__(self, stack: StackTemplate) -> None:
        self._stack = stack
        self._functions: Mapping[str, Callable[[Any, Place, str], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Join": self._join,
            "Fn::Sub": self._sub,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": self._base64,
            "Fn::ImportValue": self._import_value,
            "Fn::GetStackOutput": self._get_stack_output,
            "Fn::GetAZs": self._get_azs,
            "Fn::Length": self._length,
            "Fn::ToJsonString": self._to_json_string,
            "Fn::Cidr": self._cidr,
            "Fn::Equals": self.condition,
            "Fn::And": self.condition,
            "Fn::Or": self.condition,
            "Fn::Not": self.condition,
        }

    def resolve(self, value: Any, place: Place) -> Any:
        """The value with every intrinsic in it evaluated. NO_VALUE stands for a property that is to be left out."""
        if is_intrinsic(value):
            ((name, argument),) = value.items()
            shown = describe(value)
            function = self._functions.get(name)
            if function is None:
                raise place.unresolved(shown, "this function is not known here", "replace it by a value that synthesis knows")
            if name in ("Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not"):
                argument = value
            return function(argument, place.child(name), shown)
        if isinstance(value, Mapping):
            pairs = ((key, self.resolve(item, place.child(str(key)))) for key, item in value.items())
            return {key: item for key, item in pairs if item is not NO_VALUE}
        if isinstance(value, list):
            items = (self.resolve(item, place.child(str(index))) for index, item in enumerate(value))
            return [item for item in items if item is not NO_VALUE]
        return value

    def condition(self, value: Any, place: Place, shown: str | None = None) -> bool:
        """The truth of a condition: a condition function, `{"Condition": name}`, or a literal."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value in ("true", "false"):
            return value == "true"
        if not isinstance(value, Mapping) or len(value) != 1:
            raise place.unresolved(
                shown or str(value), "this is no condition", "use Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition"
            )
        ((name, argument),) = value.items()
        shown = shown or describe(value)
        inside = place.child(name)
        if name == "Condition":
            return self._stack.condition(argument, inside)
        if name == "Fn::Equals":
            left, right = self._list(argument, inside, shown, 2)
            return bool(self._comparable(left) == self._comparable(right))
        if name in ("Fn::And", "Fn::Or", "Fn::Not") and isinstance(argument, list):
            truths = [self.condition(item, inside.child(str(index))) for index, item in enumerate(argument)]
            if name == "Fn::Not" and len(truths) == 1:
                return not truths[0]
            if name != "Fn::Not" and truths:
                return all(truths) if name == "Fn::And" else any(truths)
        raise place.unresolved(shown, "this is no condition function, or its arguments have another form", "mend the condition")

    # References

    def _ref(self, argument: Any, place: Place, shown: str) -> Any:
        if not isinstance(argument, str):
            raise place.unresolved(shown, "Ref takes a name", "write a logical id, a parameter or a pseudo parameter")
        return self._stack.reference(argument, place)

    def _get_att(self, argument: Any, place: Place, shown: str) -> Any:
        if isinstance(argument, str):
            logical_id, _, attribute = argument.partition(".")
        elif isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
            logical_id, attribute = argument[0], self._text(self.resolve(argument[1], place.child("1")), place, shown)
        else:
            raise place.unresolved(shown, "Fn::GetAtt takes [logical id, attribute] or `id.attribute`", "mend the reference")
        return self._stack.attribute(logical_id, attribute, place)

    def _import_value(self, argument: Any, place: Place, shown: str) -> Any:
        name = self._text(self.resolve(argument, place), place, shown)
        return self._stack.assembly.export(name, self._stack, place)

    def _get_stack_output(self, argument: Any, place: Place, shown: str) -> Any:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html
        arguments = self.resolve(argument, place)
        if not isinstance(arguments, Mapping) or not {"StackName", "OutputName"} <= arguments.keys():
            raise place.unresolved(shown, "it takes StackName and OutputName", "mend the reference")
        role = str(arguments.get("RoleArn", "")).split(":")
        account = role[4] if len(role) > 5 else None
        region = arguments.get("Region", self._stack.region)
        name = str(arguments["StackName"])
        producer = self._stack.assembly.find(name, region=region, account=account)
        if producer is None:
            raise place.unresolved(
                shown, f"this assembly has no one stack {name} in {region}", "synthesize both stacks into one assembly"
            )
        return producer.output(str(arguments["OutputName"]), place)

    # Text and lists

    def _join(self, argument: Any, place: Place, shown: str) -> str:
        delimiter, items = self._list(argument, place, shown, 2)
        if not isinstance(items, list):
            raise place.unresolved(shown, "its second argument is no list", "give it a list")
        return self._text(delimiter, place, shown).join(self._text(item, place, shown) for item in items)

    def _sub(self, argument: Any, place: Place, shown: str) -> str:
        variables: Mapping[str, Any] = {}
        if isinstance(argument, str):
            template = argument
        elif (
            isinstance(argument, list)
            and len(argument) == 2
            and isinstance(argument[0], str)
            and isinstance(argument[1], Mapping)
        ):
            template, variables = argument[0], argument[1]
        else:
            raise place.unresolved(shown, "Fn::Sub takes a text, or [text, variables]", "mend the substitution")

        def replacement(match: re.Match[str]) -> str:
            name = match.group(1).strip()
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in variables:
                value = self.resolve(variables[name], place.child(name))
            elif "." in name:
                logical_id, _, attribute = name.partition(".")
                value = self._stack.attribute(logical_id, attribute, place.child(name))
            else:
                value = self._stack.reference(name, place.child(name))
            return self._text(value, place, f"{shown} (${{{name}}})")

        return _SUBSTITUTION.sub(replacement, template)

    def _select(self, argument: Any, place: Place, shown: str) -> Any:
        index, items = self._list(argument, place, shown, 2)
        text = self._text(index, place, shown)
        if not isinstance(items, list) or not text.isdecimal() or int(text) >= len(items):
            raise place.unresolved(shown, f"there is no element {text} in {items!r}", "mend the index or the list")
        return items[int(text)]

    def _split(self, argument: Any, place: Place, shown: str) -> list[str]:
        delimiter, text = self._list(argument, place, shown, 2)
        if not isinstance(delimiter, str) or not delimiter:
            raise place.unresolved(shown, "the delimiter is empty or no text", "give it a delimiter")
        return self._text(text, place, shown).split(delimiter)

    def _base64(self, argument: Any, place: Place, shown: str) -> str:
        return base64.b64encode(self._text(self.resolve(argument, place), place, shown).encode()).decode()

    def _length(self, argument: Any, place: Place, shown: str) -> int:
        items = self.resolve(argument, place)
        if not isinstance(items, list):
            raise place.unresolved(shown, "its argument is no list", "give it a list")
        return len(items)

    def _to_json_string(self, argument: Any, place: Place, shown: str) -> str:
        value = self.resolve(argument, place)
        if not isinstance(value, Mapping | list):
            raise place.unresolved(shown, "its argument is neither object nor list", "give it one of them")
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def _cidr(self, argument: Any, place: Place, shown: str) -> list[str]:
        parts = self.resolve(argument, place)
        try:
            block = ipaddress.ip_network(parts[0])
            count = int(parts[1])
            bits = int(parts[2]) if len(parts) > 2 else 8
            if not 1 <= count <= 256:
                raise place.unresolved(shown, f"it asks for {count} blocks; 1 to 256 are allowed", "mend the count")
            prefix = block.max_prefixlen - bits
            # Not list(subnets()): a large block has more of them than memory.
            found = [str(network) for network, _ in zip(block.subnets(new_prefix=prefix), range(count), strict=False)]
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise place.unresolved(
                shown, f"its arguments do not make address blocks ({error})", "mend block, count or bits"
            ) from error
        if len(found) < count:
            raise place.unresolved(shown, f"the block holds {len(found)} of {count} blocks", "ask for fewer or smaller ones")
        return found

    # Choices

    def _if(self, argument: Any, place: Place, shown: str) -> Any:
        if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
            raise place.unresolved(shown, "Fn::If takes [condition name, value, value]", "mend the choice")
        chosen = 1 if self._stack.condition(argument[0], place) else 2
        return self.resolve(argument[chosen], place.child(str(chosen)))

    def _find_in_map(self, argument: Any, place: Place, shown: str) -> Any:
        parts = self.resolve(argument, place)
        if not isinstance(parts, list) or len(parts) not in (3, 4):
            raise place.unresolved(shown, "it takes [map, key, key] and perhaps a DefaultValue", "mend the look-up")
        name, first, second = (self._text(part, place, shown) for part in parts[:3])
        row = self._stack.template.get("Mappings", {}).get(name, {}).get(first, {})
        if second in row:
            return self.resolve(row[second], place)
        if len(parts) == 4 and isinstance(parts[3], Mapping) and "DefaultValue" in parts[3]:
            return parts[3]["DefaultValue"]
        raise place.unresolved(shown, f"there is no {name}/{first}/{second} in Mappings", "add it, or a DefaultValue")

    def _get_azs(self, argument: Any, place: Place, shown: str) -> list[str]:
        region = self._text(self.resolve(argument, place), place, shown) or self._stack.region
        return [f"{region}{zone}" for zone in "abc"]

    # Forms of values

    def _list(self, argument: Any, place: Place, shown: str, length: int) -> list[Any]:
        if not isinstance(argument, list) or len(argument) != length:
            raise place.unresolved(shown, f"it takes a list of {length}", "mend its arguments")
        return [self.resolve(item, place.child(str(index))) for index, item in enumerate(argument)]

    @staticmethod
    def _text(value: Any, place: Place, shown: str) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float):
            return str(value)
        raise place.unresolved(shown, f"a text is needed where {value!r} stands", "join or select from it first")

    @classmethod
    def _comparable(cls, value: Any) -> Any:
        """CloudFormation compares as text: 1 equals "1", true equals "true"."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        if isinstance(value, list):
            return [cls._comparable(item) for item in value]
        return value
