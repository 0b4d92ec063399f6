"""The values that nobody may see, wherever they stand."""

from .databases import password_of
from .schema import Settings


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Every secret that is set: none of them may be in a log, a report or a fault."""
    found = (
        settings.api_key,
        settings.token,
        settings.admin_token,
        settings.webhook_secret,
        settings.ari_password,
        password_of(settings.calls_db),
        password_of(settings.webhook_url),
    )
    return tuple(secret for secret in found if secret)
