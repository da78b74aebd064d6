"""The OpenAPI document that a REST API is given as, in the template (`Body`) or as an asset (`BodyS3Location`).

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-restapi.html
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import AssemblyError, is_intrinsic

if TYPE_CHECKING:
    from constructs_pkg.assembly import Resource

_POLICY = "x-amazon-apigateway-policy"


class DefinitionUnreadable(Exception):
    """The document cannot be read here. The text is one line."""


class Definition:
    """An OpenAPI document, 2.0 or 3.x. Intrinsics in it are resolved where they are looked at, and references followed."""

    def __init__(self, api: Resource, document: Mapping[str, Any]) -> None:
        self._api = api
        self._document = document

    def get(self, *path: str) -> Any:
        """What stands at a path, its intrinsics unresolved and its references not followed; None for nothing."""
        value: Any = self._document
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def follow(self, value: Any) -> Any:
        """What a local reference (`{"$ref": "#/components/..."}`) stands for; anything else is itself."""
        seen = 0
        while isinstance(value, Mapping) and isinstance(value.get("$ref"), str) and value["$ref"].startswith("#/"):
            seen += 1
            if seen > len(self._document) + 16:
                raise DefinitionUnreadable(
                    f"REFERENCE_CIRCULAR: {value['$ref']} of {self._api.path} leads back to itself; mend it"
                )
            value = self.get(*(part.replace("~1", "/").replace("~0", "~") for part in value["$ref"][2:].split("/")))
        return value

    def resolved(self, value: Any) -> Any:
        """A value with its intrinsics evaluated.

        Raises:
            AssemblyError: only a deployment tells one of them.
        """
        return self._api.stack.resolve(value)

    @property
    def policy(self) -> Any:
        """The resource policy that it carries; None for none."""
        return self.get(_POLICY)


def read_definition(api: Resource) -> Definition | None:
    """The document of an API; None for one that is made of resources of its own.

    Raises:
        DefinitionUnreadable: it is not in the assembly, or not to be read here.
    """
    body = api.raw.get("Body")
    if is_intrinsic(body):
        try:
            body = api.property("Body")
        except AssemblyError as error:
            raise DefinitionUnreadable(str(error)) from error
    if isinstance(body, str):  # CloudFormation takes JSON as text, too
        return Definition(api, _parsed(api, body))
    if isinstance(body, Mapping):
        return Definition(api, body)
    if not api.raw.get("BodyS3Location"):
        return None
    bucket, key = api.property("BodyS3Location", "Bucket"), api.property("BodyS3Location", "Key")
    path = api.stack.asset_path(str(bucket), str(key))
    if path is None:
        raise DefinitionUnreadable(
            f"DEFINITION_NOT_HERE: the document of {api.path} is {key} of bucket {bucket}, which is no asset of the assembly; "
            "use ApiDefinition.from_asset"
        )
    return Definition(api, _parsed(api, path.read_text(encoding="utf-8")))


def _parsed(api: Resource, text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        document = _yaml(api, text, error)
    if not isinstance(document, Mapping):
        raise DefinitionUnreadable(f"DEFINITION_UNREADABLE: the document of {api.path} is no OpenAPI document; correct it")
    return document


def _yaml(api: Resource, text: str, why: ValueError) -> Any:
    try:
        yaml = importlib.import_module("yaml")
    except ImportError as error:
        raise DefinitionUnreadable(
            f"DEFINITION_UNREADABLE: the document of {api.path} is no JSON ({why}), and to read YAML the package pyyaml is needed here; "
            "install it, or write JSON"
        ) from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise DefinitionUnreadable(
            f"DEFINITION_UNREADABLE: the document of {api.path} is neither JSON nor YAML: {where}; correct it"
        ) from error
