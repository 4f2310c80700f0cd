import AsyncHTTPClient
import Conversation
import NIOCore
import NIOHTTP1
import Synchronization

/// One sentence on its way from the server's response to its reader.
final class SpeechExchange: Sendable {
  let watchdog: Watchdog
  let format: SpeechFormat
  private let continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation
  private let idleTimeout: Duration
  private let emitted = Atomic<Bool>(false)

  init(
    continuation: AsyncThrowingStream<[UInt8], any Error>.Continuation, watchdog: Watchdog, format: SpeechFormat,
    idleTimeout: Duration
  ) {
    self.continuation = continuation
    self.watchdog = watchdog
    self.format = format
    self.idleTimeout = idleTimeout
  }

  /// Audio went to the reader: the try can no longer be repeated.
  var hasEmitted: Bool { emitted.load(ordering: .relaxed) }

  /// Forwards the response's bytes as they come, once the first ones are what was asked for.
  func read(_ response: HTTPClientResponse) async throws {
    let type = response.headers.first(name: "content-type")?.lowercased() ?? ""
    guard !type.hasPrefix("application/json"), !type.hasPrefix("text/") else {
      throw ExchangeFailure.malformed("the answer is \(type.prefix { $0 != ";" }), not speech")
    }
    var first: [UInt8] = []
    var total = 0
    for try await part in response.body {
      total += part.readableBytes
      guard total <= Limits.speechBytes else { throw ExchangeFailure.tooLarge(limit_bytes: Limits.speechBytes) }
      if hasEmitted {
        emit(Array(part.readableBytesView))
      } else {
        first += part.readableBytesView
        guard first.count >= SpeechFormat.signatureBytes else { continue }
        guard format.begins(first) else { throw ExchangeFailure.malformed("the answer is not \(format.rawValue)") }
        emit(first)
      }
    }
    guard hasEmitted else { throw ExchangeFailure.unreachable("the response ended before any speech") }
  }

  private func emit(_ bytes: [UInt8]) {
    emitted.store(true, ordering: .relaxed)
    watchdog.expect("more speech", within: idleTimeout)
    continuation.yield(bytes)
  }

  static func failure(_ error: any Error) -> ExchangeFailure {
    if let refusal = error as? Refusal { return refusal.failure }
    return ExchangeFailure(error, limit_bytes: Limits.speechBytes, whole: "the whole sentence")
  }
}

extension SpeechFormat {
  static let signatureBytes = 4

  var mediaType: String {
    switch self {
    case .mp3: "audio/mpeg"
    case .wav: "audio/wav"
    }
  }

  /// Whether a file of this format can begin so: an ID3 tag or a frame of MPEG audio, or RIFF.
  func begins(_ bytes: [UInt8]) -> Bool {
    let scan = ByteScan(bytes)
    return switch self {
    case .mp3: scan.has("ID3", at: 0) || scan.big(2, at: 0).map { $0 & 0xFFE6 == 0xFFE2 } ?? false
    case .wav: scan.has("RIFF", at: 0)
    }
  }
}
