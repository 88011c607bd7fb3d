import HTTP
import HTTPServer
import JSON
import LibEvent
import SQLite
import Support
import Testing

@testable import Easel

/// `GET /metrics` of the real parts, over providers that follow a script.
@Suite(.onEventLoop)
struct MetricsPageTests {
    @EventLoop private func lines(of parts: Parts) async throws -> [String] {
        let response = try await parts.send(.get, "/metrics")
        #expect(response.status == .ok)
        #expect(response.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(response.fields["cache-control"] == "no-store")
        return try await response.text().split(separator: "\n").map(String.init)
    }

    @Test @EventLoop func `it tells what the ledger tells, and asks no provider`() async throws {
        let refusing = try FakeProvider { _ in .refusal(.tooManyRequests, "rate_limit_exceeded") }
        let making = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(refusing.url, making.url, price: "0.025"))
        let (_, story) = try await parts.run(parts.submission("otter"))
        let bytes = try #require(story?.job.imageLength)
        let calls = [refusing.calls.count, making.calls.count]

        let lines = try await lines(of: parts)
        for line in [
            #"easel_attempts_total{provider="p0",state="refused"} 1"#,
            #"easel_attempts_total{provider="p0",state="done"} 0"#,
            #"easel_attempts_total{provider="p1",state="done"} 1"#,
            #"easel_attempt_failures_total{provider="p0",kind="rate_limit"} 1"#,
            #"easel_provider_answer_seconds_count{provider="p0"} 0"#,
            #"easel_provider_answer_seconds_count{provider="p1"} 1"#,
            #"easel_jobs_ended_total{model="otter",state="done"} 1"#,
            #"easel_job_duration_seconds_count{model="otter"} 1"#,
            #"easel_images_total{model="otter",provider="p1"} 1"#,
            #"easel_image_bytes_total{model="otter",provider="p1"} \#(bytes)"#,
            #"easel_cost_total{model="otter",provider="p0",currency="USD"} 0"#,
            #"easel_cost_total{model="otter",provider="p1",currency="USD"} 0.025"#,
            #"easel_jobs_of_unknown_cost_total{model="otter",provider="p1"} 0"#,
            #"easel_jobs{state="submitted"} 0"#,
            "easel_stored_bytes \(bytes)",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        // It asked for a pause of two seconds.
        #expect(lines.contains(#"easel_provider_pause_seconds{provider="p0"} 2"#))
        #expect(lines.contains(#"easel_provider_breaker{provider="p0",state="paused"} 1"#))
        #expect(lines.contains(#"easel_provider_breaker{provider="p0",state="closed"} 0"#))
        #expect([refusing.calls.count, making.calls.count] == calls)
        for provider in [refusing, making] { await provider.stop() }
        await parts.close()
    }

    @Test @EventLoop func `a job under way is where it is, and its request is in flight`() async throws {
        let (asked, answer) = (Promise<Void>(), Promise<Void>())
        let provider = try FakeProvider { _ in
            asked.fulfil(())
            _ = await answer.wait()
            return .images(png())
        }
        let parts = try Parts(Parts.routes(provider.url))
        let key = try await parts.ledger.anyKey()
        let job = try parts.jobs.start(parts.submission("otter"), id: "req_1", key: key)
        #expect(parts.jobs.states == [.accepted: 1])
        _ = await asked.wait()
        let lines = try await lines(of: parts)
        #expect(lines.contains(#"easel_jobs{state="submitted"} 1"#))
        #expect(lines.contains(#"easel_provider_in_flight{provider="p0"} 1"#))
        answer.fulfil(())
        _ = await job.ending.wait()
        #expect(job.state == .storing)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `an attempt that nobody could write a second one after counts once`() async throws {
        let ledger = Promise<Ledger>()
        let refusing = try FakeProvider { _ in
            // Nothing can be written from here on but the end.
            _ = try? await ledger.value?.database.write { connection in
                try connection.run(
                    """
                    CREATE TRIGGER full BEFORE INSERT ON attempts BEGIN SELECT raise(ABORT, 'no more'); END
                    """)
            }
            return .refusal(.serviceUnavailable, "overloaded")
        }
        let parts = try Parts(Parts.routes(refusing.url, refusing.url))
        ledger.fulfil(parts.ledger)
        let (_, story) = try await parts.run(parts.submission("otter"))
        #expect(story?.job.state == .failed)
        #expect(parts.meter.counts.providers["p0"]?.attempts == [.refused: 1])
        #expect(parts.meter.counts.providers["p0"]?.failures == [.overload: 1])
        await refusing.stop()
        await parts.close()
    }

    @Test @EventLoop func `an order turned away is counted by its reason`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {min_free: 9TB}")
        _ = try await parts.run(parts.submission("sandbox"))
        let lines = try await lines(of: parts)
        #expect(lines.contains(#"easel_refusals_total{code="insufficient_storage"} 1"#))
        #expect(lines.contains(#"easel_refusals_total{code="insufficient_quota"} 0"#))
        #expect(lines.contains(#"easel_jobs_ended_total{model="sandbox",state="failed"} 0"#))
        await parts.close()
    }

    // MARK: Who may read it

    private static let token = "0123456789abcdef"

    @Test(
        arguments: [
            ("", "127.0.0.1:9", [:], 200), ("", "[::1]:9", ["host": "localhost:8080"], 200),
            ("", "127.0.0.1:9", ["host": "127.0.0.1"], 200), ("", "127.9.9.9:9", ["host": "[::1]:8080"], 200),
            ("", "192.168.7.4:9", [:], 403), ("", "[2001:db8::1]:9", [:], 403),
            // A proxy of this machine, or a browser's page from elsewhere.
            ("", "127.0.0.1:9", ["x-forwarded-for": "192.0.2.1"], 403), ("", "127.0.0.1:9", ["forwarded": ""], 403),
            ("", "127.0.0.1:9", ["via": "1.1 proxy"], 403), ("", "127.0.0.1:9", ["origin": "https://a.example"], 403),
            ("", "127.0.0.1:9", ["host": "127.0.0.1.evil.example"], 403),
            ("", "127.0.0.1:9", ["host": "evil:8080"], 403),
            // What is reached elsewhere than it listens is behind something.
            ("public_url: https://images.example.com", "127.0.0.1:9", [:], 403),
            ("public_url: http://images.example.com", "127.0.0.1:9", [:], 403),
            ("public_url: http://images.example.com:8080", "127.0.0.1:9", [:], 403),
            ("public_url: http://images.example.com:8080\nlisten: :8080", "127.0.0.1:9", [:], 200),
            ("public_url: http://localhost:8080/easel", "127.0.0.1:9", [:], 200),
            // A token is enough, and needed.
            ("metrics: {token: \(token)}", "192.168.7.4:9", ["authorization": "Bearer \(token)"], 200),
            ("metrics: {token: \(token)}", "192.168.7.4:9", ["authorization": "Bearer \(token)0"], 401),
            ("metrics: {token: \(token)}", "127.0.0.1:9", ["authorization": "Bearer sk-easel-x"], 401),
            ("metrics: {token: \(token)}", "127.0.0.1:9", [:], 401),
        ] as [(String, String, Fields, Int)])
    @EventLoop func `only somebody of this machine may read it, or whoever has the token`(
        setting: String, address: String, fields: Fields, status: Int
    ) async throws {
        let parts = try Parts("\(setting)\n\(Parts.sandbox)")
        let response = await parts.gateway.respond(
            to: Request(method: .get, target: "/metrics", fields: fields), body: RequestBody([]),
            peer: Peer(address: try SocketAddress(address)))
        #expect(response.status.rawValue == status)
        guard status != 200 else { return await parts.close() }
        let message = try await response.json()["error"]?["message"]?.string ?? ""
        #expect(message.contains("metrics"))
        #expect(!message.contains(Self.token))
        #expect(response.fields["www-authenticate"] == (status == 401 ? "Bearer" : nil))
        await parts.close()
    }
}

extension Response {
    /// A provider's answer in OpenAI's form that says no.
    fileprivate static func refusal(_ status: Status, _ code: String) -> Response {
        .json(["error": ["message": "no", "code": .string(code)]], status: status)
    }
}
