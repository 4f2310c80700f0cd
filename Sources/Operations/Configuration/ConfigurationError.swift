/// A configuration that cannot be used. One line: where the value came from, what is wrong, what would be right.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }
}

/// A text that is no value of a setting; `ConfigurationError` adds where it came from.
package struct InvalidValue: Error, Sendable, Equatable, CustomStringConvertible {
  package let problem: String
  package var description: String { problem }

  package init(_ problem: String) {
    self.problem = problem
  }
}
