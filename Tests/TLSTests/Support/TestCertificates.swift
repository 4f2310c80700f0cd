import COpenSSL
import Foundation

/// An authority, and certificates that it signed, as PEM files in a directory of their own.
final class TestCertificates: @unchecked Sendable {  // written in the initializer, then only read
  /// The one that most tests use: valid for localhost, echo.example and 127.0.0.1.
  static let shared = TestCertificates()

  let directory: String
  private let authority: Identity

  struct Identity {
    let certificate: OpaquePointer
    let key: OpaquePointer
  }

  struct Files {
    let certificate: String
    let key: String
  }

  init() {
    directory = NSTemporaryDirectory() + "lifeecho-tls-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    authority = Self.make("Test authority", names: nil, signedBy: nil, days: 30)
    write(authority, "ca")
    write(
      Self.make("localhost", names: "DNS:localhost,DNS:echo.example,IP:127.0.0.1", signedBy: authority, days: 30),
      "server")
    write(Self.make("phone", names: "DNS:phone.example", signedBy: authority, days: 30), "client")
    write(Self.make("localhost", names: "DNS:localhost", signedBy: authority, days: -1), "expired")
    write(Self.make("Other authority", names: nil, signedBy: nil, days: 30), "other")
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  var ca: String { directory + "/ca.pem" }
  var otherCA: String { directory + "/other.pem" }
  var server: Files { files("server") }
  var client: Files { files("client") }
  var expired: Files { files("expired") }

  func files(_ name: String) -> Files {
    Files(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
  }

  /// A file with that content.
  func file(_ name: String, _ content: String) -> String {
    let path = directory + "/" + name
    try! content.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// The server's key behind a passphrase.
  func encryptedKey() -> String {
    let path = directory + "/encrypted.key"
    let file = BIO_new_file(path, "w")
    let identity = Self.make("x", names: nil, signedBy: nil, days: 1)
    let passphrase = Array("secret".utf8)
    precondition(
      PEM_write_bio_PrivateKey(
        file, identity.key, EVP_aes_128_cbc(), passphrase, Int32(passphrase.count), nil, nil) == 1)
    BIO_free(file)
    return path
  }

  private func write(_ identity: Identity, _ name: String) {
    let certificate = BIO_new_file("\(directory)/\(name).pem", "w")
    precondition(PEM_write_bio_X509(certificate, identity.certificate) == 1)
    BIO_free(certificate)
    let key = BIO_new_file("\(directory)/\(name).key", "w")
    precondition(PEM_write_bio_PrivateKey(key, identity.key, nil, nil, 0, nil, nil) == 1)
    BIO_free(key)
  }

  /// `names` nil: an authority.
  private static func make(_ subject: String, names: String?, signedBy: Identity?, days: Int) -> Identity {
    let generator = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil)
    var key: OpaquePointer?
    precondition(EVP_PKEY_keygen_init(generator) == 1)
    precondition(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(generator, NID_X9_62_prime256v1) == 1)
    precondition(EVP_PKEY_keygen(generator, &key) == 1)
    EVP_PKEY_CTX_free(generator)
    let certificate = X509_new()!
    X509_set_version(certificate, 2)
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), Int.random(in: 1...Int(Int32.max)))
    let day = 86_400
    X509_gmtime_adj(X509_getm_notBefore(certificate), days > 0 ? -day : -3 * day)
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * day)
    X509_set_pubkey(certificate, key)
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, subject, -1, -1, 0)
    X509_set_issuer_name(certificate, X509_get_subject_name(signedBy?.certificate ?? certificate))
    func add(_ nid: Int32, _ value: String) {
      let made = X509V3_EXT_conf_nid(nil, nil, nid, value)!
      X509_add_ext(certificate, made, -1)
      X509_EXTENSION_free(made)
    }
    add(NID_basic_constraints, names == nil ? "critical,CA:TRUE" : "critical,CA:FALSE")
    if let names { add(NID_subject_alt_name, names) }
    precondition(X509_sign(certificate, signedBy?.key ?? key, EVP_sha256()) > 0)
    return Identity(certificate: certificate, key: key!)
  }
}
