import NIOCore

/// One WebSocket connection without its socket (RFC 6455, RFC 7692): bytes and the time go in, events and bytes come
/// out. A value type; whatever carries bytes both ways can carry it.
///
/// ```
///             close frame sent                 close frame received
///   open ───────────────────────▶ closeSent ───────────────────────▶ ended
///    └──────────── close frame received, violation, silence ───────────▲
/// ```
struct WebSocketSession {
  enum Event {
    /// A whole message, valid UTF-8.
    case text(ByteBuffer)
    case binary(ByteBuffer)
    /// The answer to `ping` with this number.
    case pong(UInt64)
    /// The last event.
    case ended(Ending)
  }

  /// How a session ended. What is to be sent about it is in the output already.
  struct Ending: Hashable {
    /// The peer's code, ours when we failed the connection, or 1006.
    var code: WebSocketCloseCode
    /// The peer's reason, or what we found wrong.
    var reason: String
    /// Both close frames were exchanged.
    var isClean: Bool
    /// The bound that was reached, if one was.
    var limit: WebSocketLimit?
  }

  enum State: UInt8 {
    case open, closeSent, ended
  }

  let role: WebSocketRole
  let settings: SessionSettings
  let deflate: DeflateParameters?
  private(set) var state = State.open

  // The frame that is being read.
  var isInFrame = false
  /// A data frame after our close frame: nobody wants it.
  var isSkipping = false
  var frame = FrameHeader(isFinal: true, isCompressed: false, opcode: .text, length: 0, key: 0)
  /// Payload bytes of it that were taken.
  var received_bytes = 0
  /// The beginning of a header, or of a control frame's payload, when a read ended inside it.
  var partial = ByteBuffer()
  /// The message that is being read, unless it arrived at once.
  var assembly: MessageAssembly?

  var inboundHistory = MessageHistory()
  var outboundHistory = MessageHistory()
  var controlTokens: TokenBucket
  var fragmentTokens: TokenBucket

  // Times, in seconds of the caller's clock.
  private var pingDue_s: UInt32
  private var pingSent_s: UInt32 = 0
  private var isPongAwaited = false
  private var closeDue_s: UInt32 = 0
  private var closeLimit_s: UInt32 = 0
  var compressed_s: UInt32 = 0

  init(role: WebSocketRole, settings: SessionSettings, deflate: DeflateParameters?, now_s: UInt32) {
    self.role = role
    self.settings = settings
    self.deflate = deflate
    controlTokens = TokenBucket(settings.configuration.controlFrames, now_s: now_s)
    fragmentTokens = TokenBucket(settings.configuration.tinyFragments, now_s: now_s)
    pingDue_s = now_s &+ UInt32(settings.configuration.keepalivePing_s)
  }

  // MARK: The end

  /// Starts the close handshake; nothing is sent when the session is closing or over already.
  mutating func close(
    _ code: WebSocketCloseCode, reason: String, into output: inout ByteBuffer, workspace: SessionWorkspace,
    now_s: UInt32
  ) {
    guard state == .open else { return }
    writeClose(code, reason: reason, into: &output, workspace: workspace)
    state = .closeSent
    closeDue_s = now_s &+ UInt32(settings.configuration.closeHandshake_s)
    closeLimit_s = now_s &+ UInt32(max(Limits.slowClose_s, settings.configuration.closeHandshake_s))
  }

  /// Ends the session now: we found the peer at fault, or cannot go on.
  mutating func fail(
    _ code: WebSocketCloseCode, reason: String, limit: WebSocketLimit?, into output: inout ByteBuffer,
    workspace: SessionWorkspace
  ) -> Ending {
    if state == .open { writeClose(code, reason: reason, into: &output, workspace: workspace) }
    end(workspace)
    return Ending(code: code, reason: reason, isClean: false, limit: limit)
  }

  /// The connection below is gone; nil when the session had ended before.
  mutating func connectionLost(workspace: SessionWorkspace) -> Ending? {
    guard state != .ended else { return nil }
    end(workspace)
    return Ending(code: .abnormal, reason: "", isClean: false, limit: nil)
  }

  /// The peer's close frame, answered.
  mutating func receiveClose(
    _ payload: ByteBuffer, into output: inout ByteBuffer, workspace: SessionWorkspace
  ) throws(SessionViolation) -> Ending {
    var payload = payload
    var code = WebSocketCloseCode.noStatus
    var reason = ""
    if payload.readableBytes > 0 {
      guard let number = payload.readInteger(as: UInt16.self) else {
        throw SessionViolation(.protocolError, "close frame of one byte")
      }
      code = WebSocketCloseCode(number)
      guard code.isValidOnWire else { throw SessionViolation(.protocolError, "close code out of range") }
      var utf8 = UTF8Validator()
      guard payload.withUnsafeReadableBytes({ utf8.accepts($0) }), utf8.isComplete else {
        throw SessionViolation(.invalidPayload, "close reason is not UTF-8")
      }
      reason = String(buffer: payload)
    }
    if state == .open {
      if code == .noStatus {
        write(.close, ByteBuffer(), into: &output, workspace: workspace)
      } else {
        writeClose(code, reason: "", into: &output, workspace: workspace)
      }
    }
    end(workspace)
    return Ending(code: code, reason: reason, isClean: true, limit: nil)
  }

  private mutating func end(_ workspace: SessionWorkspace) {
    state = .ended
    partial = ByteBuffer()
    inboundHistory = MessageHistory()
    outboundHistory = MessageHistory()
    guard let assembly else { return }
    self.assembly = nil
    workspace.give(assembly)
  }

  // MARK: Time

  /// What is due at `now_s`: a ping, the end of an unanswered one or of an unanswered close, memory to be given back.
  mutating func tick(into output: inout ByteBuffer, workspace: SessionWorkspace, now_s: UInt32) -> Ending? {
    switch state {
    case .ended: return nil
    case .closeSent:
      guard now_s >= closeDue_s else { return nil }
      end(workspace)
      return Ending(code: .abnormal, reason: "close frame unanswered", isClean: false, limit: .closeHandshake)
    case .open: break
    }
    releaseIdleMemory(now_s: now_s)
    guard settings.configuration.keepalivePing_s > 0 else { return nil }
    if isPongAwaited, now_s >= pongDue_s {
      return fail(
        .internalError, reason: "keepalive ping timeout", limit: .keepalive, into: &output, workspace: workspace)
    }
    if now_s >= pingDue_s {
      if !isPongAwaited {
        write(.ping, ByteBuffer(integer: Self.keepalivePayload), into: &output, workspace: workspace)
        isPongAwaited = settings.configuration.keepalivePong_s > 0
        pingSent_s = now_s
      }
      pingDue_s = now_s &+ UInt32(settings.configuration.keepalivePing_s)
    }
    return nil
  }

  /// When `tick` has something to do next; nil: never.
  var deadline_s: UInt32? {
    switch state {
    case .ended: return nil
    case .closeSent: return closeDue_s
    case .open:
      var earliest: UInt32?
      if settings.configuration.keepalivePing_s > 0 { earliest = isPongAwaited ? min(pingDue_s, pongDue_s) : pingDue_s }
      if compressed_s > 0 { earliest = min(earliest ?? .max, compressed_s &+ UInt32(Limits.deflateIdle_s)) }
      return earliest
    }
  }

  private var pongDue_s: UInt32 { pingSent_s &+ UInt32(settings.configuration.keepalivePong_s) }

  /// The payload of our own pings, four bytes so that no `ping` of a user (eight) can be mistaken for one.
  static let keepalivePayload: UInt32 = 0x6563_686f

  mutating func receivedPong(_ payload: ByteBuffer) -> Event? {
    isPongAwaited = false
    guard payload.readableBytes == 8, let number = payload.getInteger(at: payload.readerIndex, as: UInt64.self) else {
      return nil
    }
    return .pong(number)
  }

  /// A pong cannot overtake the rest of a frame, nor arrive while we do not read: the wait for it starts anew. So does
  /// the wait for the answer to our close frame, for a bounded time.
  mutating func postponeAnswers(now_s: UInt32) {
    if isPongAwaited { pingSent_s = now_s }
    if state == .closeSent {
      closeDue_s = min(now_s &+ UInt32(settings.configuration.closeHandshake_s), closeLimit_s)
    }
  }

  private mutating func releaseIdleMemory(now_s: UInt32) {
    guard compressed_s > 0, now_s >= compressed_s &+ UInt32(Limits.deflateIdle_s) else { return }
    compressed_s = 0
    // Our compressor may always start afresh; the peer's may refer back to what it sent, so that is kept.
    outboundHistory = MessageHistory()
    inboundHistory.shrink()
  }
}

/// What all sessions of a listener have in common: one object instead of a copy in each.
final class SessionSettings: Sendable {
  let configuration: WebSocketConfiguration
  init(_ configuration: WebSocketConfiguration) { self.configuration = configuration }
}

/// The peer broke a rule or a bound: the code it gets to hear, and why, in words that contain nothing it sent.
struct SessionViolation: Error {
  var code: WebSocketCloseCode
  var reason: StaticString
  var limit: WebSocketLimit?

  init(_ code: WebSocketCloseCode, _ reason: StaticString, limit: WebSocketLimit? = nil) {
    self.code = code
    self.reason = reason
    self.limit = limit
  }
}
