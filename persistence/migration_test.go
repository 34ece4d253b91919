package persistence_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// all is the migrations of the program, in order.
var all = []string{"0001_presence", "0002_outbox", "0003_cascade"}

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
