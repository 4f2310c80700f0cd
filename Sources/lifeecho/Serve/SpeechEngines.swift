import Conversation
import Engines
import Operations

/// The engines of speech that the configuration names. nil: there is none; audio is kept and events say so.
struct SpeechEngines: Sendable {
  let recognizer: (any SpeechRecognizer)?
  let synthesizer: (any SpeechSynthesizer)?

  /// Throws when a key file cannot be used. Call ``shutdown()`` in the end.
  init(_ speech: ServiceConfiguration.Speech) throws {
    recognizer =
      switch speech.recognizer {
      case .none: nil
      case .builtin: BuiltInRecognizer()
      case .openai(let settings): try OpenAISpeechRecognizer(settings)
      }
    synthesizer =
      switch speech.synthesizer {
      case .none: nil
      case .builtin: BuiltInSynthesizer()
      case .openai(let settings): try OpenAISpeechSynthesizer(settings)
      }
  }

  func shutdown() async {
    await (recognizer as? OpenAISpeechRecognizer)?.shutdown()
    await (synthesizer as? OpenAISpeechSynthesizer)?.shutdown()
  }
}

extension OpenAISpeechRecognizer {
  fileprivate convenience init(_ settings: ServiceConfiguration.OpenAIRecognizer) throws {
    var configuration = OpenAIRecognizerConfiguration(
      baseURL: settings.url, model: settings.model,
      apiKey: try settings.apiKeyFile.map { file in
        try naming("speech.recognizer_api_key_file") { try APIKey(file: file) }
      })
    configuration.language = settings.language
    configuration.prompt = settings.prompt
    configuration.containers = Set(settings.containers.compactMap { AudioContainer(rawValue: $0.rawValue) })
    configuration.connectTimeout = settings.connectTimeout
    configuration.timeout = settings.timeout
    configuration.ffmpeg = settings.ffmpeg
    self.init(configuration: configuration)
  }
}

extension OpenAISpeechSynthesizer {
  fileprivate convenience init(_ settings: ServiceConfiguration.OpenAISynthesizer) throws {
    var configuration = OpenAISynthesizerConfiguration(
      baseURL: settings.url, model: settings.model,
      apiKey: try settings.apiKeyFile.map { file in
        try naming("speech.synthesizer_api_key_file") { try APIKey(file: file) }
      })
    configuration.voice = settings.voice
    configuration.speed = settings.speed
    configuration.connectTimeout = settings.connectTimeout
    configuration.firstByteTimeout = settings.firstByteTimeout
    configuration.idleTimeout = settings.idleTimeout
    configuration.totalTimeout = settings.totalTimeout
    self.init(configuration: configuration)
  }
}
