import Logging
import Protobuf
import Testing

@testable import RPC

@Suite struct RouteTableTests {
  @Test func everyPathIsFoundAndNoOther() {
    var router = ServerRouter()
    for index in 0..<200 {
      let method = Method<RawMessage, RawMessage>("a.B\(index % 7)", "M\(index)", .unary)
      router.register(unary: method) { request, _ in request }
    }
    let table = ServerPolicy(router: router, logger: .init(label: "test")).methods
    for method in router.methods {
      let found = table.method(path: method.path)?.descriptor
      #expect(found == method)
    }
    for path in ["", "/", "/a.B0", "/a.B0/M1000", "/a.B1/M0", "a.B0/M0", "/a.B0/M0/"] {
      #expect(table.method(path: path) == nil)
    }
  }

  @Test(arguments: [("/a/b", "a", "b"), ("/", "", ""), ("", "", ""), ("/a/b/c", "", ""), ("x/a/b", "", "")])
  func unknownPathsAreNamed(path: String, service: String, method: String) {
    let descriptor = MethodDescriptor(path: path)
    #expect(descriptor.service == service)
    #expect(descriptor.method == method)
  }

  @Test(
    arguments: [
      ("127.0.0.1:80", ListenAddress.tcp(host: "127.0.0.1", port: 80)),
      ("localhost:0", .tcp(host: "localhost", port: 0)),
      ("[::1]:5", .tcp(host: "::1", port: 5)), ("unix:/a/b", .unix(path: "/a/b")), ("unix:///a/b", .unix(path: "/a/b")),
      ("unix:rel", .unix(path: "rel")), ("", nil), ("localhost", nil), (":80", nil), ("h:65536", nil), ("::1:5", nil),
      ("unix:", nil), ("h:x", nil),
    ] as [(String, ListenAddress?)])
  func addressesAreRead(text: String, address: ListenAddress?) {
    #expect(ListenAddress(text) == address)
  }
}
