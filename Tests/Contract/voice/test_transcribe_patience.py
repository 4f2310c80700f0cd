"""Transcribe keeps what came of a recording in memory: who sends no more of it does not keep it there."""
import queue

import grpc
import pytest

from contract import pb
from speaking import audio

# The service waits 30 s for the next part.
PATIENCE_S = 30
SLACK_S = 7


def test_a_recording_of_which_nothing_more_comes_is_given_up(person):
    outgoing = queue.Queue()
    outgoing.put(pb.TranscribeRequest(config=pb.TranscribeConfig()))
    outgoing.put(pb.TranscribeRequest(content=audio("我家在")))
    try:
        with pytest.raises(grpc.RpcError) as caught:
            person.stub.Transcribe(
                iter(outgoing.get, None), metadata=person.metadata, timeout=PATIENCE_S + SLACK_S)
    finally:
        outgoing.put(None)
    # The client's own deadline is DEADLINE_EXCEEDED.
    assert caught.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ABORTED)
