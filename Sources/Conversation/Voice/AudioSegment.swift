/// One message of a stream with audio: a segment, or a part of one.
package struct AudioPart: Sendable {
  package var index: Int
  package var content: [UInt8]
  /// As the client measured it; 0: not said.
  package var duration_ms: Int64
  package var isLast: Bool
  /// On the client's clock.
  package var recordTime: Timestamp?
  /// From 0.
  package var part: Int
  package var hasMoreParts: Bool

  package init(
    index: Int, content: [UInt8], duration_ms: Int64 = 0, isLast: Bool = false, recordTime: Timestamp? = nil,
    part: Int = 0, hasMoreParts: Bool = false
  ) {
    self.index = index
    self.content = content
    self.duration_ms = duration_ms
    self.isLast = isLast
    self.recordTime = recordTime
    self.part = part
    self.hasMoreParts = hasMoreParts
  }
}

/// A whole segment, as it is stored.
package struct AudioSegment: Sendable {
  package var index: Int
  package var content: [UInt8]
  /// SHA-256 of the content.
  package var digest: [UInt8]
  package var duration_ms: Int64
  package var isLast: Bool
  package var recordTime: Timestamp?

  package init(
    index: Int, content: [UInt8], digest: [UInt8], duration_ms: Int64, isLast: Bool, recordTime: Timestamp?
  ) {
    self.index = index
    self.content = content
    self.digest = digest
    self.duration_ms = duration_ms
    self.isLast = isLast
    self.recordTime = recordTime
  }

  /// What the quota is charged: the length the client says, or one that its size allows.
  package var charge_ms: Int64 {
    duration_ms > 0 ? duration_ms : Int64(content.count) * 1_000 / Limits.assumedAudio_bytesPerSecond
  }
}

/// Why one segment was not stored. The stream goes on.
package enum SegmentRefusal: Error, Sendable, Equatable {
  /// The field's path as in the proto, and what is wrong with it, in English.
  case fieldInvalid(field: String, description: String)
  /// More than `Limits.segment_bytes`, or a part of more than `Limits.segmentPart_bytes`.
  case tooLarge(limit_bytes: Int)
  /// Other bytes are durable under this index.
  case conflict
  /// The session has `Limits.session_ms` of speech.
  case sessionFull
  /// The session has ended; index 0 starts a new one.
  case sessionFinished
  /// The server has no memory for it now.
  case overloaded
}
