"""What is sent, put together, is the whole text redacted, wherever it is cut; and nothing is held that cannot become a match."""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_runtime import automaton
from streaming_runtime.automaton import LONGEST, Automaton
from streaming_runtime.redaction import Redaction
from streaming_runtime.redaction_patterns import PATTERNS, Redact

Cuts = list[int]


def streamed(redaction: Redaction, text: str, cuts: Cuts) -> list[str]:
    """What leaves at each cut, and at the end."""
    stream = redaction.stream()
    borders = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    out = []
    for begin, end in itertools.pairwise(borders):
        stream.add(text[begin:end])
        out.append(stream.take())
    return [*out, stream.take(ended=True)]


# ---- against `re`, which decides for each place and length whether there is a match


@functools.cache
def ending_before(source: str, flags: int, rest: int) -> re.Pattern[str]:
    return re.compile(rf"(?:{source})(?=[\s\S]{{{rest}}}\Z)", flags)


def longest_at(rule: Redact, text: str, begin: int) -> int | None:
    for end in range(len(text), begin, -1):
        found = ending_before(rule.source, rule.flags, len(text) - end).match(text, begin)
        if found and (rule.check is None or rule.check(text[begin:end])):
            return end
    return None


def expected(rules: list[Redact], text: str) -> str:
    """The definition, written plainly: every character of every match is taken out."""
    out, covered = [], 0
    for begin, character in enumerate(text):
        ends = [(longest_at(rule, text, begin) or -1, -number) for number, rule in enumerate(rules)]
        end, number = max(ends)
        if end > begin:
            if begin >= covered:
                out.append(rules[-number].replacement)
            covered = max(covered, end)
        elif begin >= covered:
            out.append(character)
    return "".join(out)


atoms = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "[ab]",
        "[^a]",
        ".",
        r"\w",
        r"\s",
        "c",
        r"(?<!a)b",
        r"b(?!a)",
        r"\b",
        r"a\B",
        "(?<=c)a",
        "a(?=[bc])",
        "(?i:A)",
    ]
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.integers(0, 1), st.integers(1, 3), st.sampled_from(["", "?"])).map(
            lambda four: f"(?:{four[0]}){{{four[1]},{four[2]}}}{four[3]}"
        ),
        inner.map(lambda one: f"({one})?"),
    ),
    max_leaves=5,
)


def refusal_of(source: str) -> str:
    try:
        Redact(source)
    except ValueError as refusal:
        return str(refusal).partition(":")[0]
    return ""


def is_even(text: str) -> bool:
    return len(text) % 2 == 0


@settings(deadline=None, max_examples=300)
@given(
    sources=st.lists(st.tuples(expressions, st.booleans()), min_size=1, max_size=3),
    text=st.text(alphabet="abcAB .é\n", max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=5),
)
def test_what_is_sent_is_the_whole_text_redacted_for_any_pattern_and_any_cut(
    sources: list[tuple[str, bool]], text: str, cuts: Cuts
) -> None:
    refusals = [refusal_of(source) for source, _ in sources]
    assert {*refusals} <= {"", "REDACTION_EMPTY"}
    usable = [pair for pair, refusal in zip(sources, refusals, strict=True) if not refusal]
    rules = [
        Redact(source, replacement=f"<{n}>", check=is_even if checked else None) for n, (source, checked) in enumerate(usable)
    ]
    redaction = Redaction(rules or [Redact("a")])
    whole = expected(redaction.rules, text)
    assert redaction.redact(text) == whole
    assert "".join(streamed(redaction, text, cuts)) == whole


secrets = st.sampled_from(
    [
        "bob@example.com", "ann.lee+x@mail.example.co.uk", "+49 (30) 123456-78", "4111 1111 1111 1111", "4111-1111-1111-1112",
        "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "078-05-1120", "DE89 3704 0044 0532 0130 00",
        "AKIA", "@", "12", "user@", "é", " ", "\n", ". ", "the cat", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "-", "+",
    ]
)  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(parts=st.lists(secrets, max_size=6), cuts=st.lists(st.integers(0, 120), max_size=12))
def test_the_patterns_known_by_name_find_the_same_wherever_the_text_is_cut(parts: list[str], cuts: Cuts) -> None:
    redaction = all_of_them()
    text = "".join(parts)
    assert "".join(streamed(redaction, text, cuts)) == redaction.redact(text)
    assert "".join(streamed(redaction, text, list(range(len(text))))) == redaction.redact(text)


@functools.cache
def all_of_them() -> Redaction:
    return Redaction(list(PATTERNS))


# ---- what is held, and what is not


@pytest.mark.parametrize(
    ("rule", "pieces", "leaves"),
    [
        ("aws-access-key-id", ["Hello", " wo", "rld"], ["Hello", " wo", "rld", ""]),
        ("aws-access-key-id", ["No A", "KI", "TA. ", "A"], ["No ", "", "AKITA. ", "", "A"]),
        ("aws-access-key-id", ["AKIAIOSFODNN7EX", "AMPLE", " x"], ["", "", "[AWS_ACCESS_KEY_ID] x", ""]),
        ("email", ["Write to bo", "b@exam", "ple.com", " now"], ["Write to ", "", "", "[EMAIL] ", "now"]),
        ("email", ["Hello ", "there"], ["Hello ", "", "there"]),
        ("us-ssn", ["In 20", "24 or", " so"], ["In ", "2024 or", " so", ""]),
        (Redact("secret"), ["a sec", "re", "t", "ary"], ["a ", "", "[REDACTED]", "ary", ""]),
        (Redact("secret"), ["s", "e", "x"], ["", "", "sex", ""]),
        (Redact("ab{1,3}"), ["ab", "b", "bb"], ["", "", "[REDACTED]b", ""]),
        (Redact(r"cat\b"), ["a cat", "s", " cat"], ["a ", "cats", " ", "[REDACTED]"]),
    ],
)  # fmt: skip
def test_just_what_could_become_a_match_is_held(rule: str | Redact, pieces: list[str], leaves: list[str]) -> None:
    stream = Redaction([rule]).stream()
    found = []
    for piece in pieces:
        stream.add(piece)
        found.append(stream.take())
    assert [*found, stream.take(ended=True)] == leaves


@settings(deadline=None, max_examples=100)
@given(text=st.text(alphabet="abc ", max_size=40))
def test_never_more_is_held_than_the_longest_match_and_the_character_behind_it(text: str) -> None:
    redaction = Redaction([Redact(r"ab{1,4}c\b"), Redact("ca{0,6}b")])
    stream = redaction.stream()
    for character in text:
        stream.add(character)
        stream.take()
        assert stream.received - stream.decided <= redaction.automaton.longest


def test_matches_that_overlap_leave_nothing_of_either() -> None:
    assert Redaction([Redact("abc", replacement="<1>"), Redact("cde", replacement="<2>")]).redact("xabcdey") == "x<1>y"
    assert Redaction([Redact("aba")]).redact("ababa, aba") == "[REDACTED], [REDACTED]"
    assert Redaction([Redact("aba")]).redact("abaaba") == "[REDACTED][REDACTED]", "these only touch"


def test_of_two_that_match_alike_the_first_counts_and_of_others_the_longer() -> None:
    assert Redaction([Redact("abc", replacement="<1>"), Redact("a.c", replacement="<2>")]).redact("abc") == "<1>"
    assert Redaction([Redact("ab", replacement="<1>"), Redact("abc", replacement="<2>")]).redact("abc") == "<2>"
    assert Redaction([Redact("(?:a|ab)c?")]).redact("abc!") == "[REDACTED]!", (
        "the longest, where `re` would stop at the first way"
    )


def test_a_check_decides_for_each_length() -> None:
    redaction = Redaction([Redact("a{1,5}", check=lambda text: len(text) == 3)])
    assert redaction.redact("aaaa-aa-aaa") == "[REDACTED]-aa-[REDACTED]"


def test_text_that_would_take_re_for_ever_takes_no_time() -> None:
    redaction = Redaction([Redact("(?:a?){30}a{30}b")])
    assert redaction.redact("a" * 300) == "a" * 300


def test_whole_values_are_redacted_each_by_itself() -> None:
    value = {"to": ["bob@example.com", 7, None, ("x@y.example", True)], "a@b.example": "bob@", "n": 1.5}
    assert Redaction(["email"]).redact_value(value) == {
        "to": ["[EMAIL]", 7, None, ["[EMAIL]", True]],
        "a@b.example": "bob@",
        "n": 1.5,
    }


# ---- the patterns known by name


@pytest.mark.parametrize(
    ("name", "text", "redacted"),
    [
        ("email", "a@b.co, ann.lee+x@mail.example.co.uk!", "[EMAIL], [EMAIL]!"),
        ("email", "Bob <bob@example.com>. <bjørn@blå.example>", "Bob <[EMAIL]>. <[EMAIL]>"),
        ("email", "bob@localhost, 3@2.5, @user, a@b.c", "bob@localhost, 3@2.5, @user, a@b.c"),
        ("email", f"{'x' * 70}@example.com", "xxxxxx[EMAIL]"),
        ("phone", "+49 (30) 123456-78, +1-202-555-0147 or +12025550147.", "[PHONE], [PHONE] or [PHONE]."),
        ("phone", "2+2, +1, 202-555-0147, a+12025550147", "2+2, +1, 202-555-0147, a+12025550147"),
        ("card-number", "4111 1111 1111 1111 and 378282246310005", "[CARD_NUMBER] and [CARD_NUMBER]"),
        ("card-number", "4111-1111-1111-1112, 123456789012", "4111-1111-1111-1112, 123456789012"),
        ("iban", "DE89 3704 0044 0532 0130 00, gb82west12345698765432", "[IBAN], [IBAN]"),
        ("iban", "DE88 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),
        ("us-ssn", "078-05-1120, 219 09 9999", "[US_SSN], [US_SSN]"),
        ("us-ssn", "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000", None),
        ("us-ssn", "1078-05-1120 078-05-11201 078051120", None),
        ("aws-access-key-id", "AKIAIOSFODNN7EXAMPLE ASIAIOSFODNN7EXAMPLE", "[AWS_ACCESS_KEY_ID] [AWS_ACCESS_KEY_ID]"),
        ("aws-access-key-id", "XAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLEX AKIA", None),
        ("aws-secret-access-key", "=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY;", "=[AWS_SECRET_ACCESS_KEY];"),
        ("aws-secret-access-key", "da39a3ee5e6b4b0d3255bfef95601890afd80709", None),
    ],
)
def test_what_the_patterns_find_and_what_they_leave(name: str, text: str, redacted: str | None) -> None:
    assert Redaction([name]).redact(text) == (text if redacted is None else redacted)


def test_every_pattern_is_bounded_and_small() -> None:
    for source, replacement, _ in PATTERNS.values():
        built = Automaton([(source, 0)])
        assert built.longest <= 640
        Redact(source, replacement=replacement)


# ---- refusals


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        (r"\d+", "UNBOUNDED"),
        (".*", "UNBOUNDED"),
        ("a{2,}b", "UNBOUNDED"),
        ("(?:ab*)?c", "UNBOUNDED"),
        ("x+?", "UNBOUNDED"),
        ("a?", "EMPTY"),
        (r"\b", "EMPTY"),
        ("", "EMPTY"),
        ("(?=a)", "EMPTY"),
        ("a|", "EMPTY"),
        ("(", "PATTERN"),
        ("[", "PATTERN"),
        (f"a{{{LONGEST + 1}}}", "TOO_LONG"),
        ("(?:a{64}){65}", "TOO_LONG"),
        ("(?:aa|bc|cd|de|ef|fg|gh|hi|ij|jk|kl|lm|mn){2000}", "TOO_LARGE"),
        ("^a", "UNSUPPORTED"),
        (r"a\Z", "UNSUPPORTED"),
        ("a$", "UNSUPPORTED"),
        (r"(a)\1", "UNSUPPORTED"),
        ("(?P<", "PATTERN"),
        ("(c)(?(1)a|b)", "UNSUPPORTED"),
        ("a(?=bc)", "UNSUPPORTED"),
        ("(?<!bc)a", "UNSUPPORTED"),
        ("(?>a)b", "UNSUPPORTED"),
        ("a?+b", "UNSUPPORTED"),
    ],
)  # fmt: skip
def test_what_cannot_be_bounded_or_followed_is_refused(pattern: str, code: str) -> None:
    with pytest.raises(ValueError, match=f"^REDACTION_{code}: found .*; allowed: .*; "):
        Redact(pattern)


@pytest.mark.parametrize("wrong", [b"bytes", 7, None, re.compile(b"x")])
def test_a_pattern_is_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match="^REDACTION_PATTERN: found .*; allowed: a regular expression of str"):
        Redact(wrong)


def test_a_repeat_of_what_reads_nothing_is_no_repeat() -> None:
    assert Redact(r"a(?:\b)*(?:){1000}(?:\b){2,3}").source
    assert Redaction([Redact(r"a(?:\b)+")]).redact("a ab") == "[REDACTED] ab"
    assert Redaction([Redact(r"a(?:\b){0}b")]).redact("ab") == "[REDACTED]"


def test_a_bound_of_the_authors_own_is_held() -> None:
    assert Redact("a{1,5}", max_length=5).source == "a{1,5}"
    with pytest.raises(
        ValueError, match="REDACTION_TOO_LONG: found 'a.1,5.', which matches up to 5 characters; allowed: the max_length of 4"
    ):
        Redact("a{1,5}", max_length=4)


@pytest.mark.parametrize("replacement", ['"', "\\", "a\nb", "\x00"])
def test_a_replacement_fits_into_json(replacement: str) -> None:
    with pytest.raises(ValueError, match="REDACTION_REPLACEMENT: found "):
        Redact("a", replacement=replacement)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="^REDACTION_NAME: found 'e-mail'; allowed: email, phone, .*; name one of these"):
        Redaction(["e-mail"])


def test_a_compiled_pattern_keeps_its_flags() -> None:
    redaction = Redaction([Redact(re.compile("se.ret", re.IGNORECASE | re.DOTALL)), Redact(re.compile(r"\d", re.ASCII))])
    assert redaction.redact("SE\nRET 1 ٣") == "[REDACTED] [REDACTED] ٣"
    assert Redaction([Redact(r"(?i)[a-c]É(?-i:x)")]).redact("BéX Béx") == "BéX [REDACTED]"


# ---- memory


def test_what_is_remembered_of_past_text_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "MOST_STATES", 3)
    monkeypatch.setattr(automaton, "MOST_CHARACTERS", 2)
    redaction = Redaction(["email", "us-ssn"])
    text = "Write to bob@example.com about 078-05-1120 now. "
    for _ in range(3):
        assert "".join(streamed(redaction, text, [3, 14, 30])) == "Write to [EMAIL] about [US_SSN] now. "
    assert len(redaction.automaton._states) <= 3
    assert len(redaction.automaton._sets) <= 2
