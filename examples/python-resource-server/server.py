"""A WSGI service with a route that requires an access token of Portcullis."""

import json
import os
import time
import zlib
from base64 import urlsafe_b64decode
from urllib.request import urlopen
from wsgiref.simple_server import make_server

import jwt

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:4000")
MAX_LIST_BYTES = 1 << 20

keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", timeout=5)
lists: dict[str, tuple[float, dict]] = {}


def verified(token: str, kind: str, **expected) -> dict:
    """Return the claims of a token that a key of the issuer has signed."""
    key = keys.get_signing_key_from_jwt(token)
    # The key decides the algorithm, not the token.
    decoded = jwt.decode_complete(token, key, algorithms=[key.algorithm_name], **expected)
    if decoded["header"].get("typ") != kind:
        raise jwt.InvalidTokenError(f"the token is no {kind}")
    return decoded["payload"]


def status_list(uri: str) -> dict:
    """Return a status list (draft-ietf-oauth-status-list), which is kept for its `ttl`."""
    fresh_until, claims = lists.get(uri, (0.0, {}))
    if time.monotonic() >= fresh_until:
        with urlopen(uri, timeout=5) as response:
            text = response.read(MAX_LIST_BYTES).decode()
        claims = verified(text, "statuslist+jwt", subject=uri, options={"require": ["exp", "status_list"]})
        lists[uri] = (time.monotonic() + claims.get("ttl", 60), claims)
    return claims["status_list"]


def is_revoked(claims: dict) -> bool:
    reference = claims.get("status", {}).get("status_list")
    if reference is None:
        return False  # a server that publishes no lists issues tokens without a reference
    found = status_list(reference["uri"])
    packed = urlsafe_b64decode(found["lst"] + "=" * (-len(found["lst"]) % 4))
    bits = zlib.decompressobj().decompress(packed, MAX_LIST_BYTES)
    bit = reference["idx"] * found["bits"]
    # Nothing is known about an index outside the list, so it counts as revoked.
    return bit // 8 >= len(bits) or (bits[bit // 8] >> bit % 8) & ((1 << found["bits"]) - 1) != 0


def authenticate(authorization: str) -> tuple[str, dict]:
    """Return the status of the response and the claims of the caller."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        return "401 Unauthorized", {}
    try:
        required = {"require": ["exp", "iss", "aud", "sub"]}
        claims = verified(token.strip(), "at+jwt", issuer=ISSUER, audience="portcullis", options=required)
        return ("401 Unauthorized", {}) if is_revoked(claims) else ("200 OK", claims)
    except (jwt.PyJWKClientConnectionError, OSError):
        return "503 Service Unavailable", {}  # nobody knows whether the token is valid
    except jwt.PyJWTError:
        return "401 Unauthorized", {}


def app(environ, start_response):
    status, claims = authenticate(environ.get("HTTP_AUTHORIZATION", ""))
    headers = [("content-type", "application/json"), ("cache-control", "no-store")]
    if status.startswith("401"):
        headers.append(("www-authenticate", "Bearer"))
    start_response(status, headers)
    return [json.dumps({"sub": claims["sub"], "scope": claims["scope"]} if claims else {"message": status}).encode()]


if __name__ == "__main__":
    make_server("127.0.0.1", int(os.environ.get("PORT", "3000")), app).serve_forever()
