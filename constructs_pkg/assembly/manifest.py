"""Walks the manifests of a cloud assembly down to its stacks. Reads files and gives plain data; resolves nothing.

The format is that of https://github.com/cdklabs/cloud-assembly-schema (55 in November 2026). Its older versions differ in what this
reader leaves alone, and in three places that it knows: metadata inside the manifest or in a file of its own, assets in manifests
or in metadata, and display names that may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly.assets import AssetIndex, FileAsset, file_assets, legacy_assets
from constructs_pkg.assembly.errors import AssemblyError

if TYPE_CHECKING:
    from pathlib import Path

_MAX_NESTING = 16  # stages in stages, nested stacks in nested stacks


@dataclass(frozen=True, kw_only=True)
class StackSource:
    """What the assembly says of one stack.

    Attributes:
        name: Stack name. For a nested stack this is a stand-in: AWS makes its name from its parent's.
        path: Construct path.
        account: Account, or None when agnostic.
        region: Region, or None when agnostic.
        template: The template as written.
        construct_paths: Construct path of each logical id, from the manifest; the template may know better ones.
        assets: The file assets that its resources may name.
        parameters: Values that the assembly itself gives to parameters (legacy assets).
        parent: Of a nested stack, the path of the stack it stands in and the logical id of its resource there.
    """

    name: str
    path: str
    account: str | None
    region: str | None
    template: Mapping[str, Any]
    construct_paths: Mapping[str, str]
    assets: AssetIndex
    parameters: Mapping[str, str] = field(default_factory=dict)
    parent: tuple[str, str] | None = None


def read_stacks(directory: Path) -> tuple[StackSource, ...]:
    """All stacks below a directory: those of stages and nested stacks too, parents before their nested stacks.

    Raises:
        AssemblyError: no manifest, no stacks, unreadable JSON or a manifest of another shape.
    """
    if not (directory / "manifest.json").is_file():
        raise AssemblyError(
            f"NO_ASSEMBLY: {directory} has no manifest.json; a synthesized app has one; run `cdk synth` first, or name its output directory"
        )
    try:
        stacks = tuple(_walk(directory, 0))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise AssemblyError(
            f"BAD_ASSEMBLY: {directory} is not shaped as a cloud assembly ({type(error).__name__}: {error}); synthesize it again"
        ) from error
    if not stacks:
        raise AssemblyError(f"NO_STACKS: {directory} is an assembly without stacks; the app must create at least one Stack")
    return stacks


def _walk(directory: Path, depth: int) -> Iterator[StackSource]:
    if depth > _MAX_NESTING:
        raise AssemblyError(
            f"NESTED_TOO_DEEP: assemblies are nested more than {_MAX_NESTING} deep at {directory}; synthesize the app again"
        )
    artifacts = _read_json(directory / "manifest.json").get("artifacts", {})
    declared = tuple(
        asset
        for artifact in artifacts.values()
        if artifact["type"] == "cdk:asset-manifest"
        for asset in file_assets(directory, _read_json(directory / artifact["properties"]["file"]))
    )
    for name, artifact in artifacts.items():
        if artifact["type"] == "aws:cloudformation:stack":
            yield from _stack(directory, name, artifact, declared)
        elif artifact["type"] == "cdk:cloud-assembly":
            yield from _walk(directory / artifact["properties"]["directoryName"], depth + 1)


def _stack(
    directory: Path, artifact_id: str, artifact: Mapping[str, Any], declared: tuple[FileAsset, ...]
) -> Iterator[StackSource]:
    properties = artifact["properties"]
    metadata: Mapping[str, Any] = artifact.get("metadata") or {}
    if "additionalMetadataFile" in artifact:
        metadata = {**metadata, **_read_json(directory / artifact["additionalMetadataFile"])}
    account, _, region = artifact["environment"].removeprefix("aws://").partition("/")
    legacy, parameters = legacy_assets(directory, metadata)
    path = artifact.get("displayName") or _shortest(metadata) or artifact_id
    yield from _with_nested(
        directory,
        metadata,
        0,
        StackSource(
            name=properties.get("stackName", artifact_id),
            # A display name may carry the stack name in brackets, as in `Prod/Chat (Prod-Chat)`.
            path=path.split(" ", 1)[0],
            account=None if account == "unknown-account" else account,
            region=None if region == "unknown-region" else region,
            template=_read_json(directory / properties["templateFile"]),
            construct_paths=_construct_paths(metadata),
            assets=AssetIndex(declared + legacy),
            parameters={**parameters, **properties.get("parameters", {})},
        ),
    )


def _with_nested(directory: Path, metadata: Mapping[str, Any], depth: int, source: StackSource) -> Iterator[StackSource]:
    """The stack and, after it, its nested stacks: CDK notes each one's template file under its construct path."""
    if depth > _MAX_NESTING:
        raise AssemblyError(f"NESTED_TOO_DEEP: stacks are nested more than {_MAX_NESTING} deep at {source.path}; flatten them")
    yield source
    for logical_id, resource in source.template.get("Resources", {}).items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise AssemblyError(
                f"BAD_TEMPLATE: in the template of {source.path}, the resource {logical_id} has no Type; synthesize it again, or take it out"
            )
        if resource["Type"] != "AWS::CloudFormation::Stack":
            continue
        resource_path = construct_path(logical_id, resource, source)
        # `Parent/Nested.NestedStack/Nested.NestedStackResource` is the resource of the nested stack `Parent/Nested`.
        path = resource_path.rsplit("/", 1)[0].removesuffix(".NestedStack")
        entries = metadata.get(f"/{path}", [])
        template_file = next((entry["data"] for entry in entries if entry["type"] == "aws:cdk:templateFile"), None)
        template_file = template_file or resource.get("Metadata", {}).get("aws:asset:path")
        if template_file is None:
            continue  # written by hand, with a TemplateURL elsewhere; an output of it is then an UnresolvedIntrinsic
        below = {key: value for key, value in metadata.items() if key.startswith(f"/{path}/")}
        yield from _with_nested(
            directory,
            metadata,
            depth + 1,
            StackSource(
                name=logical_id,
                path=path,
                account=source.account,
                region=source.region,
                template=_read_json(directory / template_file),
                construct_paths=_construct_paths(below),
                assets=source.assets,
                parent=(source.path, logical_id),
            ),
        )


def construct_path(logical_id: str, resource: Mapping[str, Any], source: StackSource) -> str:
    """Construct path of a resource: from its own metadata, which only the CDK CLI asks for, else from the manifest's."""
    path = resource.get("Metadata", {}).get("aws:cdk:path") or source.construct_paths.get(logical_id)
    return str(path or f"{source.path}/{logical_id}").removesuffix("/Resource")


def _construct_paths(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Logical id to construct path. Nested stacks may repeat a logical id of their parent, so the shortest path wins."""
    paths: dict[str, str] = {}
    for path, entries in sorted(metadata.items(), key=lambda item: -item[0].count("/")):
        for entry in entries:
            if entry["type"] == "aws:cdk:logicalId":
                paths[entry["data"]] = path.removeprefix("/")
    return paths


def _shortest(metadata: Mapping[str, Any]) -> str:
    return min(metadata, key=len, default="").removeprefix("/")


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AssemblyError(f"UNREADABLE: {path}: {error.strerror}; the assembly is incomplete, synthesize it again") from error
    except (ValueError, RecursionError) as error:
        raise AssemblyError(f"BAD_JSON: {path}: {error}; the assembly is damaged, synthesize it again") from error
    if not isinstance(content, Mapping):
        raise AssemblyError(
            f"BAD_JSON: {path} holds {type(content).__name__}, an object is expected; synthesize the assembly again"
        )
    return content
