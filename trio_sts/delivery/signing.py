"""Signatures of webhooks: https://www.standardwebhooks.com, version 1.0 of the text."""

import hmac
from base64 import b64encode
from datetime import datetime


def signed_headers(
    message_id: str, at: datetime, body: bytes, key: bytes
) -> dict[str, str]:
    """The headers of one attempt; the id stays, the time and the signature do not.

    Args:
        message_id: The same in all attempts.
        at: When this one is made.
        body: The bytes that are sent.
        key: The secret's bytes.
    """
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
