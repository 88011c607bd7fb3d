import HTTP
import Testing

struct PreferencesTests {
    private func value(_ name: String, _ lines: String...) -> String? {
        var fields = Fields()
        for line in lines { fields.append("Prefer", line) }
        return Preferences(fields)[name]
    }

    @Test(arguments: [
        ("wait=10", "10"), ("WAIT=10", "10"), ("wait = 10", "10"), ("wait=\"10\"", "10"),
        ("respond-async, wait=10", "10"),
        ("wait=10, wait=20", "10"), ("wait=10; strict", "10"), (" , ,wait=10,", "10"), ("wait", ""), ("wait=", ""),
        ("wait=\"1\\0\"", "10"), ("a=\"x, wait=5\", wait=10", "10"), ("a=\"x; y\"; z=\"\\\", wait=5\", wait=10", "10"),
        ("foo; wait=5, wait=10", "10"),
    ])
    func `a preference is found among others`(field: String, expected: String) {
        #expect(value("wait", field) == expected)
    }

    @Test(arguments: [
        "", "respond-async", "wait;10;", "w ait=10", "wait=\"10", "wait=\"10\"0", "wait=1 0", "=10", "\"wait\"=10",
    ])
    func `what is malformed is as good as absent`(field: String) {
        let found = value("wait", field)
        #expect(found == nil || found == "")
        #expect(value("respond-async", field, "respond-async") == "")
    }

    @Test func `several fields are one list`() {
        #expect(value("wait", "respond-async", "wait=3") == "3")
        #expect(value("respond-async", "respond-async", "wait=3") == "")
        #expect(Preferences([:])["wait"] == nil)
    }
}
