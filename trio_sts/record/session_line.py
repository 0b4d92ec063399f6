"""What a session was asked for, as a call file tells it."""

from hashlib import sha256

from attrs import asdict

from trio_sts.wire.realtime.session import SessionConfig

from .masking import Masker, Value, own, own_value

# Of an operator's own, or of the call's: texts.
_TEXTS = frozenset({"instructions", "transcription_keywords", "instead"})
_LISTS = frozenset({"tools", "mcp_servers"})


def written_session(
    masker: Masker, session: SessionConfig, model: str
) -> dict[str, Value]:
    """The session as asked for; tools and servers by name.

    Instructions go as their SHA-256 where texts are not kept, so that it can still be told
    whether two calls had the same.
    """
    told: dict[str, Value] = {
        name: own_value(value)
        for name, value in asdict(session).items()
        if name not in _TEXTS | _LISTS and value is not None
    }
    names: list[Value] = [masker.plain(tool.name) for tool in session.tools]
    labels = [str(each.get("server_label", "")) for each in session.mcp_servers]
    return {
        "model": masker.plain(model),
        "instructions": _instructions(masker, session.instructions),
        **told,
        "tools": names,
        "mcp_servers": [masker.plain(each) for each in labels],
        "transcription_keywords": [
            masker.text(each) for each in session.transcription_keywords
        ],
    }


def _instructions(masker: Masker, text: str) -> Value:
    if masker.keeps_text:
        return masker.text(text)
    return {"sha256": own(sha256(text.encode()).hexdigest()), "chars": len(text)}
