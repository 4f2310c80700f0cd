/// What reflection needs of a serialized `google.protobuf.FileDescriptorSet`: the files as bytes, by name and by the
/// symbols they define. Reads names and dependencies only (descriptor.proto field numbers in the code).
package struct DescriptorIndex: Sendable {
  package struct File: Sendable {
    package let name: String
    package let dependencies: [String]
    package let bytes: [UInt8]
  }

  package struct MalformedDescriptorSet: Error {}

  private var files: [String: File] = [:]
  private var fileOfSymbol: [String: String] = [:]
  /// Full names of all services in the set.
  package private(set) var services: [String] = []

  package init(_ descriptorSet: [UInt8]) throws(MalformedDescriptorSet) {
    var reader = ProtobufReader(descriptorSet[...])
    while let field = reader.next() {
      guard field.number == 1, let content = field.bytes else { continue }
      try add(content)
    }
    if reader.isMalformed { throw MalformedDescriptorSet() }
    services.sort()
  }

  package func file(named name: String) -> File? { files[name] }

  /// The file that defines a message, field, oneof, enum, enum value, service or method.
  package func file(defining symbol: String) -> File? {
    fileOfSymbol[symbol].flatMap { files[$0] }
  }

  /// The file and all it imports, each once, itself first.
  package func closure(of file: File) -> [File] {
    var result: [File] = []
    var seen: Set<String> = [file.name]
    var open = [file]
    while let next = open.popLast() {
      result.append(next)
      for name in next.dependencies where seen.insert(name).inserted {
        if let dependency = files[name] { open.append(dependency) }
      }
    }
    return result
  }

  private mutating func add(_ content: ArraySlice<UInt8>) throws(MalformedDescriptorSet) {
    var name = ""
    var package = ""
    var dependencies: [String] = []
    var parts: [(number: UInt32, content: ArraySlice<UInt8>)] = []
    try Self.forEachField(content) { number, bytes in
      switch number {
      case 1: name = Self.text(bytes)
      case 2: package = Self.text(bytes)
      case 3: dependencies.append(Self.text(bytes))
      default: parts.append((number, bytes))
      }
    }
    files[name] = File(name: name, dependencies: dependencies, bytes: Array(content))
    for part in parts {
      switch part.number {
      case 4: try addMessage(part.content, scope: package, file: name)
      case 5: try addEnum(part.content, scope: package, file: name)
      case 6: try addService(part.content, scope: package, file: name)
      case 7: try addNamed(part.content, scope: package, file: name)
      default: break
      }
    }
  }

  /// DescriptorProto: name 1, field 2, nested_type 3, enum_type 4, extension 6, oneof_decl 8. Messages nest as deep as
  /// the contract's authors write them; the set is part of the program.
  private mutating func addMessage(
    _ content: ArraySlice<UInt8>, scope: String, file: String
  ) throws(MalformedDescriptorSet) {
    let fullName = try addNamed(content, scope: scope, file: file)
    var parts: [(number: UInt32, content: ArraySlice<UInt8>)] = []
    try Self.forEachField(content) { number, bytes in parts.append((number, bytes)) }
    for part in parts {
      switch part.number {
      case 2, 6, 8: try addNamed(part.content, scope: fullName, file: file)
      case 3: try addMessage(part.content, scope: fullName, file: file)
      case 4: try addEnum(part.content, scope: fullName, file: file)
      default: break
      }
    }
  }

  /// EnumDescriptorProto: name 1, value 2. Values belong to the scope around the enum, as in C++.
  private mutating func addEnum(
    _ content: ArraySlice<UInt8>, scope: String, file: String
  ) throws(MalformedDescriptorSet) {
    try addNamed(content, scope: scope, file: file)
    for value in try Self.children(content, number: 2) { try addNamed(value, scope: scope, file: file) }
  }

  /// ServiceDescriptorProto: name 1, method 2.
  private mutating func addService(
    _ content: ArraySlice<UInt8>, scope: String, file: String
  ) throws(MalformedDescriptorSet) {
    let fullName = try addNamed(content, scope: scope, file: file)
    services.append(fullName)
    for method in try Self.children(content, number: 2) { try addNamed(method, scope: fullName, file: file) }
  }

  @discardableResult
  private mutating func addNamed(
    _ content: ArraySlice<UInt8>, scope: String, file: String
  ) throws(MalformedDescriptorSet) -> String {
    let name = try Self.children(content, number: 1).first.map(Self.text) ?? ""
    let fullName = scope.isEmpty ? name : "\(scope).\(name)"
    fileOfSymbol[fullName] = file
    return fullName
  }

  private static func children(
    _ content: ArraySlice<UInt8>, number: UInt32
  ) throws(MalformedDescriptorSet) -> [ArraySlice<UInt8>] {
    var result: [ArraySlice<UInt8>] = []
    try forEachField(content) { found, bytes in
      if found == number { result.append(bytes) }
    }
    return result
  }

  private static func forEachField(
    _ content: ArraySlice<UInt8>, _ body: (UInt32, ArraySlice<UInt8>) -> Void
  ) throws(MalformedDescriptorSet) {
    var reader = ProtobufReader(content)
    while let field = reader.next() {
      if let bytes = field.bytes { body(field.number, bytes) }
    }
    if reader.isMalformed { throw MalformedDescriptorSet() }
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
  }
}
