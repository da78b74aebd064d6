"""Values of template parameters.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly.errors import AssemblyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_pkg.assembly.place import Place
    from constructs_pkg.assembly.template import StackTemplate

_SSM_VALUE = "AWS::SSM::Parameter::Value<"


def value(stack: StackTemplate, name: str, place: Place) -> Any:
    """A parameter's value: given by the stack around it, by the caller, by the assembly, by default, in this order.

    An SSM type's value is the name of an SSM parameter, whose own value is asked of the caller, then of the parameters that the
    assembly's stacks themselves create.

    Raises:
        UnresolvedIntrinsic: there is no value.
    """
    declaration = stack.template["Parameters"][name]
    inside = place.follow(f"{stack.path}/Parameter {name}", stack=stack.path, resource="Parameters", path=(name,))
    kind: str = declaration.get("Type", "String")
    given = _given(stack, name)
    if given is None and stack.parent is not None:
        given = stack.parent.property("Parameters", name, place=inside)
    elif given is None:
        given = stack.given_parameters.get(name)
    if kind.startswith(_SSM_VALUE):
        text = given if given is not None else _ssm_value(stack, str(declaration.get("Default", "")), inside)
        kind = kind.removeprefix(_SSM_VALUE).removesuffix(">")
        wanted = f"a value for {name} or for the SSM parameter {declaration.get('Default', '')}"
    else:
        text = given if given is not None else declaration.get("Default")
        wanted = f"a value for {name}"
    if text is None:
        raise place.unresolved(f"Ref {name}", "the parameter has no value here", f"give {wanted} (parameters)")
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return text if isinstance(text, list) else [part.strip() for part in str(text).split(",")]
    # A list that a nested stack's parent passes to a plain parameter arrives joined, as CloudFormation does it.
    return ",".join(str(part) for part in text) if isinstance(text, list) else str(text)


def require_known(stacks: tuple[StackTemplate, ...], parameters: Mapping[str, str]) -> None:
    """Refuses a given parameter that no template asks for: a misspelt name would otherwise do nothing.

    Raises:
        AssemblyError: `UNKNOWN_PARAMETER`.
    """
    known: set[str] = set()
    for stack in stacks:
        for name, declaration in stack.template.get("Parameters", {}).items():
            known |= {name, f"{stack.name}:{name}", f"{stack.path}:{name}"}
            if declaration.get("Type", "").startswith(_SSM_VALUE) and "Default" in declaration:
                known.add(declaration["Default"])
    unknown = sorted(parameters.keys() - known)
    if unknown:
        declared = ", ".join(sorted(name for name in known if ":" not in name)) or "none"
        raise AssemblyError(f"UNKNOWN_PARAMETER: {', '.join(unknown)}; the templates have: {declared}; mend the name")


def _given(stack: StackTemplate, name: str) -> str | None:
    given = stack.assembly.parameters
    for key in (f"{stack.path}:{name}", f"{stack.name}:{name}", name):
        # A bare name is for the stacks one deploys; a nested stack's parameters come from the stack around it.
        if key in given and (key != name or stack.parent is None):
            return given[key]
    return None


def _ssm_value(stack: StackTemplate, ssm_name: str, place: Place) -> str | None:
    given = stack.assembly.parameters.get(ssm_name)
    if given is not None:
        return given
    for parameter in stack.assembly.of_type("AWS::SSM::Parameter"):
        same_place = (parameter.stack.account, parameter.stack.region) == (stack.account, stack.region)
        if same_place and parameter.property("Name", place=place) == ssm_name:
            return str(parameter.property("Value", place=place))
    return None
