import NIOCore
import WebSocket

/// The web console: its files in the binary, with a policy that lets the page talk to this server alone.
struct ConsolePages: Sendable {
  private let files: [String: (type: String, body: ByteBuffer)]

  init() {
    let page = ("text/html; charset=utf-8", ByteBuffer(bytes: PackageResources.index_html))
    var files = [
      "/": page,
      "/index.html": page,
      "/style.css": ("text/css; charset=utf-8", ByteBuffer(bytes: PackageResources.style_css)),
    ]
    for (name, content) in [
      ("app", PackageResources.app_js), ("conversation", PackageResources.conversation_js),
      ("dictation", PackageResources.dictation_js), ("frames", PackageResources.frames_js),
      ("link", PackageResources.link_js), ("outbox", PackageResources.outbox_js),
      ("recorder", PackageResources.recorder_js), ("session", PackageResources.session_js),
      ("speaker", PackageResources.speaker_js), ("texts", PackageResources.texts_js),
      ("view", PackageResources.view_js),
    ] {
      files["/\(name).js"] = ("text/javascript; charset=utf-8", ByteBuffer(bytes: content))
    }
    self.files = files
  }

  private static let headers: [(name: String, value: String)] = [
    (
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "media-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "microphone=(self), camera=(), geolocation=()"),
    ("Cache-Control", "no-cache"),
  ]

  /// nil: no such page.
  func respond(to request: WebSocketRequest) -> PlainResponse? {
    guard request.method == "GET" || request.method == "HEAD", let file = files[request.path] else { return nil }
    return PlainResponse(
      status: 200, headers: [(name: "Content-Type", value: file.type)] + Self.headers, body: file.body)
  }
}
