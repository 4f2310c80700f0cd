extension JSONValue {
  /// Parses a whole text, strictly: no duplicate keys, no halves of surrogate pairs, nothing after the value.
  package init(parsing text: String, as dialect: JSONDialect) throws(JSONError) {
    try self.init(parsing: text.utf8.span, as: dialect)
  }

  /// - Parameter bytes: valid UTF-8.
  package init(parsing bytes: Span<UInt8>, as dialect: JSONDialect) throws(JSONError) {
    var scanner = JSONScanner(dialect)
    self = try scanner.tree(bytes, depth: 0)
    guard scanner.peek(bytes) == nil else { throw scanner.error("more text after the value") }
  }
}

extension JSONScanner {
  /// - Parameter depth: arrays and objects around the value.
  fileprivate mutating func tree(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) -> JSONValue {
    switch peek(bytes) {
    case UInt8(ascii: "{"): return .object(try members(bytes, depth: depth + 1))
    case UInt8(ascii: "["): return .array(try elements(bytes, depth: depth + 1))
    default: break
    }
    let token = try value(bytes, depth: depth)
    switch token.kind {
    case .null: return .null
    case .true: return .bool(true)
    case .false: return .bool(false)
    case .string: return .string(try text(token, bytes))
    case .integer, .float, .notANumber, .infinity, .negativeInfinity, .absent, .array, .object:
      return .number(token.source(in: bytes))
    }
  }

  private mutating func members(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) -> [JSONValue.Member] {
    try checkNesting(depth)
    skip()
    var members: [JSONValue.Member] = []
    if take(UInt8(ascii: "}"), bytes) { return members }
    var keys: Set<String> = []
    repeat {
      let token = try key(bytes)
      let key = try text(token, bytes)
      guard keys.insert(key).inserted else { throw error("the key \"\(key)\" is there twice") }
      members.append(JSONValue.Member(key, try tree(bytes, depth: depth)))
    } while take(UInt8(ascii: ","), bytes)
    guard take(UInt8(ascii: "}"), bytes) else { throw error("a comma or } is missing") }
    return members
  }

  private mutating func elements(_ bytes: Span<UInt8>, depth: Int) throws(JSONError) -> [JSONValue] {
    try checkNesting(depth)
    skip()
    var elements: [JSONValue] = []
    if take(UInt8(ascii: "]"), bytes) { return elements }
    repeat { elements.append(try tree(bytes, depth: depth)) } while take(UInt8(ascii: ","), bytes)
    guard take(UInt8(ascii: "]"), bytes) else { throw error("a comma or ] is missing") }
    return elements
  }

  private func text(_ token: JSONToken, _ bytes: Span<UInt8>) throws(JSONError) -> String {
    let text = JSONText(token, in: bytes)
    guard !text.hasLoneSurrogate else { throw error("half of a surrogate pair") }
    return text.text
  }
}
