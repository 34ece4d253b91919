package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// hurtsAtOnce bounds how many of the servers below, and databases under them, run
// at a time.
const hurtsAtOnce = 6

// hurt does something to a database, and mend undoes it.
type hurt struct{ hurt, mend func(*world) }

// Whatever a real PostgreSQL server does to a real server of ours: whoever is
// inside notices nothing, whoever comes is told to come again, and afterwards all
// lists agree.
func TestTroubleInPostgresHurtsNobodyInside(t *testing.T) {
	t.Parallel()
	tests := make(map[string]func(*testing.T))
	for name, trouble := range map[string]func(*persistencetest.Cluster, *pgx.Conn) hurt{
		"frozen for longer than a commit may take": func(cluster *persistencetest.Cluster, _ *pgx.Conn) hurt {
			return hurt{func(*world) { cluster.Pause() }, func(*world) { cluster.Resume() }}
		},
		"a table is locked by somebody else": func(_ *persistencetest.Cluster, admin *pgx.Conn) hurt {
			return hurt{statements(admin, "BEGIN", "LOCK TABLE active_websocket_connections IN ACCESS EXCLUSIVE MODE"),
				statements(admin, "COMMIT")}
		},
		"the node's row is locked by somebody else": func(_ *persistencetest.Cluster, admin *pgx.Conn) hurt {
			return hurt{statements(admin, "BEGIN", "SELECT FROM nodes FOR UPDATE"), statements(admin, "COMMIT")}
		},
		"all connections become read-only": func(_ *persistencetest.Cluster, admin *pgx.Conn) hurt {
			return hurt{statements(admin, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"),
				statements(admin, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")}
		},
		// As after a failover: what was connected meanwhile stays read-only for ever.
		"new connections are read-only": func(_ *persistencetest.Cluster, admin *pgx.Conn) hurt {
			return hurt{statements(admin, "ALTER DATABASE rollcall SET default_transaction_read_only = on", terminateOthers),
				statements(admin, "ALTER DATABASE rollcall RESET default_transaction_read_only")}
		},
	} {
		tests[name] = func(t *testing.T) {
			cluster := persistencetest.NewCluster(t)
			w := newWorld(t, cluster.URL())
			h := trouble(cluster, w.admin())
			w.serve("--connect-timeout=1s").endures(func() { h.hurt(w) }, func() { h.mend(w) })
		}
	}
	together(t, hurtsAtOnce, tests)
}

// With two seconds for each statement no commit is done in time, and one that
// hangs is given up: both are as if the database were away.
func TestSlowDatabaseHurtsNobodyInside(t *testing.T) {
	t.Parallel()
	tests := make(map[string]func(*testing.T))
	for kind, open := range map[string]func(testing.TB) string{
		"postgres": persistencetest.Postgres, "sqlite": persistencetest.SQLite,
	} {
		for how, fault := range map[string]persistencetest.Fault{
			"two seconds for each statement": {Delay: 2 * time.Second},
			"statements hang":                {Hang: true},
		} {
			tests[kind+"/"+how] = func(t *testing.T) {
				p, faults := newWorld(t, open(t)).serveInside(time.Second)
				var armed *persistencetest.Armed
				p.endures(func() { armed = faults.Arm(fault) }, func() { armed.Disarm() })
			}
		}
	}
	together(t, hurtsAtOnce, tests)
}

// SQLite has one writer, and its file is on one disk. Another program that keeps
// the file to itself, and a disk without room, must not be noticed by whoever is
// inside.
func TestTroubleInSQLiteHurtsNobodyInside(t *testing.T) {
	t.Parallel()
	together(t, hurtsAtOnce, map[string]func(*testing.T){
		"busy": func(t *testing.T) {
			w := newWorld(t, persistencetest.SQLite(t))
			other := w.sqlite()
			w.serve("--connect-timeout=1s").endures(
				func() { w.write(other, "BEGIN EXCLUSIVE") }, func() { w.write(other, "COMMIT") })
		},
		"disk full": testFullDisk,
	})
}

// testFullDisk fills a real disk up, where one can be made: root may. Elsewhere
// SQLite's own error has to do.
func testFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmallDisk(t, dir); err != nil {
		t.Logf("no disk to be filled up: %v", err)
		p, faults := newWorld(t, persistencetest.SQLite(t)).serveInside(time.Second)
		full := persistencetest.Fault{Statement: "UPDATE nodes", Err: persistencetest.SQLiteError(t, persistencetest.SQLiteFull)}
		var armed *persistencetest.Armed
		p.endures(func() { armed = faults.Arm(full) }, func() { armed.Disarm() })
		return
	}
	w := newWorld(t, "sqlite://"+filepath.Join(dir, "rollcall.db"))
	ballast := filepath.Join(dir, "ballast")
	w.serve("--connect-timeout=1s").endures(func() {
		if err := os.WriteFile(ballast, make([]byte, smallDiskSize), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the disk is filled up with the error %v", err)
		}
	}, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}

// Connections that are cut are made anew, and a commit that was under way is
// settled. Nobody has to be turned away for it.
func TestCutConnectionsAreMadeAnew(t *testing.T) {
	t.Parallel()
	cluster := persistencetest.NewCluster(t)
	w := newWorld(t, cluster.URL())
	cut := statements(w.admin(), terminateOthers)
	p := w.serve()
	stays := p.connect(user(0))
	online := []string{user(0)}
	p.wantOnline(online...)
	for n := 1; n <= 10; n++ {
		goes := p.connect(user(100 + n))
		cut(w)
		stays.echo("undisturbed")
		goes.leave()
		p.connect(user(n))
		cut(w)
		online = append(online, user(n))
	}
	p.wantOnlineIn(databasePromise+slack, online...)
	stays.echo("undisturbed")
}

// endures hurts the database for a while, and looks at what clients see of it.
func (p *process) endures(hurt, mend func()) {
	p.Helper()
	stays, goes := p.connect(user(0)), p.connect(user(1))
	p.wantOnline(user(0), user(1))
	hurt()
	stays.echo("to be touched")
	goes.leave()
	p.wantListed(user(0))
	for range 6 { // longer together than a commit may take
		late, err := p.dial(user(2))
		if err != nil {
			p.Fatal(err)
		}
		(&client{late, p}).wantClose(1013)
		stays.echo("still here")
	}
	mend()
	mended := time.Now()
	p.wantOnlineIn(databasePromise+slack, user(0))
	p.Logf("all lists agreed %s after the fault", time.Since(mended).Round(time.Millisecond))
	stays.echo("undisturbed")
	p.within("a connect to be let in", func() bool { return p.admits(user(2)) })
	p.wantOnline(user(0))
}

// admits reports whether a connect is greeted, and not told to come again.
func (p *process) admits(email string) bool {
	p.Helper()
	c, err := p.dial(email)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, greeting, err := c.ReadMessage()
	return err == nil && bytes.Contains(greeting, []byte("connection_established"))
}

// terminateOthers cuts every other connection.
const terminateOthers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity" +
	" WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"

// admin is a connection of an operator, who may write when nobody may.
func (w *world) admin() *pgx.Conn {
	w.Helper()
	c, err := pgx.Connect(w.Context(), w.url)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close(context.Background()) })
	statements(c, "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")(w)
	return c
}

// statements does them on a connection, one after the other.
func statements(c *pgx.Conn, all ...string) func(*world) {
	return func(w *world) {
		w.Helper()
		for _, s := range all {
			if _, err := c.Exec(w.Context(), s); err != nil {
				w.Fatalf("%s: %v", s, err)
			}
		}
	}
}

// sqlite is one connection of another program.
func (w *world) sqlite() *sql.Conn {
	w.Helper()
	connector, _, err := persistence.NewConnector(w.url)
	if err != nil {
		w.Fatal(err)
	}
	pool := sql.OpenDB(connector)
	w.Cleanup(func() { _ = pool.Close() })
	c, err := pool.Conn(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	return c
}

func (w *world) write(c *sql.Conn, statement string) {
	w.Helper()
	if _, err := c.ExecContext(w.Context(), statement); err != nil {
		w.Fatalf("%s: %v", statement, err)
	}
}

// smallDiskSize is room for the database of a world, and soon full.
const smallDiskSize = 4 << 20

// mountSmallDisk makes a folder a disk of its own until the end of the test.
func mountSmallDisk(t *testing.T, dir string) error {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", smallDiskSize)); err != nil {
		return fmt.Errorf("mount a small disk: %w", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return nil
}
