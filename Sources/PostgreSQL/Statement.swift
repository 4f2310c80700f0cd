/// One SQL statement with `$1 …` parameters, written as a literal and kept in a `static let`.
///
/// The server parses it once per connection. Equality is by name and text, hashing by name alone, so names should differ.
package struct Statement: Sendable, Hashable {
  /// Lower-case letters, digits and `_`; shown in metrics and in `pg_prepared_statements`.
  package let name: String
  package let text: String

  package init(_ name: String, _ text: String) {
    self.name = name
    self.text = text
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(name)
  }
}

/// What a single command may do, which decides where it runs.
package enum CommandKind: Sendable, Hashable {
  /// Alone on an idle connection: commits on one connection are serial, group commit works across connections only.
  case write
  /// Changes nothing. Pipelined with other reads on one connection, and safe to repeat after a lost connection.
  case read
}
