// Package persistencetest gives tests real databases: fresh ones of each kind
// for a test, and a PostgreSQL server of its own for a test that breaks it.
package persistencetest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// ServerVariable names the environment variable with the URL of a PostgreSQL
// server to use, whose role may create databases. Without it a server is
// started.
const ServerVariable = "ROLLCALL_TEST_POSTGRES"

// statementTimeout bounds what is done to prepare a test and to clean up.
const statementTimeout = 30 * time.Second

// Databases runs a test once for each kind of database, as the subtests postgres
// and sqlite, each with the URL of a new and empty one.
func Databases(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
}

// SQLite returns the URL of a new and empty SQLite database.
func SQLite(t testing.TB) string {
	return "sqlite://" + filepath.Join(t.TempDir(), "rollcall.db")
}

// Postgres returns the URL of a new and empty PostgreSQL database, which is
// dropped after the test. All of a process are on one server.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := serverURL()
	if err != nil {
		t.Fatal(err)
	}
	databaseURL, err := createDatabase(server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dropDatabase(server, databaseURL); err != nil {
			t.Error(err)
		}
	})
	return databaseURL
}

// sharedServer is one for all tests of this process. It stays referenced as long
// as the process lives, and with it the pipe whose end tells the watchdog to stop
// it.
var sharedServer = sync.OnceValues(func() (*Server, error) {
	s, err := NewServer()
	if err != nil {
		return nil, err
	}
	return s, s.Start()
})

func serverURL() (string, error) {
	if given := os.Getenv(ServerVariable); given != "" {
		return given, nil
	}
	s, err := sharedServer()
	if err != nil {
		return "", err
	}
	return s.URL("postgres"), nil
}

var databases atomic.Int64

// createDatabase makes a name that no other test process uses on that server.
func createDatabase(server string) (databaseURL string, err error) {
	name := fmt.Sprintf("rollcall_test_%d_%d", os.Getpid(), databases.Add(1))
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("%s is not a URL", ServerVariable)
	}
	if err := execute(server, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// dropDatabase throws out whoever is still connected.
func dropDatabase(server, databaseURL string) error {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return fmt.Errorf("drop a database: %w", err)
	}
	return execute(server, "DROP DATABASE "+u.Path[1:]+" WITH (FORCE)")
}

func execute(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), statementTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
