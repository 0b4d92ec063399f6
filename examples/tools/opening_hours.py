"""Opening hours: the plain form, the same as AVR's in JavaScript."""

from datetime import datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("UTC")  # the shop's own, such as "Europe/Rome"
DAYS = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
]
HOURS = {"Saturday": "from ten to four", "Sunday": None}
USUAL = "from nine to six"

name = "opening_hours"
description = "Tells when the shop is open on a day of the week."
input_schema = {
    "type": "object",
    "properties": {
        "day": {
            "type": "string",
            "enum": DAYS,
            "description": "Leave it out for today.",
        },
    },
}


def handler(uuid, args):
    """Answer in words; a plain function runs in a thread and may block."""
    today = DAYS[datetime.now(ZONE).weekday()]
    day = args.get("day", today)
    hours = HOURS.get(day, USUAL)
    return f"On {day} we are open {hours}." if hours else f"On {day} we are closed."
