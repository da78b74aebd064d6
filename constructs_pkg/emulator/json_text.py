"""Documents that are made here as compact JSON text. Pure.

`json.JSONEncoder` makes its encoder in C anew for each document, and looks for circles, which nothing has that is made afresh: for
documents as short as log lines that is more than a third of the time.
"""

from __future__ import annotations

import json
import json.encoder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def encoder(*, ascii_only: bool) -> Callable[[Any], str]:
    """Makes what turns a document into text.

    Args:
        ascii_only: Whether characters beyond ASCII are escaped.
    """
    plain = json.JSONEncoder(separators=(",", ":"), ensure_ascii=ascii_only, check_circular=False)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    text = json.encoder.encode_basestring_ascii if ascii_only else json.encoder.encode_basestring
    try:
        chunks = make(None, plain.default, text, None, ":", ",", False, False, True)
    except TypeError:  # no document says that it is there, or what it takes
        return plain.encode
    return lambda document: "".join(chunks(document, 0))
