/// What counts as JSON, and how much of it.
package struct JSONDialect: Sendable {
  /// Arrays and objects within each other.
  package var nesting_max: Int
  /// Digits of a whole number.
  package var digits_max: Int
  /// `NaN`, `Infinity` and `-Infinity` are values.
  package var takesNonFinite: Bool

  /// RFC 8259.
  package static func standard(nesting_max: Int) -> JSONDialect {
    JSONDialect(nesting_max: nesting_max, digits_max: .max, takesNonFinite: false)
  }

  /// Python's `json.loads`: it gives up at its recursion limit and at `sys.int_info.default_max_str_digits`.
  package static let python = JSONDialect(nesting_max: 1000, digits_max: 4300, takesNonFinite: true)
}
