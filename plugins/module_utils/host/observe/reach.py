# Copyright: (c) 2026, spire.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds out whether a SPIRE server answers at the address that an agent uses. A load balancer may answer without one."""

from __future__ import annotations

import socket
import ssl
import time

SECONDS = 5.0
#: seconds before the second try
PAUSE = 1.0
#: how a handshake ends when the other side closes the connection, depending on the moment
CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError)


def problem(host: str, port: int, spiffe_id: str) -> str:
    """Returns why no server with this SPIFFE ID shows its certificate at this address; empty where one does.

    The certificate is not verified, since the agent itself does that. Only its SPIFFE ID is looked for.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with _connected(host, port) as plain, context.wrap_socket(plain) as secured:
            certificate = secured.getpeercert(binary_form=True) or b""
    except CLOSED:
        return "the connection is closed at once, as by a load balancer that reaches no server"
    except ssl.SSLError as exc:
        return "what answers there speaks no TLS: %s" % (exc.reason or exc)
    except OSError as exc:
        return (exc.strerror or str(exc)).lower()
    return "" if spiffe_id.encode() in certificate else "what answers there is not %s" % spiffe_id


def _connected(host: str, port: int) -> socket.socket:
    """Connects. A name that is not known, and a connection that takes too long, are tried twice, as the server may just have been restarted."""
    try:
        return socket.create_connection((host, port), SECONDS)
    except (socket.gaierror, socket.timeout):
        time.sleep(PAUSE)
        return socket.create_connection((host, port), SECONDS)
