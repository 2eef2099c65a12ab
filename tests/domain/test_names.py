import pytest

from domain.names import is_name


@pytest.mark.parametrize("text", ["1", "ann", "ADAUSDT", "a.b_c:d-e", "x" * 64])
def test_letters_digits_and_four_marks_make_a_name(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a|b", "@fees", "a b", "é", "a\n", "a/b", "\0"])
def test_what_could_part_a_key_or_be_a_system_account_is_no_name(text: str) -> None:
    assert not is_name(text)
