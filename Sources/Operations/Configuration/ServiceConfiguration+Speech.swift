extension ServiceConfiguration {
  package enum SpeechEngine: String, Sendable, CaseIterable {
    case none
    case builtin
    case openai
  }

  package enum SpeechContainer: String, Sendable, CaseIterable {
    case m4a, aac, mp3, ogg, webm, wav
    case threeGP = "3gp"
  }

  package struct OpenAIRecognizer: Sendable, Equatable {
    package var url: String
    package var model: String
    package var apiKeyFile: String?
    /// "": the engine finds out.
    package var language: String
    /// "": none.
    package var prompt: String
    package var containers: [SpeechContainer]
    package var connectTimeout: Duration
    package var timeout: Duration
    package var ffmpeg: String
  }

  package struct OpenAISynthesizer: Sendable, Equatable {
    package var url: String
    package var model: String
    package var apiKeyFile: String?
    package var voice: String
    package var speed: Double
    package var connectTimeout: Duration
    package var firstByteTimeout: Duration
    package var idleTimeout: Duration
    package var totalTimeout: Duration
  }

  package enum Recognizer: Sendable, Equatable {
    case none
    case builtin
    case openai(OpenAIRecognizer)
  }

  package enum Synthesizer: Sendable, Equatable {
    case none
    case builtin
    case openai(OpenAISynthesizer)
  }

  package struct Speech: Sendable, Equatable {
    package var recognizer: Recognizer
    package var synthesizer: Synthesizer

    init(_ sources: ConfigurationSources) throws(ConfigurationError) {
      recognizer =
        switch try Self.engine(sources, Settings.speechRecognizer, Settings.speechRecognizerURL) {
        case .none: .none
        case .builtin: .builtin
        case .openai(let url): .openai(try OpenAIRecognizer(sources, url: url))
        }
      synthesizer =
        switch try Self.engine(sources, Settings.speechSynthesizer, Settings.speechSynthesizerURL) {
        case .none: .none
        case .builtin: .builtin
        case .openai(let url): .openai(try OpenAISynthesizer(sources, url: url))
        }
    }

    private enum Choice {
      case none
      case builtin
      case openai(url: String)
    }

    private static func engine(
      _ sources: ConfigurationSources, _ engine: Setting<SpeechEngine>, _ address: Setting<String>
    ) throws(ConfigurationError) -> Choice {
      let (name, urlName) = (engine.description.name, address.description.name)
      let choice = try sources.value(engine)
      guard let url = try sources.optionalValue(address) else {
        switch choice {
        case .none: return .none
        case .builtin: return .builtin
        case .openai: throw ConfigurationError("\(name) is openai but \(urlName) is not set (http://127.0.0.1:8178/v1)")
        }
      }
      guard choice == .openai else {
        throw ConfigurationError("\(urlName) is set but \(name) is \(choice.rawValue); set \(name) to openai to use it")
      }
      return .openai(url: url)
    }
  }
}

extension ServiceConfiguration.OpenAIRecognizer {
  init(_ sources: ConfigurationSources, url: String) throws(ConfigurationError) {
    let language = try sources.value(Settings.speechRecognizerLanguage)
    let prompt = try sources.value(Settings.speechRecognizerPrompt)
    self.init(
      url: url, model: try sources.value(Settings.speechRecognizerModel),
      apiKeyFile: try sources.optionalValue(Settings.speechRecognizerAPIKeyFile),
      language: language == "auto" ? "" : language, prompt: prompt == "none" ? "" : prompt,
      containers: try sources.value(Settings.speechRecognizerContainers),
      connectTimeout: try sources.value(Settings.speechRecognizerConnectTimeout),
      timeout: try sources.value(Settings.speechRecognizerTimeout), ffmpeg: try sources.value(Settings.speechFFmpeg))
  }
}

extension ServiceConfiguration.OpenAISynthesizer {
  init(_ sources: ConfigurationSources, url: String) throws(ConfigurationError) {
    self.init(
      url: url, model: try sources.value(Settings.speechSynthesizerModel),
      apiKeyFile: try sources.optionalValue(Settings.speechSynthesizerAPIKeyFile),
      voice: try sources.value(Settings.speechSynthesizerVoice),
      speed: try sources.value(Settings.speechSynthesizerSpeed),
      connectTimeout: try sources.value(Settings.speechSynthesizerConnectTimeout),
      firstByteTimeout: try sources.value(Settings.speechSynthesizerFirstByteTimeout),
      idleTimeout: try sources.value(Settings.speechSynthesizerIdleTimeout),
      totalTimeout: try sources.value(Settings.speechSynthesizerTotalTimeout))
  }
}
