package persistencetest

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// Active returns the e-mails of the active connections, as anybody with SQL
// sees them, in alphabetical order.
func Active(t testing.TB, databaseURL string) []string {
	t.Helper()
	return column(t, databaseURL, "SELECT email FROM active_websocket_connections ORDER BY email")
}

// Sessions returns the e-mail of each session, in alphabetical order.
func Sessions(t testing.TB, databaseURL string) []string {
	t.Helper()
	return column(t, databaseURL, "SELECT email FROM sessions ORDER BY email")
}

// Reasons returns why each session of the history ended, oldest first.
func Reasons(t testing.TB, databaseURL string) []string {
	t.Helper()
	return column(t, databaseURL, "SELECT reason FROM session_history ORDER BY ended_at, email")
}

func column(t testing.TB, databaseURL, query string) []string {
	t.Helper()
	db := open(t, databaseURL)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	all := []string{}
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		all = append(all, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func open(t testing.TB, databaseURL string) *sql.DB {
	t.Helper()
	connector, _, err := persistence.NewConnector(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return sql.OpenDB(connector)
}

// Entries returns the active connections in alphabetical order, with their times.
func Entries(t testing.TB, databaseURL string) []rollcall.Entry {
	t.Helper()
	db := open(t, databaseURL)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), "SELECT email, connected_at, last_activity FROM active_websocket_connections ORDER BY email")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	all := []rollcall.Entry{}
	for rows.Next() {
		var e rollcall.Entry
		if err := rows.Scan(&e.Email, &e.ConnectedAt, &e.LastActivity); err != nil {
			t.Fatal(err)
		}
		all = append(all, rollcall.Entry{Email: e.Email, ConnectedAt: e.ConnectedAt.UTC(), LastActivity: e.LastActivity.UTC()})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// LastActivity returns that of an active connection, or the zero time.
func LastActivity(t testing.TB, databaseURL, email string) time.Time {
	t.Helper()
	db := open(t, databaseURL)
	defer func() { _ = db.Close() }()
	var at time.Time
	// The e-mail is a test's own, and the two drivers write parameters differently.
	err := db.QueryRowContext(t.Context(), "SELECT last_activity FROM active_websocket_connections WHERE email = '"+email+"'").Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return at
}
