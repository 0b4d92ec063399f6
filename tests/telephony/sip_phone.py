"""A SIP phone as a program of its own: it says what it is told and records what it hears.

PJSIP has one endpoint for a process and threads of its own, so that each phone is a process.
Orders come as lines of JSON on standard input, events go out as lines on standard output.
Its microphone and its ear are one port of PJSIP's mixer: what was said and what was heard in
the same 20 ms stand at the same place of the two recordings, which is the phone's only clock.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=false, reportUnknownMemberType=false

import argparse
import os
import queue
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import orjson

# It has no types.
pj: Any = import_module("pjsua2")

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
# G.722 and the resamplers make some noise of silence.
_LOUD = 300
# So much silence ends a sound.
_PAUSE_FRAMES = 5
_SILENCE = pj.ByteVector(bytes(FRAME_BYTES))
_OK = 200


def tell(event: str, **facts: Any) -> None:
    """Write an event."""
    sys.stdout.buffer.write(orjson.dumps({"event": event, **facts}) + b"\n")
    sys.stdout.buffer.flush()


def _form() -> Any:
    form = pj.MediaFormatAudio()
    form.init(pj.PJMEDIA_FORMAT_PCM, RATE_HZ, 1, FRAME_MS * 1000, 16)
    return form


class Idle(pj.AudioMediaPort):  # type: ignore[misc, no-any-unimported]
    """What a handset is connected to all the time: a port runs only while it is."""

    def __init__(self) -> None:
        super().__init__()
        self.createPort("idle", _form())


class Handset(pj.AudioMediaPort):  # type: ignore[misc, no-any-unimported]
    """The microphone and the ear."""

    def __init__(self) -> None:
        super().__init__()
        self.createPort("handset", _form())
        self.said: list[bytes] = []
        self.heard: list[bytes] = []
        self._to_say = bytearray()
        self._lock = threading.Lock()
        self._loud_at: int | None = None
        self._quiet_frames = 0

    @property
    def frame(self) -> int:
        """How many frames were asked for so far."""
        return len(self.said)

    def say(self, pcm: bytes) -> None:
        """Say this behind what is still to be said."""
        with self._lock:
            self._to_say += pcm

    def onFrameRequested(self, frame: Any) -> None:  # noqa: N802
        """PJSIP wants 20 ms of the microphone."""
        with self._lock:
            part = bytes(self._to_say[:FRAME_BYTES])
            del self._to_say[:FRAME_BYTES]
            over = bool(part) and not self._to_say
        self.said.append(part.ljust(FRAME_BYTES, b"\0"))
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.buf = pj.ByteVector(self.said[-1]) if part else _SILENCE
        frame.size = FRAME_BYTES
        if over:
            tell("said", frame=self.frame)

    def onFrameReceived(self, frame: Any) -> None:  # noqa: N802
        """PJSIP has 20 ms for the ear."""
        pcm = bytes(frame.buf)[: frame.size].ljust(FRAME_BYTES, b"\0")
        # Nothing may have been requested or received in a tick: both stay of one length.
        while len(self.heard) < self.frame - 1:
            self.heard.append(bytes(FRAME_BYTES))
        self.heard.append(pcm)
        at = len(self.heard) - 1
        if int(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).max()) > _LOUD:
            if self._loud_at is None:
                self._loud_at = at
                tell("sound", frame=at)
            self._quiet_frames = 0
        elif self._loud_at is not None:
            self._quiet_frames += 1
            if self._quiet_frames == _PAUSE_FRAMES:
                tell("silence", frame=at + 1 - _PAUSE_FRAMES)
                self._loud_at = None

    def write(self, folder: Path) -> None:
        """Write both recordings, PCM16LE."""
        length = min(len(self.said), len(self.heard))
        (folder / "said.pcm").write_bytes(b"".join(self.said[:length]))
        (folder / "heard.pcm").write_bytes(b"".join(self.heard[:length]))


class Call(pj.Call):  # type: ignore[misc, no-any-unimported]
    """A call that tells what becomes of it."""

    def __init__(self, account: "Account", call_id: int = -1) -> None:
        super().__init__(account, call_id)
        self._handset = account.handset

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()
        tell(
            "state",
            state=info.stateText,
            status=info.lastStatusCode,
            frame=self._handset.frame,
        )

    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        transaction = prm.e.body.tsxState.tsx
        theirs = transaction.role == pj.PJSIP_ROLE_UAS
        new = transaction.state == pj.PJSIP_TSX_STATE_TRYING
        if transaction.method == "BYE" and theirs and new:
            tell("bye", frame=self._handset.frame)

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802
        # Its parts live as long as itself.
        info = self.getInfo()
        for index, each in enumerate(info.media):
            if (
                each.type == pj.PJMEDIA_TYPE_AUDIO
                and each.status == pj.PJSUA_CALL_MEDIA_ACTIVE
            ):
                audio = self.getAudioMedia(index)
                self._handset.startTransmit(audio)
                audio.startTransmit(self._handset)
                codec = self.getStreamInfo(index).codecName
                tell("media", codec=codec, frame=self._handset.frame)

    def onDtmfDigit(self, prm: Any) -> None:  # noqa: N802
        tell("digit", digit=prm.digit)


class Account(pj.Account):  # type: ignore[misc, no-any-unimported]
    """Whose phone it is; whoever calls it is answered."""

    def __init__(self, handset: Handset) -> None:
        super().__init__()
        self.handset = handset
        self.call: Call | None = None

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        self.call = Call(self, prm.callId)
        tell("incoming", frame=self.handset.frame, of=self.call.getInfo().remoteUri)
        answer = pj.CallOpParam()
        answer.statusCode = _OK
        self.call.answer(answer)


def _endpoint(port: int, codec: str, log: Path) -> Any:
    endpoint = pj.Endpoint()
    config = pj.EpConfig()
    # Before the file is open it would log to standard output.
    config.logConfig.level = 5
    config.logConfig.consoleLevel = 0
    config.logConfig.filename = str(log)
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.clockRate = RATE_HZ
    config.medConfig.audioFramePtime = FRAME_MS
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    endpoint.libCreate()
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    transport.port = port
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for each in endpoint.codecEnum2():
        wanted = each.codecId.startswith(f"{codec}/")
        endpoint.codecSetPriority(each.codecId, 255 if wanted else 0)
    return endpoint


def _obey(order: dict[str, Any], account: Account) -> bool:
    """Do what is ordered; False if that was the last."""
    match order:
        case {"dial": str(uri)}:
            account.call = Call(account)
            account.call.makeCall(uri, pj.CallOpParam(True))
        case {"say": str(path)}:
            account.handset.say(Path(path).read_bytes())
        case {"press": str(digits)} if account.call is not None:
            account.call.dialDtmf(digits)
        case {"hang_up": True}:
            if account.call is not None and account.call.isActive():
                account.call.hangup(pj.CallOpParam(True))
        case {"write": str(folder)}:
            account.handset.write(Path(folder))
            tell("written")
        case {"end": True}:
            return False
        case _:
            tell("unknown", order=order)
    return True


def _read(orders: "queue.SimpleQueue[dict[str, Any]]") -> None:
    for line in sys.stdin.buffer:
        orders.put(orjson.loads(line))
    orders.put({"end": True})


def main() -> None:
    """Be a phone until told to end, or until nobody can tell any more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", required=True, help="the endpoint in Asterisk")
    parser.add_argument("--codec", default="G722", help="PCMU, PCMA or G722")
    parser.add_argument("--port", type=int, default=0, help="of SIP, 0 for any")
    parser.add_argument("--log", type=Path, required=True)
    told = parser.parse_args()
    endpoint = _endpoint(told.port, told.codec, told.log)
    handset = Handset()
    idle = Idle()
    handset.startTransmit(idle)
    idle.startTransmit(handset)
    account = Account(handset)
    config = pj.AccountConfig()
    config.idUri = f"sip:{told.user}@127.0.0.1"
    account.create(config)
    tell("ready")
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(orders,), daemon=True).start()
    going_on = True
    while going_on:
        endpoint.libHandleEvents(5)
        while going_on and not orders.empty():
            going_on = _obey(orders.get(), account)
    endpoint.hangupAllCalls()
    endpoint.libDestroy()
    sys.stdout.flush()
    # What Python still holds of PJSIP would be freed behind its end.
    os._exit(0)


if __name__ == "__main__":
    main()
