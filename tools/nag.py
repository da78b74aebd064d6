"""cdk-nag's AwsSolutions and Serverless packs over the example stacks. Findings and warnings fail the synthesis, and so this program."""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

STRICT = "@aws-cdk/core:strictCfnValidateErrors"
"""Without it CDK prints a warning of a pack, and goes on."""


def main() -> int:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    os.environ["CDK_CONTEXT_JSON"] = json.dumps({**context, STRICT: True})
    with tempfile.TemporaryDirectory() as outdir:
        os.environ["CDK_OUTDIR"] = outdir
        # Node takes the environment as it is when aws_cdk is imported: the flags and the folder have to be in it by then.
        from aws_cdk import Validations
        from cdk_nag import AwsSolutionsChecks, ServerlessChecks

        app = runpy.run_path(str(ROOT / "app.py"))["app"]
        Validations.of(app).add_plugins(AwsSolutionsChecks(), ServerlessChecks())
        app.synth(force=True)
    print("cdk-nag: AwsSolutions and Serverless packs, no finding left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
