"""What a person reads: the URLs and credentials on standard output, log lines on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def log_line(line: str) -> None:
    """One log line."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def describe(document: Mapping[str, Any]) -> str:
    """The document of `--json`, for people."""
    lines = [""]
    for row in document["functions"]:
        name = row["path"] + (f" ({row['alias']})" if row["alias"] else "")
        if row["broken"]:
            lines.append(f"  {name}\n      not running: {row['broken']}")
        elif row["url"]:
            lines.append(f"  {name}\n      {row['url']}  {row['auth_type']}  {row['invoke_mode']}")
        else:
            lines.append(f"  {name}\n      no URL; aws lambda invoke --endpoint-url {document['lambda_endpoint']}")
    lines += ["", f"  Lambda API   {document['lambda_endpoint']}", f"  Bedrock      {document['bedrock_endpoint']}", ""]
    lines.append("Credentials. Paste one block into the shell that calls:")
    for name, principal in document["principals"].items():
        lines += ["", f"  # {name}: {principal['arn']}", *_exports(principal, document["region"])]
    urls = [row["url"] for row in document["functions"] if row["url"] and not row["broken"]]
    if urls:
        lines += ["", f"Then: streaming-lambda call {urls[0]} -d '...'"]
    lines += ["", "Ready. Ctrl-C stops everything."]
    return "\n".join(lines)


def _exports(principal: Mapping[str, str | None], region: str) -> list[str]:
    lines = [
        f"  export AWS_ACCESS_KEY_ID={principal['access_key_id']}",
        f"  export AWS_SECRET_ACCESS_KEY={principal['secret_access_key']}",
    ]
    token = principal["session_token"]
    lines.append(f"  export AWS_SESSION_TOKEN={token}" if token else "  unset AWS_SESSION_TOKEN")
    lines.append(f"  export AWS_REGION={region} AWS_DEFAULT_REGION={region}")
    return lines
