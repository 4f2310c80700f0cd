/// Every bound of this module, with its reason. What `HTTP2Configuration` repeats is its default there.
enum Limits {
  /// Streams a peer may have open at once. RFC 9113 §6.5.2 advises ≥ 100; a client that multiplexes long `Connect`
  /// streams wants more. Bounds the per-connection memory to 256 × (stream + its buffers).
  static let concurrentStreams = 256

  /// Header list size advertised (SETTINGS_MAX_HEADER_LIST_SIZE): gRPC's customary 8 KiB.
  static let headerListAdvertised_bytes = 8 << 10
  /// Header list size enforced, as RFC 9113 §6.5.2 counts (name + value + 32 per field). nghttp2 enforces nothing:
  /// 147 kB on the wire can decode to 578 MB.
  static let headerList_bytes = 16 << 10
  /// Fields in one header list: the per-field work is bounded even when the fields are empty.
  static let headerFields = 128
  /// A block's stored length fields are 16 bits wide, so no configuration may exceed this.
  static let headerListCeiling_bytes = 60 << 10

  /// CONTINUATION steps per header block. nghttp2 1.52 counts state-machine entries, not frames, so one 16 KiB
  /// CONTINUATION in 1,448-byte segments already counts 12. The header list limit bounds the work.
  static let continuations = 32
  /// Entries in one SETTINGS frame (CVE-2020-11080).
  static let settingsEntries = 32
  /// PING and SETTINGS acknowledgements waiting to be sent before nghttp2 gives up (CVE-2019-9512, -9515).
  static let outboundAcknowledgements = 200

  /// Server: RST_STREAM frames received for requests that had no answer yet (rapid reset, CVE-2023-44487), as nghttp2
  /// counts them. A stall of ours in which the deadlines of 256 calls pass, and of those that follow, stays below it.
  static let resetsReceived = RateLimit(burst: 1_000, perSecond: 33)
  /// Server: all RST_STREAM frames received. Who has an answer and cancels does what every viewer of a conversation
  /// does that leaves, and costs what any other call costs; this only bounds what one connection can ask in a second.
  static let allResetsReceived = RateLimit(burst: 10_000, perSecond: 1_000)
  /// RST_STREAM frames that the peer made *us* send (MadeYouReset, CVE-2025-8671). nghttp2 1.52 does not count them.
  static let streamErrors = RateLimit(burst: 200, perSecond: 7)
  /// PING and SETTINGS received. A PING that follows a HEADERS or DATA frame of ours is free: gRPC peers measure
  /// the bandwidth-delay product that way.
  static let controlFrames = RateLimit(burst: 200, perSecond: 7)
  /// Empty DATA frames without END_STREAM in a row (CVE-2019-9518).
  static let emptyDataFramesInARow = 10

  /// Frames waiting in nghttp2 (headers, resets, acknowledgements; not DATA) before the socket is no longer read.
  /// nghttp2 1.52 has no bound. Reading resumes at half of it.
  static let outboundFrames = 5_000
  /// DATA pieces of this length are delivered as they lie in the read buffer; shorter neighbours are joined, so that a
  /// read of tiny frames is not one call each.
  static let separateData_bytes = 4 << 10

  /// Bytes handed to the channel and not yet taken by the socket: nothing more is produced above this mark. It is a
  /// fraction of the 1 MiB that a connection may hold at all, because one gathered write may still be added.
  static let unsentHighWatermark_bytes = 256 << 10
  static let unsentLowWatermark_bytes = 64 << 10
  /// The longest piece nghttp2 hands over at once: a frame header and a 16 KiB payload, with room for padding.
  static let framePiece_bytes = (16 << 10) + 512
  /// Frames gathered into one write: no further frame is taken above it, so that buffer is 64 KiB in all. Larger
  /// buffers would move the scheduling from nghttp2 into the buffer.
  static let gatheredWrite_bytes = (64 << 10) - framePiece_bytes
  /// Writes shorter than this are copied out of the loop's gather buffer, so that a peer that does not read pins at
  /// most 16 times its unsent bytes.
  static let sharedWrite_bytes = 4 << 10
  /// Gathered writes in one flush, then the other connections of the loop have their turn.
  static let writesPerFlush = 16

  /// Bytes queued on one stream: a writer should wait above `high` and may go on at `low`.
  static let streamHighWatermark_bytes = 64 << 10
  static let streamLowWatermark_bytes = 32 << 10

  /// Bytes a peer may send on one stream before the handler has consumed any: 5 MB/s at 50 ms round trip.
  static let streamWindow_bytes = 256 << 10
  /// The same for the whole connection, which gets its credit back as bytes come: one handler that does not read must not
  /// hold up the other streams. As much each connection may hold unread in any case.
  static let connectionWindow_bytes = 1 << 20
  /// What a connection may hold unread and still get credit: 60 stopped streams beside those that go on.
  static let unread_bytes = 16 << 20
  /// What all connections together may hold unread beyond their windows; a connection takes its part in steps.
  static let unreadShared_bytes = 256 << 20
  static let unreadStep_bytes = 1 << 20

  /// A DATA frame from the peer (SETTINGS_MAX_FRAME_SIZE): a segment of speech comes in one piece and is decoded where it lies.
  static let receivedFrame_bytes = 64 << 10

  /// HPACK dynamic table of either direction (RFC 7541 default).
  static let headerTable_bytes = 4_096

  /// From channel active to the peer's first SETTINGS.
  static let preface_s: Int64 = 10
  /// From the shutdown notice to the final GOAWAY, when the peer does not answer the PING: beyond a usual round trip. Who
  /// is slower sends a new stream again, as the GOAWAY says.
  static let shutdownNotice_s: Int64 = 1
  /// From a fatal GOAWAY to closing the channel, when the peer does not read.
  static let lastWords_s: Int64 = 1

  /// One read from the socket, into a buffer that all sockets of a loop share: a stream's window, so that what came in
  /// one burst is answered in one write.
  static let read_bytes = 256 << 10
  /// Reads up to this length are copied out of the shared buffer.
  static let copiedRead_bytes = 1 << 10
  /// Under TLS the buffer is the connection's own, and grows with what comes up to this: a record has 16 KiB.
  static let encryptedRead_bytes = 64 << 10
  /// NIO keeps a connection's first read buffer: an idle one costs this. A gRPC client's first flight has 300–700 bytes.
  static let readInitial_bytes = 1 << 10
}

/// A token bucket's parameters: `burst` tokens at first and at most, `perSecond` new ones each second.
package struct RateLimit: Sendable, Hashable {
  package var burst: UInt64
  package var perSecond: UInt64
  package init(burst: UInt64, perSecond: UInt64) {
    self.burst = burst
    self.perSecond = perSecond
  }
}

/// The bounds whose breach is reported to `HTTP2ConnectionDelegate.limitReached`; raw values are metric label values.
package enum HTTP2Limit: String, Sendable, CaseIterable {
  case headerList = "header_list"
  case resetsReceived = "resets_received"
  case streamErrors = "stream_errors"
  case controlFrames = "control_frames"
  case emptyData = "empty_data"
  case outboundFrames = "outbound_frames"
  case preface = "preface"
  /// A breach that nghttp2 itself found (protocol error, flood, too many continuations or settings).
  case library = "library"
}
