package persistencetest

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// fatal is the severity with which PostgreSQL ends the connection.
const fatal = "FATAL"

// fatalCodes are too many connections, and the three ways of going away.
var fatalCodes = []string{"53300", "57P01", "57P02", "57P03"}

// PostgresError is an error as PostgreSQL answers with it, by its SQLSTATE.
func PostgresError(code string) error {
	e := &pgconn.PgError{Severity: "ERROR", Code: code, Message: "a fault of the test"}
	if slices.Contains(fatalCodes, code) {
		e.Severity = fatal
	}
	return e
}

// The errors that [SQLiteError] can make.
const (
	SQLiteBusy     = sqlite3.SQLITE_BUSY
	SQLiteFull     = sqlite3.SQLITE_FULL
	SQLiteReadOnly = sqlite3.SQLITE_READONLY
)

// sqliteCauses is what makes the next statement that writes fail so.
var sqliteCauses = map[int]string{
	SQLiteBusy:     "BEGIN EXCLUSIVE", // on another connection
	SQLiteFull:     "PRAGMA max_page_count = 1",
	SQLiteReadOnly: "PRAGMA query_only = on",
}

// SQLiteError is an error as SQLite answers with it. Only SQLite can make one,
// so that it is brought there.
func SQLiteError(t testing.TB, code int) error {
	t.Helper()
	file := "file:" + filepath.Join(t.TempDir(), "broken.db")
	writer, other := oneConn(t, file), oneConn(t, file)
	cause := writer
	if code == SQLiteBusy {
		cause = other
	}
	if _, err := cause.ExecContext(t.Context(), sqliteCauses[code]); err != nil {
		t.Fatal(err)
	}
	_, err := writer.ExecContext(t.Context(), "CREATE TABLE broken (x)")
	if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code() != code {
		t.Fatalf("SQLite answers %v, want the error %d", err, code)
	}
	return err
}

// oneConn is a pool of one connection, which does not wait for locks.
func oneConn(t testing.TB, file string) *sql.DB {
	t.Helper()
	connector, err := sqlite.NewConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}
