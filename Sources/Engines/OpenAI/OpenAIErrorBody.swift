import Foundation

/// The error object of OpenAI-compatible servers, in the forms they really have: `code` a number (llama.cpp) or a text
/// (LiteLLM) or null, `error` an object or a text.
struct OpenAIErrorBody: Decodable {
  struct Object: Decodable {
    var type: Name?
    var code: Name?
    /// The request's field that is at fault.
    var param: Name?
  }

  /// A number or text, kept as text when it looks like a name. Free text is left out: servers quote the request in it,
  /// and so what a person said.
  struct Name: Decodable {
    var text: String?

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Int.self) {
        text = "\(number)"
      } else if let name = try? container.decode(String.self), Self.isName(name) {
        text = name
      }
    }

    private static func isName(_ text: String) -> Bool {
      (1...Limits.errorNameCharacters).contains(text.utf8.count)
        && text.utf8.allSatisfy { byte in
          switch byte {
          case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
          default: false
          }
        }
    }
  }

  var error: Object?

  enum CodingKeys: CodingKey {
    case error
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    if let nested = try? container.decode(Object.self, forKey: .error) {
      error = nested
    } else if !container.contains(.error) {
      error = try? Object(from: decoder)
    }
  }

  /// The error object of `json`, if it holds one.
  static func object(_ json: Data) -> Object? {
    (try? JSONDecoder().decode(OpenAIErrorBody.self, from: json))?.error
  }

  /// `type` and `code` of the error in `json`, for a message.
  static func names(_ json: Data) -> String {
    object(json).names
  }

  /// An error within a stream, where a numeric code stands in for the status.
  static func streamed(_ json: Data) -> ExchangeFailure {
    let object = object(json)
    let code = (object?.code?.text).flatMap { Int($0) }
    return .refused(status: code.flatMap { (400...599).contains($0) ? $0 : nil } ?? 500, message: object.names)
  }
}

extension OpenAIErrorBody.Object? {
  fileprivate var names: String {
    let names = [self?.type?.text, self?.code?.text].compactMap(\.self)
    return names.isEmpty ? "no error code given" : names.joined(separator: " ")
  }
}
