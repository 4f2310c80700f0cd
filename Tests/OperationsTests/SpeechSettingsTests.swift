import Testing

@testable import Operations

/// Engines of speech are named or missing; nothing stands in for what was meant.
@Suite struct SpeechSettingsTests {
  private static func speech(_ flags: [String: String]) throws(ConfigurationError) -> ServiceConfiguration.Speech {
    try ServiceConfiguration(try ConfigurationSources(flags: flags, environment: [:], file: nil)).speech
  }

  @Test func thereIsNoneByDefault() throws {
    let speech = try Self.speech([:])
    #expect(speech.recognizer == ServiceConfiguration.Recognizer.none)
    #expect(speech.synthesizer == ServiceConfiguration.Synthesizer.none)
  }

  @Test func theBuiltInOnesAreAskedFor() throws {
    let speech = try Self.speech(["speech.recognizer": "builtin", "speech.synthesizer": "builtin"])
    #expect(speech.recognizer == .builtin && speech.synthesizer == .builtin)
  }

  @Test func readsAServersSettings() throws {
    let speech = try Self.speech([
      "speech.recognizer": "openai", "speech.recognizer_url": "http://127.0.0.1:8178/v1",
      "speech.recognizer_language": "auto", "speech.recognizer_prompt": "none",
      "speech.recognizer_containers": "m4a, 3gp", "speech.recognizer_timeout": "90s", "speech.ffmpeg": "/opt/ffmpeg",
      "speech.synthesizer": "openai", "speech.synthesizer_url": "https://speech.example/v1",
      "speech.synthesizer_voice": "nova", "speech.synthesizer_speed": "0.8",
    ])
    #expect(
      speech.recognizer
        == .openai(
          .init(
            url: "http://127.0.0.1:8178/v1", model: "whisper-1", apiKeyFile: nil, language: "", prompt: "",
            containers: [.m4a, .threeGP], connectTimeout: .seconds(5), timeout: .seconds(90), ffmpeg: "/opt/ffmpeg")))
    #expect(
      speech.synthesizer
        == .openai(
          .init(
            url: "https://speech.example/v1", model: "tts-1", apiKeyFile: nil, voice: "nova", speed: 0.8,
            connectTimeout: .seconds(5), firstByteTimeout: .seconds(10), idleTimeout: .seconds(10),
            totalTimeout: .seconds(60))))
  }

  @Test(arguments: [
    (["speech.recognizer": "openai"], "speech.recognizer_url is not set"),
    (["speech.synthesizer": "openai"], "speech.synthesizer_url is not set"),
    (["speech.recognizer_url": "http://127.0.0.1/v1"], "speech.recognizer_url is set but speech.recognizer is none"),
    (
      ["speech.synthesizer": "builtin", "speech.synthesizer_url": "http://127.0.0.1/v1"],
      "speech.synthesizer_url is set but speech.synthesizer is builtin"
    ),
    (["speech.recognizer": "openai", "speech.recognizer_url": "127.0.0.1"], "is not an http:// or https:// URL"),
    (["speech.recognizer": "whisper"], "speech.recognizer"),
    (
      [
        "speech.recognizer": "openai", "speech.recognizer_url": "http://127.0.0.1/v1",
        "speech.recognizer_containers": "m4a,flac",
      ], "'flac' is not one of m4a, aac, mp3, ogg, webm, wav, 3gp"
    ),
  ])
  func refuses(_ flags: [String: String], _ reason: String) {
    do throws(ConfigurationError) {
      _ = try Self.speech(flags)
      Issue.record("accepted \(flags)")
    } catch {
      #expect(error.description.contains(reason), "\(error.description)")
    }
  }
}
