package import Protobuf

/// `google.rpc.Status` as carried by `grpc-status-details-bin`.
///
/// The three fields are written and read here directly, because `details` holds messages of any type.
package enum StatusDetails {
  private static let typePrefix = "type.googleapis.com/"

  /// Serializes `code`, `message` and `details`.
  package static func encode(code: StatusCode, message: String, details: [AnyDetail]) -> [UInt8] {
    var writer = ProtobufWriter()
    writer.varint(field: 1, UInt64(code.rawValue))
    writer.string(field: 2, message)
    for detail in details {
      var any = ProtobufWriter()
      any.string(field: 1, detail.typeURL)
      any.bytes(field: 2, detail.value)
      writer.bytes(field: 3, any.bytes)
    }
    return writer.bytes
  }

  /// The details in a serialized `google.rpc.Status`; empty for malformed bytes.
  package static func decode(_ bytes: [UInt8]) -> [AnyDetail] {
    var result: [AnyDetail] = []
    var reader = ProtobufReader(bytes[...])
    while let field = reader.next() {
      guard field.number == 3, let content = field.bytes else { continue }
      var typeURL = ""
      var value: [UInt8] = []
      var any = ProtobufReader(content)
      while let part = any.next() {
        if part.number == 1, let text = part.bytes { typeURL = String(decoding: text, as: UTF8.self) }
        if part.number == 2, let content = part.bytes { value = Array(content) }
      }
      result.append(AnyDetail(typeURL: typeURL, value: value))
    }
    return result
  }

  /// One `google.protobuf.Any`.
  package struct AnyDetail: Sendable, Equatable {
    package var typeURL: String
    package var value: [UInt8]

    package init(typeURL: String, value: [UInt8]) {
      self.typeURL = typeURL
      self.value = value
    }

    package init<M: WireMessage>(_ message: M) {
      self.init(typeURL: StatusDetails.typePrefix + M.protobufName, value: message.serializedArray())
    }
  }
}

extension Status {
  /// A status that carries rich details (`google.rpc.ErrorInfo`, `BadRequest`, …).
  package init(_ code: StatusCode, _ message: String, details: [any WireMessage]) {
    let list = details.map { StatusDetails.AnyDetail(erased: $0) }
    self.init(code, message, details: StatusDetails.encode(code: code, message: message, details: list))
  }

  /// The first detail of that type; nil when there is none or it does not parse.
  package func detail<M: WireMessage>(_ type: M.Type) -> M? {
    for detail in StatusDetails.decode(details) {
      guard detail.typeURL.split(separator: "/").last.map({ $0 == M.protobufName }) == true else { continue }
      return detail.value.withUnsafeBytes { try? M(serializedBytes: $0) }
    }
    return nil
  }
}

extension StatusDetails.AnyDetail {
  fileprivate init(erased message: any WireMessage) {
    self = Self.open(message)
  }

  private static func open(_ message: some WireMessage) -> Self { Self(message) }
}
