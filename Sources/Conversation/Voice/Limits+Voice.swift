extension Limits {
  /// Characters of a voice session's id.
  package static let voiceSessionIDCharacters = 256
  /// Segments of one session, counted from 0 (design §5); at a second each, more than an hour.
  package static let segments = 4096
  /// Bytes of one message's audio: a part is decoded and copied at once on an event loop.
  package static let segmentPart_bytes = 1 << 20
  /// Bytes of one segment: forty minutes of a phone's m4a.
  package static let segment_bytes = 12 << 20
  /// Speech of one session: a recording that was left running is cut there (design §5).
  package static let session_ms: Int64 = 60 * 60_000
  /// Segments of one stream that are received and not acknowledged; the client is stopped by flow control.
  package static let unacknowledgedSegments = 8
  /// Bytes of segments stored by one statement: what is already there when the one before it is done.
  package static let batch_bytes = 1 << 20
  /// Statements that store segments of several streams at the same time: while one waits for the disk, the other works.
  /// More would hold fewer segments each.
  package static let segmentStatements = 2
  /// Received segments of all streams that are not stored yet: 4,000 usual ones; and of one user.
  package static let receivedAudio_bytes = 128 << 20
  package static let receivedAudioShare_bytes = 32 << 20
  /// Segments being put together of parts, and recordings for Transcribe: 16 of the largest; of one user 4, as many as a
  /// phone sends at once. What has come counts, not what was announced.
  package static let assembledAudio_bytes = 192 << 20
  package static let assembledAudioShare_bytes = 48 << 20
  /// How long a segment waits for memory before it is refused as overload.
  package static let memoryPatience_ms: Int64 = 10_000
  /// Parts of one segment: in each such time of waiting so many bytes must arrive, else its memory is given back. Half of
  /// what the slowest speech codec makes (AMR, 4.75 kbit/s), so that the line of whoever can speak at all is fast enough.
  package static let partPatience_ms: Int64 = 30_000
  package static let partProgress_bytes = 8 << 10
  /// Segments listed beyond `durable_through`, and as missing (design §5).
  package static let listedSegments = 64

  /// Times an engine may fail on a segment before it is given up (design §7).
  package static let recognitionFailures = 3
  /// Times a segment's lease may be lost before it is given up: one that kills servers ends too. With the pauses between
  /// them, which grow to `lossPause_ms`, that takes two hours: restarts and outages of any other cause are over by then.
  package static let recognitionLosses = 16
  package static let lossPause_ms: Int64 = 10 * 60_000
  /// Sessions looked at in one round of endings.
  package static let dueSessions = 100
  /// Sessions finished at the same time: half of a pool's connections, since one may wait for a lock.
  package static let endingsAtOnce = 8
  /// Transcribe in an hour, per user (design §8).
  package static let transcriptionCalls = 60
  package static let transcription_ms: Int64 = 20 * 60_000
  /// Speech whose length the client does not say is taken for 16 kHz, 16 bits: the longest a container stores by default.
  package static let assumedAudio_bytesPerSecond: Int64 = 32_000
}
