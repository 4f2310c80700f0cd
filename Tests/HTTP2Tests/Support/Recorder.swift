import HTTP2
import NIOCore

/// Records what a stream handler is told, and can answer.
final class Recorder: HTTP2StreamHandler {
  enum Event: Equatable {
    case headers(ends: Bool)
    case data(count: Int, ends: Bool)
    case trailers
    case writable
    case closed(HTTP2ErrorCode)
  }

  var events: [Event] = []
  var stream: HTTP2Stream?
  var body: [UInt8] = []
  var head = HeaderBlock()
  var trailers = HeaderBlock()
  var consumesAtOnce = true
  var inputEndings = 0
  var onEvent: ((Recorder, HTTP2Stream, Event) -> Void)?

  var closeCodes: [HTTP2ErrorCode] {
    events.compactMap { if case .closed(let code) = $0 { code } else { nil } }
  }
  var hasEnded: Bool {
    events.contains { event in
      switch event {
      case .headers(ends: true), .data(_, ends: true), .trailers: true
      default: false
      }
    }
  }

  func receivedHeaders(_ stream: HTTP2Stream, endStream: Bool) {
    self.stream = stream
    head = stream.headers
    record(stream, .headers(ends: endStream))
  }
  func receivedData(_ stream: HTTP2Stream, _ data: ByteBuffer, endStream: Bool) {
    body.append(contentsOf: data.readableBytesView)
    if consumesAtOnce { stream.consume(data.readableBytes) }
    record(stream, .data(count: data.readableBytes, ends: endStream))
  }
  func inputEnds() { inputEndings += 1 }
  func receivedTrailers(_ stream: HTTP2Stream, _ trailers: HeaderBlock) {
    self.trailers = trailers
    record(stream, .trailers)
  }
  func writabilityChanged(_ stream: HTTP2Stream) { record(stream, .writable) }
  func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) { record(stream, .closed(code)) }

  private func record(_ stream: HTTP2Stream, _ event: Event) {
    events.append(event)
    onEvent?(self, stream, event)
  }
}

/// Records what a connection delegate is told; every accepted stream gets a `Recorder` that behaves as `onEvent` says.
final class RecordingDelegate: HTTP2ConnectionDelegate {
  var accepted: [Recorder] = []
  var readyCount = 0
  var goAways: [(last: Int32, code: HTTP2ErrorCode)] = []
  var pings: [UInt64] = []
  var limits: [HTTP2Limit] = []
  var closedCount = 0
  var consumesAtOnce = true
  var onEvent: ((Recorder, HTTP2Stream, Recorder.Event) -> Void)?

  func accept(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> any HTTP2StreamHandler {
    let recorder = Recorder()
    recorder.consumesAtOnce = consumesAtOnce
    recorder.onEvent = onEvent
    accepted.append(recorder)
    return recorder
  }
  func connectionReady(_ connection: HTTP2ConnectionHandler) { readyCount += 1 }
  func goAwayReceived(_ connection: HTTP2ConnectionHandler, lastStreamID: Int32, code: HTTP2ErrorCode) {
    goAways.append((lastStreamID, code))
  }
  func pingAcknowledged(_ connection: HTTP2ConnectionHandler, _ opaque: UInt64) { pings.append(opaque) }
  func limitReached(_ connection: HTTP2ConnectionHandler, _ limit: HTTP2Limit) { limits.append(limit) }
  func connectionClosed(_ connection: HTTP2ConnectionHandler) { closedCount += 1 }
}

enum Answers {
  static let head = HeaderFields(PrebuiltHeaders([(":status", "200"), ("content-type", "application/grpc")]))
  static let trailers = HeaderFields(PrebuiltHeaders([("grpc-status", "0")]))

  /// Echoes the body when the request is complete.
  static func echo(_ recorder: Recorder, _ stream: HTTP2Stream, _ event: Recorder.Event) {
    switch event {
    case .headers(ends: true), .data(_, ends: true), .trailers:
      stream.sendHeaders(head, endStream: false)
      stream.send(ByteBuffer(bytes: recorder.body))
      stream.finish(trailers: trailers)
    default: break
    }
  }
}
