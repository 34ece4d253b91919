package persistence_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// A wrong URL is a one-line answer that says what is right. It must never print
// a password, which may stand anywhere in a URL that is malformed.
func TestWrongURLIsRefusedWithoutItsPassword(t *testing.T) {
	for _, url := range []string{
		"", "rollcall.db", "mysql://u:hunter2@h/db", "sqlite://", "sqlite://:memory:", "sqlite://./:memory:", "postgres//u:hunter2@h",
		"postgres://u:hunter2@h:port/db", "postgres://u:hun/ter2@h/db", "postgres://u:%zzhunter2@h/db",
		"postgres://h/db?password=hunter2&sslmode=nonsense", "hunter2",
	} {
		_, err := persistence.Open(t.Context(), url)
		if err == nil {
			t.Errorf("%s was opened", url)
			continue
		}
		text := err.Error()
		if strings.Contains(text, "ter2") || strings.Contains(text, "\n") {
			t.Errorf("%s gives the error %q", url, text)
		}
		if !strings.Contains(text, "sqlite://") || !strings.Contains(text, "postgres://") {
			t.Errorf("%s gives the error %q, want one that names both forms", url, text)
		}
	}
}

// A server that is not there must be told at the start, within the caller's
// time, and without the password.
func TestOpenFailsWhenNobodyAnswers(t *testing.T) {
	for _, url := range []string{
		"postgres://u:hunter2@127.0.0.1:1/db", "sqlite://" + filepath.Join(t.TempDir(), "missing", "rollcall.db"),
	} {
		_, err := persistence.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s gives the error %v", url, err)
		}
	}
}

// The file is the one that the URL names, whatever is in its name: a relative
// one is below the working directory.
func TestSQLiteURLNamesItsFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for url, file := range map[string]string{
		"sqlite://relative.db":                          "relative.db",
		"sqlite://" + filepath.Join(dir, "absolute.db"): "absolute.db",
		"sqlite://odd name?mode=ro#50%25&é.db":          "odd name?mode=ro#50%25&é.db",
	} {
		f := newFixture(t, url)
		f.holds(t)
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// The settings of SQLite are what its promises rest on: no reader waits, no
// commit is half written, no token outlives its user.
func TestSQLiteIsSetUpForConcurrentReaders(t *testing.T) {
	f := newFixture(t, persistencetest.SQLite(t))
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "busy_timeout": "5000", "synchronous": "1", "foreign_keys": "1",
	} {
		var got string
		must(t, f.raw.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
	n := f.join(t, "a")
	tx, err := f.raw.BeginTx(t.Context(), nil) // takes the write lock, having written nothing
	must(t, err)
	defer func() { must(t, tx.Rollback()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.Commit(ctx, rollcall.Batch{}); err == nil {
		t.Error("a second transaction did not wait for the first")
	}
	_, err = tx.ExecContext(t.Context(), "DELETE FROM users")
	must(t, err)
	audit, err := f.Audit(t.Context())
	if must(t, err); audit.Users != 3 {
		t.Errorf("a reader sees %d users, want the 3 of before the deletion", audit.Users)
	}
}

// PostgreSQL's defaults can be changed for a server, a database or a role, and
// what the statements rely on must not change with them.
func TestPostgresSettingsDoNotDependOnTheServer(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	var name string
	must(t, f.raw.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name))
	for setting, wrong := range map[string]string{"standard_conforming_strings": "off", "timezone": "'Asia/Kathmandu'", "jit": "on", "enable_seqscan": "on"} {
		f.exec(t, "ALTER DATABASE "+name+" SET "+setting+" = "+wrong)
	}
	again := &fixture{Database: open(t, f.url), url: f.url, raw: f.raw}
	n := again.join(t, "a")
	c := arrival(ada, noon)
	c.UserAgent = `\'; DELETE FROM users; --`
	commit(t, n, inserts(c))
	equal(t, "connections", again.connections(t), row{ada, noon, noon})
	equal(t, "user agents", column[string](t, again, "SELECT user_agent FROM sessions"), c.UserAgent)
	again.raw = rawPool(t, f.url) // whose connections are new
	for setting, want := range map[string]string{
		"standard_conforming_strings": "on", "jit": "off", "enable_seqscan": "off", "idle_in_transaction_session_timeout": "5s",
	} {
		equal(t, setting, column[string](t, again, "SHOW "+setting), want)
	}
}

// The answer to a commit can be lost on the network after the database has
// applied it. The same batch must then be good to give again. This is also how a
// fault comes between the pool and the database.
func TestCommitWhoseAnswerWasLostIsGivenAgain(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		connector, dialect, err := persistence.NewConnector(f.url)
		must(t, err)
		faults := persistencetest.NewFaults(connector)
		d := persistence.OpenConnector(faults, dialect)
		t.Cleanup(func() { must(t, d.Close()) })
		n, err := d.Join(t.Context(), persistence.NodeConfig{Name: "a", Lease: time.Minute})
		must(t, err)
		c := arrival(ada, noon)
		for _, batch := range []rollcall.Batch{inserts(c), touches(touch(c, noon.Add(time.Second))), deletes(departure(c, noon.Add(time.Second)))} {
			faults.Arm(persistencetest.Fault{Statement: persistencetest.Commit, When: persistencetest.After, Times: 1, Err: errLost})
			_, err := n.Commit(t.Context(), batch)
			if is(t, err, errLost); isRejected(err) {
				t.Errorf("a lost answer rejects the batch: %v", err)
			}
			before := f.sessions(t)
			commit(t, n, batch)
			equal(t, "sessions", f.sessions(t), before...)
			f.holds(t)
		}
		equal(t, "history", f.history(t), ended{ada, "a", noon.Add(time.Second), 1000, "closed"})
	})
}

var errLost = errors.New("the answer was lost")

// The database may be away: each call must end with its context, and the pool
// must find back by itself.
func TestDatabaseThatIsAwayIsFoundAgain(t *testing.T) {
	cluster := persistencetest.NewCluster(t)
	f := newFixture(t, cluster.URL())
	n := f.join(t, "a")
	c := arrival(ada, noon)
	commit(t, n, inserts(c))

	cluster.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := n.Commit(ctx, touches(touch(c, noon.Add(time.Second))))
	if took := time.Since(start); err == nil || took > 5*time.Second {
		t.Errorf("a commit to a paused database returned after %s with the error %v", took, err)
	}
	cluster.Resume()

	for _, mode := range []persistencetest.StopMode{persistencetest.Fast, persistencetest.Immediate, persistencetest.Kill} {
		cluster.Stop(mode)
		if _, err := n.Commit(t.Context(), rollcall.Batch{}); err == nil || isRejected(err) {
			t.Errorf("a commit to a stopped database gives the error %v", err)
		}
		cluster.Start()
		eventually(t, "the database is found again", func() bool {
			_, err := n.Commit(t.Context(), touches(touch(c, noon.Add(time.Second))))
			return err == nil
		})
	}
	equal(t, "connections", f.connections(t), row{ada, noon, noon.Add(time.Second)})
	f.holds(t)
}

// A server that is frozen in the middle of a commit holds locks. PostgreSQL must
// take them back, or it would stop every other server that has the same users.
func TestTransactionOfAFrozenServerIsEnded(t *testing.T) {
	t.Parallel() // it takes as long as the limit
	f := newFixture(t, persistencetest.Postgres(t))
	n := f.join(t, "a")
	c := arrival(ada, noon)
	commit(t, n, inserts(c))
	frozen, err := f.raw.BeginTx(t.Context(), nil)
	must(t, err)
	_, err = frozen.ExecContext(t.Context(), "UPDATE active_websocket_connections SET last_activity = now()")
	must(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = n.Commit(ctx, deletes(departure(c, noon))) // waits for the lock
	must(t, err)
	if err := frozen.Commit(); err == nil || errors.Is(err, sql.ErrTxDone) {
		t.Errorf("the frozen transaction ended with the error %v, want the connection's", err)
	}
	f.holds(t)
}
