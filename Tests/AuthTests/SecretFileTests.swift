import Foundation
import Testing

@testable import Auth

@Suite final class SecretFileTests {
  let directory: URL

  init() throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("secret-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: directory)
  }

  private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

  @Test func createsOnceForItsOwnerAlone() throws {
    let file = SecretFile(path: path("jwt-secret"))
    let secret = try file.loadOrCreate()
    #expect(try file.loadOrCreate() == secret)
    #expect(try file.load() == secret)
    let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(!file.isReadableByOthers)
    #expect(try String(contentsOfFile: file.path, encoding: .utf8).count == 65)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["jwt-secret"])
    #expect(try SecretFile(path: path("other")).loadOrCreate() != secret)
  }

  @Test func manyAtOnceAgree() async throws {
    let file = SecretFile(path: path("jwt-secret"))
    let secrets = await withTaskGroup(of: TokenSecret?.self) { group in
      for _ in 0..<16 { group.addTask { try? file.loadOrCreate() } }
      return await group.reduce(into: [TokenSecret?]()) { $0.append($1) }
    }
    #expect(secrets.count == 16 && secrets.allSatisfy { $0 != nil && $0 == secrets[0] })
  }

  @Test(arguments: [
    (String(repeating: "a", count: 31), false), (String(repeating: "a", count: 31) + "\n", false),
    (String(repeating: "a", count: 32), true), (String(repeating: "a", count: 32) + "\r\n", true), ("", false),
  ])
  func needs32Bytes(_ text: String, _ isEnough: Bool) throws {
    try text.write(toFile: path("s"), atomically: true, encoding: .utf8)
    let secret = try? SecretFile(path: path("s")).load()
    #expect((secret != nil) == isEnough)
    if let secret { #expect(secret.bytes == Array(repeating: UInt8(ascii: "a"), count: 32)) }
  }

  @Test func saysWhatIsWrong() {
    #expect { try SecretFile(path: "/nonexistent/x").load() } throws: {
      "\($0)" == "/nonexistent/x: it cannot be read: No such file or directory"
    }
    #expect { try SecretFile(path: "/nonexistent/x").loadOrCreate() } throws: {
      "\($0)".contains("cannot be created: No such file")
    }
  }

  @Test func noticesOtherReaders() throws {
    let file = SecretFile(path: path("s"))
    _ = try file.loadOrCreate()
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
    #expect(file.isReadableByOthers)
  }

  @Test func hidesItself() throws {
    let secret = try TokenSecret(Array("correct horse battery staple, the long one".utf8))
    var dumped = ""
    dump(secret, to: &dumped)
    #expect(!"\(secret) \(String(reflecting: secret)) \(dumped)".contains("horse"))
    #expect(!dumped.contains("99"))
  }
}
