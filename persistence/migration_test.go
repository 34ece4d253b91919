package persistence_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// all is the migrations of the program, in order.
var all = []string{"0001_presence", "0002_outbox", "0003_cascade", "0004_fillfactor"}

// An upgrade that went wrong is undone by going down; the schema that then comes
// up again must be the same and work.
func TestMigrationsGoUpAndDownAndUpAgain(t *testing.T) {
	persistencetest.Databases(t, func(t *testing.T, url string) {
		d := open(t, url)
		for range 2 {
			pending(t, d, all...)
			names, err := d.Migrate(t.Context())
			must(t, err)
			equal(t, "applied", names, all...)
			pending(t, d)
			status, err := d.MigrationStatus(t.Context())
			must(t, err)
			if age := time.Since(status[0].AppliedAt); len(status) != len(all) || age < 0 || age > time.Minute {
				t.Errorf("the status is %v", status)
			}
			names, err = d.Migrate(t.Context())
			must(t, err)
			equal(t, "applied the second time", names)

			names, err = d.MigrateDown(t.Context())
			must(t, err)
			slices.Reverse(names)
			equal(t, "undone, the last first", names, all...)
		}
		names, err := d.MigrateDown(t.Context())
		must(t, err)
		equal(t, "undone the second time", names)
		equal(t, "tables that are left", tables(t, d, url), "bun_migration_locks", "bun_migrations")
	})
}

// Whoever only asks must leave no trace: the role may not be allowed to write.
func TestAskingForPendingMigrationsWritesNothing(t *testing.T) {
	persistencetest.Databases(t, func(t *testing.T, url string) {
		d := open(t, url)
		pending(t, d, all...)
		equal(t, "tables", tables(t, d, url))
	})
}

// Several servers start at once after an upgrade. Each migration must be run by
// one of them, and none may fail.
func TestServersThatMigrateAtOnceAllSucceed(t *testing.T) {
	persistencetest.Databases(t, func(t *testing.T, url string) {
		const servers = 5
		var done sync.WaitGroup
		applied := make([][]string, servers)
		for i := range servers {
			d := open(t, url)
			done.Go(func() {
				names, err := d.Migrate(t.Context())
				if err != nil {
					t.Errorf("server %d: %v", i, err)
				}
				applied[i] = names
			})
		}
		done.Wait()
		var names []string
		for _, n := range applied {
			names = append(names, n...)
		}
		slices.Sort(names) // each server runs what is next, so that any has any of them
		equal(t, "applied", names, all...)
		newFixture(t, url).holds(t)
	})
}

// A migration that fails in its middle must leave nothing behind, neither tables
// nor the note that it was applied nor a lock, so that it can be run again.
func TestFailedMigrationLeavesNothingBehind(t *testing.T) {
	persistencetest.Databases(t, func(t *testing.T, url string) {
		d := open(t, url)
		_, err := d.Migrate(t.Context())
		must(t, err)
		_, err = d.MigrateDown(t.Context())
		must(t, err)
		f := &fixture{Database: d, url: url, raw: rawPool(t, url)}
		f.exec(t, "CREATE TABLE session_history (in_the_way int)")
		if names, err := d.Migrate(t.Context()); err == nil || names != nil {
			t.Errorf("applied %v over a table that was in the way, %v", names, err)
		}
		pending(t, d, all...)
		equal(t, "tables", tables(t, d, url), "bun_migration_locks", "bun_migrations", "session_history")
		f.exec(t, "DROP TABLE session_history")
		names, err := d.Migrate(t.Context())
		must(t, err)
		equal(t, "applied", names, all...)
	})
}

// Servers go on while one of them, or an operator, migrates. Each commit locks its node
// first and then its sessions; a migration that did so the other way round would end
// in a deadlock, and fail, or have a commit fail.
func TestMigrationWaitsForCommitsAndDoesNotStopThem(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	f.join(t, "a")
	down, err := os.ReadFile("migrations/postgres/0003_cascade.tx.down.sql")
	must(t, err)
	f.exec(t, string(down))
	f.exec(t, "DELETE FROM bun_migrations WHERE name = '0003'")
	for _, migrate := range []func(context.Context) ([]string, error){f.Migrate, f.MigrateDown} {
		commit, err := f.raw.BeginTx(t.Context(), nil)
		must(t, err)
		_, err = commit.ExecContext(t.Context(), "UPDATE nodes SET lease_expires_at = now()")
		must(t, err)
		migrated := make(chan error, 1)
		go func() {
			names, err := migrate(t.Context())
			if err == nil && !slices.Equal(names, all[2:3]) {
				err = fmt.Errorf("migrated %v", names)
			}
			migrated <- err
		}()
		f.awaitLock(t)
		_, err = commit.ExecContext(t.Context(), "UPDATE sessions SET last_activity = now()")
		must(t, err)
		must(t, commit.Commit())
		must(t, <-migrated)
	}
}

// What the migration waits for must not wait for the migration: whoever needs both
// tables takes nodes first.
func TestNodesAreLockedBeforeSessions(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	n := f.join(t, "a")
	for name, statements := range map[string]func(context.Context) error{
		"a commit":                func(ctx context.Context) error { _, err := n.Commit(ctx, inserts(arrival(ada, noon))); return err },
		"a sweep":                 func(ctx context.Context) error { _, err := n.Sweep(ctx); return err },
		"an audit":                func(ctx context.Context) error { _, err := f.Audit(ctx); return err },
		"the e-mails of a node":   func(ctx context.Context) error { _, err := f.NodeEmails(ctx, "a"); return err },
		"sessions on other nodes": func(ctx context.Context) error { _, err := n.Elsewhere(ctx, ada); return err },
	} {
		t.Run(name, func(t *testing.T) {
			migration, err := f.raw.BeginTx(t.Context(), nil)
			must(t, err)
			_, err = migration.ExecContext(t.Context(), "LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE")
			must(t, err)
			done := make(chan error, 1)
			go func() { done <- statements(t.Context()) }()
			f.awaitLock(t)
			_, err = migration.ExecContext(t.Context(), "LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
			must(t, err)
			must(t, migration.Commit())
			must(t, <-done)
		})
	}
}

func pending(t *testing.T, d *persistence.Database, want ...string) {
	t.Helper()
	names, err := d.Pending(t.Context())
	must(t, err)
	equal(t, "pending", names, want...)
}

func tables(t *testing.T, d *persistence.Database, url string) []string {
	t.Helper()
	f := &fixture{Database: d, url: url, raw: rawPool(t, url)}
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
	if _, dialect, _ := persistence.NewConnector(url); dialect == persistence.Postgres {
		query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
	}
	return column[string](t, f, query)
}
