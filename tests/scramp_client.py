"""Logs in by scramp, an implementation of SCRAM that knows nothing of ours.

    scramp_client.py HOST PORT USER PASSWORD

Prints the server's refusal, or what the partner in the room `scramp` sends until it has finished.
"""

import base64
import socket
import sys

from scramp import ScramClient


def main(host, port, user, password):
    client = ScramClient(["SCRAM-SHA-256"], user, password)
    stream = socket.create_connection((host, int(port)), timeout=10)
    lines = stream.makefile("rb")

    def hear():
        """The server's next message."""
        line = lines.readline().decode().rstrip("\n")
        if line.startswith("ERR "):
            print(line)
            sys.exit(0)
        verb, message = line.split(" ")
        assert verb == "AUTH", line
        return base64.b64decode(message, validate=True).decode()

    def encoded(message):
        return base64.b64encode(message.encode())

    stream.sendall(b"JOIN scramp consume scram=" + encoded(client.get_client_first()) + b"\n")
    client.set_server_first(hear())
    stream.sendall(b"AUTH " + encoded(client.get_client_final()) + b"\n")
    # It raises if the server does not know the password either.
    client.set_server_final(hear())
    sys.stdout.buffer.write(lines.read())


main(*sys.argv[1:])
