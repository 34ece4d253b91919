package persistencetest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/rollcall/rollcall/persistence"
)

var errFault = errors.New("a fault of the test")

// A fault that strikes at another moment than it says would let the tests above
// it prove something else: before, nothing has happened; after, everything has.
func TestFaultStrikesAtItsMoment(t *testing.T) {
	faulty(t, func(t *testing.T, f *Faults, pool *sql.DB) {
		for _, c := range []struct {
			statement string
			when      Moment
			written   int
		}{
			{Begin, Before, 0},
			{Begin, After, 0}, // nobody could commit it
			{"INSERT INTO kept", Before, 0},
			{"INSERT INTO kept", After, 0}, // it is rolled back
			{Commit, Before, 0},
			{Commit, After, 1},
			{"SELECT count", Amid, 0},
			{Connect, Before, 0},
			{Connect, After, 0},
		} {
			pool.SetMaxIdleConns(0) // so that each case connects
			armed := f.Arm(Fault{Statement: c.statement, When: c.when, Times: 1, Err: errFault})
			if err := insert(t.Context(), pool); !errors.Is(err, errFault) {
				t.Errorf("%s, %v: the error is %v", c.statement, c.when, err)
			}
			if armed.Struck() != 1 {
				t.Errorf("%s, %v: it struck %d times", c.statement, c.when, armed.Struck())
			}
			if n := kept(t, pool); n != c.written {
				t.Errorf("%s, %v: %d rows are there, want %d", c.statement, c.when, n, c.written)
			}
			if err := insert(t.Context(), pool); err != nil {
				t.Errorf("%s, %v: after the fault: %v", c.statement, c.when, err)
			}
			if _, err := pool.ExecContext(t.Context(), "DELETE FROM kept"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A test must be able to say how often, and to end it.
func TestFaultStrikesAsOftenAsItSays(t *testing.T) {
	faulty(t, func(t *testing.T, f *Faults, pool *sql.DB) {
		thrice := f.Arm(Fault{Statement: "INSERT INTO kept", Times: 3, Err: errFault})
		always := f.Arm(Fault{Statement: "INSERT INTO kept", Err: io.ErrUnexpectedEOF})
		for i := range 5 {
			want := errFault
			if i >= 3 {
				want = io.ErrUnexpectedEOF
			}
			if err := insert(t.Context(), pool); !errors.Is(err, want) {
				t.Errorf("attempt %d: the error is %v, want %v", i, err, want)
			}
		}
		<-thrice.Over()
		always.Disarm()
		<-always.Over()
		if thrice.Struck() != 3 || always.Struck() != 2 {
			t.Errorf("they struck %d and %d times, want 3 and 2", thrice.Struck(), always.Struck())
		}
		if err := insert(t.Context(), pool); err != nil {
			t.Error(err)
		}
	})
}

// A statement that hangs must end with its context, and a slow one must run.
func TestFaultHangsAndDelays(t *testing.T) {
	faulty(t, func(t *testing.T, f *Faults, pool *sql.DB) {
		for _, statement := range []string{Connect, Begin, "INSERT INTO kept", Commit} {
			pool.SetMaxIdleConns(0)
			hangs := f.Arm(Fault{Statement: statement, Times: 1, Hang: true})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-hangs.Over()
				cancel()
			}()
			if err := insert(ctx, pool); !errors.Is(err, context.Canceled) {
				t.Errorf("%s hangs, and the error is %v", statement, err)
			}
		}
		if n := kept(t, pool); n != 0 {
			t.Errorf("%d rows are there of what hung", n)
		}
		const delay = 50 * time.Millisecond
		f.Arm(Fault{Times: 3, Delay: delay}) // connect, begin, the query
		start := time.Now()
		if err := insert(t.Context(), pool); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 3*delay {
			t.Errorf("three statements that are slow by %s took %s", delay, took)
		}
	})
}

// A connection that a network error ended must not go back to the pool, and one
// on which the database has only said no must.
func TestFaultBreaksItsConnectionAsTheErrorSays(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		open int
	}{
		"serialization failure": {PostgresError("40001"), 1},
		"disk full":             {PostgresError("53100"), 1},
		"SQLite is busy":        {SQLiteError(t, SQLiteBusy), 1},
		"SQLite is full":        {SQLiteError(t, SQLiteFull), 1},
		"SQLite is read-only":   {SQLiteError(t, SQLiteReadOnly), 1},
		"shut down":             {PostgresError("57P01"), 0},
		"end of file":           {io.ErrUnexpectedEOF, 0},
		"bad connection":        {driver.ErrBadConn, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f, pool := faultyPool(t, SQLite(t))
			f.Arm(Fault{Statement: "INSERT INTO kept", Times: 1, Err: c.err})
			if err := insert(t.Context(), pool); !errors.Is(err, c.err) {
				t.Errorf("the error is %v", err)
			}
			if got := pool.Stats().OpenConnections; got != c.open {
				t.Errorf("%d connections are open, want %d", got, c.open)
			}
		})
	}
}

// faulty runs a test on a pool with faults, on each kind of database.
func faulty(t *testing.T, test func(*testing.T, *Faults, *sql.DB)) {
	t.Helper()
	Databases(t, func(t *testing.T, url string) {
		f, pool := faultyPool(t, url)
		test(t, f, pool)
	})
}

func faultyPool(t *testing.T, url string) (*Faults, *sql.DB) {
	t.Helper()
	connector, _, err := persistence.NewConnector(url)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFaults(connector)
	pool := sql.OpenDB(f)
	t.Cleanup(func() { _ = pool.Close() })
	if _, err := pool.ExecContext(t.Context(), "CREATE TABLE kept (x int)"); err != nil {
		t.Fatal(err)
	}
	return f, pool
}

// insert counts and writes a row, in a transaction.
func insert(ctx context.Context, pool *sql.DB) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it is committed, unless something failed
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM kept").Scan(&n); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO "kept" VALUES (1)`); err != nil {
		return err
	}
	return tx.Commit()
}

func kept(t *testing.T, pool *sql.DB) (n int) {
	t.Helper()
	if err := pool.QueryRowContext(t.Context(), "SELECT count(*) FROM kept").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
