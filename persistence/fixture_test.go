package persistence_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

const (
	ada   = rollcall.Email("ada@example.com")
	grace = rollcall.Email("grace@example.com")
	linus = rollcall.Email("linus@example.com")
)

// noon has microseconds, which both databases must keep.
var noon = time.Date(2025, 10, 21, 12, 0, 0, 123456000, time.UTC)

// fixture is a migrated database with the three users above, and a second way
// into it, past the code under test.
type fixture struct {
	*persistence.Database
	url string
	raw *sql.DB
}

// eachDatabase runs a test on PostgreSQL and on SQLite.
func eachDatabase(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	persistencetest.Databases(t, func(t *testing.T, url string) {
		test(t, newFixture(t, url))
	})
}

func newFixture(t *testing.T, url string) *fixture {
	t.Helper()
	f := &fixture{Database: open(t, url), url: url, raw: rawPool(t, url)}
	_, err := f.Migrate(t.Context())
	must(t, err)
	_, err = f.AddUsers(t.Context(), []rollcall.Email{ada, grace, linus})
	must(t, err)
	return f
}

func open(t *testing.T, url string) *persistence.Database {
	t.Helper()
	d, err := persistence.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

func rawPool(t *testing.T, url string) *sql.DB {
	t.Helper()
	connector, _, err := persistence.NewConnector(url)
	must(t, err)
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { must(t, pool.Close()) })
	return pool
}

func (f *fixture) join(t *testing.T, name string) *persistence.Node {
	t.Helper()
	return f.joinAs(t, persistence.NodeConfig{Name: name, Lease: time.Minute})
}

func (f *fixture) joinAs(t *testing.T, config persistence.NodeConfig) *persistence.Node {
	t.Helper()
	n, err := f.Join(t.Context(), config)
	must(t, err)
	return n
}

// exec runs a statement past the code under test.
func (f *fixture) exec(t *testing.T, statement string) {
	t.Helper()
	_, err := f.raw.ExecContext(t.Context(), statement)
	must(t, err)
}

// expireLease makes a node look dead.
func (f *fixture) expireLease(t *testing.T, node string) {
	t.Helper()
	f.exec(t, "UPDATE nodes SET lease_expires_at = '2001-01-01 00:00:00+00:00' WHERE name = '"+node+"'")
}

// row is what the tests look at of a row in any of the tables of presence.
type row struct {
	Email        rollcall.Email
	ConnectedAt  time.Time
	LastActivity time.Time
}

func (f *fixture) connections(t *testing.T) []row {
	t.Helper()
	return f.rows(t, "SELECT email, connected_at, last_activity FROM active_websocket_connections ORDER BY email")
}

func (f *fixture) sessions(t *testing.T) []row {
	t.Helper()
	return f.rows(t, "SELECT email, connected_at, last_activity FROM sessions ORDER BY email, connected_at, last_activity")
}

func (f *fixture) rows(t *testing.T, query string) []row {
	t.Helper()
	return collect(t, f, query, func(r *row) []any { return []any{&r.Email, &r.ConnectedAt, &r.LastActivity} },
		func(r *row) { r.ConnectedAt, r.LastActivity = r.ConnectedAt.UTC(), r.LastActivity.UTC() })
}

// ended is what the tests look at of a row of the history.
type ended struct {
	Email    rollcall.Email
	Node     string
	EndedAt  time.Time
	Duration int64
	Reason   string
}

func (f *fixture) history(t *testing.T) []ended {
	t.Helper()
	return collect(t, f, "SELECT email, node, ended_at, duration_ms, reason FROM session_history ORDER BY email, ended_at",
		func(e *ended) []any { return []any{&e.Email, &e.Node, &e.EndedAt, &e.Duration, &e.Reason} },
		func(e *ended) { e.EndedAt = e.EndedAt.UTC() })
}

func (f *fixture) sweeps(t *testing.T, node string) []int {
	t.Helper()
	return column[int](t, f, "SELECT sweeps FROM nodes WHERE name = '"+node+"'")
}

// column is the answer to a query for one column.
func column[T any](t *testing.T, f *fixture, query string) []T {
	t.Helper()
	return collect(t, f, query, func(v *T) []any { return []any{v} }, func(*T) {})
}

func collect[T any](t *testing.T, f *fixture, query string, columns func(*T) []any, tidy func(*T)) []T {
	t.Helper()
	rows, err := f.raw.QueryContext(t.Context(), query)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	var all []T
	for rows.Next() {
		var one T
		must(t, rows.Scan(columns(&one)...))
		tidy(&one)
		all = append(all, one)
	}
	must(t, rows.Err())
	return all
}

// holds checks the invariant of the design.
func (f *fixture) holds(t *testing.T) {
	t.Helper()
	if audit := f.audit(t); !audit.Holds() {
		t.Errorf("the invariant does not hold: %+v", audit)
	}
}

func (f *fixture) audit(t *testing.T) persistence.Audit {
	t.Helper()
	audit, err := f.Audit(t.Context())
	must(t, err)
	return audit
}

func commit(t *testing.T, n *persistence.Node, batch rollcall.Batch) rollcall.Result {
	t.Helper()
	result, err := n.Commit(t.Context(), batch)
	must(t, err)
	return result
}

// arrival is the change of a first session that connects at a time.
func arrival(email rollcall.Email, at time.Time) rollcall.Change {
	return rollcall.Change{
		Session: uuid.New(), Email: email, ConnectedAt: at, Since: at, LastActivity: at, UserActivity: at,
		Address: "192.0.2.1:4711", UserAgent: "test",
	}
}

// touch is the change of a session that is active at a time.
func touch(c rollcall.Change, at time.Time) rollcall.Change {
	return rollcall.Change{Session: c.Session, Email: c.Email, LastActivity: at, UserActivity: at}
}

// departure is the change of a session that ends at a time.
func departure(c rollcall.Change, at time.Time) rollcall.Change {
	return rollcall.Change{Session: c.Session, Email: c.Email, Admitted: true, EndedAt: at, Reason: rollcall.CloseNormal.Cause()}
}

func inserts(changes ...rollcall.Change) rollcall.Batch { return rollcall.Batch{Inserts: changes} }
func touches(changes ...rollcall.Change) rollcall.Batch { return rollcall.Batch{Touches: changes} }
func deletes(changes ...rollcall.Change) rollcall.Batch { return rollcall.Batch{Deletes: changes} }

func equal[T comparable](t *testing.T, what string, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got the error %v, want %v", err, want)
	}
}

func isRejected(err error) bool { return errors.Is(err, rollcall.ErrRejected) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that another goroutine or the server brings
// about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
