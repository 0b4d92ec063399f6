"""Who may look: the token, the sessions of those who have signed in, attempts that failed."""

import hashlib
import hmac
import secrets
from collections import OrderedDict, deque

from attrs import define, field, frozen

# A working day; then the token is asked for again.
SESSION_S = 12 * 3600.0
# The oldest is over when one more is opened.
MOST_SESSIONS = 64
# Wrong tokens in a minute, from one address and from all of them.
WRONG_OF_ONE = 5
WRONG_OF_ALL = 60
WRONG_WITHIN_S = 60.0
_MOST_ADDRESSES = 1024


@frozen
class Visitor:
    """Who sends a request, and was let in.

    Attributes:
        csrf: What a page of ours sends along with whatever changes something; empty for
            who presents the token with every request, which no foreign page can do.
        signed_in: Whether there is a session to sign out of.
    """

    csrf: str = field(repr=False)
    signed_in: bool = False


@frozen
class _Session:
    visitor: Visitor
    ends_at: float


@define(eq=False)
class Access:
    """What the token opens; without a token everybody who gets here may look.

    All times are seconds on one clock.
    """

    _token: str | None = field(repr=False)
    _sessions: OrderedDict[bytes, _Session] = field(
        factory=OrderedDict[bytes, _Session], repr=False
    )
    _nobody: Visitor = field(factory=lambda: Visitor(secrets.token_urlsafe(32)))
    _wrong: OrderedDict[str, deque[float]] = field(
        factory=OrderedDict[str, deque[float]], repr=False
    )
    _all_wrong: deque[float] = field(
        factory=lambda: deque[float](maxlen=WRONG_OF_ALL), repr=False
    )

    @property
    def anonymous(self) -> Visitor | None:
        """Whoever comes without anything; None where a token is needed."""
        return self._nobody if self._token is None else None

    def by_token(self, offered: str, address: str, now: float) -> bool:
        """Whether the token is right; a wrong one counts as a failed attempt.

        Compared in constant time.
        """
        wanted = (self._token or "").encode()
        given = offered.encode(errors="surrogateescape")
        if self._token is not None and hmac.compare_digest(given, wanted):
            self._wrong.pop(address, None)
            return True
        times = self._wrong.setdefault(address, deque(maxlen=WRONG_OF_ONE))
        times.append(now)
        self._wrong.move_to_end(address)
        self._all_wrong.append(now)
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        return False

    def waits_s(self, address: str, now: float) -> float:
        """How long no attempt of this address is looked at; 0 if one would be."""
        waits = 0.0
        own = self._wrong.get(address, deque[float]())
        for times, most in (own, WRONG_OF_ONE), (self._all_wrong, WRONG_OF_ALL):
            if len(times) >= most:
                waits = max(waits, times[0] + WRONG_WITHIN_S - now)
        return waits

    def sign_in(self, now: float) -> str:
        """Open a session.

        Returns:
            What its cookie carries; only a digest of it is kept.
        """
        self._forget_old(now)
        while len(self._sessions) >= MOST_SESSIONS:
            self._sessions.popitem(last=False)
        secret = secrets.token_urlsafe(32)
        visitor = Visitor(secrets.token_urlsafe(32), signed_in=True)
        self._sessions[_digest(secret)] = _Session(visitor, now + SESSION_S)
        return secret

    def by_cookie(self, secret: str, now: float) -> Visitor | None:
        """Whose session it is; None if there is no such session any more."""
        session = self._sessions.get(_digest(secret))
        if session is None or session.ends_at <= now:
            return None
        return session.visitor

    def may_stay(self, visitor: Visitor, now: float) -> bool:
        """Whether who was let in once may still look: their session may be over."""
        if not visitor.signed_in:
            return True
        return any(
            each.visitor is visitor and each.ends_at > now
            for each in self._sessions.values()
        )

    def sign_out(self, secret: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(secret), None)

    def _forget_old(self, now: float) -> None:
        over = [key for key, each in self._sessions.items() if each.ends_at <= now]
        for key in over:
            del self._sessions[key]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
