"""JSON text as `json` itself writes it, with its encoder in C and without."""

from __future__ import annotations

import json
import json.encoder

import pytest

from constructs_pkg.emulator.json_text import encoder

DOCUMENTS = [
    {"a": 1, "b": [True, None, 1.5, -0.0, 1e300], "é": {'\n"\\': "ü€😀\x00\ud800"}, "empty": [{}, [], ""]},
    {1: 2, None: 3, False: 4, 1.5: 5},
    [float("inf")],
    "text",
    7,
    None,
]


@pytest.fixture(params=["with", "without"])
def in_c(request, monkeypatch) -> None:
    """json's encoder in C: there, or not there, as in other Pythons."""
    if request.param == "without":
        monkeypatch.setattr(json.encoder, "c_make_encoder", None)


@pytest.mark.usefixtures("in_c")
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_the_text_is_that_of_json(document, ascii_only: bool) -> None:
    assert encoder(ascii_only=ascii_only)(document) == json.dumps(document, separators=(",", ":"), ensure_ascii=ascii_only)


@pytest.mark.usefixtures("in_c")
def test_what_is_no_json_is_refused_as_json_refuses_it() -> None:
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        encoder(ascii_only=True)({"a": set()})
