"""Who may look: the token, sessions, attempts that fail."""

from trio_sts.console.access import (
    MOST_SESSIONS,
    SESSION_S,
    WRONG_OF_ALL,
    WRONG_OF_ONE,
    WRONG_WITHIN_S,
    Access,
    Visitor,
)

TOKEN = "let-me-in"


def test_without_a_token_everybody_may_and_the_page_has_its_secret() -> None:
    access = Access(None)
    visitor = access.anonymous
    assert visitor is not None
    assert len(visitor.csrf) > 30
    assert not visitor.signed_in
    assert not access.by_token("", "a", 0.0)


def test_the_right_token_is_right_and_no_other_one() -> None:
    access = Access(TOKEN)
    assert access.anonymous is None
    assert access.by_token(TOKEN, "a", 0.0)
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\udcff"):
        assert not access.by_token(wrong, "a", 0.0)


def test_sessions_are_opaque_have_secrets_of_their_own_and_end() -> None:
    access = Access(TOKEN)
    one, other = access.sign_in(0.0), access.sign_in(0.0)
    assert one != other
    visitors = [access.by_cookie(each, SESSION_S - 1) for each in (one, other)]
    assert visitors[0] is not None
    assert visitors[1] is not None
    assert visitors[0].signed_in
    assert visitors[0].csrf != visitors[1].csrf
    assert access.by_cookie(one, SESSION_S) is None
    access.sign_out(other)
    assert access.by_cookie(other, 1.0) is None
    assert access.by_cookie("made up", 1.0) is None


def test_who_was_let_in_may_stay_as_long_as_the_session_lasts() -> None:
    access = Access(TOKEN)
    cookie = access.sign_in(0.0)
    visitor = access.by_cookie(cookie, 0.0)
    assert visitor is not None
    assert access.may_stay(visitor, SESSION_S - 1)
    assert not access.may_stay(visitor, SESSION_S)
    access.sign_out(cookie)
    assert not access.may_stay(visitor, 1.0)
    # Who presents the token, or needs none, has no session that could end.
    assert access.may_stay(Visitor(""), SESSION_S)


def test_there_are_so_many_sessions_and_the_oldest_is_over_then() -> None:
    access = Access(TOKEN)
    cookies = [access.sign_in(float(each)) for each in range(MOST_SESSIONS + 1)]
    assert access.by_cookie(cookies[0], 100.0) is None
    assert all(access.by_cookie(each, 100.0) for each in cookies[1:])


def test_wrong_tokens_are_few_in_a_minute_from_one_address() -> None:
    access = Access(TOKEN)
    for each in range(WRONG_OF_ONE):
        assert access.waits_s("a", float(each)) == 0
        access.by_token("wrong", "a", float(each))
    assert access.waits_s("a", 10.0) == WRONG_WITHIN_S - 10
    assert access.waits_s("b", 10.0) == 0
    assert access.waits_s("a", WRONG_WITHIN_S) == 0


def test_wrong_tokens_are_few_in_a_minute_from_all_addresses() -> None:
    access = Access(TOKEN)
    for each in range(WRONG_OF_ALL):
        access.by_token("wrong", f"address {each}", 0.0)
    assert access.waits_s("another", 1.0) > 0
    assert access.waits_s("another", WRONG_WITHIN_S) == 0


def test_addresses_that_were_wrong_do_not_fill_the_memory() -> None:
    access = Access(TOKEN)
    for each in range(5000):
        access.by_token("wrong", f"address {each}", 0.0)
    assert len(access._wrong) <= 1024  # pyright: ignore[reportPrivateUsage]
