#include <sqlite3.h>
#include <sys/prctl.h>

// SQLITE_TRANSIENT ("copy the bytes now") is an integer cast to a function pointer, which Swift cannot import.

static inline int easel_bind_text(sqlite3_stmt *statement, int position, const void *text, sqlite3_uint64 length) {
    return sqlite3_bind_text64(statement, position, (const char *)text, length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static inline int easel_bind_blob(sqlite3_stmt *statement, int position, const void *bytes, sqlite3_uint64 length) {
    return sqlite3_bind_blob64(statement, position, bytes, length, SQLITE_TRANSIENT);
}

// sqlite3_db_config is variadic, which Swift cannot call.

static inline int easel_db_config(sqlite3 *database, int option, int value) {
    return sqlite3_db_config(database, option, value, (int *)0);
}

// So is sqlite3_config.

static inline int easel_count_no_memory(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

// And prctl.

static inline void easel_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
