/// A statement text with parameter types: what the server prepares under one name.
final class StatementShape {
  let number: Int
  let types: [UInt32]
  /// NUL-terminated.
  let text: [CChar]
  /// NUL-terminated; differs for each shape.
  private let serverName: [CChar]
  private let name: String

  init(number: Int, statement: Statement, types: [UInt32]) {
    self.number = number
    self.types = types
    text = Array(statement.text.utf8CString)
    // 63 bytes are significant: the number comes first.
    name = "s\(number)_\(statement.name.prefix(40))"
    serverName = Array(name.utf8CString)
  }

  /// - Parameter generation: how often a connection had to prepare it anew because its plan went stale.
  func serverName(generation: Int) -> [CChar] {
    generation == 0 ? serverName : Array("g\(generation)\(name)".utf8CString)
  }
}

/// The shapes a pool has seen. A null parameter fits any type, so a statement has one shape unless its first calls had
/// nulls, and never more than one more than it has parameters.
struct StatementCatalog {
  private var shapes: [Statement: [StatementShape]] = [:]
  private var count = 0

  /// Nil when too many shapes exist: the statement is then sent unprepared.
  mutating func shape(for statement: Statement, types: [UInt32]) -> StatementShape? {
    let known = shapes[statement] ?? []
    if let fitting = known.last(where: { Self.fits(types, $0.types) }) { return fitting }
    guard count < PostgreSQLLimits.preparedShapeCount else { return nil }
    var merged = types
    if let last = known.last, last.types.count == types.count {
      for index in merged.indices where merged[index] == TypeOID.unknown { merged[index] = last.types[index] }
    }
    let shape = StatementShape(number: count, statement: statement, types: merged)
    count += 1
    shapes[statement, default: []].append(shape)
    return shape
  }

  private static func fits(_ given: [UInt32], _ prepared: [UInt32]) -> Bool {
    guard given.count == prepared.count else { return false }
    for index in given.indices where given[index] != prepared[index] && given[index] != TypeOID.unknown { return false }
    return true
  }
}
