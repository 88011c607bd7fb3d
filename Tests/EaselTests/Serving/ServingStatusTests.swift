import Files
import Testing

@testable import Easel

struct ServingStatusTests {
    @Test func `what a gateway says reads back, for its own process only`() throws {
        let folder = TemporaryFolder()
        let lock = try FileLock(path: "\(folder.path)/lock")
        let process = try #require(try FileLock.holder(path: "\(folder.path)/lock"))
        #expect(ServingStatus(of: process, in: folder.path) == nil)
        var status = ServingStatus(process: process, configuration: "/etc/easel/easel.yaml")
        (status.generation, status.reloadsBegun, status.reloadsEnded) = (3, 4, 5)
        status.mistakes = ["easel.yaml:1:1: \"no\"", "easel.yaml:2:1: no"]
        try status.write(to: folder.path)
        #expect(ServingStatus(of: process, in: folder.path) == status)

        status.process += 1
        try status.write(to: folder.path)
        #expect(ServingStatus(of: process, in: folder.path) == nil)
        withExtendedLifetime(lock) {}
    }

    @Test(arguments: ["", "{}", "[1]", #"{"process": 1, "generation": "x"}"#, "\u{0}"])
    func `a file that says something else says nothing`(text: String) throws {
        let folder = TemporaryFolder()
        try folder.write(Array(text.utf8), to: "serving.json")
        #expect(ServingStatus(of: .current, in: folder.path) == nil)
    }
}
