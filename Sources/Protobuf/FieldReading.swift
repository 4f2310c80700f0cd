package import CProtobufC
import Glibc

/// Fields of C structs to Swift values, for generated code. Errors name the field.
package enum FieldReading {
  /// UTF-8 without U+0000, or an error.
  package static func string(_ data: ProtobufCBinaryData, _ field: StaticString) throws(WireError) -> String {
    guard data.len > 0, let start = data.data else { return "" }
    guard let text = String(validating: UnsafeBufferPointer(start: start, count: data.len), as: UTF8.self) else {
      throw .invalidUTF8(field: "\(field)")
    }
    guard memchr(start, 0, data.len) == nil else { throw .embeddedNUL(field: "\(field)") }
    return text
  }

  package static func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
    Arena.take(data) ?? Array(UnsafeBufferPointer(start: data.data, count: data.len))
  }

  @inlinable
  package static func message<M: StructMessage>(
    _ message: UnsafeMutablePointer<M.Struct>?, _ field: StaticString
  ) throws(WireError) -> M? {
    guard let message else { return nil }
    do throws(WireError) { return try M(message) } catch { throw error.inside(field) }
  }

  /// A repeated number.
  @inlinable
  package static func numbers<Number>(_ start: UnsafeMutablePointer<Number>?, _ count: Int) -> [Number] {
    Array(UnsafeBufferPointer(start: start, count: count))
  }

  package static func strings(
    _ start: UnsafeMutablePointer<ProtobufCBinaryData>?, _ count: Int, _ field: StaticString
  ) throws(WireError) -> [String] {
    guard let start else { return [] }
    var values: [String] = []
    values.reserveCapacity(count)
    for index in 0..<count {
      do throws(WireError) {
        values.append(try string(start[index], field))
      } catch {
        switch error {
        case .invalidUTF8: throw .invalidUTF8(field: "\(field)[\(index)]")
        case .embeddedNUL: throw .embeddedNUL(field: "\(field)[\(index)]")
        case .malformed, .tooLarge: throw error
        }
      }
    }
    return values
  }

  @inlinable
  package static func messages<M: StructMessage>(
    _ start: UnsafeMutablePointer<UnsafeMutablePointer<M.Struct>?>?, _ count: Int, _ field: StaticString
  ) throws(WireError) -> [M] {
    guard let start else { return [] }
    var values: [M] = []
    values.reserveCapacity(count)
    for index in 0..<count {
      guard let message = start[index] else { throw .malformed }
      do throws(WireError) { values.append(try M(message)) } catch { throw error.inside(field, index: index) }
    }
    return values
  }
}
