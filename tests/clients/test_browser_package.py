"""The browser's module as a package: small, typed, built by its own command, and with the dependencies that it is tested with."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.clients.browser_module import INSTALLED, MODULES, NEEDS_NPM, PACKAGE, ROOT, build, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not INSTALLED, reason=NEEDS_NPM)

MANIFEST = json.loads((PACKAGE / "package.json").read_text())
PINNED = json.loads((ROOT / "package.json").read_text())["devDependencies"]
BUDGET_BYTES = 10_000
"""What a page loads: minified and compressed, its signer, its event parser and Cognito included. The two packages alone are 10.5 kB minified."""
CONSUMER = """
import { StreamingClient, StreamingError, cognitoCredentials, type StreamEvent } from "streaming-lambda-client";
import { dialects } from "streaming-lambda-client/dialects";

const credentials = cognitoCredentials({ region: "r", identityPoolId: "p", userPoolId: "u", idToken: async () => "t" });
const client = new StreamingClient({ url: "https://x.example/", credentials, dialects, headers: () => ({ a: "b" }) });
export const stream = client.stream({ path: "/v1", json: {}, dialect: "ag-ui" });
for await (const event of stream) {
  const seen: StreamEvent = event;
  if (seen.type === "text") seen.text satisfies string;
  if (seen.type === "finish") seen.usage?.totalTokens satisfies number | undefined;
}
const error: Error = new StreamingError("A", "b");
// @ts-expect-error  a dialect that does not exist
client.stream({ dialect: "klingon" });
error satisfies Error;
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `npm run build` leaves it, installed for somebody who uses it."""
    folder = tmp_path_factory.mktemp("package")
    build(folder)
    shutil.copy(PACKAGE / "package.json", folder / "package.json")
    project = PACKAGE / "tsconfig.build.json"
    run(MODULES / "typescript" / "bin" / "tsc", "--project", project, "--outDir", folder / "dist")
    (folder / "user" / "node_modules").mkdir(parents=True)
    (folder / "user" / "node_modules" / "streaming-lambda-client").symlink_to(folder)
    return folder


def minified(entry: Path, package: Path) -> bytes:
    command = [MODULES / "esbuild" / "bin" / "esbuild", entry, "--bundle", "--minify", "--format=esm", "--target=es2022"]
    script = "process.stdout.write(require('node:child_process').execFileSync(process.argv[1], process.argv.slice(2)))"
    return run("-e", script, *command, "--legal-comments=none", cwd=package).encode()


def test_it_fits_into_ten_kilobytes_with_its_signer_and_its_parser(package: Path) -> None:
    code = minified(package / "dist" / "index.js", package)
    assert b"AWS4-HMAC-SHA256" in code
    assert b"AWSCognitoIdentityService" in code
    assert len(gzip.compress(code, 9, mtime=0)) < BUDGET_BYTES


def test_the_sizes_in_the_guide_are_those_of_the_package(package: Path) -> None:
    code = minified(package / "dist" / "index.js", package)
    found = {"minified": len(code), "compressed": len(gzip.compress(code, 9, mtime=0))}
    told = re.search(r"([\d.]+) kB minified and compressed \(([\d.]+) kB before compression\)", guide())
    assert told is not None
    assert abs(found["compressed"] / 1000 - float(told[1])) < 0.15, found
    assert abs(found["minified"] / 1000 - float(told[2])) < 0.3, found


def guide() -> str:
    return (ROOT / "docs" / "clients" / "browser.md").read_text()


def test_its_types_are_strict() -> None:
    run(MODULES / "typescript" / "bin" / "tsc", "--strict", "--noEmit", "--project", PACKAGE)


def test_who_uses_it_gets_its_types(package: Path) -> None:
    user = package / "user"
    (user / "use.ts").write_text(CONSUMER)
    options = [
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "--lib",
        "es2022,dom,dom.asynciterable",
        "--types",
        "",
    ]
    (user / "package.json").write_text('{"type": "module"}')
    run(MODULES / "typescript" / "bin" / "tsc", *options, user / "use.ts", cwd=user)


def test_its_own_command_builds_it() -> None:
    assert MANIFEST["scripts"]["build"] == "vite build && tsc --project tsconfig.build.json", "which is what these tests do"


def test_what_it_exports_is_built(package: Path) -> None:
    paths = [path for targets in MANIFEST["exports"].values() for path in targets.values()]
    assert paths
    assert all((package / path).is_file() for path in paths)


def test_it_can_be_published_but_for_the_word_private() -> None:
    assert MANIFEST["license"] == "Apache-2.0"
    assert MANIFEST["private"] is True
    assert MANIFEST["files"] == ["dist"]
    assert {"README.md", "LICENSE"} <= {path.name for path in PACKAGE.iterdir()}


@pytest.mark.parametrize("name", MANIFEST["dependencies"])
def test_its_dependencies_are_those_that_it_is_tested_with(name: str) -> None:
    assert MANIFEST["dependencies"][name] == f"^{PINNED[name]}"
    assert json.loads((MODULES / name / "package.json").read_text())["version"] == PINNED[name]


def test_nothing_that_is_built_is_kept() -> None:
    assert "dist/" in (ROOT / ".gitignore").read_text().splitlines()
