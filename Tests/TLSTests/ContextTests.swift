import Foundation
import NIOCore
import NIOEmbedded
import Testing

@testable import TLS

@Suite struct ContextTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let certificate: String
    let key: String
    let part: TLSFileError.Part
    let problem: String
  }

  static let files = TestCertificates.shared
  static let garbage = files.file("garbage.pem", "not PEM at all\n")
  static let broken = files.file(
    "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
  static let empty = files.file("empty.pem", "")

  static let rows = [
    Row(
      testDescription: "no certificate file", certificate: "/nowhere/c.pem", key: files.server.key,
      part: .certificateChain, problem: "No such file or directory"),
    Row(
      testDescription: "a directory", certificate: "/tmp", key: files.server.key, part: .certificateChain,
      problem: "Is a directory"),
    Row(
      testDescription: "certificate not PEM", certificate: garbage, key: files.server.key, part: .certificateChain,
      problem: "it holds no PEM certificate"),
    Row(
      testDescription: "certificate empty", certificate: empty, key: files.server.key, part: .certificateChain,
      problem: "it holds no PEM certificate"),
    Row(
      testDescription: "certificate broken", certificate: broken, key: files.server.key, part: .certificateChain,
      problem: "it holds no usable certificate"),
    Row(
      testDescription: "a key for a certificate", certificate: files.server.key, key: files.server.key,
      part: .certificateChain, problem: "it holds no PEM certificate"),
    Row(
      testDescription: "no key file", certificate: files.server.certificate, key: "/nowhere/k.pem", part: .privateKey,
      problem: "No such file or directory"),
    Row(
      testDescription: "key not PEM", certificate: files.server.certificate, key: garbage, part: .privateKey,
      problem: "it holds no PEM private key"),
    Row(
      testDescription: "a certificate for a key", certificate: files.server.certificate,
      key: files.server.certificate, part: .privateKey, problem: "it holds no PEM private key"),
    Row(
      testDescription: "another key", certificate: files.server.certificate, key: files.client.key, part: .privateKey,
      problem: "it is not the key of the certificate in \(files.server.certificate)"),
    Row(
      testDescription: "encrypted key", certificate: files.server.certificate, key: files.encryptedKey(),
      part: .privateKey, problem: "the key is encrypted; it must be stored without a passphrase"),
  ]

  @Test(arguments: rows) func filesThatCannotBeUsed(_ row: Row) {
    let error = #expect(throws: TLSFileError.self) {
      try TLSContext.server(certificateChainFile: row.certificate, keyFile: row.key, alpn: .h2)
    }
    #expect(error?.part == row.part)
    #expect(error?.problem.hasPrefix(row.problem) == true, "\(String(describing: error))")
    #expect(error?.description.contains("\n") == false)
  }

  @Test func authoritiesThatCannotBeRead() {
    let trusted = #expect(throws: TLSFileError.self) { try TLSContext.client(caFile: Self.garbage, alpn: .h2) }
    #expect(trusted == TLSFileError(part: .trustedCA, path: Self.garbage, problem: "it holds no PEM certificate"))
    let client = #expect(throws: TLSFileError.self) { try Contexts.server(clientCA: "/nowhere/ca.pem") }
    #expect(client?.part == .clientCA)
  }

  @Test func theSystemsAuthoritiesAreTheDefault() throws {
    let pair = try EmbeddedPair(server: Contexts.server(), client: .client(alpn: .h2))
    try pair.pump()
    #expect(pair.client.end.error?.reason == .certificate)
  }

  @Test func itKnowsWhenTheCertificateEnds() throws {
    let end_s = try #require(try Contexts.server().certificateEnd_s)
    #expect(abs(Double(end_s) - Date().timeIntervalSince1970 - 30 * 86_400) < 3600)
    #expect(try Contexts.client().certificateEnd_s == nil)
  }

  /// New connections get what the files hold now; files that cannot be used change nothing.
  @Test func contextsAreReplaced() throws {
    let files = TestCertificates()
    let live = files.files("live")
    func install(_ source: TestCertificates.Files) throws {
      try Data(contentsOf: URL(fileURLWithPath: source.certificate)).write(to: URL(fileURLWithPath: live.certificate))
      try Data(contentsOf: URL(fileURLWithPath: source.key)).write(to: URL(fileURLWithPath: live.key))
    }
    func isAccepted(_ context: TLSContext) throws -> Bool {
      let pair = try EmbeddedPair(server: context, client: Contexts.client(ca: files.ca))
      try pair.pump()
      return pair.client.end.agreement != nil
    }
    try install(files.expired)
    let reloadable = try ReloadableTLSContext { () throws(TLSFileError) in
      try .server(certificateChainFile: live.certificate, keyFile: live.key, alpn: .h2)
    }
    #expect(try !isAccepted(reloadable.current))
    try install(files.server)
    #expect(try !isAccepted(reloadable.current))
    try reloadable.reload()
    #expect(try isAccepted(reloadable.current))
    try Data("nonsense".utf8).write(to: URL(fileURLWithPath: live.certificate))
    #expect(throws: TLSFileError.self) { try reloadable.reload() }
    #expect(try isAccepted(reloadable.current))
  }
}
