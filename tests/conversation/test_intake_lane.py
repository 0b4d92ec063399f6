"""The short way of caller audio is the long one, for any audio at any time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sts.audio.formats import encoder
from trio_sts.conversation.parts.intake import Intake

_SOUND = bytes(range(251))
# Now and then a gap in speech, a flood, or more than the ring holds.
_STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 2, 320, 320, 320, 1600, 48_000]),
        st.sampled_from([0.0, 0.001, 0.02, 0.02, 0.1, 0.25, 3.0]),
        st.booleans(),
        st.sampled_from(["", "", "", "", "withhold", "catch up", "shut", "open"]),
    ),
    max_size=40,
)


def _long(intake: Intake, pcm: bytes, now: float, *, speech: bool) -> bytes:
    intake.add(pcm, now)
    heard = intake.encode(intake.take(now))
    assert not intake.mend(now, model_hears_speech=speech)
    return heard


@settings(deadline=None)
@given(steps=_STEPS)
def test_audio_that_nothing_holds_up_comes_out_the_same(
    steps: list[tuple[int, float, bool, str]],
) -> None:
    plain, quick = (
        Intake(encoder("pcmu"), open=True),
        Intake(encoder("pcmu"), open=True),
    )
    now, passed = 100.0, 0
    for size, pause_s, speech, change in steps:
        now += pause_s
        for intake in (plain, quick):
            match change:
                case "withhold":
                    intake.withheld = True
                case "catch up":
                    intake.catch_up(now)
                case "shut" | "open":
                    intake.open = change == "open"
                case _:
                    pass
        pcm = (_SOUND * (size // 251 + 1))[:size]
        heard = quick.pass_on(pcm, now, model_hears_speech=speech)
        if heard is None:
            heard = _long(quick, pcm, now, speech=speech)
        else:
            passed += 1

        assert heard == _long(plain, pcm, now, speech=speech)
        assert quick == plain
        assert quick.deadline == plain.deadline
    if steps and all(step[:2] == (320, 0.02) and not step[3] for step in steps):
        assert passed == len(steps)
