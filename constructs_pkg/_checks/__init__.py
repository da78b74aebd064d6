"""What is wrong across a whole app: small pure functions over a synthesized assembly, from CDK in any language.

    report = check(CloudAssembly.load(Path("cdk.out")))
    for finding in report.findings:
        print(finding)

Imports nothing but the assembly reader. Each check is one function with one stable code (`rule`); the model that they look at
is `app`; `acknowledged` is how a finding that is meant so is told apart.
"""

from ._rule import CODES, Rule
from .acknowledged import AcknowledgementError, Acknowledgements
from .finding import Finding
from .model import StreamingApp
from .report import ALL_RULES, Report, check

__all__ = [
    "ALL_RULES",
    "CODES",
    "AcknowledgementError",
    "Acknowledgements",
    "Finding",
    "Report",
    "Rule",
    "StreamingApp",
    "check",
]
