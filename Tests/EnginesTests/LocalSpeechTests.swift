import Conversation
import Foundation
import Testing

@testable import Engines

/// The recogniser and the synthesiser against real engines: deploy/local-speech, which `make test` starts.
@Suite(.serialized) struct LocalSpeechTests {
  let url: String

  init() throws {
    url = try #require(
      ProcessInfo.processInfo.environment["TEST_SPEECH_URL"], "no speech server: run the tests with `make test`")
  }

  private func transcribe(
    _ recording: Recording, _ change: (inout OpenAIRecognizerConfiguration) -> Void = { _ in }
  ) async throws -> String {
    var configuration = OpenAIRecognizerConfiguration(baseURL: url, model: "whisper-base")
    // One recognition at a time on a busy machine.
    configuration.timeout = .seconds(180)
    change(&configuration)
    let recognizer = OpenAISpeechRecognizer(configuration: configuration)
    let text = await Result { try await recognizer.transcribe(recording) }
    await recognizer.shutdown()
    return try text.get()
  }

  private func speech(_ request: SpeechRequest) async throws -> [UInt8] {
    let synthesizer = OpenAISpeechSynthesizer(
      configuration: OpenAISynthesizerConfiguration(baseURL: url, model: "espeak-ng"))
    let bytes = await Result { try await synthesizer.speak(request).reduce(into: []) { $0 += $1 } }
    await synthesizer.shutdown()
    return try bytes.get()
  }

  @Test(arguments: ["zh1", "zh2", "zh3"])
  func readsChinese(_ id: String) async throws {
    let said = try #require(try AudioFiles.text(id))
    let heard = try await transcribe(try AudioFiles.recording("\(id).kokoro.m4a"))
    #expect(Self.errorRate(heard, said) <= 0.1, "\(heard)")
    #expect(!heard.unicodeScalars.contains { Self.traditional.contains($0) }, "\(heard)")
  }

  /// What phones and browsers record, as it is: PyAV reads all of it.
  @Test(arguments: [
    "formats/adts.aac", "formats/tagged.mp3", "formats/opus.ogg", "formats/live.webm", "formats/fragmented.mp4",
    "formats/samples.wav", "formats/aac.3gp",
  ])
  func readsEveryContainer(_ name: String) async throws {
    let said = try #require(try AudioFiles.text("zh1"))
    let heard = try await transcribe(try AudioFiles.recording(name)) { $0.containers = Set(AudioContainer.allCases) }
    #expect(Self.errorRate(heard, said) <= 0.1, "\(heard)")
  }

  /// The conversion takes nothing away that recognition needs.
  @Test(arguments: ["formats/aac.3gp", "formats/adts.aac", "formats/live.webm"])
  func readsWhatWasConverted(_ name: String) async throws {
    let said = try #require(try AudioFiles.text("zh1"))
    let heard = try await transcribe(try AudioFiles.recording(name)) { $0.containers = [.m4a] }
    #expect(Self.errorRate(heard, said) <= 0.1, "\(heard)")
  }

  @Test func silenceIsNothing() async throws {
    #expect(try await transcribe(try AudioFiles.recording("silence-5s.m4a")) == "")
  }

  @Test(arguments: ["broken-garbage.m4a", "broken-truncated.m4a"])
  func refusesWhatIsNoAudio(_ name: String) async throws {
    await #expect { try await transcribe(try AudioFiles.recording(name)) } throws: {
      AudioSnifferTests.reason($0) != nil
    }
  }

  /// A container that is well formed, and nothing but noise where the sound should be: the engine says so.
  @Test func refusesWhatOnlyTheEngineCanTell() async throws {
    var bytes = try AudioFiles.bytes("formats/opus.ogg")
    let second = try #require(bytes[100...].firstRange(of: Array("OggS".utf8))).lowerBound
    let last = try #require(bytes.lastIndex(of: UInt8(ascii: "O")))
    for place in second..<last { bytes[place] = UInt8(truncatingIfNeeded: place &* 31) }
    let recording = Recording(bytes: bytes, declaredFormat: .ogg, duration_ms: 0)
    let heard = try? await transcribe(recording)
    #expect(heard == nil || heard == "")
  }

  @Test(arguments: SpeechFormat.allCases)
  func speaksChinese(_ format: SpeechFormat) async throws {
    let request = SpeechRequest(text: "您小时候住在哪里呀？慢慢说，我听着呢。", voice: "", format: format)
    let bytes = try await speech(request)
    let audio = try await AudioConverter(program: "ffmpeg").convert(
      bytes, SniffedAudio(container: try AudioSniffer.sniff(bytes).container))
    #expect(try #require(audio.audio.duration_ms) > 2000)
  }

  /// espeak-ng's English is plain enough to be recognised again; its Chinese is not.
  @Test func whatIsSpokenIsWhatWasWritten() async throws {
    let said = "I would like to learn how to swim, but I am afraid of the water."
    let bytes = try await speech(SpeechRequest(text: said, voice: "", format: .mp3))
    let heard = try await transcribe(Recording(bytes: bytes, declaredFormat: .mp3, duration_ms: 0)) {
      $0.language = "en"
      $0.prompt = ""
    }
    #expect(Self.errorRate(heard, said) <= 0.1, "\(heard)")
  }

  /// More at once than the server works on: the rest waits in line.
  @Test func manyAtOnce() async throws {
    let recording = try AudioFiles.recording("silence-5s.m4a")
    let texts = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<12 { group.addTask { try await transcribe(recording) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(texts == Array(repeating: "", count: 12))
  }

  /// Characters that differ (Levenshtein) per character that was said; punctuation and case aside.
  static func errorRate(_ heard: String, _ said: String) -> Double {
    let heard = letters(heard)
    let said = letters(said)
    var row = Array(0...said.count)
    for (index, letter) in heard.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in said.indices {
        let substituted = diagonal + (letter == said[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
      }
    }
    return Double(row[said.count]) / Double(said.count)
  }

  private static func letters(_ text: String) -> [Character] {
    text.lowercased().filter { $0.isLetter || $0.isNumber }
  }

  /// Of the samples' words, the characters that the two ways of writing have different.
  private static let traditional = Set("請問麼樣學習遊議給買蘋麵媽歡嗎".unicodeScalars)
}

extension Result where Failure == any Error {
  init(_ body: () async throws -> Success) async {
    do {
      self = .success(try await body())
    } catch {
      self = .failure(error)
    }
  }
}
