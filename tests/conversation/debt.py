"""Whether a turn is owed, judged from messages alone."""

from typing import Any, Final

from attrs import define, field

from trio_sts.conversation import commands
from trio_sts.wire.json_object import is_object
from trio_sts.wire.realtime import events, requests
from trio_sts.wire.realtime.items import Item, Response

_MOST_RETRY_S: Final = 10.1
_MOST_KEYS_S: Final = 4.0
_MOST_SPEECH_S: Final = 15.1
_MCP_FOLLOWS_S: Final = 1.1
_MOST_MCP_S: Final = 121.0
_CONTROL: Final = frozenset({"avr_hangup", "avr_transfer"})
_ACTIVE: Final = "conversation_already_has_active_response"
_FAILURES: Final = frozenset({"rate_limit_exceeded", "server_error"})


@define
class Debt:
    """What the model owes the caller, as far as messages tell it beyond doubt.

    Attributes:
        owed: Why a turn is owed; empty if none is, or if there is a doubt.
    """

    owed: str = ""
    _active: str = ""
    _audible: set[str] = field(factory=set[str])
    _called: set[str] = field(factory=set[str])
    _cut: set[str] = field(factory=set[str])
    _done: set[str] = field(factory=set[str])
    # A create that has no answer yet, and the response that answered the last one.
    _asked: bool = False
    _answer: str = ""
    _refused: bool = False
    _leaving: bool = False
    _control: set[str] = field(factory=set[str])
    _mcp: set[str] = field(factory=set[str])
    _mcp_over: set[str] = field(factory=set[str])
    # A remote tool has ended since the last response began.
    _told: bool = False
    _speaking: bool = False
    _excused_until: float = 0
    _speech_until: float = 0
    # Keys are gathered until then, whatever becomes of the session.
    _keys_until: float = 0
    # What this pass has to bring, and calls that it has to run.
    _expects: str = ""
    _must_run: int = 0
    _whole: set[tuple[str, str]] = field(factory=set[tuple[str, str]])

    # What comes in.

    def keys(self, now: float) -> None:
        """The caller presses keys: they are gathered, and become the next turn."""
        self._keys_until = now + _MOST_KEYS_S
        self.owed = ""
        self._cut.add(self._active)

    # One case for each kind of event.
    def event(self, event: Any, now: float) -> None:  # noqa: C901, PLR0912
        """One event of the model."""
        self._expects, self._must_run = "", 0
        match event:
            case events.SpeechStarted():
                self._speaking = True
                self._cut.add(self._active)
                self._speech_until = now + _MOST_SPEECH_S
                self.owed = ""
            case events.SpeechStopped():
                self._speaking = False
                self._speech_until = 0
                self.owed = "speech"
            case events.InputCommitted():
                self._cut.add(self._active)
            case events.ResponseCreated(response=response):
                self._begins(response.id)
            case events.AudioDelta(response_id=response):
                # The end of one that was cut may never come.
                over = not self._active or self._active in self._cut
                if over and response not in self._done | self._cut:
                    self._begins(response)
                if response == self._active and event.audio:
                    self._audible.add(response)
            case events.ArgumentsDone(response_id=response, call_id=call_id):
                if is_object(event.arguments):
                    self._announced(response, call_id, event.name)
            case events.OutputItemDone(item=item, response_id=response):
                self._listed(item, response)
            case events.McpProgress(type=kind, item_id=item):
                self._remote(kind, item, now)
            case events.ResponseDone(response=response):
                self._ends(response, now)
            case events.ErrorEvent(error=error):
                self._error(error.code, now)
            case _:
                pass

    # What goes out.

    def command(self, command: commands.Command, now: float) -> None:
        """One command of the core."""
        match command:
            case commands.ToModel(event=requests.CreateResponse()):
                self._asked, self._refused = True, False
                if not self._speaking:
                    self.owed = self.owed or "an ask"
            case commands.ToModel(event=requests.CancelResponse(response_id=given)):
                self._cut.add(given or self._active)
            case commands.RunTool(name=name) if name in _CONTROL:
                # The call may be about to end.
                self._leaving = True
            case commands.ToModel(event=requests.CreateFunctionOutput(call_id=call)):
                self._control.discard(call)
            case commands.Reconnect() | commands.UseSpare() | commands.LeaveModel():
                self._lose_session()
            case _:
                pass

    def judge_pass(self, done: list[commands.Command], *, over: bool) -> None:
        """What the last event has to lead to at once."""
        expects, self._expects = self._expects, ""
        must_run, self._must_run = self._must_run, 0
        if over:
            return
        runs = sum(isinstance(each, commands.RunTool) for each in done)
        assert runs >= must_run, "a whole call is not run"
        if expects:
            steps = [each for each in done if _is_step(each)]
            assert steps, f"nothing follows at once: {expects}"

    def is_excused(self, now: float) -> bool:
        """Whether something else is waited for."""
        return (
            now < max(self._excused_until, self._speech_until, self._keys_until)
            or bool(self._control)
            or self._leaving
            or bool(self._mcp)
        )

    def _excuse(self, now: float, seconds: float) -> None:
        self._excused_until = max(self._excused_until, now + seconds)

    def _begins(self, response: str) -> None:
        if self._asked:
            self._answer = response
        self._asked = self._told = False
        self._active = response

    def _announced(self, response: str, call_id: str, name: str | None) -> None:
        fresh = (response, call_id) not in self._whole
        ours = response == self._active and response not in self._cut
        self._whole.add((response, call_id))
        if name in _CONTROL:
            # It waits for its moment, or for its cancellation.
            self._control.add(call_id)
        if ours:
            self._called.add(response)
            self._must_run += fresh and name not in _CONTROL

    def _listed(self, item: Item, response: str) -> None:
        """A call that waits for its moment, or is dropped, is no doubt here."""
        whole = item.type == "function_call" and item.status in {"completed", None}
        if whole and item.call_id and item.name:
            self._announced(response or self._active, item.call_id, item.name)

    def _remote(self, kind: str, item: str, now: float) -> None:
        if not kind.startswith("response.mcp_call."):
            return
        if kind.endswith(("completed", "failed")):
            self._mcp.discard(item)
            self._told = True
            if item not in self._mcp_over:
                self.owed = "a remote tool"
                self._excuse(now, _MCP_FOLLOWS_S)
            self._mcp_over.add(item)
        elif item not in self._mcp_over:
            self._mcp.add(item)

    def _ends(self, response: Response, now: float) -> None:
        before = response.id in self._done
        active = self._active == response.id
        self._done.add(response.id)
        if before or not active:
            # What ends unseen may answer an ask.
            self._asked = False
            return
        self._active = ""
        self._asked = False
        for item in response.output:
            self._listed(item, response.id)
        if self._refused:
            self.owed = "a refused ask"
            return
        something = response.id in self._audible | self._called
        cut = response.id in self._cut or self._speaking
        match response.status:
            case "failed":
                self._excuse(now, _MOST_RETRY_S)
            case "cancelled":
                pass
            case _ if something or self._mcp or self._told:
                self.owed = ""
            case "completed" if self.owed and not cut and not self.is_excused(now):
                self._expects = "an empty answer"
            case _:
                pass

    def _error(self, code: str | None, now: float) -> None:
        if code == _ACTIVE:
            if self._asked or (self._answer and self._answer == self._active):
                self._refused = True
            self._asked, self._answer = False, ""
        elif code in _FAILURES:
            self._excuse(now, _MOST_RETRY_S)
            self._done.add(self._active)
            self._active = ""
            self._asked = False
        else:
            self._asked = False

    def _lose_session(self) -> None:
        self._active = self._answer = ""
        self._asked = self._refused = self._speaking = False
        self._excused_until = self._speech_until = 0
        self._mcp.clear()
        self._mcp_over.clear()
        self._audible.clear()
        self._called.clear()
        self._done.clear()
        self._cut.clear()
        self._whole.clear()


def _is_step(command: commands.Command) -> bool:
    if isinstance(command, commands.ToModel):
        return isinstance(command.event, requests.CreateResponse)
    steps = (commands.Reconnect, commands.UseSpare, commands.EndCall)
    return isinstance(command, (*steps, commands.LeaveModel))
