import Engines
import Operations

extension OpenAIChatModel {
  /// `nil` when the built-in interviewer speaks. Throws when the key file cannot be used.
  convenience init?(_ chat: ServiceConfiguration.Chat) throws {
    guard case .openai(let settings) = chat else { return nil }
    var configuration = OpenAIChatConfiguration(
      baseURL: settings.url, model: settings.model,
      apiKey: try settings.apiKeyFile.map { file in try naming("chat.api_key_file") { try APIKey(file: file) } })
    configuration.temperature = settings.temperature
    configuration.maxTokens = settings.maxTokens
    configuration.connectTimeout = settings.connectTimeout
    configuration.firstTokenTimeout = settings.firstTokenTimeout
    configuration.idleTimeout = settings.idleTimeout
    configuration.totalTimeout = settings.totalTimeout
    configuration.retries = settings.retries
    self.init(configuration: configuration)
  }
}
