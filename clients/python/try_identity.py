"""Tests the generated client with the server at GRAPHQL_URL."""

import asyncio
import os
from typing import assert_never

from identity import (
    GraphQLClientGraphQLMultiError,
    Identity,
    LoginInput,
    RefreshInput,
    RegisterInput,
    UpdateProfileInput,
    UserErrorCode,
)

URL = os.environ["GRAPHQL_URL"]
PASSWORD = "correct horse battery"


def sentence(code: UserErrorCode) -> str:
    """The text that a program shows for an error. mypy fails unless every code has a text."""
    match code:
        case UserErrorCode.INVALID_CREDENTIALS | UserErrorCode.ACCOUNT_DISABLED:
            return "You cannot sign in with this."
        case UserErrorCode.INVALID_REFRESH_TOKEN:
            return "Sign in again."
        case UserErrorCode.RATE_LIMITED:
            return "Wait a moment."
        case UserErrorCode.USERNAME_TAKEN | UserErrorCode.USERNAME_INVALID:
            return "Choose another name."
        case UserErrorCode.EMAIL_INVALID:
            return "This is not an e-mail address."
        case UserErrorCode.EMAIL_TAKEN:
            return "This address belongs to another account."
        case UserErrorCode.EMAIL_NOT_VERIFIED | UserErrorCode.INVALID_CHALLENGE | UserErrorCode.INVALID_CODE:
            return "Follow the message, or request a new one."
        case UserErrorCode.SECOND_FACTOR_REQUIRED:
            return "Enter the code of your authenticator app."
        case UserErrorCode.PASSKEY_REJECTED | UserErrorCode.LAST_LOGIN_METHOD:
            return "Look at your passkeys."
        case UserErrorCode.PASSWORD_TOO_SHORT | UserErrorCode.PASSWORD_TOO_LONG | UserErrorCode.PASSWORD_TOO_WEAK:
            return "Choose another password."
        case UserErrorCode.REGISTRATION_CLOSED:
            return "Ask an administrator for an account."
        case UserErrorCode.NOT_FOUND | UserErrorCode.UNKNOWN_ROLE:
            return "Not found."
        case UserErrorCode.LIMIT_REACHED:
            return "Delete one first."
        case UserErrorCode.CURRENT_PASSWORD_REQUIRED:
            return "Enter your current password."
        case UserErrorCode.LAST_ADMIN:
            return "One administrator must remain."
        case _:
            assert_never(code)


def bearing(token: str | None) -> Identity:
    """A client with this access token."""
    return Identity(url=URL, headers={"authorization": f"Bearer {token}"})


async def reason(client: Identity) -> object:
    """The reason why the guarded field fails."""
    try:
        await client.me()
    except GraphQLClientGraphQLMultiError as refused:
        return (refused.errors[0].extensions or {}).get("reason")
    raise AssertionError("the guarded field did not fail")


async def main() -> None:
    anonymous = Identity(url=URL)
    assert await reason(anonymous) == "TOKEN_MISSING"
    registered = (
        await anonymous.register(RegisterInput(username="python", password=PASSWORD, email="python@example.com"))
    ).register
    assert registered.user is not None and registered.user.created_at.tzinfo is not None

    wrong = (await anonymous.login(LoginInput(username="python", password="not this one"))).login
    assert wrong.access_token is None
    assert [sentence(error.code) for error in wrong.errors] == ["You cannot sign in with this."]

    refreshed = (await anonymous.refresh(RefreshInput(refreshToken=registered.refresh_token))).refresh
    client = bearing(refreshed.access_token)
    me = (await client.me()).me
    assert me is not None and (me.username, me.roles) == ("python", ["user"])

    # An omitted field does not change; null clears it.
    updated = (await client.update_profile(UpdateProfileInput(displayName="Monty"))).update_profile
    assert updated is not None and updated.user is not None
    assert (updated.user.display_name, updated.user.email) == ("Monty", "python@example.com")
    updated = (await client.update_profile(UpdateProfileInput(email=None))).update_profile
    assert updated is not None and updated.user is not None
    assert (updated.user.display_name, updated.user.email) == ("Monty", None)

    for _ in range(2):
        login = (await anonymous.login(LoginInput(username="python", password=PASSWORD))).login
        assert login.errors == []
    seen: list[str] = []
    after: str | None = None
    while True:
        viewer = (await client.sessions(first=2, after=after)).me
        assert viewer is not None and viewer.sessions is not None and viewer.sessions.total_count == 3
        seen += [session.id for session in viewer.sessions.nodes]
        after = viewer.sessions.page_info.end_cursor
        if not viewer.sessions.page_info.has_next_page:
            break
    assert len(seen) == len(set(seen)) == 3

    assert (await client.logout()).logout.errors == []
    assert await reason(client) == "TOKEN_REVOKED"
    print("the Python client registered, was refused, refreshed, listed sessions and signed out")


asyncio.run(main())
