"""Tests the service with the server at GRAPHQL_URL, which publishes status lists for five seconds."""

import json
import os
import time
import unittest
from urllib.request import Request, urlopen

os.environ["ISSUER"] = os.environ["GRAPHQL_URL"].removesuffix("/graphql")

import server  # noqa: E402 (it reads ISSUER)


def ask(query: str, token: str = "") -> dict:
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = Request(os.environ["GRAPHQL_URL"], json.dumps({"query": query}).encode(), headers)
    with urlopen(request, timeout=10) as response:
        return json.load(response)["data"]


def log_in() -> dict:
    password = json.dumps(os.environ["ADMIN_PASSWORD"])
    fields = "accessToken refreshToken user { id }"
    return ask(f'mutation {{ login(input: {{username: "root", password: {password}}}) {{ {fields} }} }}')["login"]


def get(authorization: str | None) -> tuple[str, dict, dict]:
    """Call the service as a WSGI server does: the status, the headers and the body of the response."""
    seen = []
    environ = {} if authorization is None else {"HTTP_AUTHORIZATION": authorization}
    body = b"".join(server.app(environ, lambda status, headers: seen.extend((status, dict(headers)))))
    return seen[0], seen[1], json.loads(body)


class TheService(unittest.TestCase):
    def setUp(self):
        self.session = log_in()
        self.token = self.session["accessToken"]

    def assert_rejected(self, authorization: str | None):
        status, headers, _ = get(authorization)
        self.assertEqual((status, headers["www-authenticate"]), ("401 Unauthorized", "Bearer"))

    def test_a_valid_token_is_accepted(self):
        for scheme in ("Bearer", "bearer"):
            status, _, body = get(f"{scheme} {self.token}")
            self.assertEqual((status, body["sub"]), ("200 OK", self.session["user"]["id"]))
            self.assertIn("users:read", body["scope"].split())

    def test_a_missing_malformed_or_forged_token_is_rejected(self):
        header, claims, _ = self.token.split(".")
        forged = f"{header}.{claims}.{'A' * 86}"
        for authorization in (None, "", "Bearer ", "Basic YTpi", "Bearer garbage", f"Bearer {forged}"):
            self.assert_rejected(authorization)
        self.assert_rejected(f"Bearer {self.session['refreshToken']}")

    def test_a_status_list_is_no_access_token(self):
        get(f"Bearer {self.token}")
        for uri in server.lists:
            with urlopen(uri, timeout=5) as response:
                self.assert_rejected(f"Bearer {response.read().decode()}")

    def test_a_token_is_rejected_within_the_ttl_after_the_sign_out_and_no_other(self):
        other = log_in()["accessToken"]
        self.assertEqual(get(f"Bearer {self.token}")[0], "200 OK")
        ask("mutation { logout { errors { code } } }", self.token)
        deadline = time.monotonic() + 20
        while get(f"Bearer {self.token}")[0] == "200 OK" and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assert_rejected(f"Bearer {self.token}")
        self.assertEqual(get(f"Bearer {other}")[0], "200 OK")

    def test_unavailable_keys_are_a_503(self):
        known, server.keys = server.keys, server.jwt.PyJWKClient("http://127.0.0.1:9/jwks.json", timeout=1)
        try:
            self.assertEqual(get(f"Bearer {self.token}")[0], "503 Service Unavailable")
        finally:
            server.keys = known

    def test_the_example_of_the_draft_is_read(self):
        # Section 4.1 of draft-ietf-oauth-status-list.
        uri = "http://127.0.0.1:9/status-lists/1"
        status_list = {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}
        server.lists[uri] = (time.monotonic() + 60, {"status_list": status_list})
        try:
            expected = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 1]  # the last index is not in the list
            claims = [{"status": {"status_list": {"idx": idx, "uri": uri}}} for idx in range(len(expected))]
            self.assertEqual([server.is_revoked(claim) for claim in claims], [bit == 1 for bit in expected])
        finally:
            del server.lists[uri]


if __name__ == "__main__":
    unittest.main()
