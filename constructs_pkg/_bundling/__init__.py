"""Puts a function's dependencies beside its code, for Lambda's platform, without Docker.

Each step is a file: what a folder asks for (`requirements`), who fetches it (`installers`), what is left out again (`lean`),
how large it may be (`size`), where it is kept (`cache`); `python` and `esbuild` put them together.
"""

from .python import Bundle, bundle
from .target import Target

__all__ = ["Bundle", "Target", "bundle"]
