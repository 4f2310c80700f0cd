/// Every bound of this module: number, reason, source.
enum Limits {
  /// Text of one reply. Ten thousand characters of Chinese; a spoken reply has some hundred.
  static let replyBytes = 64 * 1024
  /// One line of an event stream, and the data of one event. llama.cpp's longest (a token with timings) is under 2 KiB.
  static let eventBytes = 256 * 1024
  /// A whole response. A token costs 200–400 bytes of JSON, so this allows for the longest reply many times over.
  static let responseBytes = 8 * 1024 * 1024
  /// What is read of an error's body.
  static let errorBodyBytes = 64 * 1024
  /// `type` and `code` of an error, as they go into a message.
  static let errorNameCharacters = 64
  /// A server that asks for more patience than this is treated as failed: the person is waiting.
  static let retryAfter: Duration = .seconds(30)
  /// First pause before another try; doubled each time, and shortened at random so that servers do not retry in step.
  static let backoff: Duration = .milliseconds(250)
  static let backoff_max: Duration = .seconds(5)
  /// How long the rest of a finished response is awaited, so that its connection can be used again.
  static let drain: Duration = .milliseconds(500)
  /// Connections to one server. Each streaming reply holds one; async-http-client's default of 8 would queue the ninth.
  static let connections = 256
}
