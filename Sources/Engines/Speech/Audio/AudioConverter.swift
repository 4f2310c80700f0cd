import Conversation
import Foundation

/// Re-codes recordings that an engine does not take, by ffmpeg as a process of its own: what parses foreign bytes does
/// so outside this process, with limits on its time, memory and output, no network and no other files.
struct AudioConverter: Sendable {
  /// What recordings become: AAC, mono, at the 16 kHz that recognisers work with.
  static let target = AudioContainer.m4a

  private let program: String
  private let timeout: Duration
  private let folder: URL
  private let queue: OperationQueue

  /// - Parameters:
  ///   - program: a path, or a name that is looked for in PATH.
  ///   - folder: where each conversion has a private one.
  init(
    program: String, timeout: Duration = Limits.conversion, folder: URL = FileManager.default.temporaryDirectory
  ) {
    self.program = program
    self.timeout = timeout
    self.folder = folder
    queue = OperationQueue()
    queue.maxConcurrentOperationCount = Limits.conversions
    queue.name = "lifeecho.audio-converter"
    queue.addOperation { PrivateFolder.sweep(folder) }
  }

  /// The recording as ``target``. Waits off the caller's thread; cancelling kills ffmpeg and removes its files.
  /// - Throws: `SpeechRecognitionError`: `.invalidAudio` when ffmpeg cannot read the bytes, or reads less of them than
  ///   the container declares; `.unreachable` when there is no ffmpeg, or a signal ended it; `.timedOut`. Or
  ///   `CancellationError`.
  func convert(_ bytes: [UInt8], _ audio: SniffedAudio) async throws -> (bytes: [UInt8], audio: SniffedAudio) {
    guard let path = Executable.path(program) else {
      throw SpeechRecognitionError.unreachable(
        "\(program) is not installed: the engine does not take \(audio.container.rawValue)")
    }
    let run = ConversionRun(program: path, timeout: timeout, folder: folder)
    let converted = try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        queue.addOperation { continuation.resume(with: Result { try run.convert(bytes, audio.container) }) }
      }
    } onCancel: {
      run.cancel()
    }
    let result: SniffedAudio
    do {
      result = try AudioSniffer.sniff(converted)
    } catch {
      throw SpeechRecognitionError.invalidAudio("nothing in the recording could be decoded")
    }
    try Self.compare(declared_ms: audio.duration_ms, decoded_ms: result.duration_ms)
    return (converted, result)
  }

  /// ffmpeg reports success for what it could read, be it nothing (measured: an m4a through a pipe).
  private static func compare(declared_ms: Int64?, decoded_ms: Int64?) throws(SpeechRecognitionError) {
    guard let declared_ms, let decoded_ms else { return }
    let tolerance_ms = max(Limits.durationTolerance_ms, declared_ms / 10)
    guard decoded_ms + tolerance_ms >= declared_ms else {
      throw .invalidAudio("only \(decoded_ms) of \(declared_ms) ms of the recording could be decoded")
    }
  }
}

enum Executable {
  /// Where `program` is: itself if it is a path, else the first of that name in PATH.
  static func path(_ program: String) -> String? {
    let candidates =
      program.contains("/")
      ? [program]
      : (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        .map { "\($0)/\(program)" }
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
