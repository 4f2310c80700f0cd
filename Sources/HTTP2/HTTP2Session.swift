import CNGHTTP2
import NIOCore

/// Which end of the connection this is.
package enum HTTP2Role: Sendable, Hashable { case server, client }

/// What a session asks of the connection that owns it. Never called from inside nghttp2.
protocol HTTP2SessionOwner: AnyObject {
  func accept(_ stream: HTTP2Stream) -> any HTTP2StreamHandler
  func sessionReady()
  func goAwayReceived(lastStreamID: Int32, code: HTTP2ErrorCode)
  func pingAcknowledged(_ opaque: UInt64)
  func limitReached(_ limit: HTTP2Limit)
  /// There is something to send and nobody is about to flush.
  func sessionNeedsFlush()
}

/// One HTTP/2 connection without I/O: bytes in, events collected and then dispatched, bytes out.
///
/// Loop-confined. Three phases never nest: `receive` and `gather` are inside nghttp2, where only callbacks of this type
/// run; `dispatch` runs the handlers. Whatever handlers call only submits to nghttp2, so the rules "no mem_recv, no
/// mem_send and no session_del from a callback" hold by construction (asserted by `isInsideLibrary`).
final class HTTP2Session {
  let role: HTTP2Role
  let configuration: HTTP2Configuration
  /// Whole seconds of a clock that may be any; used by the rate limiters only.
  let clock_s: () -> UInt64
  let headerList_bytes: Int
  unowned(unsafe) var owner: (any HTTP2SessionOwner)?

  /// The nghttp2 session; nil after `tearDown`.
  var library: OpaquePointer?
  private let memory = SessionMemory.shared.take()
  var isInsideLibrary = false
  var isDispatching = false

  /// Set while the owner is about to flush anyway, so that it need not be asked for each submission.
  var isFlushDue = false

  // Live streams: an intrusive list, because nghttp2_session_del tells nothing about them.
  unowned(unsafe) var liveHead: HTTP2Stream?
  var liveCount = 0
  /// Streams with events to deliver, each once.
  var readyStreams: [HTTP2Stream] = []
  /// Streams whose handlers have pieces of the read buffer, each once.
  var inputHolders: [(stream: HTTP2Stream, handler: any HTTP2StreamHandler)] = []

  /// The stream that nghttp2's table was last asked for; callbacks come in runs for one stream.
  var lookedUp: (id: Int32, stream: Unmanaged<HTTP2Stream>)?

  // The header block that is being received.
  var headerStream: Unmanaged<HTTP2Stream>?
  let headerBuilder = HeaderBlockBuilder()
  /// What `receive` was given, while it runs, and where its bytes are: DATA is delivered as slices of it.
  var input = ByteBuffer()
  var inputBase: UnsafeRawPointer?

  // Connection events to deliver.
  var isReadyPending = false
  var pendingGoAway: (lastStreamID: Int32, code: HTTP2ErrorCode)?
  var pendingPings: [UInt64] = []
  var pendingLimits: [HTTP2Limit] = []
  /// Set by a callback that found a breach: terminate with this code as soon as nghttp2 has returned.
  var pendingTermination: HTTP2ErrorCode?

  /// DATA that came and that no handler has read.
  var unread_bytes = 0
  /// DATA that came and was not given back to the connection's window.
  var uncredited_bytes = 0
  var unreadAllowance: UnreadAllowance

  // State of the connection.
  var hasPeerSettings = false
  var hasGoAway = false
  var isTerminated = false

  // Counters of abuse.
  var resetsReceived: RateLimiter
  var streamErrors: RateLimiter
  var controlFrames: RateLimiter
  var emptyDataFramesInARow = 0
  /// Whether HEADERS or DATA was sent since the last PING came.
  var hasSentSincePing = true

  /// Creates the session and submits our SETTINGS and connection window.
  init(
    role: HTTP2Role, configuration: HTTP2Configuration, clock_s: @escaping () -> UInt64
  ) throws(HTTP2Error) {
    self.role = role
    self.configuration = configuration
    self.clock_s = clock_s
    headerList_bytes = min(configuration.headerList_bytes, Limits.headerListCeiling_bytes)
    unreadAllowance = UnreadAllowance(
      own_bytes: configuration.connectionWindow_bytes, most_bytes: configuration.unread_bytes)
    let now_s = clock_s()
    resetsReceived = RateLimiter(configuration.resetsReceived, now_s: now_s)
    streamErrors = RateLimiter(configuration.streamErrors, now_s: now_s)
    controlFrames = RateLimiter(configuration.controlFrames, now_s: now_s)
    guard let shared = SessionLibrary.shared else { throw .library(code: NGHTTP2_ERR_NOMEM.rawValue) }
    library = try shared.makeSession(
      role: role, configuration: configuration, memory: memory, userData: Unmanaged.passUnretained(self).toOpaque())
    try submitSettings()
  }

  deinit {
    if let library { nghttp2_session_del(library) }
    if let memory { SessionMemory.shared.giveBack(memory) }
    unlinkAll { _ in }
  }

  private func submitSettings() throws(HTTP2Error) {
    func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
      nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
    }
    var entries = [
      entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, configuration.streamWindow_bytes),
      entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, configuration.headerListAdvertised_bytes),
      entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
      entry(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, Limits.receivedFrame_bytes),
    ]
    switch role {
    case .server: entries.append(entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, configuration.maxConcurrentStreams))
    case .client: entries.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
    }
    let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
    var code = nghttp2_submit_settings(library, flags, &entries, entries.count)
    if code == 0 {
      let window = Int32(clamping: configuration.connectionWindow_bytes)
      code = nghttp2_session_set_local_window_size(library, flags, 0, window)
    }
    guard code == 0 else { throw .library(code: code) }
  }

  // MARK: Live streams

  func link(_ stream: HTTP2Stream) {
    _ = Unmanaged.passRetained(stream)
    stream.next = liveHead
    liveHead?.previous = stream
    liveHead = stream
    liveCount += 1
  }

  /// Takes the stream off the list and returns the list's reference.
  func unlink(_ stream: HTTP2Stream) -> Unmanaged<HTTP2Stream> {
    if let previous = stream.previous { previous.next = stream.next } else { liveHead = stream.next }
    stream.next?.previous = stream.previous
    stream.previous = nil
    stream.next = nil
    liveCount -= 1
    return Unmanaged.passUnretained(stream)
  }

  func unlinkAll(_ body: (HTTP2Stream) -> Void) {
    while let stream = liveHead {
      let reference = unlink(stream)
      body(stream)
      stream.session = nil
      reference.release()
    }
  }

  /// Puts a stream on the ready list.
  func markReady(_ stream: HTTP2Stream) {
    guard !stream.flags.contains(.ready) else { return }
    stream.flags.insert(.ready)
    readyStreams.append(stream)
  }

  /// Marks a stream closed, whatever the reason; its `closed` event is delivered by the next dispatch.
  func markClosed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
    guard !stream.flags.contains(.closed) else { return }
    stream.flags.insert(.closed)
    stream.closeCode = code
    stream.outbound.removeAll()
    stream.outboundTrailers = nil
    markReady(stream)
  }

  @inline(__always)
  func requestFlush() {
    if !isFlushDue { owner?.sessionNeedsFlush() }
  }

  // MARK: Ending

  /// Frees the nghttp2 session; every live stream is closed with `code`. Dispatch afterwards. Idempotent.
  func tearDown(_ code: HTTP2ErrorCode) {
    precondition(!isInsideLibrary, "the session may not be torn down from inside nghttp2")
    guard let library else { return }
    self.library = nil
    isTerminated = true
    nghttp2_session_del(library)
    headerStream = nil
    lookedUp = nil
    unlinkAll { markClosed($0, code) }
  }

  /// Sends GOAWAY with `code` and takes nothing more from the peer. Idempotent.
  func terminate(_ code: HTTP2ErrorCode) {
    guard let library, !isTerminated else { return }
    isTerminated = true
    _ = nghttp2_session_terminate_session(library, code.isWireCode ? code.rawValue : HTTP2ErrorCode.noError.rawValue)
    requestFlush()
  }

  /// A bound was reached: report it and, with a code, terminate as soon as nghttp2 has returned.
  func breach(_ limit: HTTP2Limit, _ code: HTTP2ErrorCode?) {
    if pendingLimits.count < HTTP2Limit.allCases.count { pendingLimits.append(limit) }
    if let code, pendingTermination == nil { pendingTermination = code }
  }

  /// True when nothing will be read or written any more, so that the channel should be closed.
  var isFinished: Bool {
    guard let library else { return true }
    return nghttp2_session_want_read(library) == 0 && nghttp2_session_want_write(library) == 0
  }

  /// Whether `gather` would produce something.
  var hasOutput: Bool {
    pendingTermination != nil || (library.map { nghttp2_session_want_write($0) != 0 } ?? false)
  }

  /// Frames waiting to be sent, DATA not counted.
  var outboundFrameCount: Int { library.map { nghttp2_session_get_outbound_queue_size($0) } ?? 0 }

  /// Streams the peer lets us have open at once.
  var peerConcurrentStreams: Int {
    guard let library else { return 0 }
    return Int(nghttp2_session_get_remote_settings(library, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
  }
}
