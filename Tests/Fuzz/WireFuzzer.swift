import ConversationAPI
import Protobuf
import ProtobufJSON

/// libFuzzer's entry. The first byte chooses a message type, the rest is the message. Whatever it is: an error, or a
/// message that survives its own coding, and the same in JSON.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 0 else { return 0 }
  let type = MessageTypes.all[Int(start[0]) % MessageTypes.all.count]
  let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
  type.roundTrip(bytes)
  guard let json = try? pool.decodeToJSON(bytes, as: type.protobufName) else { return 0 }
  do {
    let again = try pool.encodeJSON(json, as: type.protobufName)
    _ = try pool.decodeToJSON(again, as: type.protobufName)
  } catch .field(_, let reason) where reason.contains("descriptors") || reason.contains("in an Any") {
    // An Any of unknown type is shown, but cannot be encoded.
  } catch {
    preconditionFailure("\(type.protobufName): \(error): \(json)")
  }
  return 0
}

private let pool: DescriptorPool = {
  do { return try DescriptorPool(fileDescriptorSet: DescriptorSet.bytes) } catch { preconditionFailure("\(error)") }
}()

extension WireMessage {
  fileprivate static func roundTrip(_ bytes: [UInt8]) {
    guard let message = try? Self(serializedArray: bytes) else { return }
    let coded = message.serializedArray()
    guard let again = try? Self(serializedArray: coded) else {
      preconditionFailure("\(protobufName): own bytes refused")
    }
    precondition(again.serializedArray() == coded, "\(protobufName): changed by coding")
  }
}
