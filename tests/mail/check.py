"""Sends messages with a Portcullis binary to a real mail server: check.py BINARY.

The mail server is aiosmtpd, with TLS from the first byte, with STARTTLS, and without encryption, and with
authentication. Its certificate is created for the test.
"""

import email
import os
import ssl
import subprocess
import sys
import tempfile
from email.policy import default
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER, PASSWORD = "portcullis", "thick rope winch granite"
RECIPIENT = "ada@example.org"


class Inbox:
    """Keeps the messages that the server accepts."""

    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=default)
        over_tls = server.transport.get_extra_info("ssl_object") is not None
        self.messages.append((envelope.rcpt_tos, message, over_tls, session.authenticated))
        return "250 2.0.0 queued as 4711"


class MailServer(Controller):
    """A server on a free port."""

    def __init__(self, inbox, **settings):
        super().__init__(inbox, hostname="127.0.0.1", port=0, **settings)

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def authenticate(server, session, envelope, mechanism, data):
    is_right = (
        isinstance(data, LoginPassword)
        and data.login == USER.encode()
        and data.password == PASSWORD.encode()
    )
    return AuthResult(success=is_right, handled=False)


def certificate(folder):
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE",
         "-addext", "extendedKeyUsage=serverAuth", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


class Place:
    """A folder with a database, and settings of the mail server."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.run({}, "migrate", "up")

    def run(self, settings, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTCULLIS_")}
        environment.pop("DATABASE_URL", None)
        environment |= {f"PORTCULLIS_MAIL__{name}": str(value) for name, value in settings.items()}
        return subprocess.run(
            [self.binary, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60
        )

    def send(self, port, encryption, **settings):
        settings = {
            "TRANSPORT": "smtp",
            "FROM": "Bücher & Söhne <no-reply@bücher.example>",
            "SEND_TIMEOUT": "10s",
            "SMTP__HOST": "localhost",
            "SMTP__PORT": port,
            "SMTP__ENCRYPTION": encryption,
        } | settings
        return self.run(settings, "mail", "test", RECIPIENT)


def assert_sent(result, inbox, is_encrypted, is_authenticated):
    assert result.returncode == 0, result.stderr
    assert "250 2.0.0 queued as 4711" in result.stdout, result.stdout
    recipients, message, over_tls, authenticated = inbox.messages.pop()
    assert not inbox.messages
    assert recipients == [RECIPIENT]
    assert (over_tls, bool(authenticated)) == (is_encrypted, is_authenticated)
    assert message["Subject"] == "Test message of Bücher & Söhne", message["Subject"]
    assert message["From"].addresses[0].display_name == "Bücher & Söhne"
    assert message["From"].addresses[0].addr_spec == "no-reply@xn--bcher-kva.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@xn--bcher-kva.example>")
    assert message["Date"].datetime is not None
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"], kinds


def assert_refused(result, inbox, reason):
    assert result.returncode == 1, result.stdout
    assert reason in result.stderr, result.stderr
    assert PASSWORD not in result.stderr + result.stdout
    assert not inbox.messages


def served(controller, check):
    controller.start()
    try:
        check(controller.port)
    finally:
        controller.stop()


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        cert, context = certificate(folder)
        place, inbox = Place(binary, folder), Inbox()
        secret = folder / "password"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o600)
        trusted = {"SMTP__CA_FILE": cert}
        signed_in = trusted | {"SMTP__USERNAME": USER, "SMTP__PASSWORD_FILE": secret}
        required = {"authenticator": authenticate, "auth_required": True}

        def plain(port):
            assert_sent(place.send(port, "none"), inbox, False, False)
            # Without STARTTLS nothing is sent, because an attacker could have removed the offer.
            assert_refused(place.send(port, "starttls", **signed_in), inbox, "STARTTLS is not supported")

        def starttls(port):
            assert_sent(place.send(port, "starttls", **signed_in), inbox, True, True)
            wrong = trusted | {"SMTP__USERNAME": USER, "SMTP__PASSWORD": "another"}
            assert_refused(place.send(port, "starttls", **wrong), inbox, "535")
            assert_refused(place.send(port, "starttls", **trusted), inbox, "530")
            untrusted = {name: value for name, value in signed_in.items() if name != "SMTP__CA_FILE"}
            assert_refused(place.send(port, "starttls", **untrusted), inbox, "certificate")

        def tls(port):
            assert_sent(place.send(port, "tls", **signed_in), inbox, True, True)
            other = signed_in | {"SMTP__HOST": "127.0.0.1"}
            assert_refused(place.send(port, "tls", **other), inbox, "certificate")

        served(MailServer(inbox), plain)
        served(MailServer(inbox, tls_context=context, require_starttls=True, **required), starttls)
        served(MailServer(inbox, ssl_context=context, auth_require_tls=False, **required), tls)
    print("messages were sent without encryption, with STARTTLS and with TLS")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
