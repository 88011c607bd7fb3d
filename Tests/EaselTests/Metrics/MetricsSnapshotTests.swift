import Files
import Testing

@testable import Easel

struct MetricsSnapshotTests {
    private func snapshot(_ configuration: String = Parts.sandbox) throws -> MetricsSnapshot {
        var counts = Counts()
        counts.expect(try Parts.read(configuration))
        return MetricsSnapshot(
            version: "1.2.3", counts: counts, jobs: [.submitted: 2], jobLimit: 10_000,
            providers: [
                .init(
                    name: "offline", inFlight: 1, concurrency: 64, waiting: 2, queue: 1000, pause: .seconds(30),
                    breaker: .open)
            ],
            bodies: .init(used: 7, limit: 4_096_000_000), waitingWrites: 3, commits: (4, .milliseconds(6)),
            images: .init(used: 911_204_331, limit: nil), freeDisk: 1 << 40, minFreeDisk: 200_000_000,
            process: ProcessUsage(
                processorTime: .milliseconds(1250), residentMemory: 40_000_000, openFiles: 12, openFileLimit: 65_536,
                start: .seconds(1_795_248_000)))
    }

    private func text(_ snapshot: MetricsSnapshot) -> String { String(decoding: snapshot.page.bytes, as: UTF8.self) }

    @Test func `the page of a gateway that has done nothing, word for word`() throws {
        #expect(try text(try snapshot()) == TestData.text("Fixtures/metrics/idle.txt"))
    }

    @Test func `what could not be found out is left out`() throws {
        var snapshot = try snapshot()
        (snapshot.images.used, snapshot.freeDisk, snapshot.process) = (nil, nil, nil)
        let text = text(snapshot)
        for name in ["easel_stored_bytes", "easel_stored_limit_bytes", "easel_disk_free_bytes", "process_"] {
            #expect(!text.contains(name))
        }
        #expect(text.contains("easel_disk_min_free_bytes 200000000\n"))
    }

    @Test func `models and providers are in the order of their names`() throws {
        let text = text(try snapshot(Parts.routes("http://127.0.0.1:1", "http://127.0.0.1:2")))
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("easel_images_total") }
        #expect(
            lines == [
                #"easel_images_total{model="otter",provider="p0"} 0"#,
                #"easel_images_total{model="otter",provider="p1"} 0"#,
            ])
    }
}
