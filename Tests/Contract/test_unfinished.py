"""Requests that never end: a stranger without a token must not make the server hold them without bound."""
import contextlib
import socket
import time

import h2.config
import h2.connection
import h2.events

from contract import pb

MESSAGE_BYTES = 4 << 20
WAIT_S = 30


@contextlib.contextmanager
def open_connection(server):
    host, port = server.target.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=WAIT_S) as link:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        connection.initiate_connection()
        link.sendall(connection.data_to_send())
        yield link, connection


def request_headers(server):
    return [
        (":method", "POST"), (":scheme", "http"), (":authority", server.target),
        (":path", "/lifeecho.conversation.v1.ConversationService/SendText"),
        ("content-type", "application/grpc"), ("te", "trailers"),
    ]


def test_unfinished_requests_are_bounded(server, person):
    """Ten requests of almost 4 MiB on one connection: about four are held, the others end, for want of a token."""
    refused, left = {}, {}
    with open_connection(server) as (link, connection):
        for _ in range(10):
            stream = connection.get_next_available_stream_id()
            connection.send_headers(stream, request_headers(server))
            connection.send_data(stream, b"\0" + (MESSAGE_BYTES - 5).to_bytes(4, "big"))
            left[stream] = MESSAGE_BYTES - 1000
        end = time.monotonic() + WAIT_S
        while (left or not refused) and time.monotonic() < end:
            for stream in list(left):
                if stream in refused:
                    del left[stream]
                    continue
                room = min(
                    left[stream], connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
                if room > 0:
                    connection.send_data(stream, bytes(room))
                    left[stream] -= room
                if left[stream] == 0:
                    del left[stream]
            link.sendall(connection.data_to_send())
            link.settimeout(0.05)
            try:
                data = link.recv(1 << 16)
            except TimeoutError:
                continue
            assert data, "the connection was closed"
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    refused[event.stream_id] = dict(event.headers).get("grpc-status")
        assert 5 <= len(refused) <= 7, refused
        assert set(refused.values()) == {"16"}
        # Others do not notice.
        assert person.call("WhoAmI", pb.WhoAmIRequest()).user_id == person.user
