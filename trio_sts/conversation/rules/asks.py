"""The instructions of responses that are asked for with words of their own.

Each names the language, for the instructions of one response take the place of the
session's in it.
"""

from typing import Final

from trio_sts.conversation.parts.sequencer import Ask

_IN_ITS_LANGUAGE: Final = (
    "You are on the telephone. Speak the language of the conversation so far. "
)


def greeting(words: str | None) -> Ask:
    """The first answer of a call; ``words`` are to be said exactly."""
    if words is None:
        return Ask()
    say = "Say exactly the following words, in their language, and nothing else: "
    return Ask(f"{say}“{words}”")


NO_TOOLS: Final = Ask(tool_choice="none")
GO_ON: Final = Ask(
    _IN_ITS_LANGUAGE
    + "Your last answer was cut off in the middle. Go on where it stopped, and repeat "
    "nothing of it."
)
CANNOT_ANSWER: Final = Ask(
    _IN_ITS_LANGUAGE
    + "Say in one short sentence that you cannot answer that, for example: "
    "“I am sorry, I cannot answer that.”",
    tool_choice="none",
)
STILL_THERE: Final = Ask(
    _IN_ITS_LANGUAGE
    + "The caller has been silent. Ask in one short sentence whether they are still "
    "there, for example: “Are you still there?”",
    tool_choice="none",
)
SILENT_GOODBYE: Final = Ask(
    _IN_ITS_LANGUAGE
    + "The caller does not answer any more, and the call ends now. Say goodbye in one "
    "short sentence, for example: “I cannot hear you, so I will hang up now. Goodbye.”",
    tool_choice="none",
)
PARTING: Final = Ask(
    _IN_ITS_LANGUAGE
    + "Your part of the call ends now. Say to the caller in one short sentence what "
    "happens next, for example: “Thank you for calling. Goodbye.” or “One moment, "
    "please, I will put you through.”",
    tool_choice="none",
)
FAREWELL: Final = Ask(
    _IN_ITS_LANGUAGE
    + "The call ends now. Say goodbye to the caller in one short sentence, for "
    "example: “Thank you for calling. Goodbye.”",
    tool_choice="none",
)
