import HTTP2

/// Request metadata: fields as they came from the wire, or values within the process.
enum RequestMetadata: Sendable {
  case raw(HeaderBlock)
  case parsed(Metadata)

  func parsed() -> Metadata {
    switch self {
    case .parsed(let metadata): metadata
    case .raw(let block): Metadata(block)
    }
  }

  /// The first value of a text field. `name` in lower case.
  func value(_ name: String) -> String? {
    switch self {
    case .parsed(let metadata): metadata[name]
    case .raw(let block): block.value(named: name).map { String(decoding: $0, as: UTF8.self) }
    }
  }

  func value(_ token: HeaderToken) -> String? {
    switch self {
    case .parsed(let metadata): metadata["\(token.name)"]
    case .raw(let block): block.string(token)
    }
  }
}

extension Metadata {
  /// The custom metadata among received fields.
  init(_ block: HeaderBlock) {
    self.init()
    block.forEach { field in
      guard !field.token.isPseudo else { return }
      receive(name: field.nameString, value: field.value)
    }
  }
}
