/// Messages with a JSON form of their own.
enum WellKnownType {
  case timestamp, duration, fieldMask, any, wrapper, value, object, list

  init?(_ name: String) {
    guard name.hasPrefix("google.protobuf.") else { return nil }
    switch name.dropFirst("google.protobuf.".count) {
    case "Timestamp": self = .timestamp
    case "Duration": self = .duration
    case "FieldMask": self = .fieldMask
    case "Any": self = .any
    case "Value": self = .value
    case "Struct": self = .object
    case "ListValue": self = .list
    case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue",
      "StringValue", "BytesValue":
      self = .wrapper
    default: return nil
    }
  }
}
