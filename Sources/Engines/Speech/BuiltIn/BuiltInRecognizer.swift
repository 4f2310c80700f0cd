package import Conversation
import Synchronization

/// A recogniser for tests and demonstrations, without any engine: it reads ``TestAudio`` and names the length of
/// everything else. It never stands in for a real one by itself: `speech.recognizer=builtin` asks for it.
///
/// Directions, each on a line of its own: `!silence` gives no text, `!garbage` is refused as no audio, `!timeout` ends as
/// if the engine had not answered, `!fail` fails always and `!fail 2` the first two times these bytes come (each is an
/// attempt), `!slow 500` takes so many milliseconds.
package final class BuiltInRecognizer: SpeechRecognizer {
  package let name = "builtin"
  /// Attempts at recordings that are to fail, by hash.
  private let attempts = Mutex<[Int: Int]>([:])

  package init() {}

  package func transcribe(_ recording: Recording) async throws -> String {
    // Away from an event loop: a recording may be megabytes.
    try await withTaskExecutorPreference(globalConcurrentExecutor) { try await read(recording) }
  }

  private func read(_ recording: Recording) async throws -> String {
    guard let script = TestAudio.script(in: recording.bytes) else {
      let audio = try AudioSniffer.sniff(recording.bytes)
      let tenths = ((audio.duration_ms ?? recording.duration_ms) + 50) / 100
      return "（一段语音，\(tenths / 10).\(tenths % 10)秒）"
    }
    var words: [Substring] = []
    for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
      guard line.hasPrefix("!") else {
        words.append(line)
        continue
      }
      let parts = line.dropFirst().split(separator: " ")
      guard try await follow(parts.first ?? "", parts.dropFirst().first.flatMap { Int($0) }, recording) else {
        return ""
      }
    }
    return words.joined(separator: "\n").trimmingWhiteSpace
  }

  /// Whether there is anything to say.
  private func follow(_ direction: Substring, _ number: Int?, _ recording: Recording) async throws -> Bool {
    switch direction {
    case "silence":
      return false
    case "garbage":
      throw SpeechRecognitionError.invalidAudio("the recording says that it is garbage")
    case "timeout":
      throw SpeechRecognitionError.timedOut("the transcript")
    case "slow":
      try await Task.sleep(for: .milliseconds(min(max(number ?? 1000, 0), Limits.slowness_ms)))
    case "fail":
      guard attempt(at: recording.bytes) > (number ?? .max) else {
        throw SpeechRecognitionError.unreachable("the recording says that the engine is away")
      }
    default:
      throw SpeechRecognitionError.invalidAudio("the recording gives an unknown direction")
    }
    return true
  }

  /// Counted from 1.
  private func attempt(at bytes: [UInt8]) -> Int {
    attempts.withLock { attempts in
      if attempts.count >= Limits.rememberedAttempts { attempts.removeAll() }
      attempts[bytes.hashValue, default: 0] += 1
      return attempts[bytes.hashValue, default: 0]
    }
  }
}

extension String {
  fileprivate var trimmingWhiteSpace: String {
    let rest = drop { $0.isWhitespace }
    return String(rest.prefix(rest.count - rest.reversed().prefix { $0.isWhitespace }.count))
  }
}
