"""A mail server on this machine: it keeps what it is sent, refuses what it is told to, and can strike a sender dead."""

import socketserver
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


@dataclass
class Mailbox:
    """What arrived, and how the server answers."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    # Answers to an address and to a message; what isn't named is taken.
    to_recipient: str = "250 OK"
    to_message: str = "250 OK"
    # Called once a message is kept, before its sender hears so; without an answer the sender never does.
    on_message: Callable[[], Any] | None = None


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        box: Mailbox = self.server.box  # type: ignore[attr-defined]
        self._say("220 test ESMTP")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb in {b"EHLO", b"HELO"}:
                self._say("250 test")
            elif verb == b"RCPT":
                self._say(box.to_recipient)
            elif verb == b"DATA":
                self._say("354 go on")
                self._take(box)
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 OK")

    def _take(self, box: Mailbox) -> None:
        lines = []
        for line in self.rfile:
            if line.rstrip(b"\r\n") == b".":
                break
            lines.append(line[1:] if line.startswith(b"..") else line)
        if not box.to_message.startswith("2"):
            self._say(box.to_message)
            return
        box.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))
        if box.on_message is not None:
            box.on_message()
        self._say(box.to_message)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_request: object) -> None:
        """Say nothing of senders that died."""


@contextmanager
def mail_server() -> Generator[Mailbox]:
    """Serve on a port of this machine."""
    with _Server(("127.0.0.1", 0), _Session) as server:
        box = Mailbox(port=server.server_address[1])
        server.box = box  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield box
        server.shutdown()
