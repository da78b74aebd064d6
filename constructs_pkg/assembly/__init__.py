"""Reads a synthesized cloud assembly (`cdk.out`), from CDK in any language. Pure: no AWS, no CDK, no network.

    assembly = CloudAssembly.load(Path("cdk.out"))
    for function in assembly.of_type("AWS::Lambda::Function"):
        function.path                       # ChatStack/Chat/Function
        function.properties["MemorySize"]   # intrinsics resolved
        function.asset_path("Code")         # the folder or .zip on disk

Names and ARNs that AWS would make up at deployment are made up here too, the same ones at every reading.
"""

from constructs_pkg.assembly.errors import AssemblyError, UnresolvedIntrinsic
from constructs_pkg.assembly.intrinsics import is_intrinsic
from constructs_pkg.assembly.reader import AttributeKey, CloudAssembly
from constructs_pkg.assembly.template import Resource, StackTemplate

__all__ = ["AssemblyError", "AttributeKey", "CloudAssembly", "Resource", "StackTemplate", "UnresolvedIntrinsic", "is_intrinsic"]
