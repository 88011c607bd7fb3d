import CSQLite

/// A write that waits for its turn, whatever type its body returns.
struct Write: Sendable {
    /// What became of the body, before the commit.
    struct Outcome {
        let failure: (any Error)?
        /// Tells the caller, who gets the error of the commit only if the body itself went well.
        let answer: (_ commitFailure: (any Error)?) -> Void
    }

    let perform: @Sendable (borrowing Connection) -> Outcome
    /// Tells the caller that the body was never run.
    let refuse: @Sendable (DatabaseError) -> Void

    init<Output: Sendable>(
        _ body: @escaping @Sendable (borrowing Connection) throws -> Output,
        answer: @escaping @Sendable (Result<Output, any Error>) -> Void
    ) {
        perform = { connection in
            do {
                let value = try connection.savepoint(body)
                return Outcome(failure: nil) { answer($0.map { .failure($0) } ?? .success(value)) }
            } catch {
                return Outcome(failure: error) { _ in answer(.failure(error)) }
            }
        }
        refuse = { answer(.failure($0)) }
    }
}

extension Connection {
    /// Runs writes in one transaction and answers every one of them after its commit.
    borrowing func commitTogether(_ writes: [Write], committed: () -> Void) {
        var rest = writes[...]
        while !rest.isEmpty {
            do throws(DatabaseError) {
                try run("BEGIN IMMEDIATE")
            } catch {
                for write in rest { write.refuse(error) }
                return
            }
            let outcomes = perform(&rest)
            let failure = isInTransaction ? commit() : outcomes.last?.failure ?? lostTransaction
            if failure == nil { committed() }
            for outcome in outcomes { outcome.answer(failure) }
        }
    }

    /// Runs writes one after the other; stops early if one of them has cost the whole transaction.
    ///
    /// A full disk, for one, makes SQLite roll everything back, not only the statement that met it.
    private borrowing func perform(_ writes: inout ArraySlice<Write>) -> [Write.Outcome] {
        var outcomes: [Write.Outcome] = []
        while isInTransaction, let write = writes.popFirst() {
            outcomes.append(write.perform(self))
        }
        return outcomes
    }

    private borrowing func commit() -> DatabaseError? {
        do throws(DatabaseError) {
            try run("COMMIT")
            return nil
        } catch {
            rollBack()
            return error
        }
    }

    /// Undoes the open transaction, if there still is one.
    borrowing func rollBack() {
        guard isInTransaction else { return }
        // Should even this fail, closing the connection rolls back, and the next BEGIN fails and says why.
        do { try run("ROLLBACK") } catch {}
    }

    /// Runs a body so that it can be undone alone.
    fileprivate borrowing func savepoint<Output>(
        _ body: (borrowing Connection) throws -> Output
    ) throws -> Output {
        try run("SAVEPOINT body")
        do {
            let value = try body(self)
            guard isInTransaction else { throw lostTransaction }
            // Deferred constraints are otherwise checked by COMMIT, where they would fail every write.
            guard !hasUnresolvedForeignKeys else {
                throw error(ResultCode.constraintForeignKey, "FOREIGN KEY constraint failed")
            }
            try run("RELEASE body")
            return value
        } catch {
            undoSavepoint()
            throw error
        }
    }

    private borrowing func undoSavepoint() {
        guard isInTransaction else { return }
        do {
            try run("ROLLBACK TO body")
            try run("RELEASE body")
        } catch {
            rollBack()
        }
    }

    private var lostTransaction: DatabaseError {
        error(ResultCode.abortRollback, "the transaction was ended by the body of a write")
    }
}
