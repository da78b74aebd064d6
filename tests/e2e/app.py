"""The project's own app, and then its templates without what the local endpoint cannot deploy. Nothing but the tests here runs it.

The app is synthesized and validated whole, as it is for an account. An aspect could take resources out before that, but would leave what
names them, such as a policy or a dashboard, naming nothing.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
from pathlib import Path

from tests.e2e.templates import WHOLE, deployable

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    assembly = Path(os.environ["CDK_OUTDIR"])
    (assembly / WHOLE).mkdir()
    for file in assembly.glob("*.template.json"):
        shutil.copy(file, assembly / WHOLE)
        file.write_text(json.dumps(deployable(json.loads(file.read_text())), indent=1))
