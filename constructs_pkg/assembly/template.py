"""A stack's template and its resources, as one reads them after deployment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Resource:
    """One resource of a template. `properties` has its intrinsics resolved, each when it is first looked at."""

    stack: StackTemplate
    logical_id: str
    type: str
    path: str
    raw: Mapping[str, Any]
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    metadata: Mapping[str, Any]

    def property(self, *path: str, default: Any = None) -> Any:
        """The resolved value at a path of names, such as `property("Environment", "Variables")`; `default` where there is none."""
        raise NotImplementedError

    @property
    def ref(self) -> str:
        """What `Ref` gives."""
        raise NotImplementedError

    def get_att(self, attribute: str) -> Any:
        """What `Fn::GetAtt` gives."""
        raise NotImplementedError

    def attribute_key(self, attribute: str) -> tuple[str, str, str]:
        """The key under which `overrides` of CloudAssembly gives this attribute a value."""
        raise NotImplementedError

    def asset_path(self, property_name: str) -> Path | None:
        """Folder or file of the asset behind `Code` (functions) or `Content` (layers); None where it is no asset (inline code)."""
        raise NotImplementedError


class StackTemplate:
    """One stack: its place (account, region), its template, and the resources that exist in it."""

    name: str
    path: str
    account: str
    region: str
    partition: str
    template: Mapping[str, Any]
    resources: Mapping[str, Resource]
    outputs: Mapping[str, Any]

    def of_type(self, type: str) -> tuple[Resource, ...]:
        raise NotImplementedError

    def ref(self, logical_id: str) -> Any:
        raise NotImplementedError

    def get_att(self, logical_id: str, attribute: str) -> Any:
        raise NotImplementedError

    def asset_path(self, bucket: str, key: str) -> Path | None:
        raise NotImplementedError
