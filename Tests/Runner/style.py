"""House style that no formatter knows. Prints `file:line: what is wrong`; exit status 1 if anything is."""
import pathlib
import re
import subprocess
import sys

FILE_LINES_MAX = 400

# Which targets may hold raw pointers into which C library: the design's rooms.
POINTER_ROOMS = {
    "CNGHTTP2", "COpenSSL", "CLibPQ", "CProtobufC", "CZlib", "HTTP2", "TLS", "PostgreSQL", "Protobuf", "WebSocket",
    "ConversationWire", "RPCWire",
}

# What a target must not import: the arrows of docs/ARCHITECTURE.md. SwiftPM enforces most of it; this names the reason.
FORBIDDEN_IMPORTS = {
    "Interview": re.compile(r"(?!(JSON|Foundation(Essentials)?)$).*"),
    "Conversation": re.compile(r"RPC|ConversationAPI|ConversationStore|ConversationServer|PostgreSQL|HTTP2|NIO.*|Protobuf"),
    "Sockets": re.compile(r"(?!(NIOCore|NIOPosix|Glibc)$).*"),
    "HTTP2": re.compile(r"RPC|Conversation.*|Interview|Protobuf"),
    "RPC": re.compile(r"Conversation.*|Interview|PostgreSQL|Auth|Operations"),
    "PostgreSQL": re.compile(r"Conversation.*|Interview|RPC|HTTP2|NIO.*"),
    "WebSocketBridge": re.compile(r"Conversation|ConversationStore|ConversationServer|Interview|PostgreSQL|Auth|Engines"),
}

FORBIDDEN_TEXT = [
    (re.compile(r"\btry!"), "try! outside tests"),
    (re.compile(r"\bas!\s"), "as! outside tests"),
    (re.compile(r"nonisolated\(unsafe\)"), "nonisolated(unsafe)"),
    (re.compile(r"\b(TODO|FIXME|XXX)\b"), "unfinished work belongs into an issue"),
    (re.compile(r"\bThread\.sleep"), "blocks a thread"),
]
FORBIDDEN_NAME = re.compile(r"\b(?:class|struct|enum|actor|protocol|typealias)\s+(\w*(?:Manager|Helper|Utils?|Common|Misc)\w*)")
FORBIDDEN_FILE_NAME = re.compile(r"(Manager|Helper|Utils?|Common|Misc)")
POINTER = re.compile(r"\b(Unsafe(Mutable)?Pointer|OpaquePointer)\b")
IMPORT = re.compile(r"^\s*(?:@\w+\s+)*(?:package |internal |public |private |fileprivate )?import (?:struct |class |enum |func |typealias |protocol )?(\w+)")
# Assembled, so that this file does not name them itself.
MACHINE_PATHS = re.compile("|".join(["/wo" + "rk/", r"(?<![\w.])/ro" + "ot/", r"\.lib" + "rary/", "fa" + "rm-"]))


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, check=True, text=True,
        errors="surrogateescape"
    ).stdout
    return [pathlib.Path(name) for name in listed.split("\0") if name and pathlib.Path(name).is_file()]


def target(path):
    if path.parts[0] == "Sources":
        return path.parts[1]
    return "WebSocketBridge" if path.parts[0] == "bridge" else ""


def is_generated(path):
    return "Generated" in path.parts or target(path).endswith("Wire")


def check_swift(path, lines, report):
    name = target(path)
    in_product = name != ""
    if len(lines) > FILE_LINES_MAX and in_product:
        report(path, len(lines), f"{len(lines)} lines: more than {FILE_LINES_MAX} hold two ideas")
    if FORBIDDEN_FILE_NAME.search(path.stem):
        report(path, 1, "the file's name says nothing")
    forbidden_import = FORBIDDEN_IMPORTS.get(name)
    for number, line in enumerate(lines, 1):
        code = line.split("//", 1)[0]
        imported = IMPORT.match(code)
        if imported and forbidden_import and forbidden_import.fullmatch(imported[1]):
            report(path, number, f"{name} must not import {imported[1]}")
        if named := FORBIDDEN_NAME.search(code):
            report(path, number, f"the name {named[1]} says nothing")
        if not in_product:
            continue
        for pattern, what in FORBIDDEN_TEXT:
            if pattern.search(line):
                report(path, number, what)
        # The database's openers and its cluster's watcher have threads of their own, made for waiting.
        if re.search(r"(?<![.\w])u?sleep\(", code) and name != "PostgreSQL":
            report(path, number, "blocks a thread")
        if POINTER.search(code) and name not in POINTER_ROOMS:
            report(path, number, "a C pointer outside the room of its library")
        if "@unchecked Sendable" in code:
            before = lines[number - 2].strip() if number > 1 else ""
            if "//" not in line and not before.startswith("//"):
                report(path, number, "@unchecked Sendable without the sentence that says what protects it")


def main():
    problems = []

    def report(path, line, what):
        problems.append(f"{path}:{line}: {what}")

    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        lines = text.splitlines()
        for number, line in enumerate(lines, 1):
            if MACHINE_PATHS.search(line):
                report(path, number, "names a path of one machine")
        if path.suffix == ".swift" and not is_generated(path):
            check_swift(path, lines, report)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


sys.exit(main())
