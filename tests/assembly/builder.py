"""Writes small cloud assemblies, as CDK would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from constructs_pkg.assembly import CloudAssembly

if TYPE_CHECKING:
    from pathlib import Path

BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"


def write_stack(
    directory: Path,
    name: str = "App",
    template: dict[str, Any] | None = None,
    *,
    environment: str = "aws://unknown-account/unknown-region",
    path: str | None = None,
    metadata: dict[str, Any] | None = None,
    files: dict[str, Any] | None = None,
    **properties: Any,
) -> Path:
    """Adds a stack to the assembly in a folder, which it makes if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    manifest_path = directory / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"version": "55.0.0", "artifacts": {}}
    (directory / f"{name}.template.json").write_text(json.dumps(template or {"Resources": {}}))
    artifact: dict[str, Any] = {
        "type": "aws:cloudformation:stack",
        "environment": environment,
        "properties": {"templateFile": f"{name}.template.json", **properties},
        "displayName": path or name,
    }
    if metadata is not None:
        (directory / f"{name}.metadata.json").write_text(json.dumps(metadata))
        artifact["additionalMetadataFile"] = f"{name}.metadata.json"
    if files is not None:
        (directory / f"{name}.assets.json").write_text(json.dumps({"version": "55.0.0", "files": files}))
        manifest["artifacts"][f"{name}.assets"] = {"type": "cdk:asset-manifest", "properties": {"file": f"{name}.assets.json"}}
    manifest["artifacts"][name] = artifact
    manifest_path.write_text(json.dumps(manifest))
    return directory


def write_stage(directory: Path, name: str) -> Path:
    """Adds an empty nested assembly, and gives its folder."""
    manifest_path = directory / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"version": "55.0.0", "artifacts": {}}
    manifest["artifacts"][f"assembly-{name}"] = {
        "type": "cdk:cloud-assembly",
        "properties": {"directoryName": f"assembly-{name}", "displayName": name},
    }
    directory.mkdir(parents=True, exist_ok=True)
    manifest_path.write_text(json.dumps(manifest))
    inside = directory / f"assembly-{name}"
    inside.mkdir()
    (inside / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": {}}))
    return inside


def load(directory: Path, resources: dict[str, Any], **more: Any) -> CloudAssembly:
    """An assembly of one stack, `App`, with these resources and sections of the template; the rest goes to `load`."""
    sections = {key: more.pop(key) for key in list(more) if key[0].isupper()}
    write_stack(directory, "App", {"Resources": resources, **sections})
    return CloudAssembly.load(directory, **more)


def resolved(directory: Path, value: Any, **more: Any) -> Any:
    """A value as a property of a resource, resolved; other resources under `Resources`."""
    resources = more.pop("Resources", {})
    assembly = load(directory, {"Probe": {"Type": "Test::Probe::Resource", "Properties": {"Value": value}}, **resources}, **more)
    return assembly.stack("App").resources["Probe"].properties["Value"]
