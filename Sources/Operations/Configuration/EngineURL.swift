import Foundation

extension SettingValue {
  /// The base URL of an engine: the paths of its endpoints are put behind it, so that nothing may follow its own path.
  @Sendable static func engineURL(_ text: String) throws(InvalidValue) -> String {
    guard !text.isEmpty else { throw InvalidValue("it is empty") }
    guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
      throw InvalidValue("'\(text)' is not an http:// or https:// URL")
    }
    guard let parts = URLComponents(string: text, encodingInvalidCharacters: false) else {
      throw InvalidValue("it is not a URL (http://127.0.0.1:8000/v1)")
    }
    // Not quoted: it may hold a password.
    guard parts.user == nil, parts.password == nil else {
      throw InvalidValue("a URL with a user name or password is not taken; the API key has a setting of its own")
    }
    guard let host = parts.host, !host.isEmpty else { throw InvalidValue("'\(text)' has no host") }
    guard parts.port.map((1...65_535).contains) ?? true else {
      throw InvalidValue("'\(text)': the port is not one from 1 to 65535")
    }
    guard parts.query == nil, parts.fragment == nil else {
      throw InvalidValue("'\(text)' has a query or fragment; the paths of endpoints are put behind it")
    }
    return text
  }
}
