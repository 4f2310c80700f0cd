import Conversation
import Foundation
import Testing

@testable import Engines

/// The engines that are none: a conversation by voice without any model.
@Suite struct BuiltInSpeechTests {
  static let sentence = "您小时候住在哪里呀？慢慢说，我听着呢。"

  static func speech(_ request: SpeechRequest) async throws -> [UInt8] {
    try await BuiltInSynthesizer().speak(request).reduce(into: []) { $0 += $1 }
  }

  static func audio(_ script: String) -> Recording {
    Recording(bytes: Array("LIFEECHO-TEST-AUDIO\n\(script)".utf8), declaredFormat: .m4a, duration_ms: 1000)
  }

  @Test(arguments: SpeechFormat.allCases)
  func readsBackWhatItSaid(_ format: SpeechFormat) async throws {
    let bytes = try await Self.speech(SpeechRequest(text: Self.sentence, voice: "", format: format))
    let recording = Recording(bytes: bytes, declaredFormat: nil, duration_ms: 0)
    #expect(try await BuiltInRecognizer().transcribe(recording) == Self.sentence)
    let audio = try AudioSniffer.sniff(bytes)
    #expect(audio.container.rawValue == format.rawValue)
    #expect(audio.duration_ms == Int64(Self.sentence.count * BuiltInSynthesizer.character_ms))
  }

  /// A real decoder finds nothing wrong with it.
  @Test(arguments: SpeechFormat.allCases)
  func isValidAudio(_ format: SpeechFormat) async throws {
    let bytes = try await Self.speech(SpeechRequest(text: Self.sentence, voice: "", format: format))
    let audio = try AudioSniffer.sniff(bytes)
    let result = try await AudioConverter(program: "ffmpeg").convert(bytes, audio)
    #expect(abs(try #require(result.audio.duration_ms) - (try #require(audio.duration_ms))) < 200)
  }

  @Test func isTheSameEveryTime() async throws {
    let request = SpeechRequest(text: Self.sentence, voice: "a", format: .mp3)
    let first = try await Self.speech(request)
    #expect(try await Self.speech(request) == first)
    #expect(try await Self.speech(SpeechRequest(text: Self.sentence, voice: "b", format: .mp3)) != first)
    #expect(try await !Self.speech(SpeechRequest(text: "", voice: "", format: .mp3)).isEmpty)
  }

  @Test(arguments: [
    ("我小时候住在河边", "我小时候住在河边"), ("第一句\n第二句\n", "第一句\n第二句"), ("!silence\n听不见", ""), ("!slow 1\n好", "好"), ("", ""),
    ("到此为止\u{0}后面是别的", "到此为止"),
  ])
  func reads(_ script: String, _ expected: String) async throws {
    #expect(try await BuiltInRecognizer().transcribe(Self.audio(script)) == expected)
  }

  @Test(arguments: [
    ("!garbage", SpeechRecognitionError.invalidAudio("the recording says that it is garbage")),
    ("!fail", .unreachable("the recording says that the engine is away")), ("!timeout", .timedOut("the transcript")),
    ("!dance", .invalidAudio("the recording gives an unknown direction")),
  ])
  func followsDirections(_ script: String, _ error: SpeechRecognitionError) async throws {
    let recognizer = BuiltInRecognizer()
    for _ in 0..<4 {
      await #expect(throws: error) { try await recognizer.transcribe(Self.audio(script)) }
    }
  }

  @Test func failsAsOftenAsItIsTold() async throws {
    let recognizer = BuiltInRecognizer()
    let recording = Self.audio("!fail 2\n好的")
    for _ in 0..<2 {
      await #expect(throws: SpeechRecognitionError.self) { try await recognizer.transcribe(recording) }
    }
    #expect(try await recognizer.transcribe(recording) == "好的")
  }

  @Test func findsTheMarkerNearTheBeginning() async throws {
    let marked = Self.audio("好的").bytes
    let header = try AudioFiles.bytes("formats/samples.wav").prefix(Engines.Limits.markerBytes - 20)
    let near = Recording(bytes: header + marked, declaredFormat: nil, duration_ms: 0)
    #expect(try await BuiltInRecognizer().transcribe(near) == "好的")
    let far = Recording(bytes: header + [0] + marked, declaredFormat: nil, duration_ms: 0)
    await #expect(throws: SpeechRecognitionError.self) { try await BuiltInRecognizer().transcribe(far) }
  }

  @Test func namesTheLengthOfRealAudio() async throws {
    let recognizer = BuiltInRecognizer()
    #expect(try await recognizer.transcribe(try AudioFiles.recording("zh1.kokoro.m4a")) == "（一段语音，4.2秒）")
    await #expect { try await recognizer.transcribe(try AudioFiles.recording("broken-garbage.m4a")) } throws: {
      AudioSnifferTests.reason($0) != nil
    }
  }

  @Test func cancellationEndsTheWait() async throws {
    let reading = Task { try await BuiltInRecognizer().transcribe(Self.audio("!slow 60000\n好")) }
    reading.cancel()
    await #expect(throws: CancellationError.self) { try await reading.value }
  }
}
